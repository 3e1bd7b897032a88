-- Corrects a reserve once it is known what was really used.
--
-- KEYS[1]  cheapfirst:limit:{MODEL}:requests   string, microseconds since 1970 (see reserve.lua)
-- KEYS[2]  cheapfirst:limit:{MODEL}:tokens     string, microseconds since 1970
-- ARGV[1]  requests per minute, 0: no limit
-- ARGV[2]  tokens per minute, 0: no limit
-- ARGV[3]  requests to add to the reserve; negative gives back
-- ARGV[4]  tokens to add to the reserve; negative gives back
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
for i = 1, 2 do
  local per_minute, units = tonumber(ARGV[i]), tonumber(ARGV[i + 2])
  local arrival = tonumber(redis.call('GET', KEYS[i]) or '')
  if per_minute > 0 and units ~= 0 and arrival then
    arrival = arrival + units * 60000000 / per_minute
    local lives_ms = math.ceil(math.max(0, arrival - now) / 1000) + 60000
    redis.call('SET', KEYS[i], string.format('%.0f', arrival), 'PX', lives_ms)
  end
end
