-- Begins a reset of a shard: under this lineage nobody can do anything with it, and nobody restores it.
--
-- KEYS[1] cursors  hash: partition -> next offset to count; lineage
-- ARGV[1] the mark, in the lineage's place
--
-- Answers the lineage that was there, or false; a mark, where an earlier reset was not finished.

local lineage = redis.call('HGET', KEYS[1], 'lineage')
redis.call('HSET', KEYS[1], 'lineage', ARGV[1])
return lineage
