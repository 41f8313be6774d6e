-- The secret under which all replicas hash series: the first that is offered is everybody's.
--
-- KEYS[1]  a string
-- ARGV     the secret that this replica has, in hexadecimal digits
-- returns  the one that all have

redis.call('SET', KEYS[1], ARGV[1], 'NX')
return { redis.call('GET', KEYS[1]) }
