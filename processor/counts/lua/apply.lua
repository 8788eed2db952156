-- Adds logins to the counts and moves the cursors, all or nothing: only if each cursor stands where the caller says.
--
-- KEYS[1] counts   hash: user -> logins
-- KEYS[2] cursors  hash: partition -> next offset to count; lineage; users, changed = HLEN of those hashes
-- KEYS[3] changed  hash: user -> logins, for users changed since the last snapshot
-- ARGV[1] lineage
-- ARGV[2] moves: MessagePack list of {partition, start, end}, all strings; '' = no cursor
-- ARGV[3] users: MessagePack list of strings, each user once
-- ARGV[4] their logins: MessagePack list of integers
--
-- Answers {'applied'}
--      or {'lineage', found or false}
--      or {'lost', key, fields it has, fields recorded}
--      or {'conflict', {partition, cursor or false, ...}}
--
-- Redis does not roll a script back, so whatever can fail (a check, a wrong type, a count that is no number) comes
-- before the first write. Offsets are compared as strings: a Lua number is exact only up to 2^53.

local CHUNK = 1000  -- users a call; unpack fails beyond 8,000 values

local lineage, users_recorded, changed_recorded = unpack(redis.call('HMGET', KEYS[2], 'lineage', 'users', 'changed'))
if lineage ~= ARGV[1] then
  return {'lineage', lineage}
end
local users_found, changed_found = redis.call('HLEN', KEYS[1]), redis.call('HLEN', KEYS[3])
if users_found ~= tonumber(users_recorded) then
  return {'lost', KEYS[1], users_found, users_recorded}
end
if changed_found ~= tonumber(changed_recorded) then
  return {'lost', KEYS[3], changed_found, changed_recorded}
end

local moves = cmsgpack.unpack(ARGV[2])
local cursors, conflict = {}, false
for _, move in ipairs(moves) do
  local partition, start = move[1], move[2]
  local cursor = redis.call('HGET', KEYS[2], partition)
  cursors[#cursors + 1] = partition
  cursors[#cursors + 1] = cursor
  conflict = conflict or (cursor or '') ~= start
end
if conflict then
  return {'conflict', cursors}
end

local users, logins = cmsgpack.unpack(ARGV[3]), cmsgpack.unpack(ARGV[4])
local chunks, format = {}, string.format
for first = 1, #users, CHUNK do
  local before = redis.call('HMGET', KEYS[1], unpack(users, first, math.min(first + CHUNK - 1, #users)))
  local after = {}
  for i = 1, #before do
    local at = first + i - 1
    after[2 * i - 1] = users[at]
    after[2 * i] = format('%d', (before[i] or 0) + logins[at])  -- a number Redis would print for each hash anew
  end
  chunks[#chunks + 1] = after
end

for _, after in ipairs(chunks) do
  redis.call('HSET', KEYS[1], unpack(after))
  redis.call('HSET', KEYS[3], unpack(after))
end
for _, move in ipairs(moves) do
  local partition, start, finish = move[1], move[2], move[3]
  if finish ~= start then
    redis.call('HSET', KEYS[2], partition, finish)
  end
end
if #users > 0 then
  redis.call('HSET', KEYS[2], 'users', redis.call('HLEN', KEYS[1]), 'changed', redis.call('HLEN', KEYS[3]))
end
return {'applied'}
