-- Admits new series of one tenant, as long as the limits allow over all replicas, and remembers those that are announced
-- with them. A test holds it against a model in JavaScript.
--
-- ARGV     [3..] most series (-1: any number), most of a metric (-1), series that are announced whatever the limits (the
--          first of all), all or nothing (0/1; 2: only say which are known, the others are over the limit), no final
--          refusals (0/1: nothing is refused for good while headroom is reserved), the metrics' hashes and which of them
--          each series has (both empty without a limit for metrics), and then the series' hashes, one by one: to take a
--          text apart costs more than to remember a series
-- returns  a letter for each series (known, new, tenant or metric over its limit, skipped, pending), and at the end how
--          many there were when the first was refused

local mostOfTenant, mostOfMetric = tonumber(ARGV[3]), tonumber(ARGV[4])
local announced, allOrNothing, noFinalRefusals = tonumber(ARGV[5]), ARGV[6] == '1', ARGV[7] == '1'
local lookOnly = ARGV[6] == '2'
local FIRST, rows = 9, #ARGV - 9

readMetrics(ARGV[8], ARGV[9])
local reserved = reservedInAll()
local refused, observed = 0, 0

-- Nil when there may be `more` series than there are, and `moreOfMetric` of its metric.
local function refusal(metric, more, moreOfMetric)
  local letter
  local series = current.series + previous.series + reserved + more
  if mostOfTenant >= 0 and series >= mostOfTenant then
    letter = 't'
  elseif metric then
    series = current.ofMetric[metric] + previous.ofMetric[metric] + moreOfMetric
    if series >= mostOfMetric then letter = 'm' end
  end
  return letter, series
end

-- Headroom may be reserved for series that others have reserved or announced, too, or for this very series.
local function refuse(letter, series)
  if refused == 0 then observed = series end
  refused = refused + 1
  return noFinalRefusals and reserved > 0 and 'p' or letter
end

local function has(hash)
  local half = upper(hash)
  return call('SISMEMBER', setOf(current, half), hash) == 1
    or (previous.series > 0 and call('SISMEMBER', setOf(previous, half), hash) == 1)
end

local outcomes = {}

if lookOnly then
  for i = 1, rows do outcomes[i] = has(ARGV[FIRST + i]) and 'k' or 't' end
  return answer(table.concat(outcomes), 0)
end

-- All or nothing: look first. When something would be refused, nothing is done but what was announced.
if allOrNothing then
  local seen, more, moreOf = {}, 0, {}
  for i = announced + 1, rows do
    local hash, metric = ARGV[FIRST + i], metricOf[i]
    if has(hash) then
      outcomes[i] = 's'
    elseif seen[hash] then
      outcomes[i] = seen[hash]
    else
      local letter, series = refusal(metric, more, metric and moreOf[metric] or 0)
      if letter then
        outcomes[i] = refuse(letter, series)
      else
        outcomes[i] = 's'
        more = more + 1
        if metric then moreOf[metric] = (moreOf[metric] or 0) + 1 end
      end
      seen[hash] = outcomes[i]
    end
  end
end

-- There is headroom for all: then the limits are not looked at for each.
local ample = mostOfMetric < 0
  and (mostOfTenant < 0 or current.series + previous.series + reserved + rows <= mostOfTenant)

for i = 1, refused > 0 and announced or rows do
  local hash, metric = ARGV[FIRST + i], metricOf[i]
  local letter, series
  if not ample and i > announced then letter, series = refusal(metric, 0, 0) end
  if not letter then
    outcomes[i] = remember(hash, metric)
  elseif keep(hash, metric) then
    outcomes[i] = 'k'
  else
    outcomes[i] = refuse(letter, series)
  end
end

if rows > 0 then saveAll() end
return answer(table.concat(outcomes), observed)
