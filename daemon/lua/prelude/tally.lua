-- tally.lua -- what is counted of a chat: c:count adds, c:tally reads; calls on a group and who responds: c:called, c:responded,
-- c:calls; c:size. Where nothing is counted they do nothing. The figures that are made of it are in figures.lua.
local P, S = ...
local type, pairs, tostring, tonumber, tointeger = type, pairs, tostring, tonumber, math.tointeger
local fail, format, find = P.fail, string.format, string.find
local M = S.methods

local DAYS, SLACK_MS = 400, 86400000

-- ---- counting ----

function M.count(_, name, n)
  name = S.id(name, "c:count: the name")
  if #name > 60 or find(name, "[%c%s|]") then
    fail(format("c:count: the name %q must be a short word without blanks and |", name))
  end
  P.count("count." .. name, S.integer(n == nil and 1 or n, "c:count: the number"))
end

function M.size()
  return P.size()
end

-- The same, with a look at the list of members where the gateway does not say how many there are.
local function size_now()
  local n = P.size()
  if not n and P.can("members") then
    P.members()
    n = P.size()
  end
  return n
end

-- ---- reading ----

local function days_of(c, from, to, what)
  from = S.integer(from == nil and c:day() or from, what .. ": the first day")
  to = S.integer(to == nil and from or to, what .. ": the last day")
  if to - from >= DAYS then
    fail(format("%s: at most %d days, not %d", what, DAYS, to - from + 1))
  end
  return from, to
end

function M.tally(c, from, to, chat)
  from, to = days_of(c, from, to, "c:tally")
  chat = chat == nil and c.chat or S.id(chat, "c:tally: the chat")
  local out = {}
  for day = from, to do
    local one = { day = day }
    for field, text in pairs(P.read_map("HGETALL", P.key("tally", chat, tostring(day)))) do
      one[field] = tointeger(tonumber(text)) or 0
    end
    out[#out + 1] = one
  end
  return out
end

-- ---- calls ----

local CALL = { id = true, within = true }

local function open_calls(c, what)
  return S.fields(P.session(c), what, true, "calls", c.chat)
end

local function calls_of(c, what, day, keep)
  local calls = S.fields(P.session(c), what, true, "called", c.chat, tostring(day))
  if keep and keep > 0 then
    S.expires(calls, keep)
  end
  return calls
end

local function call_name(value, what)
  value = S.id(value, what)
  if #value > 80 or find(value, "[%c|]") then
    fail(format("%s: %q must be short and without |", what, value))
  end
  return value
end

-- This handler calls on the group. Returns the call's id; nil where nothing is counted.
function M.called(c, what, opts)
  what = call_name(what, "c:called: the name")
  opts = S.options(opts, CALL, "c:called")
  local id = opts.id ~= nil and call_name(opts.id, "c:called: id") or nil
  local within = S.milliseconds(opts.within == nil and "24h" or opts.within, "c:called: within")
  local day, keep = P.counted()
  if not day then
    return nil
  end
  local now, members = P.time_ms() // 1000, size_now()
  id = id or tostring(now)
  local name, open = what .. "|" .. id, open_calls(c, "c:called")
  for known, call in pairs(open) do
    if type(call) ~= "table" or now > call["until"] then
      open[known] = nil
    elseif known == name then
      return id -- it stands; who calls again has been interrupted
    end
  end
  open[name] = { at = now, ["until"] = now + within // 1000, day = day, members = members, keep = within + SLACK_MS }
  calls_of(c, "c:called", day, keep)[name] = { what = what, id = id, at = now, members = members }
  if members then
    P.count("calls", 1)
    P.count("called", members)
    P.count("calls." .. what, 1)
    P.count("called." .. what, members)
  end
  c:emit("called", { what = what, id = id, members = members })
  return id
end

-- The call that is meant: that of this id, or the newest of this name that is still open.
local function open_call(c, what, id)
  local now, name, call = P.time_ms() // 1000, nil, nil
  for known, one in pairs(open_calls(c, "c:responded")) do
    local good = type(one) == "table" and now <= one["until"]
    if good and (id and known == what .. "|" .. id or not id and known:sub(1, #what + 1) == what .. "|") then
      if not call or one.at > call.at or one.at == call.at and known > name then
        name, call = known, one
      end
    end
  end
  return name, call
end

-- The speaker responds to an open call: true when it counts, once a member.
function M.responded(c, what, id)
  what = call_name(what, "c:responded: the name")
  id = id ~= nil and call_name(id, "c:responded: the id") or nil
  local user = S.user(c, "c:responded")
  local today, keep = P.counted()
  if not today then
    return false
  end
  local name, call = open_call(c, what, id)
  if not name then
    return false
  end
  local who = S.fields(P.session(c), "c:responded", false, "responded", c.chat, name)
  if who[user] ~= nil then
    return false
  end
  S.expires(who, call.keep)
  who[user] = P.time_ms() // 1000
  S.add(calls_of(c, "c:responded", call.day, keep), "n|" .. name, 1)
  if call.members then
    P.count("responders", 1, call.day)
    P.count("responders." .. what, 1, call.day)
  end
  c:emit("responded", { what = what, id = name:sub(#what + 2) })
  return true
end

function M.calls(c, from, to)
  from, to = days_of(c, from, to, "c:calls")
  local out = {}
  for day = from, to do
    local known = calls_of(c, "c:calls", day)
    for name, call in pairs(known) do
      if type(call) == "table" then
        out[#out + 1] = { what = call.what, id = call.id, at = call.at, members = call.members, responders = known["n|" .. name] or 0 }
      end
    end
  end
  table.sort(out, function(a, b)
    if a.at ~= b.at then
      return a.at < b.at
    end
    return a.what .. "|" .. a.id < b.what .. "|" .. b.id
  end)
  return out
end
