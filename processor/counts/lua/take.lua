-- Freezes what has changed, with the cursors that it stands for; costs the same whatever its size. Who shall be forgotten
-- is forgotten in the same step.
--
-- KEYS[1] counts              hash: user -> logins
-- KEYS[2] cursors             hash: partition -> next offset to count; lineage; users, changed = HLEN of those hashes;
--                             forgets, before = the numbers of the last forget and the one before, if there were any
-- KEYS[3] changed             hash: user -> logins, for users changed since the last snapshot
-- KEYS[4] publishing          hash: the frozen `changed`; a user who is forgotten -> '-' and the logins that were taken
-- KEYS[5] publishing:cursors  hash: the cursors that it stands for; its id; changed = its HLEN; forgets
-- KEYS[6] restoring           hash: what a restore had loaded
-- KEYS[7] forgetting          hash: a user who shall be forgotten -> when that was asked; few, see ask.lua
-- ARGV[1] lineage
-- ARGV[2] the new snapshot's id
-- ARGV[3] checkpoint: MessagePack map of partition -> offset, both strings
-- ARGV[4] the checkpoint's forget number; 0 for none
-- ARGV[5] the least number of the next forget: none has it yet
--
-- Answers {'taken', {field, value, ...}}                  publishing:cursors
--      or {'publishing', {field, value, ...}, its HLEN}   one is there already: it comes first
--      or {'behind', {partition, cursor or false, ...}}   Redis went back: these have yet to reach the checkpoint
--      or {'unchanged'}                                   nothing since the checkpoint
--      or {'unforgotten'}                                 Redis went back behind the checkpoint's forget: it was emptied
--      or {'lineage', found or false}
--      or {'lost', key, fields it has, fields recorded}

-- Compares decimal strings: a Lua number is exact only up to 2^53.
local function below(a, b)
  return #a < #b or (#a == #b and a < b)
end

local lineage, users_recorded, changed_recorded, forgets, before =
  unpack(redis.call('HMGET', KEYS[2], 'lineage', 'users', 'changed', 'forgets', 'before'))
if lineage ~= ARGV[1] then
  return {'lineage', lineage}
end
-- Counting on would bring a forgotten user's logins back, whatever the cursors say: only user-aggregations knows better.
-- At most one forget is not published yet, so the checkpoint's is the last one here or the one before; both are later
-- only where the caller is a deposed leader, who can't publish.
local last, published = tonumber(forgets or 0), tonumber(ARGV[4])
if last < published or (last > published and tonumber(before or 0) < published) then
  redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7])
  return {'unforgotten'}
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
local counted = false
for _, field in ipairs(redis.call('HKEYS', KEYS[2])) do
  counted = counted or tonumber(field) ~= nil
  moved = moved or (tonumber(field) ~= nil and checkpoint[field] == nil)
end
-- Without cursors nobody is there to be forgotten, and a checkpoint without offsets could not carry the forget's number.
local forgotten = counted and redis.call('HKEYS', KEYS[7]) or {}
if changed_found == 0 and not moved and #forgotten == 0 then
  return {'unchanged'}
end

local taken = {}
if #forgotten > 0 then
  before, forgets = forgets or '0', string.format('%d', math.max(last + 1, tonumber(ARGV[5])))
  for i, logins in ipairs(redis.call('HMGET', KEYS[1], unpack(forgotten))) do
    taken[2 * i - 1] = forgotten[i]
    taken[2 * i] = '-' .. (logins or '0')
  end
end

-- A full Redis refuses a script whose first write needs memory, and none after it: publishing is what frees memory.
redis.call('UNLINK', KEYS[5])
-- RENAME comes late: should a right be missing for it, the record says more users than there are, which is noticed.
redis.call('COPY', KEYS[2], KEYS[5])
redis.call('HSET', KEYS[5], 'id', ARGV[2])
if #forgotten > 0 then
  redis.call('HDEL', KEYS[1], unpack(forgotten))
end
if changed_found > 0 then
  redis.call('RENAME', KEYS[3], KEYS[4])
  redis.call('HSET', KEYS[2], 'changed', 0)
end
if #forgotten > 0 then
  redis.call('HSET', KEYS[4], unpack(taken))
  redis.call('HSET', KEYS[5], 'changed', redis.call('HLEN', KEYS[4]), 'forgets', forgets)
  redis.call('HSET', KEYS[2], 'users', redis.call('HLEN', KEYS[1]), 'forgets', forgets, 'before', before)
  redis.call('UNLINK', KEYS[7])
end
return {'taken', redis.call('HGETALL', KEYS[5])}
