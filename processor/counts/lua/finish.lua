-- Makes what was loaded the shard's counts, only if all of it is there and the shard still has no lineage.
--
-- KEYS[1] counts              hash: user -> logins
-- KEYS[2] cursors             hash: partition -> next offset to count; lineage; users, changed = HLEN of those hashes
-- KEYS[3] changed             hash: user -> logins, for users changed since the last snapshot
-- KEYS[4] publishing          hash: a frozen `changed`
-- KEYS[5] publishing:cursors  hash: the cursors that it stands for
-- KEYS[6] restoring           hash: user -> logins, as loaded; '' (no user's name) -> "ID CHUNKS"
-- KEYS[7] forgetting          hash: a user who shall be forgotten -> when that was asked
-- ARGV[1] lineage
-- ARGV[2] "ID CHUNKS" as it must stand
-- ARGV[3] how many users were loaded
-- ARGV[4] cursors: MessagePack map of partition -> offset, both strings
-- ARGV[5] the number of the last forget; 0 for none
--
-- Answers {'finished'}
--      or {'lineage', found}   another restore was faster, or the shard belongs to something else
--      or {'refused'}          another restore began, or Redis went back or was emptied
--      or {'lost', key, users it has, users loaded}

local lineage = redis.call('HGET', KEYS[2], 'lineage')
if lineage then
  return {'lineage', lineage}
end
if redis.call('HGET', KEYS[6], '') ~= ARGV[2] then
  return {'refused'}
end
local users = redis.call('HLEN', KEYS[6]) - 1
if users ~= tonumber(ARGV[3]) then
  return {'lost', KEYS[6], users, ARGV[3]}
end

-- A request of before may have been carried out: whoever waits for it asks again where it was not.
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[7])
redis.call('HDEL', KEYS[6], '')
if users > 0 then
  redis.call('RENAME', KEYS[6], KEYS[1])  -- a hash without fields does not exist
end
for partition, offset in pairs(cmsgpack.unpack(ARGV[4])) do
  redis.call('HSET', KEYS[2], partition, offset)
end
if ARGV[5] ~= '0' then
  redis.call('HSET', KEYS[2], 'forgets', ARGV[5])
end
-- The lineage comes last: until it is there, nobody uses the shard.
redis.call('HSET', KEYS[2], 'users', users, 'changed', 0, 'lineage', ARGV[1])
return {'finished'}
