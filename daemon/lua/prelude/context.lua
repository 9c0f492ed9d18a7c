-- context.lua -- everything else that `c` and `sop` offer: fields made once, time, chance, tags of business, timers, staff.
local P, S = ...
local type, pairs, ipairs, setmetatable, tostring = type, pairs, ipairs, setmetatable, tostring
local fail, format = P.fail, string.format
local M, sop = S.methods, S.sop

-- ---- fields made once per handler ----

local made = {}

local new_fields, here = S.new_fields, P.here

function made.group(c)
  local flow, chat = here()
  return new_fields(P.session(c), "c.group", true, "g", flow, chat)
end

function made.member(c)
  local flow, chat, user = here()
  return new_fields(P.session(c), "c.member", true, "m", flow, chat, user or S.user(c, "c.member"))
end

function made.profile(c)
  local _, _, user = here()
  return new_fields(P.session(c), "c.profile", true, "u", user or S.user(c, "c.profile"))
end

-- What an outside system reported: { id, amount, items, data }.
function made.order()
  local text = P.order()
  if not text then
    return nil
  end
  local order = P.unjson(text)
  order.items, order.data = order.items or {}, order.data or {}
  return order
end

function made.persona()
  return S.freeze(P.persona() or {})
end

-- Where c:staff speaks: "gateway:chat", nil if this playbook has no staff chat.
function made.staff_chat()
  local gateway, chat = P.staff_chat()
  return gateway and gateway .. ":" .. chat or nil
end

-- Texts are read at every use, so that a corrected one reaches handlers that have waited for weeks; everything else is as it was
-- when the handler began. A list of variants is made into a read-only table once.
local lists = {}

local function same(a, b)
  for i = 1, math.max(#a, #b) do
    if a[i] ~= b[i] then
      return false
    end
  end
  return true
end

local function text_param(name)
  local value = P.text(name)
  if type(value) ~= "table" then
    if value and not S.text_names[value] then
      S.text_names[value] = S.flow_name .. "." .. name
    end
    return value
  end
  local known = lists[name]
  if not known or not same(known.raw, value) then
    known = { raw = value, frozen = S.freeze(value) }
    lists[name] = known
    for _, text in ipairs(value) do
      S.text_names[text] = S.flow_name .. "." .. name
    end
  end
  return known.frozen
end

local function params_proxy(values, types)
  local function all()
    local out = {}
    for name in pairs(types) do
      out[name] = values[name]
    end
    return out
  end
  setmetatable(values, {
    __index = function(_, name)
      local kind = types[name]
      if kind == "text" then
        return text_param(name)
      elseif not kind then
        fail(format("this flow has no parameter %s%s", tostring(name), S.meant(name, types)))
      end
    end,
  })
  return setmetatable({}, {
    frozen = all(),
    __index = values,
    __newindex = function()
      fail("parameters cannot be set by a script: they belong to the playbook")
    end,
    __pairs = function()
      return pairs(all())
    end,
    __metatable = false,
  })
end

function made.params()
  local known, raw = P.params()
  if known then
    return known
  end
  local values, types = {}, {}
  for _, param in ipairs(S.declared_params) do
    local value = raw[param.name]
    types[param.name] = param.type
    if param.type ~= "text" then
      values[param.name] = type(value) == "table" and S.freeze(value) or value
    end
  end
  local params = params_proxy(values, types)
  P.keep_params(params)
  return params
end

-- ---- other people's state ----

function M.member_of(c, user, flow, chat)
  user = S.id(user, "c:member_of: the user")
  flow, chat = flow and S.id(flow, "c:member_of: the flow") or c.flow, chat and S.id(chat, "c:member_of: the chat") or c.chat
  if user == c.user and flow == c.flow and chat == c.chat then
    return c.member
  end
  return S.fields(P.session(c), "c:member_of", true, "m", flow, chat, user)
end

function M.profile_of(c, user)
  user = S.id(user, "c:profile_of: the user")
  if user == c.user then
    return c.profile
  end
  return S.fields(P.session(c), "c:profile_of", true, "u", user)
end

local HASH = { scope = "string" }

function M.hash(c, name, opts)
  name = S.id(name, "c:hash: the name")
  local scope = S.options(opts, HASH, "c:hash").scope or "flow"
  local flow, chat = c.flow, c.chat
  if scope == "chat" then
    flow = ""
  elseif scope == "gateway" then
    flow, chat = "", ""
  elseif scope ~= "flow" then
    fail('c:hash: scope is "flow", "chat" or "gateway"')
  end
  return S.fields(P.session(c), "c:hash(" .. name .. ")", false, "hash", flow, chat, name)
end

function M.add(c, state, name, n)
  P.session(c)
  return S.add(state, S.id(name, "c:add: the field"), n == nil and 1 or n)
end

function M.drop(c, state)
  P.session(c)
  S.drop(state)
end

-- ---- time ----

function M.now()
  return P.time_ms() // 1000
end

function M.today(_, n)
  return P.date_text(P.day_of(P.time_ms()) + S.integer(n == nil and 0 or n, "c:today: the number of days"))
end

function M.day(_, date)
  if date == nil then
    return P.day_of(P.time_ms())
  end
  local day = type(date) == "string" and P.parse_date(date)
  if not day then
    return nil, "not a date like 2026-03-01"
  end
  return day
end

function M.date(_, day, fmt)
  day = S.integer(day == nil and P.day_of(P.time_ms()) or day, "c:date: the day")
  if fmt == nil then
    return P.date_text(day)
  end
  return P.format_time(fmt, P.moment(day, 43200000))
end

function M.time(_, fmt, seconds)
  local ms = seconds == nil and P.time_ms() or S.integer(S.number(seconds, "c:time: the moment") * 1000 // 1, "c:time: the moment")
  return P.format_time(fmt == nil and "%H:%M" or fmt, ms)
end

-- The moment (seconds) at which a calendar day shows a clock time: c:moment(c:day() + 1, "09:00").
local MOMENT = { business = "boolean" }

function M.moment(_, day, clock, opts)
  local ms = type(clock) == "string" and P.parse_clock(clock)
  if not ms then
    fail('c:moment: the clock time must look like "20:30"')
  end
  day = S.integer(day, "c:moment: the day")
  if opts and S.options(opts, MOMENT, "c:moment").business and ms < P.cutoff() then
    day = day + 1 -- past midnight, and still that business day
  end
  return P.moment(day, ms) // 1000
end

function M.quiet_until(_, at)
  local ms
  if at == nil then
    ms = P.quiet_until()
  else
    ms = P.quiet_until(S.integer(S.number(at, "c:quiet_until: the moment") * 1000 // 1, "c:quiet_until: the moment"))
  end
  if ms > 0 then
    return ms // 1000
  end
end

-- ---- chance ----

function M.random(_, low, high)
  if low == nil then
    return P.random()
  end
  low = S.integer(low, "c:random: the bound")
  if high == nil then
    low, high = 1, low
  end
  return P.random(low, S.integer(high, "c:random: the bound"))
end

function M.pick(_, list)
  if type(list) ~= "table" then
    fail("c:pick: give a list, not a " .. type(list))
  end
  local n = #list
  if n > 0 then
    return list[P.random(1, n)]
  end
end

function M.shuffle(_, list)
  local out = {}
  for i, value in ipairs(list) do
    out[i] = value
  end
  for i = #out, 2, -1 do
    local j = P.random(1, i)
    out[i], out[j] = out[j], out[i]
  end
  return out
end

function M.secret(_, n)
  return P.secret(S.integer(n == nil and 16 or n, "c:secret: the number of bytes"))
end

-- ---- people ----

-- The role of a user, or of the speaker of an answer or a gathered message, whose role on the platform is known as well.
local function role_of(user, what)
  if type(user) == "table" then
    return P.role(S.id(user.user, what), user.role or nil)
  end
  return P.role(S.id(user, what))
end

function M.has_role(c, role, user)
  local least = type(role) == "string" and P.role_rank(role)
  if not least then
    fail(format('c:has_role: "%s" is no role; roles are member, keeper, store, region, hq, owner', tostring(role)))
  end
  user = user == nil and c.user or user
  if not user then
    return false
  end
  return P.role_rank(role_of(user, "c:has_role: the user")) >= least
end

function M.role_of(_, user)
  return role_of(user, "c:role_of: the user")
end

function M.opted_out(c, user)
  return P.opted_out(S.id(user == nil and S.user(c, "c:opted_out") or user, "c:opted_out: the user"))
end

function M.opt_out(c, out, user)
  P.opt_out(S.id(user == nil and S.user(c, "c:opt_out") or user, "c:opt_out: the user"), out ~= false)
end

-- The name of a member that this turn tells, or nil.
local function told_name(c, user)
  if user == c.user and c.event.name then
    return c.name
  end
  for _, part in ipairs(c.message and c.message.segments or {}) do
    if part.type == "at" and part.id == user and part.text ~= "" then
      return (part.text:gsub("^@", ""))
    end
  end
end

local function usable(name)
  return type(name) == "string" and name ~= "" and name or nil
end

-- A name that another flow keeps, as it stands in Redis.
local function kept(raw)
  return raw and usable(P.decode(raw))
end

-- The name under which a member is known: from this event, from what the flow, or another of this chat, keeps as `name`, else the id.
function M.display(c, user)
  user = S.id(user == nil and S.user(c, "c:display") or user, "c:display: the user")
  return told_name(c, user) or usable(c:member_of(user).name or c:profile_of(user).name) or kept(P.name_of(user)) or user
end

-- The same for the making of texts.
function S.shown_name(c, user)
  local s = P.session(c)
  return told_name(c, user) or usable(S.peek(s, "m", c.flow, c.chat, user, "name") or S.peek(s, "u", user, nil, nil, "name"))
    or kept(P.name_now(user)) or user
end

function M.members()
  local list, why = P.members()
  if list then
    return list
  end
  return nil, why
end

function M.can(_, what)
  return P.can(S.id(what, "c:can: the capability"))
end

function M.traffic(_, window)
  return P.traffic(S.milliseconds(window, "c:traffic: the window"))
end

-- ---- doing things ----

local ACTION = { recall = 0, kick = 1, mute = 2, whole_mute = 3, card = 4, request = 5, react = 8, notice = 9, poke = 10,
  card_update = 11 }
S.ACTION = ACTION

function M.recall(c, id)
  id = id == nil and c.message and c.message.id or id
  return P.act(ACTION.recall, nil, S.id(id, "c:recall: the message id"))
end

function M.kick(_, user)
  return P.act(ACTION.kick, S.id(user, "c:kick: the user"))
end

function M.mute(_, user, duration)
  local ms = S.milliseconds(duration == nil and 0 or duration, "c:mute: the duration")
  return P.act(ACTION.mute, S.id(user, "c:mute: the user"), nil, nil, nil, ms // 1000)
end

function M.mute_all(_, on)
  return P.act(ACTION.whole_mute, nil, nil, nil, nil, on ~= false and 1 or 0)
end

function M.rename(_, user, card)
  return P.act(ACTION.card, S.id(user, "c:rename: the user"), tostring(card))
end

function M.answer_request(c, accept, reason)
  local e = c.event
  if e.type ~= "request" or not e.flag then
    fail('c:answer_request: only in a handler of "request"')
  end
  return P.act(ACTION.request, c.user, e.flag, e.sub, reason and tostring(reason), accept and 1 or 0)
end

function M.react(c, emoji, id)
  id = id == nil and c.message and c.message.id or id
  return P.act(ACTION.react, nil, S.id(id, "c:react: the message id"), nil, S.id(emoji, "c:react: the emoji"))
end
M.ack = M.react

function M.notice(_, text)
  return P.act(ACTION.notice, nil, nil, nil, S.id(text, "c:notice: the text") and text)
end

function M.poke(c, user)
  return P.act(ACTION.poke, S.id(user == nil and S.user(c, "c:poke") or user, "c:poke: the user"))
end

-- ---- business events ----

local function stream(c, kind, name, data)
  name = S.id(name, "the name of the event")
  if data ~= nil and type(data) ~= "table" then
    fail(format("the data of %s must be a table, not a %s", name, type(data)))
  end
  if not P.is_context(c) then
    P.session(c) -- says why not
  end
  local text = data and P.json(data) or "{}"
  P.emit(kind, name, text == "[]" and "{}" or text)
end

function M.emit(c, name, data)
  stream(c, "events", name, data)
end

function M.audit(c, name, data)
  stream(c, "audit", name, data)
end

-- ---- timers and switches ----

local TIMER = { after = true, at = true, key = true, args = "table", chat = "string", user = "boolean" }

-- The next moment at which the clock shows that time.
local function next_clock(clock)
  local ms = P.parse_clock(clock)
  if not ms then
    fail(format('c:timer: at must be seconds since 1970 or a clock time such as "20:30", not %q', clock))
  end
  local now = P.now_ms()
  local day = P.calendar_day(now)
  local due = P.moment(day, ms)
  return due > now and due or P.moment(day + 1, ms)
end

local function timer_due(opts)
  if (opts.after == nil) == (opts.at == nil) then
    fail('c:timer: give either after = "10m" or at = seconds')
  end
  if opts.after ~= nil then
    return P.now_ms() + S.milliseconds(opts.after, "c:timer: after")
  end
  if type(opts.at) == "string" then
    return next_clock(opts.at)
  end
  return S.integer(S.number(opts.at, "c:timer: at") * 1000 // 1, "c:timer: at")
end

local function timer_key(key)
  if key == nil then
    return ""
  end
  return S.id(key, "c:timer: the key")
end

function M.timer(_, name, opts)
  name = S.id(name, "c:timer: the name")
  if not S.timers[name] then
    fail(format('c:timer: this flow has no flow:timer("%s")%s', name, S.meant(name, S.timers)))
  end
  opts = S.options(opts, TIMER, "c:timer")
  local key, due, args = timer_key(opts.key), timer_due(opts), opts.args and P.json(opts.args) or ""
  if opts.user == false then
    return P.timer(name, key, due, args, opts.chat, true)
  end
  return P.timer(name, key, due, args, opts.chat)
end

function M.cancel_timer(_, name, key, chat)
  name = S.id(name, "c:cancel_timer: the name")
  if not S.timers[name] then
    fail(format('c:cancel_timer: this flow has no flow:timer("%s")%s', name, S.meant(name, S.timers)))
  end
  return P.timer(name, timer_key(key), -1, "", chat)
end

function M.log(_, ...)
  print(...)
end

-- ---- sop ----

function sop.match(pattern, subject, start)
  if type(pattern) ~= "string" or type(subject) ~= "string" then
    fail(format("sop.match: give a pattern and a text, not %s and %s", type(pattern), type(subject)))
  end
  return P.match(pattern, subject, start)
end

function sop.sha256(text)
  if type(text) ~= "string" then
    fail("sop.sha256: give a string, not a " .. type(text))
  end
  return P.sha256(text)
end

-- Seconds of "1h30m".
function sop.duration(text)
  local ms = S.milliseconds(text, "sop.duration: the text")
  return ms % 1000 == 0 and ms // 1000 or ms / 1000
end

function sop.json(value)
  return P.json(value)
end

function sop.unjson(text)
  if type(text) ~= "string" then
    fail("sop.unjson: give a string, not a " .. type(text))
  end
  return P.unjson(text)
end

-- Text as commands are compared: width and case evened, outer blanks gone.
function sop.fold(text)
  return P.fold(tostring(text))
end

function sop.copy(value)
  return S.copy(value)
end

-- ---- the names of c ----

local names = {}
for name, fn in pairs(M) do
  names[name] = fn
end
for name, fn in pairs(made) do
  names[name] = { fn }
end
names.__unknown = function(name)
  fail(format("c.%s does not exist%s", tostring(name), S.meant(name, names)))
end
P.context(names)
