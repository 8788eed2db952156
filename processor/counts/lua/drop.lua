-- Deletes a snapshot, only if it is still this one: a deposed leader must not drop its successor's.
--
-- KEYS[1] publishing          hash: the frozen `changed`
-- KEYS[2] publishing:cursors  hash: the cursors that it stands for; its id
-- ARGV[1] the snapshot's id
--
-- Answers 1, or 0 when another one, or none, is there.

if redis.call('HGET', KEYS[2], 'id') ~= ARGV[1] then
  return 0
end
redis.call('UNLINK', KEYS[1], KEYS[2])
return 1
