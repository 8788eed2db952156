-- Tells how a shard is, at one instant: what it has beside what is recorded of it.
--
-- KEYS[1] counts              hash: user -> logins
-- KEYS[2] cursors             hash: partition -> next offset to count; lineage; users, changed = HLEN of those hashes
-- KEYS[3] changed             hash: user -> logins, for users changed since the last snapshot
-- KEYS[4] publishing          hash: a frozen `changed`
-- KEYS[5] publishing:cursors  hash: the cursors that it stands for; its id; changed = its HLEN
--
-- Answers {{field, value, ...} of cursors, users, changed, {field, value, ...} of publishing:cursors, publishing}

return {
  redis.call('HGETALL', KEYS[2]),
  redis.call('HLEN', KEYS[1]),
  redis.call('HLEN', KEYS[3]),
  redis.call('HGETALL', KEYS[5]),
  redis.call('HLEN', KEYS[4]),
}
