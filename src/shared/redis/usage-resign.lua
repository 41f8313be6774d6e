-- The keeper of the fleet's book stops: the next one need not wait for the lease to end.
--
-- KEYS[1]  the keeper
-- ARGV     id
-- returns  1 when it was the keeper

if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
