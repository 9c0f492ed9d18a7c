-- llm_budget.lua -- takes one call and its tokens out of the day's budget and the flow's share of it, or nothing. Shared by all
-- processes (engine/run/llm.c).
-- KEYS: 1 the day's hash (calls, tokens, and for each flow calls:<flow>, tokens:<flow>)
-- ARGV: calls a day, tokens a day, tokens to set aside, seconds to keep, the flow, its calls a day, its tokens a day (-1: no share
-- of its own)
-- Answer: 1 taken, 0 the budget is used up, 2 the flow's share is
local flow = ARGV[5]
local used = redis.call('HMGET', KEYS[1], 'calls', 'tokens', 'calls:' .. flow, 'tokens:' .. flow)
local function full(calls, tokens, most_calls, most_tokens)
  return (most_calls >= 0 and tonumber(calls or 0) + 1 > most_calls) or (most_tokens >= 0 and tonumber(tokens or 0) + ARGV[3] > most_tokens)
end
if full(used[1], used[2], tonumber(ARGV[1]), tonumber(ARGV[2])) then return 0 end
if full(used[3], used[4], tonumber(ARGV[6]), tonumber(ARGV[7])) then return 2 end
for _, of in ipairs({ '', ':' .. flow }) do
  redis.call('HINCRBY', KEYS[1], 'calls' .. of, 1)
  redis.call('HINCRBY', KEYS[1], 'tokens' .. of, ARGV[3])
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
