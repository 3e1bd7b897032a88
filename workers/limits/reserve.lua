-- Reserves one request and its tokens under a model's limits, and says how long to wait before it is made.
--
-- The generic cell rate algorithm (ITU-T I.371, annex A; "leaky bucket as a meter"): each limit keeps the theoretical
-- arrival time of the next unit, in microseconds of this server's clock. A reserve moves it on; the wait is how far it
-- lies ahead of now beyond the burst. Beyond the horizon nothing is reserved: whoever waits that long may be dead by
-- then, and nobody would give its reserve back.
--
-- KEYS[1]  cheapfirst:limit:{MODEL}:requests   string, microseconds since 1970
-- KEYS[2]  cheapfirst:limit:{MODEL}:tokens     string, microseconds since 1970
-- ARGV[1]  requests per minute, 0: no limit
-- ARGV[2]  tokens per minute, 0: no limit
-- ARGV[3]  tokens to reserve
-- ARGV[4]  burst, in microseconds of allowance
-- ARGV[5]  horizon, in microseconds
-- returns  microseconds to wait
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local minute = 60000000
local burst = tonumber(ARGV[4])

local function arrival_of(key)
  return math.max(tonumber(redis.call('GET', key) or '0'), now - burst)
end

local function move_on(key, arrival, per_minute, units)
  arrival = arrival + units * minute / per_minute
  redis.call('SET', key, string.format('%.0f', arrival), 'PX', math.ceil((arrival - now + burst) / 1000) + 60000)
end

local limits = {{KEYS[1], tonumber(ARGV[1]), 1}, {KEYS[2], tonumber(ARGV[2]), tonumber(ARGV[3])}}
local wait = 0
for _, limit in ipairs(limits) do
  if limit[2] > 0 then
    wait = math.max(wait, arrival_of(limit[1]) - now)
  end
end
if wait <= tonumber(ARGV[5]) then
  for _, limit in ipairs(limits) do
    if limit[2] > 0 then
      move_on(limit[1], arrival_of(limit[1]), limit[2], limit[3])
    end
  end
end
return string.format('%.0f', wait)
