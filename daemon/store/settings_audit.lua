-- settings_audit.lua -- records what a daemon has found in the admins' hashes, once, however many daemons find it.
-- An edit is recorded if Redis still holds the value that was judged and it is not the one recorded last. What was good before a
-- wrong value is kept as long as that stands, for daemons that start meanwhile.
-- KEYS: 1 sopd:audit, 2 sopd:settings-seen (hash: "<key> <field>" -> value recorded last), 3 sopd:settings-kept (hash: the same ->
--   {"bad", "good"}), 4 sopd:settings-by (hash: the same -> who says that the next edit is theirs)
-- ARGV: now (ms), length of the stream, longest value, then for each item:
--   key, field ("": the key as a whole), 1 and the value or 0 and "" when it is gone, "good" | "odd" | "bad", why, 1 and the good value
--   that is in force in its place, or 0 and ""
-- Answer: for each item the good value to use instead, or false.
local A, call = ARGV, redis.call
local out, at, longest = {}, 4, tonumber(A[3])

local function clip(value)
  if value and #value >= longest then return value:sub(1, 200) .. '...' end
  return value
end

local function now_in(key, field)
  local kind = call('TYPE', key).ok
  if field == '' then return kind ~= 'none' and kind ~= 'hash' and '(no hash)' or nil end
  return kind == 'hash' and clip(call('HGET', key, field) or nil) or nil
end

local function record(what, who, key, field, before, after, why)
  call('XADD', KEYS[1], 'MAXLEN', '~', A[2], '*', 'time', A[1], 'who', who, 'what', what, 'key', key, 'field', field,
    'before', before or '', 'after', after or '', 'reason', why)
end

-- The good value of before, for a bad one that is there now.
local function keep(id, value, before, good)
  local stored = call('HGET', KEYS[3], id)
  local old = stored and cjson.decode(stored)
  good = good or (old and old.good) or (not old and before) or nil
  call('HSET', KEYS[3], id, cjson.encode({ bad = value, good = good }))
  return good, old and old.bad == value
end

while at <= #A do
  local key, field, there, value, verdict, why = A[at], A[at + 1], A[at + 2] == '1', clip(A[at + 3]), A[at + 4], A[at + 5]
  local good = A[at + 6] == '1' and A[at + 7] or nil
  local id = key .. ' ' .. field
  local before, kept = call('HGET', KEYS[2], id) or nil, false
  if not there then value = nil end
  if now_in(key, field) == value then
    local known
    if verdict == 'bad' then
      kept, known = keep(id, value, before ~= value and before or nil, good)
    else
      known = call('HDEL', KEYS[3], id) == 0
    end
    if before ~= value then
      local by = call('HGET', KEYS[4], id)
      if by then call('HDEL', KEYS[4], id) end
      record(verdict == 'bad' and 'refused' or 'edit', by or 'redis', key, field, before, value, why)
      if value then call('HSET', KEYS[2], id, value) else call('HDEL', KEYS[2], id) end
    elseif value and not known then -- the same value, judged otherwise than before: by new flows
      record(verdict == 'bad' and 'refused' or 'accepted', 'sopd', key, field, value, value, why)
    end
  end
  out[#out + 1] = kept or false
  at = at + 8
end
return out
