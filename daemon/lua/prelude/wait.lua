-- wait.lua -- the waiting calls: c:ask, c:sleep, c:sleep_until, c:gather; and runs: c:start, c:continue, c:cancel, c:running,
-- c:stop_when. A handler that waits becomes a run: what it changed is committed, and it goes on in a later turn, in this process or
-- another one. P.wait takes a description of what is waited for as JSON (the wait spec in docs/redis.md) and gives back what came.
local P, S = ...
local type, ipairs, tostring = type, ipairs, tostring
local fail, format = P.fail, string.format
local M = S.methods

-- ---- what a waiting call does ----

-- Rules of c:stop_when, looked at whenever the run wakes.
local function must_stop(s)
  for _, rule in ipairs(s.stops or {}) do
    if rule.tag then
      if P.read("SISMEMBER", P.key("tags", rule.user), rule.tag) == 1 then
        return true
      end
    elseif P.opted_out(rule.user) then
      return true
    end
  end
  return false
end

-- The session, with the day on which the run began: asked before the first wait, so that a replay finds the same.
local function begin(c)
  local s = P.session(c)
  s.first_day = s.first_day or P.day_of(P.time_ms())
  return s
end

-- `about` (nil: all of spec) is what a replay compares: what is asked for may be worded anew.
local function wait(s, spec, about)
  spec.leave = s.leaver
  S.flush(s)
  local with = P.wait(P.json(spec), about)
  S.refresh(s)
  s.started = nil
  if must_stop(s) then
    P.end_run()
  end
  return with
end

S.begin, S.wait = begin, wait -- for web.lua

-- {wait = true} of c:say and its like: the id of the message that was just sent, or nil and why it was not.
function S.wait_sent(c)
  local with = wait(begin(c), { kind = "sent" })
  if with.id then
    return with.id
  end
  return nil, with.error or "the gateway did not say why"
end

-- ---- arguments ----

-- The ids that may answer: a list, or nil for everybody.
local function speakers(from, what)
  if from == "anyone" then
    return nil
  end
  local list = {}
  for i, id in ipairs(type(from) == "table" and from or { from }) do
    list[i] = S.id(id, what .. ": from, a user")
  end
  if #list == 0 then
    fail(format('%s: from is a user id, a list of them, or "anyone"; this one is %s', what,
      type(from) == "table" and "an empty list" or "a " .. type(from)))
  end
  return list
end

local function pattern(match, what)
  if match ~= nil then
    if type(match) ~= "string" then
      fail(format('%s: match is a pattern such as "^\\\\d+$" (PCRE2), not a %s', what, type(match)))
    end
    P.match(match, "") -- a wrong one is an error now, not when somebody speaks
  end
  return match
end

local function command_words(words, what)
  if words == nil then
    return nil
  end
  local list = {}
  for i, word in ipairs(type(words) == "table" and words or { words }) do
    if type(word) ~= "string" or P.fold(word) == "" then
      fail(what .. ": commands are words that are not blank")
    end
    list[i] = word
  end
  if #list == 0 then
    fail(what .. ': commands is a list of words such as { "+1", "取消" }')
  end
  return list
end

local function after(duration, what)
  return P.now_ms() + S.milliseconds(duration, what)
end

-- ---- what came ----

local function parts_of(e)
  local list = {}
  for i, part in ipairs(e.segs or {}) do
    local id, kind = part[2], part[4] or part[1]
    list[i] = { type = part[1], id = id ~= "" and id or nil, text = part[3] or "", kind = kind ~= "" and kind or nil }
  end
  if not e.segs and e.text then
    list[1] = { type = "text", text = e.text, kind = "text" }
  end
  return list
end

-- An input as scripts see it, from the JSON of an event (engine/turn/event_json.h).
local function answer_of(c, e, word, rest)
  local parts, mentions, image = parts_of(e), {}, nil
  local me = c.me
  for _, part in ipairs(parts) do
    if part.type == "at" and part.id and part.id ~= "all" and part.id ~= me then
      mentions[#mentions + 1] = part.id
    elseif part.type == "image" and not image then
      image = part.id or part.text
    end
  end
  return {
    type = e.type, user = e.user, name = e.name or e.user, role = e.role, text = e.text or "", id = e.id,
    time = e.time and e.time // 1000, segments = parts, mentions = mentions, image = image, quoted = e.reply_to,
    at_me = e.at_me == true, at_other = e.at_other == true, from_bot = e.bot == true, command = word, args = rest or "",
    operator = e.op, inviter = e.type == "join" and e.op or nil, target = e.target, sub = e.sub, flag = e.flag,
    number = e.number or 0,
  }
end

local function late_seconds(with)
  return (with.late or 0) // 1000
end

-- ---- waiting for people ----

-- When a wait for people is over: `till` is a moment in seconds, `duration` counts from now.
local function over_at(till, duration, default, what, name)
  if till == nil then
    return after(duration == nil and default or duration, what .. ": " .. name)
  end
  if duration ~= nil then
    fail(format("%s: give either %s or till, not both", what, name))
  end
  return S.integer(S.number(till, what .. ": till") * 1000 // 1, what .. ": till")
end

local ASK = { from = true, timeout = true, till = true, match = true, commands = true, consume = "boolean" }

-- The word as the script wrote it.
local function word_of(words, folded)
  for _, word in ipairs(words or {}) do
    if folded and P.fold(word) == P.fold(folded) then
      return word
    end
  end
  return folded
end

function M.ask(c, opts)
  local s = begin(c)
  opts = S.options(opts, ASK, "c:ask")
  local from, words = opts.from, command_words(opts.commands, "c:ask")
  if from == nil then
    from = c.user or "anyone"
  end
  local with = wait(s, {
    kind = "ask",
    from = speakers(from, "c:ask"),
    match = pattern(opts.match, "c:ask"),
    commands = words,
    keep = opts.consume == false or nil,
    due = over_at(opts.till, opts.timeout, "24h", "c:ask", "timeout"),
  })
  if with.event then
    return answer_of(c, with.event, word_of(words, with.command), with.rest)
  end
  return nil, "timeout"
end

local GATHER = { events = true, window = true, till = true, max = true, from = true, match = true }

local function event_names(events)
  local list = {}
  for i, name in ipairs(type(events) == "table" and events or { events }) do
    if type(name) ~= "string" or not S.events[name] then
      fail(format('c:gather: there is no event "%s"%s', tostring(name), S.meant(name, S.events)))
    end
    list[i] = name
  end
  if #list == 0 then
    fail('c:gather: say which events: events = { "join" }')
  end
  return list
end

function M.gather(c, opts)
  local s = begin(c)
  opts = S.options(opts, GATHER, "c:gather")
  local max = S.integer(opts.max == nil and 50 or opts.max, "c:gather: max")
  if max < 1 or max > 500 then
    fail("c:gather: max is a number between 1 and 500")
  end
  local with = wait(s, {
    kind = "gather",
    events = event_names(opts.events),
    from = opts.from ~= nil and speakers(opts.from, "c:gather") or nil,
    match = pattern(opts.match, "c:gather"),
    max = max,
    due = over_at(opts.till, opts.window, "10s", "c:gather", "window"),
  })
  local list = {}
  for i, event in ipairs(with.events or {}) do
    list[i] = answer_of(c, event)
  end
  return list, with.full and "full" or "window"
end

-- ---- waiting for a time ----

function M.sleep(c, duration)
  return late_seconds(wait(begin(c), { kind = "sleep", due = after(duration, "c:sleep: the duration") }))
end

-- The next day at whose `clock` (ms) it is later than now; weekday 1..7, or nil for any.
local function next_day(clock, weekday)
  local now = P.now_ms()
  local day = P.calendar_day(now)
  while P.moment(day, clock) <= now or weekday and tonumber(P.format_time("%u", P.moment(day, 43200000))) ~= weekday do
    day = day + 1
  end
  return day
end

local UNTIL = { at = "string", days = true, date = "string", weekday = true }

local function weekday_number(weekday)
  local n = S.integer(weekday, "c:sleep_until: weekday")
  if n < 1 or n > 7 then
    fail("c:sleep_until: weekday is a number from 1 (Monday) to 7 (Sunday)")
  end
  return n
end

-- The moment in ms that the options mean.
local function moment_of(s, opts)
  opts = S.options(opts, UNTIL, "c:sleep_until")
  local clock = opts.at and P.parse_clock(opts.at)
  if not clock then
    fail(format('c:sleep_until: at is a clock time such as "09:00"%s', opts.at and format(", not %q", opts.at) or ", and must be given"))
  end
  local days = (opts.days ~= nil and 1 or 0) + (opts.date ~= nil and 1 or 0) + (opts.weekday ~= nil and 1 or 0)
  if days > 1 then
    fail("c:sleep_until: give only one of days, date and weekday")
  end
  if opts.days ~= nil then
    return P.moment(s.first_day + S.integer(opts.days, "c:sleep_until: days"), clock)
  elseif opts.date ~= nil then
    local day = P.parse_date(opts.date)
    if not day then
      fail(format("c:sleep_until: date must look like 2026-03-01, not %q", opts.date))
    end
    return P.moment(day, clock)
  end
  return P.moment(next_day(clock, opts.weekday ~= nil and weekday_number(opts.weekday)), clock)
end

function M.sleep_until(c, opts)
  local s = begin(c)
  local due
  if type(opts) == "number" then
    due = S.integer(S.number(opts, "c:sleep_until: the moment") * 1000 // 1, "c:sleep_until: the moment")
  elseif type(opts) == "table" then
    due = moment_of(s, opts)
  else
    fail(format('c:sleep_until: give a moment in seconds, or { at = "09:00" }, not a %s', type(opts)))
  end
  local now = P.now_ms()
  if due <= now then
    return (now - due) // 1000
  end
  return late_seconds(wait(s, { kind = "sleep", due = due }))
end

-- ---- runs ----

local STOP = { tag = true, leaves = "boolean", opts_out = "boolean", user = true }

function M.stop_when(c, opts)
  local s = begin(c)
  opts = S.options(opts, STOP, "c:stop_when")
  if opts.tag == nil and not opts.leaves and not opts.opts_out then
    fail('c:stop_when: say when: tag = "bought", leaves = true or opts_out = true')
  end
  local user = S.id(opts.user == nil and S.user(c, "c:stop_when") or opts.user, "c:stop_when: the user")
  local stops = s.stops or {}
  s.stops = stops
  for _, tag in ipairs(type(opts.tag) == "table" and opts.tag or { opts.tag }) do
    stops[#stops + 1] = { tag = S.id(tag, "c:stop_when: the tag"), user = user }
  end
  if opts.opts_out then
    stops[#stops + 1] = { user = user }
  end
  if opts.leaves then
    if s.leaver and s.leaver ~= user then
      fail("c:stop_when: a run can end with the leaving of one user only")
    end
    s.leaver = user
  end
end

-- Arguments of a run as JSON text.
local function run_args(args, what)
  if args ~= nil and type(args) ~= "table" then
    fail(format("%s: the arguments are given as a table, not as a %s", what, type(args)))
  end
  return args and P.json(args)
end

-- Flow and handler id of what c:start is to begin.
local function target_of(what)
  if type(what) == "function" then
    local name = S.run_of(what)
    if not name then
      fail('c:start: this function was not declared: write local f = flow:run("name", function(c, args) ... end) at the top of the '
        .. "file. A run begins anew after a restart, so a function made inside a handler could not be found again")
    end
    return S.flow_name, name
  end
  if type(what) ~= "string" then
    fail(format('c:start: give a function of flow:run, its name, or "flow.name", not a %s', type(what)))
  end
  local flow, name = what:match("^([^.]+)%.([^.]+)$")
  if not flow then
    flow, name = S.flow_name, what
  end
  if flow == S.flow_name and not S.runs[name] then
    fail(format('c:start: this flow has no flow:run("%s")%s', name, S.meant(name, S.runs)))
  end
  return flow, name
end

-- The run of this field ("flow|key") of run-keys, or nil. What this handler has started and cancelled a moment ago counts.
local function run_of_key(s, chat, field)
  local known = s.started and s.started[chat .. "\0" .. field]
  if known ~= nil then
    return known or nil
  end
  return P.read("HGET", P.key("run-keys", chat), field) or nil
end

-- Remembers for this turn: id, or false if there is none any more.
local function remember_key(s, chat, field, id)
  s.started = s.started or {}
  s.started[chat .. "\0" .. field] = id
end

local START = { user = true, chat = "string", key = true }

function M.start(c, what, args, opts)
  local s = P.session(c)
  local flow, name = target_of(what)
  opts = S.options(opts, START, "c:start")
  local text = run_args(args, "c:start") or ""
  local user, chat, key = opts.user, opts.chat, opts.key
  if user == nil then
    user = c.user
  end
  user = user and S.id(user, "c:start: the user") or nil
  if key ~= nil then
    key = S.id(key, "c:start: the key")
    if run_of_key(s, chat or c.chat, flow .. "|" .. key) then
      return nil, "running"
    end
  end
  local id, why = P.start(flow, "run:" .. name, chat, user, text, key)
  if id and key then
    remember_key(s, chat or c.chat, flow .. "|" .. key, id)
  end
  return id, why
end

function M.running(c, key)
  return run_of_key(P.session(c), c.chat, c.flow .. "|" .. S.id(key, "c:running: the key"))
end

local CANCEL = { key = true, chat = "string" }

local function end_here(c)
  S.flush(P.session(c))
  P.end_run()
end

function M.cancel(c, what)
  local id, chat, field = what, nil, nil
  if what == nil then
    return end_here(c)
  elseif type(what) == "table" then
    local opts, s = S.options(what, CANCEL, "c:cancel"), P.session(c)
    field = c.flow .. "|" .. S.id(opts.key, "c:cancel: the key")
    chat = opts.chat
    id = run_of_key(s, chat or c.chat, field)
    if not id then
      return false
    end
    remember_key(s, chat or c.chat, field, false)
  end
  id = S.id(id, "c:cancel: the run")
  if id == P.run_id() then
    return end_here(c)
  end
  P.cancel_run(chat, id, field)
  return true
end

function M.continue(c, args)
  local text = run_args(args, "c:continue") or "null"
  S.flush(P.session(c))
  P.continue(text)
end
