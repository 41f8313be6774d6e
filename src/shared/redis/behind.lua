-- The names of readers that are alive, and have another version of the entries in force than there is now.
--
-- KEYS[1]  the hash of all entries, with its version
-- KEYS[2]  the hash of readers, see acknowledge.lua
-- ARGV     a reader that is not asked about, time to live in ms
-- returns  names

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local version = redis.call('HGET', KEYS[1], 'version') or ''
local names = {}
local readers = redis.call('HGETALL', KEYS[2])
for i = 1, #readers, 2 do
  local acknowledged, name = string.match(string.sub(readers[i + 1], 16), '^(%S*) (.*)$')
  local age = now - tonumber(string.sub(readers[i + 1], 1, 15))
  if readers[i] ~= ARGV[1] and acknowledged ~= version and age <= tonumber(ARGV[2]) then
    names[#names + 1] = name
  end
end
return names
