-- settings_edit.lua -- edits of sopd's own commands (`sopd ctl`, staff in a chat): written and recorded in one step, so that nobody has
-- to guess later who it was. All of them, or none when a key is no hash.
-- KEYS: 1 sopd:audit, 2 sopd:settings-seen, 3 sopd:settings-kept, 4 sopd:settings-keys
-- ARGV: now (ms), length of the stream, who, what, reason, then for each edit: key, field, 1 and the value, or 0 and "" to remove it
-- Answer: for each edit the value before, or false.
local A, call, out = ARGV, redis.call, {}
for at = 6, #A, 4 do
  local kind = call('TYPE', A[at]).ok
  if kind ~= 'none' and kind ~= 'hash' then
    return redis.error_reply('the key ' .. A[at] .. ' holds a ' .. kind .. ', not a hash; remedy: DEL ' .. A[at])
  end
end
for at = 6, #A, 4 do
  local key, field, value = A[at], A[at + 1], A[at + 2] == '1' and A[at + 3] or nil
  local id = key .. ' ' .. field
  local before = call('HGET', key, field) or nil
  if value then
    call('HSET', key, field, value)
    call('HSET', KEYS[2], id, value)
    call('SADD', KEYS[4], key)
  else
    call('HDEL', key, field)
    call('HDEL', KEYS[2], id)
  end
  call('HDEL', KEYS[3], id)
  if before ~= value then
    call('XADD', KEYS[1], 'MAXLEN', '~', A[2], '*', 'time', A[1], 'who', A[3], 'what', A[4], 'key', key, 'field', field,
      'before', before or '', 'after', value or '', 'reason', A[5])
  end
  out[#out + 1] = before or false
end
return out
