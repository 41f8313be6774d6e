-- Admits new series of one tenant, as long as there is room over all replicas, and remembers those that are announced.
-- See docs/series.md; a test holds it against a model in JavaScript.
--
-- A generation is as long as a series may be idle. What is announced in one is remembered until the end of the next;
-- a series is in one of the two. Each is a table of buckets, sets of integers that Redis keeps in 8 bytes each as long
-- as they have at most 512, which grows by linear hashing: one bucket is split for each FILL series.
--
-- Series can also be admitted first and announced later: then room for them is reserved, as a mere number. It counts as
-- taken until they are announced, or for one to two SLOTs: what a replica has reserved that died comes back by itself.
--
-- KEYS[1]  the tenant's epoch; all other keys begin with it: <key>:<generation>, a hash,
--          <key>:<generation>:<bucket>, the sets, and <key>:reserved:<slot>
-- ARGV     generation in ms, phase in ms, most series (-1: any number), most of a metric (-1), series that are
--          announced whatever the limits (the first of all), all or nothing (0/1), patient (0/1: nothing is refused for
--          good while room is reserved), series to reserve room for, the slot where room was reserved for these (or
--          empty), the metrics' hashes and which of them each series has (both empty without a limit for metrics), and
--          then the series' hashes, one by one: to take a text apart costs more than to remember a series
-- returns  a letter for each series (known, new, tenant or metric over its limit, skipped, unsettled), series in all,
--          how many there were when the first was refused, epoch, generation, ms left of it, the slot where room was
--          reserved (or empty)

local FILL = 200
local PIECE = 1000
local SLOT = 10000

local span, phase = tonumber(ARGV[1]), tonumber(ARGV[2])
local mostOfTenant, mostOfMetric = tonumber(ARGV[3]), tonumber(ARGV[4])
local announced, whole, patient = tonumber(ARGV[5]), ARGV[6] == '1', ARGV[7] == '1'
local reserve, slot = tonumber(ARGV[8]), ARGV[9]
local FIRST, rows = 11, #ARGV - 11
local base = KEYS[1]

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + phase
local generation = math.floor(now / span)
local ttl = string.format('%.0f', (generation + 2) * span - now + 60000)

local epoch = redis.call('GET', base)
if epoch then
  redis.call('PEXPIRE', base, string.format('%.0f', 3 * span))
else
  epoch = time[1] .. '.' .. time[2]
  redis.call('SET', base, epoch, 'PX', string.format('%.0f', 3 * span))
end

-- An epoch has its own: what was reserved before the data was lost is not what has been reserved since.
local function slotAt(number) return epoch .. ':' .. string.format('%.0f', number) end
local function reservedIn(name) return tonumber(redis.call('GET', base .. ':reserved:' .. name)) or 0 end

local lastSlot = math.floor(now / SLOT)
local reserved = reservedIn(slotAt(lastSlot)) + reservedIn(slotAt(lastSlot - 1))

local function open(number)
  local key = base .. ':' .. string.format('%.0f', number)
  local stored = redis.call('HMGET', key, 'series', 'buckets')
  local buckets, level = tonumber(stored[2]) or 1, 1
  while level * 2 <= buckets do level = level * 2 end
  return {
    key = key, there = stored[1], series = tonumber(stored[1]) or 0, buckets = buckets, level = level,
    of = {}, before = {},
  }
end

local current, previous = open(generation), open(generation - 1)

-- The upper half of a hash: a number holds it exactly, however the lower digits are rounded.
local function place(hash) return math.floor(tonumber(hash) / 4294967296) end

local function bucketOf(set, at)
  local bucket = at % (2 * set.level)
  if bucket >= set.buckets then bucket = at % set.level end
  return set.key .. ':' .. bucket
end

local function inPieces(command, key, members)
  for i = 1, #members, PIECE do
    redis.call(command, key, unpack(members, i, math.min(#members, i + PIECE - 1)))
  end
end

-- One more bucket, with what it takes over from the one that has been filling for two. No bucket of this generation is
-- ever empty, or it would be made anew without a time to live: 0 stays where nothing else is.
local function split(set)
  local bucket = set.buckets
  local from, to = set.key .. ':' .. (bucket - set.level), set.key .. ':' .. bucket
  local members, moving = redis.call('SMEMBERS', from), {}
  for _, hash in ipairs(members) do
    if place(hash) % (2 * set.level) == bucket then moving[#moving + 1] = hash end
  end
  if #moving == #members then redis.call('SADD', from, '0') end
  inPieces('SREM', from, moving)
  if #moving == 0 then moving = { '0' } end
  inPieces('SADD', to, moving)
  redis.call('PEXPIRE', from, ttl)
  redis.call('PEXPIRE', to, ttl)
  set.buckets = bucket + 1
  if set.buckets == 2 * set.level then set.level = set.buckets end
end

local metrics, metricOf = {}, {}
if mostOfMetric >= 0 then
  for hash in string.gmatch(ARGV[10], '%S+') do metrics[#metrics + 1] = hash end
  for index in string.gmatch(ARGV[11], '%S+') do metricOf[#metricOf + 1] = metrics[tonumber(index) + 1] end
  for _, set in ipairs({ current, previous }) do
    for i = 1, #metrics, PIECE do
      local last = math.min(#metrics, i + PIECE - 1)
      for j, count in ipairs(redis.call('HMGET', set.key, unpack(metrics, i, last))) do
        set.of[metrics[i + j - 1]] = tonumber(count) or 0
        set.before[metrics[i + j - 1]] = tonumber(count) or 0
      end
    end
  end
end

local function count(set, metric, n)
  set.series = set.series + n
  if metric then set.of[metric] = math.max(0, set.of[metric] + n) end
end

local refused, observed = 0, 0

-- Nil when there is room for `more` series than there are, and `moreOfMetric` of its metric.
local function refusal(metric, more, moreOfMetric)
  local letter
  local series = current.series + previous.series + reserved + more
  if mostOfTenant >= 0 and series >= mostOfTenant then
    letter = 't'
  elseif metric then
    series = current.of[metric] + previous.of[metric] + moreOfMetric
    if series >= mostOfMetric then letter = 'm' end
  end
  return letter, series
end

-- Room may be reserved for series that others have reserved or announced, too, or for this very series.
local function refuse(letter, series)
  if refused == 0 then observed = series end
  refused = refused + 1
  return patient and reserved > 0 and 'u' or letter
end

local function has(hash, at)
  return redis.call('SISMEMBER', bucketOf(current, at), hash) == 1
    or (previous.series > 0 and redis.call('SISMEMBER', bucketOf(previous, at), hash) == 1)
end

local became = {}

-- All or nothing: look first. When something would be refused, nothing is done but what was announced.
if whole then
  local seen, more, moreOf = {}, 0, {}
  for i = announced + 1, rows do
    local hash, metric = ARGV[FIRST + i], metricOf[i]
    if has(hash, place(hash)) then
      became[i] = 's'
    elseif seen[hash] then
      became[i] = seen[hash]
    else
      local letter, series = refusal(metric, more, metric and moreOf[metric] or 0)
      if letter then
        seen[hash] = letter
        became[i] = refuse(letter, series)
      else
        seen[hash] = 's'
        became[i] = 's'
        more = more + 1
        if metric then moreOf[metric] = (moreOf[metric] or 0) + 1 end
      end
    end
  end
end

-- There is room for all: then nothing is looked at for each.
local roomy = mostOfMetric < 0
  and (mostOfTenant < 0 or current.series + previous.series + reserved + rows <= mostOfTenant)

local call = redis.call
for i = 1, refused > 0 and announced or rows do
  local hash, metric = ARGV[FIRST + i], metricOf[i]
  local at = place(hash)
  local bucket = bucketOf(current, at)
  local letter, series
  if not roomy and i > announced then letter, series = refusal(metric, 0, 0) end
  if not letter then
    if call('SADD', bucket, hash) == 0 then
      became[i] = 'k'
    else
      became[i] = 'n'
      if previous.series > 0 and call('SREM', bucketOf(previous, at), hash) == 1 then
        became[i] = 'k'
        count(previous, metric, -1)
      end
      count(current, metric, 1)
      if current.series > FILL * current.buckets then split(current) end
    end
  elseif call('SISMEMBER', bucket, hash) == 1 then
    became[i] = 'k'
  elseif previous.series > 0 and call('SMOVE', bucketOf(previous, at), bucket, hash) == 1 then
    became[i] = 'k'
    count(previous, metric, -1)
    count(current, metric, 1)
    if current.series > FILL * current.buckets then split(current) end
  else
    became[i] = refuse(letter, series)
  end
end

local function save(set)
  local fields = { 'series', string.format('%.0f', set.series), 'buckets', string.format('%.0f', set.buckets) }
  for _, metric in ipairs(metrics) do
    if set.of[metric] ~= set.before[metric] then
      fields[#fields + 1] = metric
      fields[#fields + 1] = string.format('%.0f', set.of[metric])
      set.before[metric] = set.of[metric]
    end
  end
  inPieces('HSET', set.key, fields)
end

if rows > 0 and current.series > 0 then
  save(current)
  if not current.there then
    redis.call('PEXPIRE', current.key, ttl)
    redis.call('PEXPIRE', current.key .. ':0', ttl)
  end
end
if rows > 0 and previous.there then save(previous) end

-- They are counted now. A slot whose time is over has nothing to give back.
if slot ~= '' then
  local held = reservedIn(slot)
  if held > 0 then redis.call('SET', base .. ':reserved:' .. slot, math.max(0, held - rows), 'KEEPTTL') end
  slot = ''
end

local total = current.series + previous.series
if reserve > 0 and total + reserved + reserve <= mostOfTenant then
  slot = slotAt(lastSlot)
  local key, leftMs = base .. ':reserved:' .. slot, (lastSlot + 2) * SLOT - now
  redis.call('SET', key, reservedIn(slot) + reserve, 'PX', string.format('%.0f', leftMs))
end

return {
  table.concat(became), total, observed, epoch, generation, (generation + 1) * span - now, slot,
}
