-- Reserves one request and its tokens under a model's limits, and says how long to wait before it is made.
--
-- The generic cell rate algorithm (ITU-T I.371, annex A; "leaky bucket as a meter"): each limit keeps the theoretical
-- arrival time of the next unit, in microseconds of this server's clock. A reserve moves it on; the wait is how far it
-- lies ahead of now beyond the burst.
--
-- KEYS[1]  cheapfirst:limit:{MODEL}:requests   string, microseconds since 1970
-- KEYS[2]  cheapfirst:limit:{MODEL}:tokens     string, microseconds since 1970
-- ARGV[1]  requests per minute, 0: no limit
-- ARGV[2]  tokens per minute, 0: no limit
-- ARGV[3]  tokens to reserve
-- ARGV[4]  burst, in microseconds of allowance
-- returns  microseconds to wait
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local minute = 60000000
local burst = tonumber(ARGV[4])

local function reserve(key, per_minute, units)
  if per_minute <= 0 then
    return 0
  end
  local arrival = math.max(tonumber(redis.call('GET', key) or '0'), now - burst)
  local wait = math.max(0, arrival - now)
  arrival = arrival + units * minute / per_minute
  redis.call('SET', key, string.format('%.0f', arrival), 'PX', math.ceil((arrival - now + burst) / 1000) + 60000)
  return wait
end

local wait = reserve(KEYS[1], tonumber(ARGV[1]), 1)
wait = math.max(wait, reserve(KEYS[2], tonumber(ARGV[2]), tonumber(ARGV[3])))
return string.format('%.0f', wait)
