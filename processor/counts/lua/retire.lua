-- Marks a shard whose counts were moved to another prefix, so that nobody goes on with it; or deletes it but for that.
--
-- KEYS[1] counts              hash: user -> logins
-- KEYS[2] cursors             hash: partition -> next offset to count; lineage
-- KEYS[3] changed             hash: user -> logins, for users changed since the last snapshot
-- KEYS[4] publishing          hash: a frozen `changed`
-- KEYS[5] publishing:cursors  hash: the cursors that it stands for
-- KEYS[6] restoring           hash: what a restore had loaded
-- KEYS[7] forgetting          hash: a user who shall be forgotten -> when that was asked
-- ARGV[1] lineage
-- ARGV[2] the mark, in the lineage's place
-- ARGV[3] '1' to delete all but the mark
--
-- Answers 1, or 0 when it is of something else.

local lineage = redis.call('HGET', KEYS[2], 'lineage')
if lineage and lineage ~= ARGV[1] and lineage ~= ARGV[2] then
  return 0
end
if ARGV[3] == '1' then
  redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7])
end
redis.call('HSET', KEYS[2], 'lineage', ARGV[2])
return 1
