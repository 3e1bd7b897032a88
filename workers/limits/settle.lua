-- Corrects a reserve of tokens once the real number is known.
--
-- KEYS[1]  cheapfirst:limit:{MODEL}:tokens     string, microseconds since 1970 (see reserve.lua)
-- ARGV[1]  tokens per minute
-- ARGV[2]  tokens to add to the reserve; negative gives back
local arrival = redis.call('GET', KEYS[1])
if arrival then
  local moved = tonumber(arrival) + tonumber(ARGV[2]) * 60000000 / tonumber(ARGV[1])
  redis.call('SET', KEYS[1], string.format('%.0f', moved), 'KEEPTTL')
end
