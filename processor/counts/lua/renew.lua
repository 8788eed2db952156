-- Prolongs the lease, only if this owner still has it.
--
-- KEYS[1] leader  string: the owner; it expires
-- ARGV[1] owner
-- ARGV[2] milliseconds
--
-- Answers 1, or 0 when it expired or another one has it.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
