-- Writes one entry, unless there is a newer version of it. Entries whose time is over are removed with it.
--
-- KEYS[1]  the hash of all entries: name to "<at><id> <until><text>", times in 15 digits, by which versions are compared;
--          a dash in place of the space says that something is over, and that the entry may go when there is no room;
--          and the field "version", which changes with every write
-- ARGV     name, value, version, now, until (ms), most entries
-- returns  1 when it was written

local MARK, UNTIL_FIRST, UNTIL_LAST = 52, 53, 67

local key = KEYS[1]
local name, value, version = ARGV[1], ARGV[2], ARGV[3]
local now, until_, most = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

local old = redis.call('HGET', key, name)
if old and old >= value then return 0 end

local oldest, first
for _, field in ipairs(redis.call('HKEYS', key)) do
  local stored = redis.call('HGET', key, field)
  if field ~= 'version' then
    if (tonumber(string.sub(stored, UNTIL_FIRST, UNTIL_LAST)) or 0) <= now then
      redis.call('HDEL', key, field)
    elseif string.sub(stored, MARK, MARK) == '-' and (not first or stored < first) then
      oldest, first = field, stored
    end
  end
end

if redis.call('HEXISTS', key, name) == 0 and redis.call('HLEN', key) > most then
  if not oldest then return redis.error_reply('too many entries') end
  redis.call('HDEL', key, oldest)
end
redis.call('HSET', key, name, value, 'version', version)
local left = until_ - now
if redis.call('PTTL', key) < left then redis.call('PEXPIRE', key, left) end
return 1
