-- Reads some users' counts together with the cursors that they stand for: one instant of a shard that moves on.
--
-- KEYS[1] counts   hash: user -> logins
-- KEYS[2] cursors  hash: partition -> next offset to count; lineage
-- ARGV[1] lineage
-- ARGV[2] users: MessagePack list of strings, 1,000 at most
--
-- Answers {'seen', {field, value, ...} of cursors, {count or false, ...}, users the shard has}
--      or {'lineage', found or false}

local lineage = redis.call('HGET', KEYS[2], 'lineage')
if lineage ~= ARGV[1] then
  return {'lineage', lineage}
end
local users = cmsgpack.unpack(ARGV[2])
local counts = #users > 0 and redis.call('HMGET', KEYS[1], unpack(users)) or {}
return {'seen', redis.call('HGETALL', KEYS[2]), counts, redis.call('HLEN', KEYS[1])}
