-- shapes.lua -- day sets, counters, lists and sets; once, limits, tags. See shape.lua for how they see their own writes.
local P, S = ...
local pairs, ipairs, tostring, tonumber = pairs, ipairs, tostring, tonumber
local fail = P.fail
local tointeger, inside, class = math.tointeger, S.inside, S.class
local ONCE_TTL_MS = 400 * 86400000

-- ---- day sets ----

local days = {}
local Days = class("day set", days)

function Days.start(st)
  st.ops, st.text = nil, nil
end

function Days.apply(st, w)
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

function Counter.start(st)
  st.n = nil
end

function Counter.apply(st, w)
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
  -- its length in Redis; taken from the front and the back of Redis' list; texts added behind it
  st.base, st.front, st.back, st.tail = nil, 0, 0, {}
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

function List.apply(st, w)
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
  st.over, st.base, st.cleared = {}, {}, false
end

function Set.apply(st, w)
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

local M = S.methods

function M.days(c, name, who)
  local s
  s, name = S.named(c, name, "c:days")
  who = S.id(who == nil and S.user(c, "c:days") or who, "c:days: the user")
  return S.shape(s, Days, "days", c.flow, c.chat, name, who)
end

function M.counter(c, name)
  local s
  s, name = S.named(c, name, "c:counter")
  return S.shape(s, Counter, "count", c.flow, c.chat, name)
end

function M.list(c, name)
  local s
  s, name = S.named(c, name, "c:list")
  return S.shape(s, List, "list", c.flow, c.chat, name)
end

function M.set(c, name)
  local s
  s, name = S.named(c, name, "c:set")
  return S.shape(s, Set, "set", c.flow, c.chat, name)
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
    fail(what .. ': scope is "member" or "group"' .. (what == "c:once" and ', or "gateway"' or ""))
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
  s, name = S.named(c, name, "c:once")
  opts = S.options(opts, ONCE, "c:once")
  local ttl = opts.ttl and S.milliseconds(opts.ttl, "c:once: ttl") or ONCE_TTL_MS
  local key
  if opts.scope == "gateway" then
    key = P.key("once", c.flow, "", S.user(c, 'c:once with scope = "gateway"'), name)
    if not P.claim(key) then
      return false -- another group's turn is doing it right now
    end
  else
    key = P.key("once", c.flow, c.chat, scope_user(c, opts, "c:once"), name)
  end
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
  s, name = S.named(c, name, "c:limit")
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
