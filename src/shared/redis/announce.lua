-- Remembers series of one tenant that are known to a replica, or that it has admitted with headroom that was reserved.
--
-- ARGV     [3..] the reservation for these series (or empty), the metrics' hashes and which of them each series has (both
--          empty when metrics are not counted), and then the series' hashes, one by one
-- returns  a letter for each series: known or new

local reservation = ARGV[3]
local FIRST, rows = 5, #ARGV - 5

readMetrics(ARGV[4], ARGV[5])

local outcomes = {}
for i = 1, rows do outcomes[i] = remember(ARGV[FIRST + i], metricOf[i]) end

if rows > 0 then saveAll() end

-- They are counted now. A reservation whose time is over has nothing to give back.
if reservation ~= '' then
  local held = reservedIn(reservation)
  if held > 0 then call('SET', base .. ':reserved:' .. reservation, math.max(0, held - rows), 'KEEPTTL') end
end

return answer(table.concat(outcomes))
