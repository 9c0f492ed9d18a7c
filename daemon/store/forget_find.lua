-- forget_find.lua -- looks for texts (ids, names) in what one gateway keeps; changes nothing. Small windows: the caller comes again.
-- ARGV: "keys", cursor, how many, "{gateway}", n, n x text
--   -> {cursor, key, type, "key" | "inside" ...}: keys that have a text in their name; else small ones with it inside and large ones,
--      which are looked through by
-- ARGV: "inside", cursor, how many, key, type, n, n x text
--   -> {cursor, entry ...}: hash: field, value; set, zset: member, ""; list: place, piece; string: "", text; stream: id, {field, value ...}
local A, call, find = ARGV, redis.call, string.find
local SMALL = 200
local skip = {
  seen = true, count = true, epoch = true, alive = true, source = true, pin = true,
  pins = true, outbox = true, written = true, chats = true, forgetting = true, stage = true,
}
for _, word in ipairs{
  'tally', 'called', 'calls', 'source-pins', 'optout-key', 'version', 'version-list', 'rollout-steps', 'llm',
} do
  skip[word] = true
end
local bitmap = { days = true, once = true, limit = true } -- nothing inside

local first = A[1] == 'keys' and 6 or 7
local n = tonumber(A[first - 1])
local function has(s)
  for i = first, first + n - 1 do
    if find(s, A[i], 1, true) then return true end
  end
  return false
end

local function any(list)
  for i = 1, #list do
    if has(list[i]) then return true end
  end
  return false
end

local size = { hash = 'HLEN', list = 'LLEN', set = 'SCARD', zset = 'ZCARD', string = 'STRLEN' }
local function inside(key, kind)
  if kind == 'stream' or call(size[kind], key) > (kind == 'string' and 65536 or SMALL) then return true end
  if kind == 'hash' then return any(call('HGETALL', key)) end
  if kind == 'list' then return any(call('LRANGE', key, 0, -1)) end
  if kind == 'set' then return any(call('SMEMBERS', key)) end
  if kind == 'zset' then return any(call('ZRANGE', key, 0, -1)) end
  return has(call('GET', key))
end

if A[1] == 'keys' then
  local r = call('SCAN', A[2], 'COUNT', A[3], 'MATCH', 'sopd:*')
  local out = { r[1] }
  for _, key in ipairs(r[2]) do
    local ours = find(key, A[4], 1, true) or not find(key, '{', 1, true) -- not another gateway's
    local word = string.match(key, '^sopd:{[^}]*}:([^:]*)') or string.match(key, '^sopd:([^:]*)') or ''
    local where = ours and not skip[word] and word ~= 'run' and has(key) and 'key'
    local kind = ours and not where and not (skip[word] or bitmap[word]) and call('TYPE', key).ok
    if kind and kind ~= 'none' and inside(key, kind) then where = 'inside' end
    if where then
      out[#out + 1] = key
      out[#out + 1] = kind or call('TYPE', key).ok
      out[#out + 1] = where
    end
  end
  return out
end

local cursor, count, key, kind = A[2], tonumber(A[3]), A[4], A[5]
local out, at = { '0' }, call('TYPE', key).ok
if at ~= kind then return out end
local function add(a, b)
  out[#out + 1] = a
  out[#out + 1] = b
end

if kind == 'hash' then
  local r = call('HSCAN', key, cursor, 'COUNT', count)
  out[1] = r[1]
  for i = 1, #r[2], 2 do
    if has(r[2][i]) or has(r[2][i + 1]) then add(r[2][i], r[2][i + 1]) end
  end
elseif kind == 'set' or kind == 'zset' then
  local r = call(kind == 'set' and 'SSCAN' or 'ZSCAN', key, cursor, 'COUNT', count)
  out[1] = r[1]
  for i = 1, #r[2], kind == 'set' and 1 or 2 do
    if has(r[2][i]) then add(r[2][i], '') end
  end
elseif kind == 'list' then
  local from = tonumber(cursor)
  local r = call('LRANGE', key, from, from + count - 1)
  if #r == count then out[1] = tostring(from + count) end
  for i = 1, #r do
    if has(r[i]) then add(tostring(from + i - 1), r[i]) end
  end
elseif kind == 'stream' then
  local r = call('XRANGE', key, cursor == '0' and '-' or cursor, '+', 'COUNT', count)
  if #r == count then out[1] = '(' .. r[count][1] end
  for i = 1, #r do
    if any(r[i][2]) then add(r[i][1], r[i][2]) end
  end
else
  local text = call('GET', key)
  if has(text) then add('', text) end
end
return out
