-- Writes what is new in the fleet's book, all of it or, when another one keeps the book by now, nothing.
--
-- KEYS[1]  the keeper
-- KEYS[2]  the book's state, a string
-- KEYS[3]  pages of the hour under way, a hash
-- KEYS[4]  records of hours, a hash: tenant to records
-- KEYS[5]  records of days
-- KEYS[6]  the stream of frames
-- KEYS[7…] a step each
-- ARGV     id, fence, state, id of the frame up to which all are in the book, then lists, each behind its length: pages that
--          are gone; pages as name and bytes; records of hours as tenant and bytes, none of it when they are empty; the same
--          of days; and for each of the steps its seconds to live and its bytes
-- returns  1 when it was written

if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] or redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] then return 0 end

redis.call('SET', KEYS[2], ARGV[3])
redis.call('XTRIM', KEYS[6], 'MINID', ARGV[4])

local at = 5
local function length()
  at = at + 1
  return tonumber(ARGV[at - 1])
end

for _ = 1, length() do
  redis.call('HDEL', KEYS[3], ARGV[at])
  at = at + 1
end

for key = 3, 5 do
  for _ = 1, length() do
    if ARGV[at + 1] == '' then
      redis.call('HDEL', KEYS[key], ARGV[at])
    else
      redis.call('HSET', KEYS[key], ARGV[at], ARGV[at + 1])
    end
    at = at + 2
  end
end

for key = 7, #KEYS do
  redis.call('SET', KEYS[key], ARGV[at + 1], 'EX', ARGV[at])
  at = at + 2
end
return 1
