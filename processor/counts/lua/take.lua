-- Freezes what has changed, with the cursors that it stands for; costs the same whatever its size.
--
-- KEYS[1] counts              hash: user -> logins
-- KEYS[2] cursors             hash: partition -> next offset to count; lineage; users, changed = HLEN of those hashes
-- KEYS[3] changed             hash: user -> logins, for users changed since the last snapshot
-- KEYS[4] publishing          hash: the frozen `changed`
-- KEYS[5] publishing:cursors  hash: the cursors that it stands for; its id; changed = its HLEN
-- ARGV[1] lineage
-- ARGV[2] the new snapshot's id
-- ARGV[3] checkpoint: MessagePack map of partition -> offset, both strings
--
-- Answers {'taken', {field, value, ...}}                  publishing:cursors
--      or {'publishing', {field, value, ...}, its HLEN}   one is there already: it comes first
--      or {'behind', {partition, cursor or false, ...}}   Redis went back: these have yet to reach the checkpoint
--      or {'unchanged'}                                   nothing since the checkpoint
--      or {'lineage', found or false}
--      or {'lost', key, fields it has, fields recorded}

-- Compares decimal strings: a Lua number is exact only up to 2^53.
local function below(a, b)
  return #a < #b or (#a == #b and a < b)
end

local lineage, users_recorded, changed_recorded = unpack(redis.call('HMGET', KEYS[2], 'lineage', 'users', 'changed'))
if lineage ~= ARGV[1] then
  return {'lineage', lineage}
end
local publishing = redis.call('HGETALL', KEYS[5])
local frozen = redis.call('HLEN', KEYS[4])
if #publishing > 0 or frozen > 0 then
  return {'publishing', publishing, frozen}
end
local users_found, changed_found = redis.call('HLEN', KEYS[1]), redis.call('HLEN', KEYS[3])
if users_found ~= tonumber(users_recorded) then
  return {'lost', KEYS[1], users_found, users_recorded}
end
if changed_found ~= tonumber(changed_recorded) then
  return {'lost', KEYS[3], changed_found, changed_recorded}
end

local checkpoint = cmsgpack.unpack(ARGV[3])
local behind, moved = {}, false
for partition, offset in pairs(checkpoint) do
  local cursor = redis.call('HGET', KEYS[2], partition)
  if not cursor or below(cursor, offset) then
    behind[#behind + 1] = partition
    behind[#behind + 1] = cursor
  end
  moved = moved or cursor ~= offset
end
if #behind > 0 then
  return {'behind', behind}
end
for _, field in ipairs(redis.call('HKEYS', KEYS[2])) do
  moved = moved or (tonumber(field) ~= nil and checkpoint[field] == nil)
end
if changed_found == 0 and not moved then
  return {'unchanged'}
end

-- A full Redis refuses a script whose first write needs memory, and none after it: publishing is what frees memory.
redis.call('UNLINK', KEYS[5])
-- RENAME comes last: should a right be missing for it, the record says more users than there are, which is noticed.
redis.call('COPY', KEYS[2], KEYS[5])
redis.call('HSET', KEYS[5], 'id', ARGV[2])
if changed_found > 0 then
  redis.call('RENAME', KEYS[3], KEYS[4])
  redis.call('HSET', KEYS[2], 'changed', 0)
end
return {'taken', redis.call('HGETALL', KEYS[5])}
