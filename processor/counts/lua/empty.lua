-- Deletes all that a shard has, only if it is still of this lineage: then it is restored like an empty one.
--
-- KEYS[1] counts              hash: user -> logins
-- KEYS[2] cursors             hash: partition -> next offset to count; lineage
-- KEYS[3] changed             hash: user -> logins, for users changed since the last snapshot
-- KEYS[4] publishing          hash: a frozen `changed`
-- KEYS[5] publishing:cursors  hash: the cursors that it stands for
-- KEYS[6] restoring           hash: what a restore had loaded
-- KEYS[7] forgetting          hash: a user who shall be forgotten -> when that was asked
-- ARGV[1] lineage
--
-- Answers 1, or 0 when it has another lineage, or none.

if redis.call('HGET', KEYS[2], 'lineage') ~= ARGV[1] then
  return 0
end
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7])
return 1
