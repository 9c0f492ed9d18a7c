-- shapes.lua -- structures in Redis: boards, day sets, counters, lists, sets; once, limits, tags.
-- Each sees its own writes of this turn at once: an overlay lies over what Redis holds, and the writes of earlier handlers of
-- the turn are applied to it first. Nothing is written before the commit.
local P, S = ...
local type, pairs, ipairs, setmetatable, tostring, tonumber = type, pairs, ipairs, setmetatable, tostring, tonumber
local fail, format, HIDDEN = P.fail, string.format, S.HIDDEN
local tointeger = math.tointeger
local ONCE_TTL_MS = 400 * 86400000

local function class(name, methods)
  methods.__name = nil
  return {
    __index = setmetatable(methods, {
      __index = function(_, key)
        fail(format("a %s has no %s%s", name, tostring(key), S.meant(key, methods)))
      end,
    }),
    __newindex = function()
      fail(format("a %s is used through its methods, such as c:%s(...):%s", name, name, "clear()"))
    end,
    __name = name,
    __metatable = false,
  }
end

-- The insides of a structure, refusing one of an earlier handler.
local function inside(self, what)
  local st = type(self) == "table" and self[HIDDEN]
  if not st then
    fail(format("call it with a colon: c:%s(...)", what))
  end
  if st.s.over then
    fail(format("this %s belongs to a handler that is over", st.what))
  end
  return st
end

-- Makes or finds the structure `what` with this Redis key; `apply` takes over writes of earlier handlers.
local function shape(s, mt, what, apply, kind, ...)
  local key = P.key(kind, ...)
  local object = s[key]
  if object then
    return object
  end
  local st = { s = s, key = key, what = what }
  mt.start(st)
  for _, w in ipairs(P.written(key) or {}) do
    apply(st, w)
  end
  object = setmetatable({ [HIDDEN] = st }, mt)
  s[key] = object
  return object
end

-- A number as Redis and people write it; whole ones without a point.
local function number_text(n)
  local i = tointeger(n)
  return i and tostring(i) or format("%.17g", n)
end

local function number_of(text)
  local n = tonumber(text)
  return n and (tointeger(n) or n)
end

-- ---- boards ----

local board = {}
local Board = class("board", board)

function Board.start(st)
  st.over, st.base = {}, {}
end

local function board_apply(st, w)
  if w[1] == "ZADD" then
    for i = 3, #w, 2 do
      st.over[w[i + 1]] = number_of(w[i])
    end
  elseif w[1] == "ZREM" then
    for i = 3, #w do
      st.over[w[i]] = false
    end
  elseif w[1] == "DEL" then
    st.over, st.cleared = {}, true
  end
end

-- What Redis holds for one id: score or false.
local function board_base(st, id)
  if st.cleared then
    return false
  end
  local score = st.base[id]
  if score == nil then
    score = number_of(P.read("ZSCORE", st.key, id)) or false
    st.base[id] = score
  end
  return score
end

-- Reads the base scores of all ids in the overlay at once.
local function board_bases(st)
  if st.cleared then
    return
  end
  local missing = {}
  for id in pairs(st.over) do
    if st.base[id] == nil then
      missing[#missing + 1] = id
    end
  end
  for from = 1, #missing, 200 do
    local to = math.min(from + 199, #missing)
    local scores = P.read("ZMSCORE", st.key, table.unpack(missing, from, to))
    for i = from, to do
      st.base[missing[i]] = number_of(scores[i - from + 1]) or false
    end
  end
end

function board:set(id, score)
  local st = inside(self, "board")
  id, score = S.id(id, "board: the id"), S.number(score, "board: the score")
  st.over[id] = tointeger(score) or score
  P.write("ZADD", st.key, number_text(score), id)
end

function board:get(id)
  local st = inside(self, "board")
  id = S.id(id, "board: the id")
  local score = st.over[id]
  if score == nil then
    score = board_base(st, id)
  end
  return score or nil
end

function board:add(id, n)
  local score = (self:get(id) or 0) + S.number(n == nil and 1 or n, "board: the number to add")
  self:set(id, score)
  return score
end

function board:remove(id)
  local st = inside(self, "board")
  id = S.id(id, "board: the id")
  local was = self:get(id) ~= nil
  if was then
    st.over[id] = false
    P.write("ZREM", st.key, id)
  end
  return was
end

function board:clear()
  local st = inside(self, "board")
  st.over, st.base, st.cleared = {}, {}, true
  P.write("DEL", st.key)
end

function board:count()
  local st = inside(self, "board")
  board_bases(st)
  local n = st.cleared and 0 or P.read("ZCARD", st.key)
  for id, score in pairs(st.over) do
    local was = not st.cleared and st.base[id]
    if score and not was then
      n = n + 1
    elseif was and not score then
      n = n - 1
    end
  end
  return n
end

function board:place(id)
  local st = inside(self, "board")
  local score = self:get(id)
  if not score then
    return nil
  end
  board_bases(st)
  local higher = st.cleared and 0 or P.read("ZCOUNT", st.key, "(" .. number_text(score), "+inf")
  for other, now in pairs(st.over) do
    local was = not st.cleared and st.base[other]
    if was and was > score then
      higher = higher - 1
    end
    if now and now > score then
      higher = higher + 1
    end
  end
  return higher + 1, score
end

local function better(a, b)
  if a.score ~= b.score then
    return a.score > b.score
  end
  return a.id < b.id
end

-- Entries of Redis that can be among the first n, less those the overlay knows better. Ties at the cut are read again in the
-- order that we promise (smaller id first), which is not the order in which Redis cuts them.
local function board_candidates(st, n)
  local list, above = {}, 0
  local extra = 0
  for _ in pairs(st.over) do
    extra = extra + 1
  end
  local asked = n + extra
  local flat = P.read("ZRANGE", st.key, 0, asked, "REV", "WITHSCORES")
  local last = #flat // 2 > asked and number_of(flat[#flat])
  for i = 1, #flat, 2 do
    local id, score = flat[i], number_of(flat[i + 1])
    if score ~= last and st.over[id] == nil then
      list[#list + 1] = { id = id, score = score }
      above = above + 1
    end
  end
  if last and above < n then
    local text = number_text(last)
    for _, id in ipairs(P.read("ZRANGE", st.key, text, text, "BYSCORE", "LIMIT", 0, asked)) do
      if st.over[id] == nil then
        list[#list + 1] = { id = id, score = last }
      end
    end
  end
  return list
end

function board:top(n)
  local st = inside(self, "board")
  n = S.integer(n == nil and 10 or n, "board: the number of places")
  if n < 1 or n > 1000 then
    fail("board: top takes a number between 1 and 1000")
  end
  local list = st.cleared and {} or board_candidates(st, n)
  for id, score in pairs(st.over) do
    if score then
      list[#list + 1] = { id = id, score = score }
    end
  end
  table.sort(list, better)
  for i = #list, n + 1, -1 do
    list[i] = nil
  end
  for i, entry in ipairs(list) do
    local before = list[i - 1]
    entry.place = before and before.score == entry.score and before.place or i
  end
  return list
end

-- ---- day sets ----

local days = {}
local Days = class("day set", days)

function Days.start() end

local function days_apply(st, w)
  st.ops = st.ops or {}
  st.ops[#st.ops + 1] = w
end

-- The whole bitmap as a string: read once, then kept up to date.
local function days_text(st)
  local text = st.text
  if text then
    return text
  end
  local emptied = false
  for _, w in ipairs(st.ops or {}) do
    emptied = emptied or w[1] == "DEL"
  end
  text = not emptied and P.read("GET", st.key) or ""
  for _, w in ipairs(st.ops or {}) do
    if w[1] == "SETBIT" then
      text = P.setbit(text, tointeger(tonumber(w[3])), tointeger(tonumber(w[4])))
    else
      text = ""
    end
  end
  st.text = text
  return text
end

local function days_change(self, i, bit)
  local st = inside(self, "days")
  i = S.integer(i, "days: the index")
  local text = days_text(st)
  local changed = P.setbit(text, i, bit)
  if P.bit(text, i) == bit then
    return false
  end
  st.text = changed
  P.write("SETBIT", st.key, tostring(i), tostring(bit))
  return true
end

function days:mark(i)
  return days_change(self, i, 1)
end

function days:clear(i)
  if i ~= nil then
    return days_change(self, i, 0)
  end
  local st = inside(self, "days")
  st.text = ""
  P.write("DEL", st.key)
end

function days:has(i)
  return P.bit(days_text(inside(self, "days")), S.integer(i, "days: the index")) == 1
end

function days:count(from, to)
  local text = days_text(inside(self, "days"))
  from = from and S.integer(from, "days: the first index") or 0
  to = to and S.integer(to, "days: the last index") or #text * 8
  return P.bitcount(text, from, to)
end

function days:range(from, to)
  local text = days_text(inside(self, "days"))
  from, to = S.integer(from, "days: the first index"), S.integer(to, "days: the last index")
  if to - from > 10000 then
    fail("days: range gives at most 10000 days")
  end
  local out = {}
  for i = from, to do
    out[i - from + 1] = P.bit(text, i)
  end
  return out
end

-- ---- counters ----

local counter = {}
local Counter = class("counter", counter)

function Counter.start() end

local function counter_apply(st, w)
  st.n = w[1] == "SET" and (tointeger(tonumber(w[3])) or 0) or 0
end

function counter:get()
  local st = inside(self, "counter")
  if not st.n then
    local text = P.read("GET", st.key)
    st.n = text and tointeger(tonumber(text)) or 0
  end
  return st.n
end

function counter:set(n)
  local st = inside(self, "counter")
  st.n = S.integer(n, "counter: the value")
  P.write("SET", st.key, tostring(st.n))
end

function counter:add(n)
  local sum = self:get() + S.integer(n == nil and 1 or n, "counter: the number to add")
  self:set(sum)
  return sum
end

-- ---- lists: what Redis holds, less entries taken at its ends, between entries added at our ends ----

local list = {}
local List = class("list", list)

function List.start(st)
  st.front, st.back, st.tail = 0, 0, {} -- taken from the front and the back of Redis' list; texts added behind it
end

local function list_clear(st)
  st.base, st.front, st.back, st.tail = 0, 0, 0, {}
end

-- Entries of Redis' list that are still there.
local function list_base(st)
  if not st.base then
    st.base = P.read("LLEN", st.key)
  end
  return st.base - st.front - st.back
end

local function list_length(st)
  return list_base(st) + #st.tail
end

local function list_take_first(st, n)
  local from_base = math.min(n, list_base(st))
  st.front = st.front + from_base
  for _ = 1, n - from_base do
    table.remove(st.tail, 1)
  end
end

local function list_take_last(st)
  if not table.remove(st.tail) then
    st.back = st.back + 1
  end
end

local function list_apply(st, w)
  if w[1] == "RPUSH" then
    for i = 3, #w do
      st.tail[#st.tail + 1] = w[i]
    end
  elseif w[1] == "LPOP" then
    list_take_first(st, 1)
  elseif w[1] == "RPOP" then
    list_take_last(st)
  elseif w[1] == "LTRIM" then
    local over = list_length(st) + tointeger(tonumber(w[3]))
    if over > 0 then
      list_take_first(st, over)
    end
  elseif w[1] == "DEL" then
    list_clear(st)
  end
end

function list:push(value)
  local st = inside(self, "list")
  if value == nil then
    fail("list: nil cannot be added")
  end
  local text = P.encode(value, "list")
  st.tail[#st.tail + 1] = text
  P.write("RPUSH", st.key, text)
end

-- Takes the last entry.
function list:pop()
  local st = inside(self, "list")
  local text = st.tail[#st.tail]
  if not text and list_base(st) > 0 then
    text = P.read("LINDEX", st.key, -1 - st.back)
  end
  if not text then
    return nil
  end
  list_take_last(st)
  P.write("RPOP", st.key)
  return P.decode(text)
end

-- Takes the first entry.
function list:shift()
  local st = inside(self, "list")
  local text
  if list_base(st) > 0 then
    text = P.read("LINDEX", st.key, st.front)
  else
    text = st.tail[1]
  end
  if not text then
    return nil
  end
  list_take_first(st, 1)
  P.write("LPOP", st.key)
  return P.decode(text)
end

function list:len()
  return list_length(inside(self, "list"))
end

function list:range(from, to)
  local st = inside(self, "list")
  local n = list_length(st)
  from, to = S.integer(from == nil and 1 or from, "list: the first place"), S.integer(to == nil and -1 or to, "list: the last place")
  from, to = from < 0 and n + from + 1 or from, to < 0 and n + to + 1 or to
  from, to = math.max(from, 1), math.min(to, n)
  if to - from >= 10000 then
    fail("list: range gives at most 10000 entries; ask for less at once")
  end
  local out, base = {}, list_base(st)
  if from <= to and from <= base then
    for _, text in ipairs(P.read("LRANGE", st.key, st.front + from - 1, st.front + math.min(to, base) - 1)) do
      out[#out + 1] = P.decode(text)
    end
  end
  for i = math.max(from, base + 1), to do
    out[#out + 1] = P.decode(st.tail[i - base])
  end
  return out
end

-- Keeps the last n entries.
function list:trim(n)
  local st = inside(self, "list")
  n = S.integer(n, "list: the number to keep")
  if n < 1 then
    return self:clear()
  end
  local over = list_length(st) - n
  if over > 0 then
    list_take_first(st, over)
    P.write("LTRIM", st.key, tostring(-n), "-1")
  end
end

function list:clear()
  local st = inside(self, "list")
  list_clear(st)
  P.write("DEL", st.key)
end

-- ---- sets ----

local set = {}
local Set = class("set", set)

function Set.start(st)
  st.over, st.base = {}, {}
end

local function set_apply(st, w)
  if w[1] == "SADD" or w[1] == "SREM" then
    for i = 3, #w do
      st.over[w[i]] = w[1] == "SADD"
    end
  elseif w[1] == "DEL" then
    st.over, st.cleared = {}, true
  end
end

local function set_base(st, id)
  if st.cleared then
    return false
  end
  if st.base[id] == nil then
    st.base[id] = P.read("SISMEMBER", st.key, id) == 1
  end
  return st.base[id]
end

function set:has(id)
  local st = inside(self, "set")
  id = S.id(id, "set: the entry")
  if st.over[id] ~= nil then
    return st.over[id]
  end
  return set_base(st, id)
end

function set:add(id)
  local st = inside(self, "set")
  id = S.id(id, "set: the entry")
  if self:has(id) then
    return false
  end
  st.over[id] = true
  P.write("SADD", st.key, id)
  return true
end

function set:remove(id)
  local st = inside(self, "set")
  id = S.id(id, "set: the entry")
  if not self:has(id) then
    return false
  end
  st.over[id] = false
  P.write("SREM", st.key, id)
  return true
end

function set:count()
  local st = inside(self, "set")
  local n = st.cleared and 0 or P.read("SCARD", st.key)
  for id, now in pairs(st.over) do
    local was = set_base(st, id)
    if now and not was then
      n = n + 1
    elseif was and not now then
      n = n - 1
    end
  end
  return n
end

function set:all()
  local st = inside(self, "set")
  local present = {}
  for _, id in ipairs(st.cleared and {} or P.read("SMEMBERS", st.key)) do
    present[id] = true
  end
  for id, now in pairs(st.over) do
    present[id] = now or nil
  end
  return P.keys(present)
end

function set:clear()
  local st = inside(self, "set")
  st.over, st.base, st.cleared = {}, {}, true
  P.write("DEL", st.key)
end

-- ---- what c offers ----

local M = {}
S.methods = M

local function named(c, name, what)
  return P.session(c), S.id(name, what .. ": the name")
end

function M.board(c, name)
  local s
  s, name = named(c, name, "c:board")
  return shape(s, Board, "board", board_apply, "board", c.flow, c.chat, name)
end

function M.days(c, name, who)
  local s
  s, name = named(c, name, "c:days")
  who = S.id(who == nil and S.user(c, "c:days") or who, "c:days: the user")
  return shape(s, Days, "day set", days_apply, "days", c.flow, c.chat, name, who)
end

function M.counter(c, name)
  local s
  s, name = named(c, name, "c:counter")
  return shape(s, Counter, "counter", counter_apply, "count", c.flow, c.chat, name)
end

function M.list(c, name)
  local s
  s, name = named(c, name, "c:list")
  return shape(s, List, "list", list_apply, "list", c.flow, c.chat, name)
end

function M.set(c, name)
  local s
  s, name = named(c, name, "c:set")
  return shape(s, Set, "set", set_apply, "set", c.flow, c.chat, name)
end

-- The user of the turn; an error where there is none.
function S.user(c, what)
  local user = c.user
  if not user then
    fail(what .. ": this turn has no user (it comes from a schedule or a timer); say whom you mean")
  end
  return user
end

local SCOPES = { member = true, group = true }

local function scope_user(c, opts, what)
  local scope = opts.scope or "member"
  if not SCOPES[scope] then
    fail(what .. ': scope is "member" or "group"')
  end
  if scope == "group" then
    return ""
  end
  return c.user or "" -- a schedule has no user: the group is meant
end

-- The last text that an earlier handler of this turn, or this one, has set for the key; else what Redis holds.
local function string_of(s, key)
  local text = s[key]
  if text == nil then
    local writes = P.written(key)
    if writes then
      local w = writes[#writes]
      text = w[1] == "SET" and w[3] or false
    else
      text = P.read("GET", key) or false
    end
    s[key] = text
  end
  return text
end

local ONCE = { ttl = true, scope = "string" }

function M.once(c, name, opts)
  local s
  s, name = named(c, name, "c:once")
  opts = S.options(opts, ONCE, "c:once")
  local ttl = opts.ttl and S.milliseconds(opts.ttl, "c:once: ttl") or ONCE_TTL_MS
  local key = P.key("once", c.flow, c.chat, scope_user(c, opts, "c:once"), name)
  if string_of(s, key) then
    return false
  end
  local now = tostring(P.time_ms() // 1000)
  s[key] = now
  P.write("SET", key, now, "PX", tostring(math.max(ttl, 1)))
  return true
end

local LIMIT = { scope = "string" }

-- At most n within the window, evenly refilled: the theoretical arrival time (GCRA) is kept.
function M.limit(c, name, n, window, opts)
  local s
  s, name = named(c, name, "c:limit")
  opts = S.options(opts, LIMIT, "c:limit")
  n = S.integer(n, "c:limit: the number")
  window = S.milliseconds(window, "c:limit: the window")
  if n < 1 or window < 1 then
    fail("c:limit: the number and the window must be above 0")
  end
  local key = P.key("limit", c.flow, c.chat, scope_user(c, opts, "c:limit"), name)
  local now = P.time_ms()
  local interval = math.max(window // n, 1)
  local tat = math.max(tointeger(tonumber(string_of(s, key) or "0")) or 0, now)
  local free = tat - (window - interval) -- when the next one is allowed
  if free > now then
    return false, (free - now + 999) // 1000
  end
  tat = tat + interval
  s[key] = tostring(tat)
  P.write("SET", key, tostring(tat), "PX", tostring(math.max(tat - now, 1)))
  return true
end

-- ---- tags of members ----

local function tags_of(c, user)
  local s = P.session(c)
  local key = P.key("tags", user)
  local tags = s[key]
  if not tags then
    tags = {}
    for _, tag in ipairs(P.read("SMEMBERS", key)) do
      tags[tag] = true
    end
    for _, w in ipairs(P.written(key) or {}) do
      for i = 3, #w do
        tags[w[i]] = w[1] == "SADD" or nil
      end
    end
    s[key] = tags
  end
  return tags, key
end

local function tag_args(c, tag, user, what)
  return S.id(tag, what .. ": the tag"), S.id(user == nil and S.user(c, what) or user, what .. ": the user")
end

function M.tag(c, tag, user)
  tag, user = tag_args(c, tag, user, "c:tag")
  local tags, key = tags_of(c, user)
  if tags[tag] then
    return false
  end
  tags[tag] = true
  P.write("SADD", key, tag)
  return true
end

function M.untag(c, tag, user)
  tag, user = tag_args(c, tag, user, "c:untag")
  local tags, key = tags_of(c, user)
  if not tags[tag] then
    return false
  end
  tags[tag] = nil
  P.write("SREM", key, tag)
  return true
end

function M.has_tag(c, tag, user)
  tag, user = tag_args(c, tag, user, "c:has_tag")
  return tags_of(c, user)[tag] == true
end

function M.tags(c, user)
  return P.keys((tags_of(c, S.id(user == nil and S.user(c, "c:tags") or user, "c:tags: the user"))))
end
