-- Who keeps the fleet's book: whoever has it goes on, and when nobody has it, it is whoever asks.
--
-- KEYS[1]  the keeper, a hash: id, fence; it expires with its lease
-- KEYS[2]  the last fencing number that was given
-- ARGV     id, lease ms
-- returns  the keeper's fencing number, or nothing when another one keeps the book

local id = redis.call('HGET', KEYS[1], 'id')
if id and id ~= ARGV[1] then return {} end
if not id then
  redis.call('HSET', KEYS[1], 'id', ARGV[1], 'fence', redis.call('INCR', KEYS[2]))
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return { redis.call('HGET', KEYS[1], 'fence') }
