-- Corrects a reserve of tokens once the real number is known.
--
-- KEYS[1]  cheapfirst:limit:{MODEL}:tokens     string, microseconds since 1970 (see reserve.lua)
-- ARGV[1]  tokens per minute
-- ARGV[2]  tokens to add to the reserve; negative gives back
local arrival = tonumber(redis.call('GET', KEYS[1]) or '')
if arrival then
  local clock = redis.call('TIME')
  local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
  arrival = arrival + tonumber(ARGV[2]) * 60000000 / tonumber(ARGV[1])
  local lives_ms = math.ceil(math.max(0, arrival - now) / 1000) + 60000
  redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', lives_ms)
end
