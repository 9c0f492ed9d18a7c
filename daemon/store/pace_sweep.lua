-- pace_sweep.lua -- takes out of `pace` what says nothing any more: times that have passed. A few hundred fields at a time.
-- KEYS: 1 pace. ARGV: cursor, now_us. Answer: the next cursor, "0" when all was seen.
local found = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', 500)
local now, idle, list = tonumber(ARGV[2]), {}, found[2]
for i = 1, #list, 2 do
  local last = 0 -- of the times of its limits
  for time in string.gmatch(list[i + 1], '%d+') do
    if tonumber(time) > last then last = tonumber(time) end
  end
  if last <= now then idle[#idle + 1] = list[i] end
end
if #idle > 0 then redis.call('HDEL', KEYS[1], unpack(idle)) end
return found[1]
