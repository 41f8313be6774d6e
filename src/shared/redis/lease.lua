-- One lease call on one shared bucket: refill, pay debts, take back, grant. See docs/shared-state.md; the same
-- steps in JavaScript are in shared/memory/memory-buckets.ts, and a test holds the two against each other.
-- Numbers come and go as strings with 17 digits: Redis cuts Lua numbers to integers, and a fraction is a token.
--
-- KEYS[1]  the bucket, a hash; its incarnation is in the field "generation"
-- ARGV     rate, capacity, version of the limits that they are of (0: they are not to become the bucket's), returned,
--          debit, need, least reserve, most reserve, incarnation, ceiling
-- returns  granted, available, rate, capacity, incarnation, server time in ms, version

local function text(number) return string.format('%.17g', number) end

local MIN_TTL_MS, MAX_TTL_MS = 60000, 86400000

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
local returned, debit, need = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local leastReserve, mostReserve = tonumber(ARGV[7]), tonumber(ARGV[8])
local seenIncarnation, ceiling = ARGV[9], tonumber(ARGV[10])
local callersVersion = tonumber(ARGV[3])

local stored = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'rate', 'capacity', 'generation', 'version')
local tokens, rate, capacity, incarnation, version
if stored[1] then
  tokens, rate, capacity = tonumber(stored[1]), tonumber(stored[3]), tonumber(stored[4])
  incarnation = stored[5]
  -- There is none in what an edge of before this has written.
  version = tonumber(stored[6]) or 0
  -- A clock that stepped back: nothing is earned for the step, and refilling goes on from the new time.
  local elapsed = now - tonumber(stored[2])
  if elapsed > 0 then tokens = math.min(capacity, tokens + elapsed * rate / 1000) end
else
  rate, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
  version = callersVersion
  tokens = capacity
  incarnation = time[1] .. '.' .. time[2]
end

-- The bucket was lost and made anew: it starts no fuller than the caller last saw it.
if seenIncarnation ~= '' and seenIncarnation ~= incarnation then tokens = math.min(tokens, ceiling) end

if callersVersion > 0 and callersVersion >= version then
  rate, capacity, version = tonumber(ARGV[1]), tonumber(ARGV[2]), callersVersion
end
-- A bucket may owe what it holds at most; the tenant waits until that is earned.
tokens = math.min(tokens, capacity)
if debit > 0 then tokens = math.max(math.min(tokens, -capacity), tokens - debit) end
tokens = math.min(capacity, tokens + returned)

local granted = 0
if need <= tokens then
  local left = tokens - need
  local fill = 0
  if capacity > 0 then fill = left / capacity end
  -- Whole tokens: fractions that travel to and fro would wear down.
  local reserve = math.floor(math.min(left, math.max(leastReserve, math.min(mostReserve * fill, left / 4))))
  granted = need + reserve
  tokens = left - reserve
end

local ttl = MAX_TTL_MS
if rate > 0 then ttl = math.min(MAX_TTL_MS, math.max(MIN_TTL_MS, math.ceil(capacity / rate * 2000))) end

redis.call('HSET', KEYS[1], 'tokens', text(tokens), 'at', text(now), 'rate', text(rate),
  'capacity', text(capacity), 'generation', incarnation, 'version', text(version))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', ttl))

return { text(granted), text(tokens), text(rate), text(capacity), incarnation, text(now), text(version) }
