-- commit.lua -- the one script through which turns reach Redis (design: "one turn, one commit").
-- A batch of turns of one gateway; each is applied wholly or not at all, and once: its id is recorded with its writes.
-- KEYS: 1 epoch, 2 pace (hash: reserved send times), 3 outbox (hash)
-- ARGV: epoch, now_us,
--   nA, nA x (interval_us, tolerance_us)    limits of the account (GCRA)
--   nC, nC x (interval_us, tolerance_us)    limits of each chat
--   nchats, nchats x chat                   chats that the sends below refer to by position
--   nturns, then for each turn:
--     seen key, seconds to keep it (0: set before), other seen key to look in ("" none), id,
--     nops, nops x (argc, words...), nsends, nsends x (outbox id, chat position, not before us, at the latest us, jitter us, entry)
-- Answer: {-1, epoch found} when this process is not the owner (any more), else {0, then for each turn
--   0 and for each send its time in ms from now (-1: shed, it could not be sent in time)
--   1 for a turn that was committed before
--   2 and a text for a turn that cannot be applied; nothing of it was}
local A, call, try = ARGV, redis.call, redis.pcall
local epoch = call('GET', KEYS[1])
if epoch ~= A[1] then return {-1, epoch or ''} end
local now, at = tonumber(A[2]), 3

-- Limits as flat lists: `every` and `slack` of the account's, then of each chat's. No tables within tables: this script runs
-- once for a handful of microseconds, and making things is what costs.
local every, slack = {}, {}
local function limits(from)
  local n = tonumber(A[at])
  for i = 1, n do
    every[from + i], slack[from + i] = tonumber(A[at + i * 2 - 1]), tonumber(A[at + i * 2])
  end
  at = at + 1 + n * 2
  return n
end
local naccount = limits(0)
local nchat = limits(naccount)

local nchats = tonumber(A[at])
local fields, nfields = {}, naccount
for l = 1, naccount do fields[l] = 'a' .. l end
for c = 1, nchats do
  for l = 1, nchat do
    nfields = nfields + 1
    fields[nfields] = A[at + c] .. '|' .. l
  end
end
at = at + 1 + nchats
local tat = {} -- theoretical arrival times, by position in fields
if nchats > 0 and nfields > 0 then
  tat = call('HMGET', KEYS[2], unpack(fields))
  for i = 1, nfields do tat[i] = tonumber(tat[i] or 0) end
end

-- Times that the limits at first + 1 .. first + n of `every` allow for tats at base + 1 .. base + n.
local function free_at(t, first, n, base)
  for l = 1, n do
    local free = tat[base + l] - slack[first + l]
    if free > t then t = free end
  end
  return t
end

local function take(t, first, n, base, more)
  for l = 1, n do
    local was = tat[base + l]
    tat[base + l] = (was > t and was or t) + every[first + l] + more
  end
end

-- What is held back until the morning takes no place now: all answers of the night would have to queue up behind it. When it leaves,
-- engine/send/guard.c keeps the same limits.
local function reserve(position, not_before, latest, jitter)
  if not_before > now then return not_before <= latest and not_before or nil end
  local base = naccount + (position - 1) * nchat
  local t = free_at(now, 0, naccount, 0)
  t = free_at(t, naccount, nchat, base)
  if t > latest then return nil end
  take(t, 0, naccount, 0, 0)
  take(t, naccount, nchat, base, jitter)
  return t
end

-- Redis does not roll back. The one way a write can fail half way is a key of another kind (somebody edited it), so that is
-- looked at before a turn of several writes, once a batch for each key. The first of them needs no look: when it fails, nothing
-- was written yet.
local kinds = {
  HSET = 'hash', HDEL = 'hash', HINCRBY = 'hash', ZADD = 'zset', ZREM = 'zset', ZINCRBY = 'zset', SADD = 'set',
  SREM = 'set', RPUSH = 'list', LPUSH = 'list', LTRIM = 'list', LPOP = 'list', RPOP = 'list', LSET = 'list',
  SETBIT = 'string', APPEND = 'string', XADD = 'stream', XDEL = 'stream', ZREMRANGEBYRANK = 'zset',
}
local fits = {}
local function kind_misfit(key, want)
  if fits[key] == want then return nil end
  local kind = call('TYPE', key).ok
  if kind ~= 'none' and kind ~= want then
    return 'key ' .. key .. ' holds a ' .. kind .. ' where a ' .. want .. ' belongs'
  end
  fits[key] = want
end

-- OVER, record, timers, member, pins, pin: the end of a run. The commonest end of a turn that a timer caused, so it has a word of
-- its own: nothing else in a batch is about the same run, and all runs of a batch leave together.
local records, members, pins, nover, timers, counts = {}, {}, {}, 0, nil, nil
local function over_misfit(i)
  return kind_misfit(A[i + 2], 'zset') or kind_misfit(A[i + 4], 'hash')
end

local function over_add(i)
  nover = nover + 1
  records[nover], timers, members[nover], counts = A[i + 1], A[i + 2], A[i + 3], A[i + 4]
  local pin = A[i + 5]
  pins[pin] = (pins[pin] or 0) + 1
end

local function over_leave()
  if nover == 0 then return end
  call('DEL', unpack(records))
  try('ZREM', timers, unpack(members))
  for pin, n in pairs(pins) do try('HINCRBY', counts, pin, -n) end
  records, members, pins, nover = {}, {}, {}, 0
end

local function misfit(from, nops)
  local i = from + 1 + tonumber(A[from])
  for _ = 2, nops do
    local argc, word, key = tonumber(A[i]), A[i + 1], A[i + 2]
    local want = kinds[word]
    if want then
      local wrong = fits[key] ~= want and kind_misfit(key, want)
      if wrong then return wrong end
      if word == 'HINCRBY' then
        local value = call('HGET', key, A[i + 3])
        if value and not string.match(value, '^-?%d+$') then
          return 'key ' .. key .. ' field ' .. A[i + 3] .. ' is no integer'
        end
      end
    elseif word == 'OVER' then
      local wrong = over_misfit(i + 1)
      if wrong then return wrong end
    end
    i = i + 1 + argc
  end
end

local out, box, nturns = {0}, {}, tonumber(A[at])
at = at + 1
for _ = 1, nturns do
  local seen, keep, other, id, nops = A[at], A[at + 1], A[at + 2], A[at + 3], tonumber(A[at + 4])
  at = at + 5
  local fresh = call('SADD', seen, id) == 1
  if fresh and other ~= '' and call('SISMEMBER', other, id) == 1 then fresh = false end
  if keep ~= '0' then call('EXPIRE', seen, keep) end
  local wrong = fresh and nops > 1 and misfit(at, nops)
  for _ = 1, nops do
    local argc = tonumber(A[at])
    if fresh and not wrong then
      local answer
      if A[at + 1] == 'OVER' then
        wrong = over_misfit(at + 1)
        if not wrong then over_add(at + 1) end
        if nover == 1000 then over_leave() end -- unpack has its limits
      elseif argc == 3 then -- most have three or four words, and unpack takes its time
        answer = try(A[at + 1], A[at + 2], A[at + 3])
      elseif argc == 4 then
        answer = try(A[at + 1], A[at + 2], A[at + 3], A[at + 4])
      else
        answer = try(unpack(A, at + 1, at + argc))
      end
      if type(answer) == 'table' and answer.err then wrong = answer.err .. ' at ' .. A[at + 1] .. ' ' .. (A[at + 2] or '') end
    end
    at = at + 1 + argc
  end
  if wrong then
    call('SREM', seen, id)
    out[#out + 1] = 2
    out[#out + 1] = wrong
  else
    out[#out + 1] = fresh and 0 or 1
  end
  local nsends = tonumber(A[at])
  at = at + 1
  for _ = 1, nsends do
    if fresh and not wrong then
      local t = reserve(tonumber(A[at + 1]), tonumber(A[at + 2]), tonumber(A[at + 3]), tonumber(A[at + 4]))
      if t then
        box[#box + 1] = A[at]
        box[#box + 1] = A[at + 5]
        out[#out + 1] = math.ceil((t - now) / 1000)
      else
        out[#out + 1] = -1
      end
    end
    at = at + 6
  end
end

over_leave()
if #box > 0 then
  call('HSET', KEYS[3], unpack(box))
  local set = {}
  for i = 1, nfields do
    set[i * 2 - 1] = fields[i]
    set[i * 2] = tat[i]
  end
  if #set > 0 then call('HSET', KEYS[2], unpack(set)) end
end
return out
