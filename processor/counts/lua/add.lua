-- Loads a chunk of users, only if it is the next one of this restore; of a user found twice the larger count stays,
-- and one who comes with 0 logins is forgotten.
--
-- KEYS[1] restoring  hash: user -> logins, as far as they are loaded; '' (no user's name) -> "ID CHUNKS"
-- ARGV[1] "ID CHUNKS" as it must stand
-- ARGV[2] "ID CHUNKS" as it stands after this chunk
-- ARGV[3] users: MessagePack list of strings, each user once
-- ARGV[4] their logins: MessagePack list of integers; 0 takes the user out again
--
-- Answers {'added'}     also when an earlier try, whose answer was lost, had added it
--      or {'refused'}   another restore began, or Redis went back or was emptied

local CHUNK = 1000  -- users a call; unpack fails beyond 8,000 values

local progress = redis.call('HGET', KEYS[1], '')
if progress == ARGV[2] then
  return {'added'}
end
if progress ~= ARGV[1] then
  return {'refused'}
end

local users, logins = cmsgpack.unpack(ARGV[3]), cmsgpack.unpack(ARGV[4])
local chunks = {}
for first = 1, #users, CHUNK do
  local before = redis.call('HMGET', KEYS[1], unpack(users, first, math.min(first + CHUNK - 1, #users)))
  local after, gone = {}, {}
  for i = 1, #before do
    local at = first + i - 1
    if logins[at] == 0 then
      gone[#gone + 1] = users[at]
    else
      after[#after + 1] = users[at]
      after[#after + 1] = math.max(before[i] or 0, logins[at])
    end
  end
  chunks[#chunks + 1] = {after, gone}
end

for _, chunk in ipairs(chunks) do
  local after, gone = chunk[1], chunk[2]
  if #after > 0 then
    redis.call('HSET', KEYS[1], unpack(after))
  end
  if #gone > 0 then
    redis.call('HDEL', KEYS[1], unpack(gone))
  end
end
redis.call('HSET', KEYS[1], '', ARGV[2])
return {'added'}
