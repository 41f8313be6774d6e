-- The elected replica of one HA pair: who is it, now that this one was heard? The same rules in JavaScript are in
-- elections/election-table.ts, and a test holds the two against each other.
--
-- KEYS[1]  the tenant's elections, a hash: cluster to "noted replica", noted in ms of the server's clock
-- ARGV     cluster, replica, update ms, takeover ms, most clusters, forget ms
-- returns  replica, ms since it was noted; nothing when there are too many clusters

local cluster, replica = ARGV[1], ARGV[2]
local update, takeover, most, forget = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function note(elected)
  redis.call('HSET', KEYS[1], cluster, string.format('%.0f', now) .. ' ' .. elected)
  redis.call('PEXPIRE', KEYS[1], forget)
  return { elected, '0' }
end

local function read(value)
  local space = string.find(value, ' ', 1, true)
  return string.sub(value, space + 1), now - tonumber(string.sub(value, 1, space - 1))
end

local stored = redis.call('HGET', KEYS[1], cluster)
if stored then
  local elected, age = read(stored)
  local mostAge = takeover
  if elected == replica then mostAge = update end
  if age >= mostAge then return note(replica) end
  -- The clock stepped back: from now on it counts, or a takeover would wait for the clock to be there again.
  if age < 0 then return note(elected) end
  return { elected, string.format('%.0f', age) }
end

if redis.call('HLEN', KEYS[1]) >= most then
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    local _, age = read(all[i + 1])
    if age >= forget then redis.call('HDEL', KEYS[1], all[i]) end
  end
  if redis.call('HLEN', KEYS[1]) >= most then return {} end
end
return note(replica)
