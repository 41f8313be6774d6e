-- What the scripts about a tenant's series have in common; each of them is put after this one. See docs/series.md.
--
-- A generation is as long as a series may be idle. What is announced in one is remembered until the end of the next;
-- a series is in one of the two. Each is a hash table: sets of integers that Redis keeps in 8 bytes each as long as
-- they have at most 512. It grows by linear hashing: one set is split for each FILL series.
--
-- Series can also be admitted first and announced later: then headroom for them is reserved, as a mere number. It counts
-- as taken until they are announced, or for one to two times RESERVATION_MS: what a replica has reserved that died comes
-- back by itself.
--
-- KEYS[1]  the tenant's epoch, its newest generation, and how many ms its time is ahead of the clock. All other keys begin
--          with it: <key>:<generation>, a hash with the number of series, of sets ("buckets"), and of series by metric;
--          <key>:<generation>:<set>; <key>:reserved:<reservation>
-- ARGV     generation in ms, phase in ms, and then what each script says

local FILL = 200
local PIECE = 1000
local RESERVATION_MS = 10000

local call = redis.call
local base = KEYS[1]
local span, phase = tonumber(ARGV[1]), tonumber(ARGV[2])

local function whole(number) return string.format('%.0f', number) end

-- While a cluster moves the tenant's slot, its keys are on two nodes, and what is not here may be there. Nothing may be
-- done then: what a script makes anew of a key that is still to be moved would block the move. For two keys that never exist
-- both nodes say so, and no other does; SMOVE is a command that users of ACLs have allowed. The answer is an error of our own:
-- of Redis' word for it, TRYAGAIN, ioredis would make a call to some other node.
local probe = redis.pcall('SMOVE', base .. ':moving', base .. ':moving-to', '0')
if type(probe) == 'table' and probe.err then
  if not string.find(probe.err, 'non local key', 1, true) then return probe end
  return redis.error_reply('MOVING the slot of the tenant')
end

local time = call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + phase
local epoch, newest, ahead = string.match(call('GET', base) or '', '^(%S+) (%d+) (%d+)$')
epoch, ahead = epoch or time[1] .. '.' .. time[2], tonumber(ahead) or 0
now = now + ahead

-- A clock that stepped back would make what is known a thing of the future: the generation that there was begins again, and
-- the tenant's time is ahead of the clock from then on.
local begun = (tonumber(newest) or 0) * span
if now < begun then
  ahead = ahead + begun - now
  now = begun
end
local generation = math.floor(now / span)
local ttl = whole((generation + 2) * span - now + 60000)
call('SET', base, epoch .. ' ' .. whole(generation) .. ' ' .. whole(ahead), 'PX', whole(3 * span))

-- A generation's hash table, as far as it is needed.
local function open(number)
  local key = base .. ':' .. whole(number)
  local stored = call('HMGET', key, 'series', 'buckets')
  local sets, level = tonumber(stored[2]) or 1, 1
  while level * 2 <= sets do level = level * 2 end
  return {
    key = key, exists = stored[1], series = tonumber(stored[1]) or 0, sets = sets, level = level,
    ofMetric = {}, savedOfMetric = {},
  }
end

local current, previous = open(generation), open(generation - 1)

-- The upper half of a hash: a number holds it exactly, however the lower digits are rounded.
local function upper(hash) return math.floor(tonumber(hash) / 4294967296) end

local function setOf(gen, half)
  local set = half % (2 * gen.level)
  if set >= gen.sets then set = half % gen.level end
  return gen.key .. ':' .. set
end

local function inPieces(command, key, members)
  for i = 1, #members, PIECE do
    call(command, key, unpack(members, i, math.min(#members, i + PIECE - 1)))
  end
end

-- One more set, with what it takes over from the one that has been filling for two. No set of this generation is ever
-- empty, or it would be made anew without a time to live: 0 stays where nothing else is.
local function split(gen)
  local set = gen.sets
  local from, to = gen.key .. ':' .. (set - gen.level), gen.key .. ':' .. set
  local members, moving = call('SMEMBERS', from), {}
  for _, hash in ipairs(members) do
    if upper(hash) % (2 * gen.level) == set then moving[#moving + 1] = hash end
  end
  if #moving == #members then call('SADD', from, '0') end
  inPieces('SREM', from, moving)
  if #moving == 0 then moving = { '0' } end
  inPieces('SADD', to, moving)
  call('PEXPIRE', from, ttl)
  call('PEXPIRE', to, ttl)
  gen.sets = set + 1
  if gen.sets == 2 * gen.level then gen.level = gen.sets end
end

-- Metrics are counted only for tenants that have a limit on them. Both texts are empty for others.
local metrics, metricOf = {}, {}

local function readMetrics(hashes, indexes)
  for hash in string.gmatch(hashes, '%S+') do metrics[#metrics + 1] = hash end
  for index in string.gmatch(indexes, '%S+') do metricOf[#metricOf + 1] = metrics[tonumber(index) + 1] end
  for _, gen in ipairs({ current, previous }) do
    for i = 1, #metrics, PIECE do
      local last = math.min(#metrics, i + PIECE - 1)
      for j, count in ipairs(call('HMGET', gen.key, unpack(metrics, i, last))) do
        gen.ofMetric[metrics[i + j - 1]] = tonumber(count) or 0
        gen.savedOfMetric[metrics[i + j - 1]] = tonumber(count) or 0
      end
    end
  end
end

local function count(gen, metric, n)
  gen.series = gen.series + n
  if metric then gen.ofMetric[metric] = math.max(0, gen.ofMetric[metric] + n) end
end

-- Remembers a series in this generation. Answers what it was: known ('k') or new ('n').
local function remember(hash, metric)
  local half = upper(hash)
  if call('SADD', setOf(current, half), hash) == 0 then return 'k' end
  local letter = 'n'
  if previous.series > 0 and call('SREM', setOf(previous, half), hash) == 1 then
    letter = 'k'
    count(previous, metric, -1)
  end
  count(current, metric, 1)
  if current.series > FILL * current.sets then split(current) end
  return letter
end

-- Remembers a series in this generation if it is known, and answers whether it is.
local function keep(hash, metric)
  local half = upper(hash)
  local set = setOf(current, half)
  if call('SISMEMBER', set, hash) == 1 then return true end
  if previous.series == 0 or call('SMOVE', setOf(previous, half), set, hash) == 0 then return false end
  count(previous, metric, -1)
  count(current, metric, 1)
  if current.series > FILL * current.sets then split(current) end
  return true
end

local function save(gen)
  local fields = { 'series', whole(gen.series), 'buckets', whole(gen.sets) }
  for _, metric in ipairs(metrics) do
    if gen.ofMetric[metric] ~= gen.savedOfMetric[metric] then
      fields[#fields + 1] = metric
      fields[#fields + 1] = whole(gen.ofMetric[metric])
      gen.savedOfMetric[metric] = gen.ofMetric[metric]
    end
  end
  inPieces('HSET', gen.key, fields)
end

local function saveAll()
  if current.series > 0 then
    save(current)
    if not current.exists then
      call('PEXPIRE', current.key, ttl)
      call('PEXPIRE', current.key .. ':0', ttl)
    end
  end
  if previous.exists then save(previous) end
end

local function reservedIn(reservation)
  return tonumber(call('GET', base .. ':reserved:' .. reservation)) or 0
end

-- An epoch has its own: what was reserved before the data was lost is not what has been reserved since.
local function reservationAt(number) return epoch .. ':' .. whole(number) end

local lastReservation = math.floor(now / RESERVATION_MS)

local function reservedInAll()
  return reservedIn(reservationAt(lastReservation)) + reservedIn(reservationAt(lastReservation - 1))
end

-- What every script answers: its own answer, series in all, epoch, generation, ms left of it, and what else it has.
local function answer(own, more)
  local total = current.series + previous.series
  return { own, total, epoch, generation, (generation + 1) * span - now, more }
end
