-- Tells whether a snapshot is still the one that was taken, whole, and of this lineage.
--
-- KEYS[1] cursors             hash: partition -> next offset to count; lineage
-- KEYS[2] publishing          hash: the frozen `changed`
-- KEYS[3] publishing:cursors  hash: the cursors that it stands for; its id; changed = its HLEN
-- ARGV[1] lineage
-- ARGV[2] the snapshot's id
--
-- Answers 1 or 0.

local id, changed = unpack(redis.call('HMGET', KEYS[3], 'id', 'changed'))
local stands = redis.call('HGET', KEYS[1], 'lineage') == ARGV[1]
  and id == ARGV[2]
  and redis.call('HLEN', KEYS[2]) == tonumber(changed)
return stands and 1 or 0
