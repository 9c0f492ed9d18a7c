-- import_apply.lua -- puts what `sopd ctl import` has staged into its place, wholly or not at all: a chat as it was when it was exported.
-- KEYS: 1 the plan (a list of words). ARGV: "replace" or "". The plan holds, one after the other, how many words and the words of
--   key staged final expires | shared staged final expires    (expires: ms since 1970, 0 never)
--   hset key field value | zadd key score member | sadd key member     entries of shared keys
--   once staged final | pin pins id                                   versions of runs; and of what is replaced:
--   del key | hdel key field | zrem key member | srem key member | unpin pins id
-- Answer: {0, how many keys} or {-1, a key that is there already}; then nothing was changed.
local call = redis.call
local P = call('LRANGE', KEYS[1], 0, -1)
if #P == 0 then return { -2, KEYS[1] } end
local function each(fn)
  local at = 1
  while at <= #P do
    local n = tonumber(P[at])
    fn(P[at + 1], P[at + 2], P[at + 3], P[at + 4])
    at = at + 1 + n
  end
end

local removed, there = {}, nil
each(function(word, a)
  if word == 'del' then removed[a] = true end
end)
each(function(word, _, final)
  if word == 'key' and not there and call('EXISTS', final) == 1 and not removed[final] then there = final end
end)
if there then return { -1, there } end

local keys = 0
each(function(word, a, b)
  if word == 'del' then
    call('UNLINK', a)
  elseif word == 'unpin' then
    if call('HINCRBY', a, b, -1) <= 0 then call('HSET', a, b, 0) end
  elseif word == 'hdel' or word == 'zrem' or word == 'srem' then
    call(word, a, b)
  end
end)
each(function(word, a, b, c)
  if word == 'key' or word == 'shared' then
    if word == 'shared' and call('EXISTS', b) == 1 and ARGV[1] ~= 'replace' then
      call('UNLINK', a)
    else
      call('RENAME', a, b)
      if c == '0' then call('PERSIST', b) else call('PEXPIREAT', b, c) end
      keys = keys + 1
    end
  elseif word == 'hset' then
    call('HSET', a, b, c)
  elseif word == 'zadd' then
    call('ZADD', a, b, c)
  elseif word == 'sadd' then
    call('SADD', a, b)
  elseif word == 'once' then -- a version or its source: the same wherever it is
    if call('EXISTS', b) == 1 then call('UNLINK', a) else call('RENAME', a, b); call('PERSIST', b) end
  elseif word == 'pin' then
    call('HINCRBY', a, b, 1)
  end
end)
call('UNLINK', KEYS[1])
return { 0, keys }
