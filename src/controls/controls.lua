-- Writes one control, unless there is a newer one for the same thing. Values begin with what they are compared by.
-- KEYS[1] the hash of all controls; ARGV: field, value, version, now, until (ms), most fields.
local old = redis.call('HGET', KEYS[1], ARGV[1])
if old and old >= ARGV[2] then return 0 end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local value = redis.call('HGET', KEYS[1], field)
  if field ~= 'version' and tonumber(string.sub(value, 53, 67)) <= tonumber(ARGV[4]) then
    redis.call('HDEL', KEYS[1], field)
  end
end
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) > tonumber(ARGV[6]) then
  return redis.error_reply('too many controls')
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], 'version', ARGV[3])
local left = tonumber(ARGV[5]) - tonumber(ARGV[4])
if redis.call('PTTL', KEYS[1]) < left then redis.call('PEXPIRE', KEYS[1], left) end
return 1
