-- Calls the reset of a shard off, as long as it still has the mark: everything else in it was left as it was.
--
-- KEYS[1] cursors  hash: partition -> next offset to count; lineage
-- ARGV[1] the mark
-- ARGV[2] the lineage that was there; '' for none
--
-- Answers 1, or 0 when the mark is not there any more.

if redis.call('HGET', KEYS[1], 'lineage') ~= ARGV[1] then
  return 0
end
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], 'lineage')
else
  redis.call('HSET', KEYS[1], 'lineage', ARGV[2])
end
return 1
