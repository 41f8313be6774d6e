-- Nobody is elected for an HA pair any more, if this replica was: whichever is heard next takes its place.
--
-- KEYS[1]  the tenant's elections, as in elect.lua
-- ARGV     cluster, replica

local stored = redis.call('HGET', KEYS[1], ARGV[1])
if stored and string.sub(stored, string.find(stored, ' ', 1, true) + 1) == ARGV[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
end
return {}
