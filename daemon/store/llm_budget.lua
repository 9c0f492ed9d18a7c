-- llm_budget.lua -- takes one call and its tokens out of the day's budget, or nothing. Shared by all processes (engine/run/llm.c).
-- KEYS: 1 the day's hash (calls, tokens)   ARGV: calls a day, tokens a day, tokens to set aside, seconds to keep
-- Answer: 1 taken, 0 the budget is used up
local used = redis.call('HMGET', KEYS[1], 'calls', 'tokens')
local calls, tokens = tonumber(used[1] or 0), tonumber(used[2] or 0)
if calls + 1 > tonumber(ARGV[1]) or tokens + ARGV[3] > tonumber(ARGV[2]) then return 0 end
redis.call('HINCRBY', KEYS[1], 'calls', 1)
redis.call('HINCRBY', KEYS[1], 'tokens', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
