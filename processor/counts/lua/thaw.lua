-- Brings some users of a snapshot back to `changed`, with their counts of now; again and again does no harm. Who was
-- forgotten with it shall be forgotten with the next one.
--
-- KEYS[1] counts              hash: user -> logins
-- KEYS[2] cursors             hash: partition -> next offset to count; lineage; changed = HLEN of changed
-- KEYS[3] changed             hash: user -> logins, for users changed since the last snapshot
-- KEYS[4] publishing:cursors  hash: the cursors that the snapshot stands for; its id
-- KEYS[5] forgetting          hash: a user who shall be forgotten -> when that was asked
-- ARGV[1] lineage
-- ARGV[2] the snapshot's id
-- ARGV[3] users: MessagePack list of strings, 1,000 at most
-- ARGV[4] those of them who were forgotten: MessagePack list of strings
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
local forgotten, again = {}, {}
for _, user in ipairs(cmsgpack.unpack(ARGV[4])) do
  forgotten[user] = true
  again[#again + 1] = user
  again[#again + 1] = '0'  -- nobody knows any more
end
local counts = redis.call('HMGET', KEYS[1], unpack(users))
local now, missing = {}, 0
for i, user in ipairs(users) do
  if counts[i] then
    now[#now + 1] = user
    now[#now + 1] = counts[i]
  elseif not forgotten[user] then
    missing = missing + 1
  end
end
if missing > 0 then
  return {'lost', KEYS[1], #users - missing, tostring(#users)}
end

if #again > 0 then
  redis.call('HSET', KEYS[5], unpack(again))
end
if #now > 0 then
  redis.call('HSET', KEYS[3], unpack(now))
end
redis.call('HSET', KEYS[2], 'changed', redis.call('HLEN', KEYS[3]))
return {'thawed'}
