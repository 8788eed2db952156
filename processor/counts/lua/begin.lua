-- Begins to load a shard that has no lineage; what another restore had loaded is thrown away.
--
-- KEYS[1] cursors    hash: partition -> next offset to count; lineage
-- KEYS[2] restoring  hash: user -> logins, as far as they are loaded; '' (no user's name) -> "ID CHUNKS"
-- ARGV[1] the restore's id
--
-- Answers {'begun'}
--      or {'lineage', found}   the shard is ready, or belongs to something else

local lineage = redis.call('HGET', KEYS[1], 'lineage')
if lineage then
  return {'lineage', lineage}
end
redis.call('UNLINK', KEYS[2])
redis.call('HSET', KEYS[2], '', ARGV[1] .. ' 0')
return {'begun'}
