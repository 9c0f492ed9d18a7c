-- commit.lua -- the one script through which turns reach Redis (design: "one turn, one commit").
-- A batch of turns of one gateway; each is applied wholly or not at all, and once: its id is recorded with its writes.
-- KEYS: 1 epoch, 2 pace (hash: reserved send times), 3 outbox (hash); if anything is counted in calendar quotas, the last six: the
--   hashes of this day and the next, this business day and the next, this month and the next
-- ARGV: epoch, now_us,
--   three times, for accounts, chats and members:
--     ngroups, ngroups x (name, kinds, nrules, nrules x (interval_us, tolerance_us))   limits (GCRA) that concern the same kinds;
--       kinds: digits of enum send_kind, "" = all of those below; name: all that they concern, "" = every kind there is
--   naccounts, naccounts x (account, stretch)    stretch: every interval is so many thousandths of itself (warm-up, slow-down)
--   nlines, nlines x (account position, kind)    by whom and as what the sends below leave
--   nchats, nchats x chat, flags                 chats they go to; flags: a letter for each, "b" if a bulk message goes there
--   nmembers, nmembers x member                  only if there are limits of members
--   ncounters, and if there are any: the ends of day, business day and month in us, ncounters x (1 day, 2 business day or 3 month,
--     field)                                     calendar quotas that the sends below count in
--   nturns, then for each turn:
--     seen key, seconds to keep it (0: set before), other seen key to look in ("" none), id,
--     nops, nops x (argc, words...), nsends, nsends x (outbox id, line, chat position, not before us, at the latest us, jitter in
--     thousandths of a spacing (of one that may join another: -1 - that),
--     [if there are limits of members: n, n x member position,] entry, nquotas, nquotas x (counter
--     position, limit, "q" for the message, "m" for the member of a private one, "u<id>" for a mention))
-- Answer: {-1, epoch found} when this process is not the owner (any more), else {0, then for each turn
--   0 and for each send its time in ms from now (-1: shed, it could not be sent in time; -2: a quota is used up; -3: one of the
--     member's), or a text: time, and behind each \31 a user whose mention became a plain name, for their quota is used up
--   1 for a turn that was committed before
--   2 and a text for a turn that cannot be applied; nothing of it was}
-- EXPOSE, key, unit, variant and time, variant before ("" none), seconds to keep the key, event (XADD ...): the variant of an
-- experiment that a unit gets, noted and told the first time. OUTCOME, key, unit, 1 or 2, n: counts n for a unit that was exposed, as
-- long as no variant is kept for all. Both never fail a turn. Value of a unit: variant, time, outcomes, what they are divided by.
-- TALLY, what, ...: what is counted of a chat and a day (engine/tally); the last writes of a turn. It never fails a turn: what does not
-- fit is not counted.
--   SPOKE voices tally profile user ms day seconds(voices) seconds(tally) touch: somebody spoke
--   FIRST profile day "": somebody joined; ORDER profile tally seconds day: somebody ordered
--   ADD tally seconds field n ...: "=n" sets
--   SAID voices tally seconds(voices) seconds(tally) number "a"|"p" user ...: the number-th message of this turn is an answer or a
--     post, and is to these members. Done when the messages of the turn have their times.
-- voices: user -> first ms, messages, since when they wait for an answer (ms, "" not), answered (1) or not (0); "" -> times of posts
-- after which nobody has spoken yet.
-- Two functions that see nothing of the script but what they are given: to tie a function to what it sees is work, a dozen of them more
-- than all commands of a message, and most batches have none of these words.
local function trial_word(A, call, try, i, last)
  local key, unit = A[i + 1], A[i + 2]
  local held = try('HGET', key, unit)
  if A[i] == 'EXPOSE' then
    if type(held) == 'table' or held and string.match(held, '^%S+') ~= A[i + 4] then return end
    call('HSET', key, unit, A[i + 3] .. ' 0 0')
    call('EXPIRE', key, A[i + 5])
    try(unpack(A, i + 6, last))
    return
  end
  if type(held) ~= 'string' or call('HEXISTS', key, 'keep') == 1 then return end
  local head, outcomes, per = string.match(held, '^(%S+ %d+) (%d+) (%d+)$')
  if not head then return end
  if A[i + 3] == '1' then outcomes = outcomes + A[i + 4] else per = per + A[i + 4] end
  call('HSET', key, unit, string.format('%s %d %d', head, outcomes, per))
end

-- The words of a turn that count, at A[words[1]] .. A[words[2]] and so on. What became of its messages begins behind out[before].
local function tally_words(A, call, try, words, now, before, out)
  local function add(key, keep, field, n)
    local sum = try('HINCRBY', key, field, n)
    if sum == tonumber(n) and keep ~= '0' then call('EXPIRE', key, keep) end -- the field is new
  end
  local match = string.match
  local room, speaker, first, n, since, answered, expires -- who has spoken, as it is to stand in voices: written once, at the end
  for w = 1, #words, 2 do
    local i, last, what = words[w] + 2, words[w + 1], A[words[w] + 1]
    if what == 'SPOKE' then
      local tally, user, ms, keep = A[i + 1], A[i + 3], A[i + 4], A[i + 7]
      local got = try('HMGET', A[i], user, '')
      if not got.err then
        room, speaker = A[i], user
        first, n, since, answered = match(got[1] or '', '^(%d+),(%d+),(%d*),([01])$')
        add(tally, keep, 'messages', '1')
        if first then
          n, since = n + 1, since ~= '' and since or ms
        else
          add(tally, keep, 'speakers', '1')
          first, n, since, answered, expires = ms, 1, ms, '0', A[i + 6]
          try('HSETNX', A[i + 2], 'tally.first', A[i + 5])
        end
      end
      if got[2] then -- posts that somebody has spoken after now
        local left, touched = {}, 0
        for at in string.gmatch(got[2], '%d+') do
          local age = ms - at
          if age < 0 then
            left[#left + 1] = at
          elseif age <= tonumber(A[i + 8]) then
            touched = touched + 1
          end
        end
        if touched > 0 then add(tally, keep, 'touched', touched) end
        if left[1] then call('HSET', room, '', table.concat(left, ',')) else call('HDEL', room, '') end
      end
    elseif what == 'ADD' then
      local tally, keep = A[i], A[i + 1]
      for k = i + 2, last, 2 do
        if string.byte(A[k + 1]) ~= 61 then -- "="
          add(tally, keep, A[k], A[k + 1])
        elseif try('HSET', tally, A[k], string.sub(A[k + 1], 2)) == 1 and keep ~= '0' then
          call('EXPIRE', tally, keep)
        end
      end
    elseif what == 'SAID' then
      local voices, tally, keep, post = A[i], A[i + 1], A[i + 3], A[i + 5] == 'p'
      local answer = out[before + tonumber(A[i + 4])]
      local t, plain, fits = tonumber(answer), '', true -- when the message leaves, and who is not mentioned after all
      if not t then t, plain = tonumber(match(answer, '^%d+')), answer .. '\31' end
      if t >= 0 then
        t = math.floor(now / 1000) + t
        add(tally, keep, post and 'posts' or 'answers', '1')
        if post then
          local posts, at = try('HGET', voices, ''), string.format('%d', t)
          fits = type(posts) ~= 'table'
          if fits then call('HSET', voices, '', posts and posts .. ',' .. at or at) end
          if not posts then call('EXPIRE', voices, A[i + 2]) end
        end
        for k = i + 6, fits and last or 0 do
          local waits, again
          local named = plain == '' or not string.find(plain, '\31' .. A[k] .. '\31', 1, true)
          if named and A[k] == speaker and voices == room then
            if since ~= '' then waits, again, since, answered = since, answered, '', '1' end
          elseif named then
            local held = try('HGET', voices, A[k])
            local from, spoken, ms, before_this = match(type(held) == 'string' and held or '', '^(%d+),(%d+),(%d+),([01])$')
            if from then call('HSET', voices, A[k], from .. ',' .. spoken .. ',,1') end
            waits, again = ms, before_this
          end
          if waits then
            if again == '0' then add(tally, keep, 'answered', '1') end
            local s, unit = math.max(0, math.floor((t - waits) / 1000)), 1
            while s >= unit * 100 do unit = unit * 10 end -- two digits of the seconds count: at most 5 % wrong
            add(tally, keep, 'reply.' .. string.format('%d', math.floor(s / unit + 0.5) * unit), '1')
          end
        end
      end
    elseif what == 'FIRST' then
      try('HSETNX', A[i], 'tally.first', A[i + 1])
    else -- ORDER
      local profile, tally, keep, day = A[i], A[i + 1], A[i + 2], A[i + 3]
      local got = try('HMGET', profile, 'tally.first', 'tally.order')
      if not (got.err or got[2]) then
        call('HSET', profile, 'tally.order', day)
        add(tally, keep, 'converted', '1')
        local from = tonumber(got[1] or '')
        if from then add(tally, keep, 'cycle.' .. (from < tonumber(day) and string.format('%d', day - from) or '0'), '1') end
      end
    end
  end
  if speaker then call('HSET', room, speaker, first .. ',' .. n .. ',' .. since .. ',' .. answered) end
  if expires then call('EXPIRE', room, expires) end
end

local A, call, try, find, byte, floor, sub = ARGV, redis.call, redis.pcall, string.find, string.byte, math.floor, string.sub
local epoch = call('GET', KEYS[1])
if epoch ~= A[1] then return {-1, epoch or ''} end
local now, at = tonumber(A[2]), 3

-- Limits as flat lists: those of accounts, then of chats, then of members, in groups that concern the same kinds. No tables within
-- tables: this script runs once for a handful of microseconds, and making things is what costs.
local every, slack, nrules = {}, {}, 0 -- by rule
local suffix, only, first, size, off, ngroups = {}, {}, {}, {}, {}, 0 -- by group; off: of its rules among those of its scope
local function groups()
  local from, before = ngroups, nrules
  ngroups = from + tonumber(A[at])
  at = at + 1
  for g = from + 1, ngroups do
    suffix[g], first[g], size[g], off[g] = '|' .. A[at], nrules, tonumber(A[at + 2]), nrules - before
    if A[at + 1] ~= '' then only[g] = A[at + 1] end
    at = at + 3
    for r = nrules + 1, nrules + size[g] do
      every[r], slack[r] = tonumber(A[at]), tonumber(A[at + 1])
      at = at + 2
    end
    nrules = nrules + size[g]
  end
  return from, ngroups, nrules - before
end
-- before the first and at the last group, and how many rules
local a0, a1, naccount = groups()
local c0, c1, nchat = groups()
local m0, m1, nmember = groups()

-- Everybody concerned has a field for each group of limits: the theoretical arrival times of urgent messages (answers, games), by limit;
-- and one with "b" at its end for those that are not. Urgent ones look only at the first, so that no answer queues up behind a
-- broadcast; bulk looks at both. What really leaves is held to the sum of both by engine/send/guard.c.
local fields, begins, group, nfields, ntat = {}, {}, {}, 0, 0 -- by field: name, where its times begin, its group
local function concern(name, g0, g1, n, bulk)
  local base = ntat
  for g = g0 + 1, g1 do
    nfields = nfields + 1
    fields[nfields], begins[nfields], group[nfields] = name .. suffix[g], base + off[g], g
    if bulk then
      nfields = nfields + 1
      fields[nfields], begins[nfields], group[nfields] = fields[nfields - 1] .. 'b', base + n + off[g], g
    end
  end
  ntat = base + (bulk and n * 2 or n)
  return base
end

local accounts, stretch = {}, {}
for i = 1, tonumber(A[at]) do
  accounts[i], stretch[i] = concern('a|' .. A[at + i * 2 - 1], a0, a1, naccount, true), tonumber(A[at + i * 2]) / 1000
end
at = at + 1 + #accounts * 2
local by, kind = {}, {}
for i = 1, tonumber(A[at]) do
  by[i], kind[i] = tonumber(A[at + i * 2 - 1]), A[at + i * 2]
end
at = at + 1 + #by * 2
local chats, bulky = {}, A[at + 1 + tonumber(A[at])]
for i = 1, tonumber(A[at]) do
  chats[i] = concern(A[at + i], c0, c1, nchat, byte(bulky, i) == 98)
end
at = at + 2 + #chats
local people = {}
if nmember > 0 then
  for i = 1, tonumber(A[at]) do
    people[i] = concern('m|' .. A[at + i], m0, m1, nmember, true)
  end
  at = at + 1 + #people
end

-- Calendar quotas: how often something was counted in its window, and in the one after it (read when a message leaves that late).
local ends, when, counter, used, later, counted, windows
local ncounters = tonumber(A[at])
at = at + 1
if ncounters > 0 then
  ends, when, counter, used, later, counted, windows = {}, {}, {}, {}, {}, {}, #KEYS - 6
  local of, place = {{}, {}, {}}, {{}, {}, {}}
  for w = 1, 3 do ends[w] = tonumber(A[at + w - 1]) end
  at = at + 3
  for c = 1, ncounters do
    local w = tonumber(A[at])
    local l = of[w]
    when[c], counter[c] = w, A[at + 1]
    l[#l + 1] = A[at + 1]
    place[w][#l] = c
    at = at + 2
  end
  for w = 1, 3 do
    for from = 1, #of[w], 4000 do -- unpack has its limits
      local to = from + 3999 < #of[w] and from + 3999 or #of[w]
      local got = call('HMGET', KEYS[windows + w * 2 - 1], unpack(of[w], from, to))
      for i = from, to do used[place[w][i]] = tonumber(got[i - from + 1] or 0) end
    end
  end
end

local function so_far(c, t)
  if t < ends[when[c]] then return used[c] end
  if not later[c] then later[c] = tonumber(call('HGET', KEYS[windows + when[c] * 2], counter[c]) or 0) end
  return later[c]
end

-- The quotas at A[i] .. of a message that would leave at t. One of its own is used up: it is put off to the next window, if that is soon
-- enough. One of somebody whom it mentions: it goes without that mention. Returns when it may leave, or nil and the code of the answer;
-- and those who are not to be mentioned.
local function quota(t, latest, i)
  local last = i + tonumber(A[i]) * 3
  local q, plain = i + 1, nil
  while q < last do
    local c, what = tonumber(A[q]), A[q + 2]
    if byte(what) ~= 117 and so_far(c, t) >= tonumber(A[q + 1]) then
      local e = ends[when[c]]
      if t >= e or e > latest then return nil, what == 'm' and -3 or -2 end
      t, q = e, i - 2 -- all of them again
    end
    q = q + 3
  end
  for k = i + 1, last, 3 do
    local user = string.sub(A[k + 2], 2)
    if byte(A[k + 2]) == 117 and so_far(tonumber(A[k]), t) >= tonumber(A[k + 1]) and not (plain and plain[user]) then
      plain = plain or {}
      plain[user], plain[#plain + 1] = true, user
    end
  end
  for k = i + 1, last, 3 do
    if not plain or byte(A[k + 2]) ~= 117 or not plain[string.sub(A[k + 2], 2)] then
      local c = tonumber(A[k])
      if t < ends[when[c]] then
        used[c], counted[c] = used[c] + 1, true
      else
        later[c] = so_far(c, t) + 1
      end
    end
  end
  return t, plain
end

local function quota_write()
  local set = {}
  local function put(c, w, n)
    set[w] = set[w] or {}
    local l = set[w]
    l[#l + 1], l[#l + 2] = counter[c], n
  end
  for c = 1, ncounters do
    if counted[c] then put(c, when[c] * 2 - 1, used[c]) end
    if later[c] and later[c] > 0 then put(c, when[c] * 2, later[c]) end
  end
  for w = 1, 6 do
    local key, l = KEYS[windows + w], set[w]
    if l then
      for from = 1, #l, 4000 do call('HSET', key, unpack(l, from, from + 3999 < #l and from + 3999 or #l)) end
      call('EXPIRE', key, w > 4 and 5616000 or 259200) -- 65 days of a month, 3 days
    end
  end
end

local tat = {} -- theoretical arrival times; 16 digits each in Redis, with commas
if #chats > 0 and nfields > 0 then
  for from = 1, nfields, 4000 do -- unpack has its limits
    local to = from + 3999 < nfields and from + 3999 or nfields
    local got = call('HMGET', KEYS[2], unpack(fields, from, to))
    for f = from, to do
      local value, at_f = got[f - from + 1], begins[f]
      for l = 1, size[group[f]] do tat[at_f + l] = value and tonumber(sub(value, l * 17 - 16, l * 17 - 1)) or 0 end
    end
  end
end

-- The time from t on that the limits of the groups after g0 up to g1 allow a message of kind k for the times after base.
local function free_at(t, g0, g1, base, k)
  for g = g0 + 1, g1 do
    local o = only[g]
    if not o or find(o, k, 1, true) then
      local from, r = base + off[g], first[g]
      for l = 1, size[g] do
        local free = tat[from + l] - slack[r + l]
        if free > t then t = free end
      end
    end
  end
  return t
end

-- Each limit counts from now, or behind what it has counted already, and not from the time the message leaves: one that waits for its
-- chat must not make all other chats wait with it. n: rules of the scope; stretched: of intervals; jitter: of a limit that is a mere
-- spacing, its bursts are 1.
local function take(g0, g1, n, base, k, bulk, stretched, jitter)
  local put = bulk and n or 0
  for g = g0 + 1, g1 do
    local o = only[g]
    if not o or find(o, k, 1, true) then
      for l = 1, size[g] do
        local i, r = base + off[g] + l, first[g] + l
        local was, step = tat[i], every[r]
        if bulk and tat[i + n] > was then was = tat[i + n] end
        if slack[r] == 0 then
          step = floor(step * (stretched + jitter))
        elseif stretched ~= 1 then
          step = floor(step * stretched)
        end
        tat[i + put] = (was > now and was or now) + step
      end
    end
  end
end

-- An urgent message takes the place of a bulk one: what bulk has reserved so far moves on.
local function push(g0, g1, base, k, stretched)
  for g = g0 + 1, g1 do
    local o = only[g]
    if not o or find(o, k, 1, true) then
      for l = 1, size[g] do
        local i = base + off[g] + l
        if tat[i] > now then tat[i] = tat[i] + floor(every[first[g] + l] * stretched) end
      end
    end
  end
end

-- The members at A[i + 1] .. A[i + A[i]].
local function members_free_at(t, i, k, bulk)
  for m = i + 1, i + tonumber(A[i]) do
    local base = people[tonumber(A[m])]
    t = free_at(t, m0, m1, base, k)
    if bulk then t = free_at(t, m0, m1, base + nmember, k) end
  end
  return t
end

local function members_take(i, k, bulk, stretched, jitter)
  for m = i + 1, i + tonumber(A[i]) do
    take(m0, m1, nmember, people[tonumber(A[m])], k, bulk, stretched, jitter)
  end
end

-- What is held back until the morning takes no place now: all answers of the night would have to queue up behind it. When it leaves,
-- engine/send/guard.c keeps the same limits. So does what is put off to another day by a quota. i: position of the line of a send;
-- counts: of its quotas. Returns the time, or nil and the code of the answer; whom not to mention; and whether it is put off.
local function reserve(i, counts)
  local not_before, latest = tonumber(A[i + 2]), tonumber(A[i + 3])
  if not_before > now then
    if not_before > latest then return nil, -1 end
    if A[counts] == '0' then return not_before end
    local t, plain = quota(not_before, latest, counts)
    return t, plain, t and t > not_before
  end
  local line = tonumber(A[i])
  local who, k, jitter = by[line], kind[line], tonumber(A[i + 4]) / 1000
  local joins = jitter < 0
  local account, chat, longer, bulk = accounts[who], chats[tonumber(A[i + 1])], stretch[who], k > '1'
  local t = free_at(now, a0, a1, account, k)
  t = free_at(t, c0, c1, chat, k)
  if bulk then
    t = free_at(t, a0, a1, account + naccount, k)
    t = free_at(t, c0, c1, chat + nchat, k)
  end
  if nmember > 0 then t = members_free_at(t, i + 5, k, bulk) end
  if t > latest then
    if not joins then return nil, -1 end
    t = latest
  end
  local plain
  if A[counts] ~= '0' then
    local day
    day, plain = quota(t, latest, counts)
    if not day then return nil, plain end
    if day > t then return day, plain, true end
  end
  if joins then
    if t > now then return t, plain end -- it will leave with another one
    jitter = -jitter - 0.001
  end
  take(a0, a1, naccount, account, k, bulk, longer, jitter)
  take(c0, c1, nchat, chat, k, bulk, longer, jitter)
  if not bulk then
    push(a0, a1, account + naccount, k, longer)
  end
  if nmember > 0 then members_take(i + 5, k, bulk, longer, jitter) end
  return t, plain
end

-- An entry with what the quotas made of it: a restart knows it by these fields.
local function amended(entry, t, plain, put_off)
  entry = string.sub(entry, 1, -2)
  if plain then
    local list = {}
    for k = 1, #plain do list[k] = plain[k] end
    entry = entry .. ',"plain":' .. cjson.encode(list)
  end
  if put_off then entry = entry .. ',"from2":' .. string.format('%d', math.ceil(t / 1000)) end
  return entry .. '}'
end

-- Redis does not roll back. The one way a write can fail half way is a key of another kind (somebody edited it), so that is
-- looked at before a turn of several writes, once a batch for each key. The first of them needs no look: when it fails, nothing
-- was written yet.
local holds = {
  HSET = 'hash', HDEL = 'hash', HINCRBY = 'hash', ZADD = 'zset', ZREM = 'zset', ZINCRBY = 'zset', SADD = 'set',
  SREM = 'set', RPUSH = 'list', LPUSH = 'list', LTRIM = 'list', LPOP = 'list', RPOP = 'list', LSET = 'list',
  SETBIT = 'string', APPEND = 'string', XADD = 'stream', XDEL = 'stream', ZREMRANGEBYRANK = 'zset',
}
local fits = {}
local function kind_misfit(key, want)
  if fits[key] == want then return nil end
  local held = call('TYPE', key).ok
  if held ~= 'none' and held ~= want then
    return 'key ' .. key .. ' holds a ' .. held .. ' where a ' .. want .. ' belongs'
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
    local want = holds[word]
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

local out, box, nturns, tally = {0}, {}, tonumber(A[at]), nil
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
      elseif A[at + 1] == 'TALLY' then
        tally = tally or {}
        tally[#tally + 1], tally[#tally + 2] = at + 1, at + argc
      elseif A[at + 1] == 'EXPOSE' or A[at + 1] == 'OUTCOME' then
        trial_word(A, call, try, at + 1, at + argc)
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
  local nsends, before = tonumber(A[at]), tally and #out
  at = at + 1
  for _ = 1, nsends do
    local entry = at + (nmember > 0 and 7 + tonumber(A[at + 6]) or 6)
    if fresh and not wrong then
      local t, plain, put_off = reserve(at + 1, entry + 1)
      if t then
        local wait = math.ceil((t - now) / 1000)
        box[#box + 1] = A[at]
        box[#box + 1] = (plain or put_off) and amended(A[entry], t, plain, put_off) or A[entry]
        out[#out + 1] = plain and string.format('%d\31', wait) .. table.concat(plain, '\31') or wait
      else
        out[#out + 1] = plain
      end
    end
    at = entry + 2 + tonumber(A[entry + 1]) * 3
  end
  if tally then
    if not wrong then tally_words(A, call, try, tally, now, before, out) end
    tally = nil
  end
end

over_leave()
if #box > 0 then
  if ncounters > 0 then quota_write() end
  call('HSET', KEYS[3], unpack(box))
  local set, n, format = {}, 0, string.format
  for f = 1, nfields do
    local i, count, last = begins[f], size[group[f]], 0
    for l = i + 1, i + count do
      if tat[l] > last then last = tat[l] end
    end
    if last > now then -- the others say nothing: they are as good as absent
      set[n + 1] = fields[f]
      if count == 1 then
        set[n + 2] = format('%016d', tat[i + 1])
      elseif count == 2 then
        set[n + 2] = format('%016d,%016d', tat[i + 1], tat[i + 2])
      else
        set[n + 2] = format(string.rep(',%016d', count), unpack(tat, i + 1, i + count))
        set[n + 2] = sub(set[n + 2], 2)
      end
      n = n + 2
      if n == 4000 then
        call('HSET', KEYS[2], unpack(set, 1, n))
        n = 0
      end
    end
  end
  if n > 0 then call('HSET', KEYS[2], unpack(set, 1, n)) end
end
return out
