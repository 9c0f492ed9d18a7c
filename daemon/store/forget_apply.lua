-- forget_apply.lua -- takes a member's data away, each piece only if it still is as it was read: what changed meanwhile is found again
-- by the next pass.
-- KEYS: 1 epoch. ARGV: the epoch, then for each change: how many words, word, key ...
--   del key | hdel key field old | hset key field old new | srem key member | sadd key member | zrem key member
--   lset key place old new | set key old new | xdel key id | xadd key field value ...
-- Answer: how many were done; -1: somebody else owns the gateway.
local A, call = ARGV, redis.call
if call('GET', KEYS[1]) ~= A[1] then return -1 end
local done, at = 0, 2
while at <= #A do
  local n, word, key = tonumber(A[at]), A[at + 1], A[at + 2]
  local a, b, c = A[at + 3], A[at + 4], A[at + 5]
  local ok = false
  if word == 'del' then
    ok = call('UNLINK', key) == 1
  elseif word == 'hdel' then
    ok = call('HGET', key, a) == b and call('HDEL', key, a) == 1
  elseif word == 'hset' then
    ok = call('HGET', key, a) == b
    if ok then call('HSET', key, a, c) end
  elseif word == 'srem' or word == 'zrem' or word == 'sadd' or word == 'xdel' then
    ok = call(word, key, a) == 1
  elseif word == 'lset' then
    ok = call('LINDEX', key, a) == b
    if ok then call('LSET', key, a, c) end
  elseif word == 'set' then
    ok = call('GET', key) == a
    if ok then call('SET', key, b, 'KEEPTTL') end
  elseif word == 'xadd' then
    ok = call('EXISTS', key) == 1
    if ok then call('XADD', key, '*', unpack(A, at + 3, at + n)) end
  end
  if ok then done = done + 1 end
  at = at + 1 + n
end
return done
