-- Says that a replica is alive, forgets those that were not heard of for a while, and answers the rest.
--
-- KEYS[1]  a hash: replica to "<server's time in ms, 15 digits><name>"
-- ARGV     replica, name, time to live in ms, most replicas, most bytes of a name
-- returns  replica, name, replica, name …

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local ttl, most, longest = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
-- No fleet has so many: somebody else writes here.
if redis.call('HLEN', KEYS[1]) > 16 * most then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%015.0f', now) .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ttl)

local alive = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local heard = tonumber(string.sub(all[i + 1], 1, 15))
  -- A clock that stepped back leaves the dead in the future.
  if not heard or math.abs(now - heard) > ttl or #all[i] > longest or #all[i + 1] > 15 + longest then
    redis.call('HDEL', KEYS[1], all[i])
  elseif #alive < 2 * most then
    alive[#alive + 1] = all[i]
    alive[#alive + 1] = string.sub(all[i + 1], 16)
  end
end
return alive
