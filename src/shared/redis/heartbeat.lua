-- Says that a replica is alive, forgets those that were not heard of for a while, and counts the rest.
-- It writes, so it also tells whether the server can be written to.
--
-- KEYS[1]  a sorted set: replica by the server's time in ms
-- ARGV     replica, time to live in ms
-- returns  replicas alive

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local ttl = tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ttl)
-- A clock that stepped back leaves the dead in the future.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now + ttl), '+inf')
redis.call('PEXPIRE', KEYS[1], ttl)
return redis.call('ZCARD', KEYS[1])
