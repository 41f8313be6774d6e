-- Entries of a stream that has one value in each, without those that are longer than they may be.
--
-- KEYS[1]  the stream
-- ARGV     the id after which to read, most entries, most bytes of a value
-- returns  id, value, id, value …; false when there is no such stream

if redis.call('PTTL', KEYS[1]) == -2 then return false end
local found = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])) do
  local value = entry[2][2]
  if #value <= tonumber(ARGV[3]) then
    found[#found + 1] = entry[1]
    found[#found + 1] = value
  end
end
return found
