-- Tells which of some commands whoever runs this may not give on a key of ours; none of them is run.
--
-- KEYS[1] any key of a shard; it need not exist
-- ARGV[i] a command, its words apart by a space: "hset", "client setname"
--
-- Answers the indexes of those that are refused, or false where Redis is too old to say (before 7.0)

if not redis.acl_check_cmd then
  return false
end
local refused = {}
for i, command in ipairs(ARGV) do
  local words = {}
  for word in string.gmatch(command, '%S+') do
    words[#words + 1] = word
  end
  -- Some take one key, some two; those that take none ignore them.
  words[#words + 1] = KEYS[1]
  words[#words + 1] = KEYS[1]
  if not redis.acl_check_cmd(unpack(words)) then
    refused[#refused + 1] = i
  end
end
return refused
