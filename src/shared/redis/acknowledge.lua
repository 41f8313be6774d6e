-- Says that a reader is alive, and which version of the entries is in force there. Those not heard from for long are
-- forgotten.
--
-- KEYS[1]  a hash: reader to "<time><version> <name>", the server's time in ms as 15 digits
-- ARGV     reader, version, name, time to live in ms

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local ttl = tonumber(ARGV[4])
local readers = redis.call('HGETALL', KEYS[1])
for i = 1, #readers, 2 do
  local age = now - tonumber(string.sub(readers[i + 1], 1, 15))
  -- A clock that stepped back leaves the dead in the future.
  if age > ttl or age < -ttl then redis.call('HDEL', KEYS[1], readers[i]) end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%015.0f', now) .. ARGV[2] .. ' ' .. ARGV[3])
redis.call('PEXPIRE', KEYS[1], ttl)
return 1
