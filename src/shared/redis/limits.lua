-- Which limits are the newest of those that replicas have, and where those of one replica stand among them. The same steps
-- in JavaScript are in shared/memory/memory-limits.ts, and a test holds the two against each other.
--
-- KEYS[1]  a hash: "version"; "newest", whose it is; "highest" place; and of each content that replicas have had
--          "<part> <hash>" to "<place> <when a replica last said that it has it>"
-- ARGV     version that the caller knows of; of the documents, and of all with what is set for a time: hash, place (0:
--          not known), place of what the caller had before (0: nothing)
-- returns  place of the documents, place of all, 1 when they are the newest, version

local LIVE_MS, KEPT_MS, MOST_CONTENTS = 16000, 2592000000, 64
-- Of documents that are not read yet, which have no hash.
local UNREAD_PLACE = 1

local key = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function whole(number) return string.format('%.0f', number) end

local contents, stored = { d = {}, a = {} }, {}
local fields = redis.call('HGETALL', key)
for i = 1, #fields, 2 do
  local name, value = fields[i], fields[i + 1]
  local part, hash = string.match(name, '^([da]) (.*)$')
  if part then
    local place, at = string.match(value, '^(%d+) (%d+)$')
    -- A clock that stepped back: it was said just now.
    contents[part][hash] = { place = tonumber(place), at = math.min(tonumber(at), now), text = value }
  else
    stored[name] = value
  end
end
local version = math.max(tonumber(stored.version) or 0, tonumber(ARGV[1]))
local highest, newestId = tonumber(stored.highest) or UNREAD_PLACE, stored.newest

local function forgetOldest(part)
  local count, oldest = 0, nil
  for hash, one in pairs(contents[part]) do
    count = count + 1
    if not oldest or one.place < contents[part][oldest].place then oldest = hash end
  end
  if count <= MOST_CONTENTS then return end
  contents[part][oldest] = nil
  redis.call('HDEL', key, part .. ' ' .. oldest)
end

local function placeOf(part, hash, known, before)
  local newest = 0
  for other, one in pairs(contents[part]) do
    if other ~= hash and now - one.at < LIVE_MS then newest = math.max(newest, one.place) end
  end
  highest = math.max(highest, known, before)
  local mine = contents[part][hash]
  local place = math.max(known, mine and mine.place or 0)
  if hash == '' then
    place = UNREAD_PLACE
  elseif place == 0 or place < before then
    highest = highest + 1
    place = highest
  end
  contents[part][hash] = { place = place, at = now }
  forgetOldest(part)
  return place, place > newest
end

local ofDocuments, isNewest = placeOf('d', ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]))
-- What is set for a time says nothing of the age of documents: without the newest of these it does not count.
local ofAll = 0
if isNewest then ofAll, isNewest = placeOf('a', ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])) end

local id = ARGV[2] .. ' ' .. ARGV[5]
if isNewest and newestId ~= id then
  newestId = id
  version = version + 1
end

local changed = { 'version', whole(version), 'highest', whole(highest), 'newest', newestId or '' }
for part, all in pairs(contents) do
  for hash, one in pairs(all) do
    local text = whole(one.place) .. ' ' .. whole(one.at)
    if text ~= one.text then
      changed[#changed + 1] = part .. ' ' .. hash
      changed[#changed + 1] = text
    end
  end
end
redis.call('HSET', key, unpack(changed))
redis.call('PEXPIRE', key, whole(KEPT_MS))

return { ofDocuments, ofAll, isNewest and 1 or 0, version }
