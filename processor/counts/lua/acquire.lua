-- Takes the lease if it is free, or already this owner's (whose earlier try had no answer).
--
-- KEYS[1] leader  string: the owner; it expires
-- ARGV[1] owner
-- ARGV[2] milliseconds
--
-- Answers 1, or 0 when another one has it.

local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
  return 0
end
-- A full Redis refuses a script whose first write needs memory, and none after it: the leader's work frees memory.
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
