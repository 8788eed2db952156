-- Asks that a user be forgotten, with the next snapshot; again and again does no harm.
--
-- KEYS[1] cursors     hash: partition -> next offset to count; lineage; forgets = the number of the last forget
-- KEYS[2] forgetting  hash: a user who shall be forgotten -> when that was asked
-- ARGV[1] lineage
-- ARGV[2] user
-- ARGV[3] when: ms since the epoch
-- ARGV[4] how many users may wait: the snapshot takes all of them in one step
--
-- Answers {'asked', the number of the last forget before}
--      or {'full', how many wait}
--      or {'lineage', found or false}

local lineage, forgets = unpack(redis.call('HMGET', KEYS[1], 'lineage', 'forgets'))
if lineage ~= ARGV[1] then
  return {'lineage', lineage}
end
local waiting = redis.call('HLEN', KEYS[2])
if waiting >= tonumber(ARGV[4]) and not redis.call('HGET', KEYS[2], ARGV[2]) then
  return {'full', waiting}
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
return {'asked', tonumber(forgets or 0)}
