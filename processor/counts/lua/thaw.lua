-- Brings some users of a snapshot back to `changed`, with their counts of now; again and again does no harm.
--
-- KEYS[1] counts              hash: user -> logins
-- KEYS[2] cursors             hash: partition -> next offset to count; lineage; changed = HLEN of changed
-- KEYS[3] changed             hash: user -> logins, for users changed since the last snapshot
-- KEYS[4] publishing:cursors  hash: the cursors that the snapshot stands for; its id
-- ARGV[1] lineage
-- ARGV[2] the snapshot's id
-- ARGV[3] users: MessagePack list of strings, 1,000 at most
--
-- Answers {'thawed'}
--      or {'gone'}                    another snapshot, or none, is there
--      or {'lineage', found or false}
--      or {'lost', key, how many of these users it has, how many they are}

local lineage = redis.call('HGET', KEYS[2], 'lineage')
if lineage ~= ARGV[1] then
  return {'lineage', lineage}
end
if redis.call('HGET', KEYS[4], 'id') ~= ARGV[2] then
  return {'gone'}
end

local users = cmsgpack.unpack(ARGV[3])
local counts = redis.call('HMGET', KEYS[1], unpack(users))
local now = {}
for i, user in ipairs(users) do
  if counts[i] then
    now[#now + 1] = user
    now[#now + 1] = counts[i]
  end
end
if #now < 2 * #users then
  return {'lost', KEYS[1], #now / 2, tostring(#users)}
end

redis.call('HSET', KEYS[3], unpack(now))
redis.call('HSET', KEYS[2], 'changed', redis.call('HLEN', KEYS[3]))
return {'thawed'}
