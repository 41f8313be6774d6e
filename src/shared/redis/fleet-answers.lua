-- Answers that are there, each handed out once.
--
-- KEYS     an answer each, a string
-- ARGV     most bytes of one, most bytes of all
-- returns  of each key its value: false when it is not there, or has to wait for the next call, empty when it is too long

local longest, left = tonumber(ARGV[1]), tonumber(ARGV[2])
local values = {}
for i, key in ipairs(KEYS) do
  local value = redis.call('GET', key)
  if value and #value > longest then value = '' end
  if value and #value <= left then
    left = left - #value
    redis.call('DEL', key)
    values[i] = value
  else
    values[i] = false
  end
end
return values
