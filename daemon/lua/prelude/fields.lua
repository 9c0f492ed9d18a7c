-- fields.lua -- durable fields: c.group, c.member, c.profile and c:hash, which look like tables and live in Redis hashes.
-- A state knows what was read (raw texts), what the script sees (values) and what it changed. Changes are written once, when
-- the handler ends (S.finish); a handler that fails has written nothing. Tables handed out are compared at the end, so that
-- changing something inside them counts. A handler that waits writes before (S.flush) and reads anew after it (S.refresh).
local P, S = ...
local type, pairs, ipairs, setmetatable, tostring, rawget = type, pairs, ipairs, setmetatable, tostring, rawget
local sub = string.sub
local fail, format, HIDDEN = P.fail, string.format, S.HIDDEN
local NIL = {} -- stands for "known to be absent" among the values
local BATCH = 250

-- Applies what earlier handlers of this turn have written to the hash.
local function replay(st, raw)
  local writes = P.written(st.key)
  for _, w in ipairs(writes or {}) do
    local op = w[1]
    if op == "HSET" then
      for i = 3, #w, 2 do
        raw[w[i]] = w[i + 1]
      end
    elseif op == "HDEL" then
      for i = 3, #w do
        raw[w[i]] = false
      end
    elseif op == "HINCRBY" then
      raw[w[3]] = tostring((math.tointeger(tonumber(raw[w[3]] or 0)) or 0) + math.tointeger(tonumber(w[4])))
    elseif op == "DEL" then
      for k in pairs(raw) do
        raw[k] = nil
      end
      st.emptied = true
    end
  end
end

local function key_of(st)
  local key = st.key
  if not key then
    key = P.key(st.kind, st.a, st.b, st.c)
    st.key = key
  end
  return key
end

local function load_all(st)
  local raw = P.read_map("HGETALL", key_of(st))
  replay(st, raw)
  st.raw, st.whole = raw, true
end

-- The text of one field as it is in Redis, own changes not counted.
local function text_of(st, name)
  if st.whole then
    return st.raw[name]
  end
  if st.all then
    load_all(st)
    return st.raw[name]
  end
  local raw = st.raw
  if not raw then
    raw = {}
    st.raw = raw
    key_of(st)
    -- increments need the number below them
    for _, w in ipairs(P.written(st.key) or {}) do
      if w[1] == "HINCRBY" and raw[w[3]] == nil then
        raw[w[3]] = P.read("HGET", st.key, w[3])
      end
    end
    replay(st, raw)
  end
  local text = raw[name]
  if text == nil and not st.emptied then
    text = P.read("HGET", st.key, name) or false
    raw[name] = text
  end
  return text
end

local function check(st)
  if st.s.over then
    fail(st.name .. " belongs to a handler that is over: read it in the handler that uses it")
  end
end

-- The name of a field: whole numbers become their text.
local function field_name(st, name)
  if type(name) == "string" then
    return name
  end
  if math.type(name) == "integer" then
    return tostring(name)
  end
  fail(format("%s: names of fields are strings or whole numbers, not a %s", st.name, type(name)))
end

local get
function get(st, name)
  local value = st.values[name]
  if value ~= nil then
    if value == NIL then
      return nil
    end
    return value
  end
  check(st)
  if type(name) ~= "string" then
    return get(st, field_name(st, name))
  end
  local text = text_of(st, name)
  if not text then
    st.values[name] = NIL
    return nil
  end
  value = P.decode(text)
  st.values[name] = value
  if type(value) == "table" then
    st.tables = st.tables or {}
    st.tables[name] = P.encode(value, st.name)
  end
  return value
end

-- Remembers a change: the text to write, or false to delete. The first one is kept without a table: most handlers make one.
local function change(st, name, text)
  local changed = st.changed
  if changed then
    changed[name] = text
  elseif st.first == nil or st.first == name then
    st.first, st.first_text = name, text
  else
    st.changed = { [st.first] = st.first_text, [name] = text }
    st.first = nil
  end
  if st.added then
    st.added[name] = nil
  end
end

local function is_changed(st, name)
  return st.first == name or st.changed and st.changed[name] ~= nil
end

local function set(st, name, value)
  if st.s.over then
    check(st)
  end
  if type(name) ~= "string" then
    name = field_name(st, name)
  end
  if value == nil then
    st.values[name] = NIL
    return change(st, name, false)
  end
  local text = P.encode(value, st.name, name)
  st.values[name] = value
  if type(value) == "table" then
    st.tables = st.tables or {}
    st.tables[name] = text
  end
  change(st, name, text)
end

-- All fields as the script sees them.
local function everything(st)
  check(st)
  if not st.whole then
    load_all(st)
  end
  local out = {}
  for name, text in pairs(st.raw) do
    if text then
      out[name] = get(st, name)
    end
  end
  for name, value in pairs(st.values) do
    out[name] = nil
    if value ~= NIL then
      out[name] = value
    end
  end
  return out
end

local fields = {
  __index = function(proxy, name)
    return get(proxy[HIDDEN], name)
  end,
  __newindex = function(proxy, name, value)
    set(proxy[HIDDEN], name, value)
  end,
  __pairs = function(proxy)
    return pairs(everything(proxy[HIDDEN]))
  end,
  __len = function(proxy)
    fail(format("#%s: fields have no length; count them with pairs", proxy[HIDDEN].name))
  end,
  __name = "fields",
  __metatable = false,
}

-- A proxy of one hash. all: read it whole at the first touch. All fields are named here, so that the table never grows.
local function new_fields(s, name, all, kind, a, b, c)
  local st = {
    s = s, name = name, all = all, kind = kind, a = a, b = b, c = c, key = false, values = {}, raw = false, whole = false,
    emptied = false, tables = false, changed = false, first = nil, first_text = false, added = false, dropped = false,
    held = false, ttl = false,
  }
  local states = s.states
  if states then
    states[#states + 1] = st
  else
    s.states = { st }
  end
  return setmetatable({ [HIDDEN] = st }, fields)
end
S.new_fields = new_fields

-- The same, made once per handler and hash.
function S.fields(s, name, all, kind, a, b, c)
  local id = kind .. "\0" .. a .. "\0" .. (b or "") .. "\0" .. (c or "")
  local proxy = s[id]
  if not proxy then
    proxy = new_fields(s, name, all, kind, a, b, c)
    s[id] = proxy
  end
  return proxy
end

local function state_of(proxy, what)
  local st = type(proxy) == "table" and proxy[HIDDEN]
  if not st or not st.values then
    fail(what .. ": give c.group, c.member, c.profile or a c:hash")
  end
  check(st)
  return st
end

-- c:add(state, field, n): made by Redis in the commit, so that two chats may add to one profile at once.
function S.add(proxy, name, n)
  local st = state_of(proxy, "c:add")
  n = S.integer(n, "c:add: the number")
  local value = get(st, name)
  if value ~= nil and math.type(value) ~= "integer" then
    fail(format("c:add: %s.%s holds a %s, not a whole number", st.name, name, type(value)))
  end
  local sum = (value or 0) + n
  if is_changed(st, name) then
    set(st, name, sum)
    return sum
  end
  st.values[name] = sum
  st.added = st.added or {}
  st.added[name] = (st.added[name] or 0) + n
  return sum
end

function S.drop(proxy)
  local st = state_of(proxy, "c:drop")
  key_of(st)
  st.raw, st.whole, st.values, st.tables, st.changed, st.first, st.added = {}, true, {}, false, false, nil, false
  st.dropped = true
end

-- ---- writing ----

local function write_changes(st)
  local sets, n, deletes, m = { "HSET", st.key }, 2, { "HDEL", st.key }, 2
  for name, text in pairs(st.changed) do
    if text then
      sets[n + 1], sets[n + 2], n = name, text, n + 2
      if n >= BATCH then
        P.write(table.unpack(sets, 1, n))
        n = 2
      end
    else
      deletes[m + 1], m = name, m + 1
      if m >= BATCH then
        P.write(table.unpack(deletes, 1, m))
        m = 2
      end
    end
  end
  if n > 2 then
    P.write(table.unpack(sets, 1, n))
  end
  if m > 2 and not st.dropped then
    P.write(table.unpack(deletes, 1, m))
  end
end

-- A table that was taken out of a field before a wait is no longer that field. Changing it would be lost: an error instead.
local function check_held(st)
  local held = st.held
  for i = 1, held.n do
    local value, name = held.values[i], held.names[i]
    if value and value ~= st.values[name] and P.encode(value, st.name, name) ~= held.texts[i] then
      fail(format("%s.%s was changed through a table that was read before a waiting call: read it again after the call",
        st.name, name))
    end
  end
end

local WEAK = { __mode = "v" } -- what the script has let go of cannot be changed any more

-- Remembers the tables that the script may hold when it begins to wait.
local function hold_tables(st)
  local old = st.held or { n = 0 }
  local held = { n = 0, values = setmetatable({}, WEAK), names = {}, texts = {} }
  local function add(value, name, text)
    held.n = held.n + 1
    held.values[held.n], held.names[held.n], held.texts[held.n] = value, name, text
  end
  for i = 1, old.n do
    if old.values[i] then
      add(old.values[i], old.names[i], old.texts[i])
    end
  end
  for name, text in pairs(st.tables or {}) do
    local value = st.values[name]
    if type(value) == "table" and value ~= NIL then
      add(value, name, text)
    end
  end
  st.held = held.n > 0 and held
end

local function write_state(st)
  if st.held then
    check_held(st)
  end
  if st.tables then
    for name, before in pairs(st.tables) do
      local value = st.values[name]
      if type(value) == "table" and value ~= NIL then
        local now = P.encode(value, st.name, name)
        if now ~= before then
          change(st, name, now)
        end
      end
    end
  end
  local first = st.first
  if not (first or st.changed or st.added or st.dropped) then
    return
  end
  key_of(st)
  if st.dropped then
    P.write("DEL", st.key)
  end
  if st.changed then
    write_changes(st)
  elseif first and st.first_text then
    P.write("HSET", st.key, first, st.first_text)
  elseif first and not st.dropped then
    P.write("HDEL", st.key, first)
  end
  for name, n in pairs(st.added or {}) do
    P.write("HINCRBY", st.key, name, tostring(n))
  end
  if st.ttl then
    P.write("PEXPIRE", st.key, tostring(st.ttl))
  end
end

-- What is written to it goes after that time.
function S.expires(proxy, ms)
  proxy[HIDDEN].ttl = ms
end

-- The handler has ended well: what it changed in fields joins the turn's writes.
function S.finish(s)
  local states = s.states
  if states then
    for i = 1, #states do
      write_state(states[i])
    end
  end
  s.over = true
end

-- The handler is about to wait: the same, but it goes on.
function S.flush(s)
  for _, st in ipairs(s.states or {}) do
    write_state(st)
    for name in pairs(st.tables or {}) do
      local value = st.values[name]
      if type(value) == "table" and value ~= NIL then
        st.tables[name] = P.encode(value, st.name, name)
      end
    end
    st.changed, st.first, st.first_text, st.added, st.dropped = false, nil, false, false, false
  end
end

-- It has waited: others may have written in between, so that nothing it knew of Redis holds any more. What the script has in its
-- hands (c.member, a board) stays usable and reads anew.
function S.refresh(s)
  for _, st in ipairs(s.states or {}) do
    if st.tables or st.held then
      hold_tables(st)
    end
    st.values, st.raw, st.whole, st.emptied, st.tables = {}, false, false, false, false
  end
  for _, key in ipairs(P.keys(s)) do
    if sub(key, 1, 5) == "sopd:" then
      local st = type(s[key]) == "table" and s[key][HIDDEN]
      if st then
        st.stale = true
      else
        s[key] = nil -- once, limits, tags
      end
    end
  end
  s.persona = nil
end

-- What is known of a field without leaving a trace in the journal: for the making of texts.
function S.peek(s, kind, a, b, c, name)
  for _, st in ipairs(s.states or {}) do
    local value = st.kind == kind and st.a == a and st.b == b and st.c == c and st.values[name]
    if value then
      return value ~= NIL and value or nil
    end
  end
  local key = P.key(kind, a, b, c)
  local raw = { [name] = P.read_now("HGET", key, name) or false }
  replay({ key = key }, raw)
  return raw[name] and P.decode(raw[name]) or nil
end

-- All fields of a proxy as a plain table, or nil if the value is none.
function S.plain(value)
  local st = type(value) == "table" and rawget(value, HIDDEN)
  return st and st.values and everything(st) or nil
end
