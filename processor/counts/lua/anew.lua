-- Ends the reset of a shard: without users, with its cursors where counting starts.
--
-- KEYS[1] counts              hash: user -> logins
-- KEYS[2] cursors             hash: partition -> next offset to count; lineage; users, changed = HLEN of those hashes
-- KEYS[3] changed             hash: user -> logins, for users changed since the last snapshot
-- KEYS[4] publishing          hash: a frozen `changed`
-- KEYS[5] publishing:cursors  hash: the cursors that it stands for
-- KEYS[6] restoring           hash: what a restore had loaded
-- KEYS[7] forgetting          hash: a user who shall be forgotten -> when that was asked
-- ARGV[1] the mark
-- ARGV[2] lineage
-- ARGV[3] cursors: MessagePack map of partition -> offset, both strings
--
-- Answers 1, or 0 when the mark is not there any more: Redis was emptied or went back.

if redis.call('HGET', KEYS[2], 'lineage') ~= ARGV[1] then
  return 0
end
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7])
for partition, offset in pairs(cmsgpack.unpack(ARGV[3])) do
  redis.call('HSET', KEYS[2], partition, offset)
end
-- The lineage comes last: until it is there, nobody uses the shard.
redis.call('HSET', KEYS[2], 'users', 0, 'changed', 0, 'lineage', ARGV[2])
return 1
