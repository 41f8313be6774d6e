-- Reserves headroom for new series of one tenant: they are admitted now and announced later.
--
-- ARGV     [3..] so many series, most series of the tenant with them
-- returns  the reservation, empty when there is not so much headroom

local series, most = tonumber(ARGV[3]), tonumber(ARGV[4])

if current.series + previous.series + reservedInAll() + series > most then return answer('') end

local reservation = reservationAt(lastReservation)
local leftMs = (lastReservation + 2) * RESERVATION_MS - now
call('SET', base .. ':reserved:' .. reservation, reservedIn(reservation) + series, 'PX', whole(leftMs))
return answer(reservation)
