-- declare.lua -- sop.flow and what a flow declares: parameters, events, commands, times, timers, runs. Runs while a file loads.
-- Problems are collected with their lines, so that one check shows all of them; S.collect hands everything to C.
local P, S = ...
local type, pairs, ipairs, setmetatable, tostring = type, pairs, ipairs, setmetatable, tostring
local fail, format = P.fail, string.format
local sop = S.sop

S.handlers = {} -- functions by position: C starts them
S.timers = {}   -- names of flow:timer, with their lines
S.runs = {}     -- names of flow:run, with their lines
S.declared_params = {}
local problems, list, flow, info = {}, {}, nil, nil
local closed = false

local TYPES = {
  integer = true, number = true, boolean = true, string = true, strings = true, text = true, clock = true, duration = true,
  choice = true, table = true,
}
local EVENTS = {}
for _, name in ipairs({
  "message", "join", "leave", "poke", "recall", "request", "enter", "button", "mute", "admin", "card", "file", "reaction",
  "essence", "honor", "chat", "order", "gap", "other",
}) do
  EVENTS[name] = true
end
S.events = EVENTS
local CAPS = {}
for _, name in ipairs(P.caps) do
  CAPS[name] = true
end

local function problem(text, ...)
  problems[#problems + 1] = P.where() .. format(text, ...)
end

local function line()
  return math.tointeger(tonumber(P.where():match(":(%d+): $") or 1))
end

-- Reports unknown names in a table of options.
local function check_names(t, known, what)
  for name in pairs(t) do
    if not known[name] then
      problem('%s: there is no option "%s"%s', what, tostring(name), S.meant(name, known))
    end
  end
end

-- ---- parameters ----

local PARAM = { default = true, min = true, max = true, help = true, values = true, texts = true }

local function bound(param, name, value)
  if value == nil then
    return nil
  end
  if type(value) == "number" and (param.type == "integer" or param.type == "number" or param.type == "duration") then
    return value
  end
  local ms
  if param.type == "duration" then
    ms = type(value) == "string" and P.parse_duration(value)
  elseif param.type == "clock" then
    ms = type(value) == "string" and P.parse_clock(value)
  end
  if ms then
    return ms / 1000
  end
  problem("parameter %s: %s does not fit its type %s", param.name, name, param.type)
end

local function choice_values(param, values)
  if param.type ~= "choice" then
    if values ~= nil then
      problem("parameter %s: values is only for the type choice", param.name)
    end
    return {}
  end
  if type(values) ~= "table" or #values == 0 then
    problem('parameter %s: a choice needs values = { "a", "b" }', param.name)
    return {}
  end
  for _, value in ipairs(values) do
    if type(value) ~= "string" then
      problem("parameter %s: values must be strings", param.name)
      return {}
    end
  end
  return values
end

-- Which fields of a table are texts, at whatever depth they stand: they are looked at as parameters of type text are.
local function text_fields(param, texts)
  if texts == nil then
    return {}
  end
  local good = type(texts) == "table" and #texts > 0
  for _, field in ipairs(good and texts or {}) do
    good = good and type(field) == "string" and field ~= ""
  end
  if param.type ~= "table" or not good then
    problem('parameter %s: texts is for the type table: the names of the fields that are texts, as in { "text" }', param.name)
    return {}
  end
  return texts
end

local function declare_param(name, declared)
  if type(name) ~= "string" or not name:find("^[%a_][%w_]*$") then
    return problem('parameter %s: a name has letters, digits and "_" and does not begin with a digit', tostring(name))
  end
  if type(declared) ~= "table" or type(declared[1]) ~= "string" then
    return problem('parameter %s: write it as { "integer", default = 1 }', name)
  end
  local param = { name = name, type = declared[1], line = line() }
  if not TYPES[param.type] then
    return problem('parameter %s: "%s" is no type%s', name, param.type, S.meant(param.type, TYPES))
  end
  local options = {}
  for k, v in pairs(declared) do
    if k ~= 1 then
      options[k] = v
    end
  end
  check_names(options, PARAM, "parameter " .. name)
  param.default = options.default
  param.help = options.help
  if param.help ~= nil and type(param.help) ~= "string" then
    problem("parameter %s: help must be a string", name)
  end
  param.min, param.max = bound(param, "min", options.min), bound(param, "max", options.max)
  if param.min and param.max and param.min > param.max then
    problem("parameter %s: min is above max", name)
  end
  param.values = choice_values(param, options.values)
  param.texts = text_fields(param, options.texts)
  S.declared_params[#S.declared_params + 1] = param
  info.by_name[name] = param
end

-- ---- handlers ----

local function handler(kind, fn, what)
  if closed then
    fail(what .. ": only at the top of the file, not inside a handler")
  end
  if type(fn) ~= "function" then
    problem("%s: the last argument must be the function to call, not a %s", what, type(fn))
    fn = function() end
  end
  local h = {
    kind = kind, line = line(), role = "", role_param = "", name = "", words = {}, in_private = true, in_group = true, late_ms = -1,
    remote = false, usage = "", shared = false, posts = true,
  }
  list[#list + 1] = h
  S.handlers[#list] = fn
  return h
end

local ids = {}

-- The handler's name across versions of the flow: what a run that began with it is brought back by.
local function take_id(h, name)
  local id = h.kind .. ":" .. name
  ids[id] = (ids[id] or 0) + 1
  h.id = ids[id] > 1 and id .. "#" .. ids[id] or id
end

local COMMON = { private = "boolean", group = "boolean", role = "string" }
local OPTIONS = {
  on = { private = "boolean", group = "boolean", role = "string", image = "boolean", remote = "boolean", value = true },
  command = {
    private = "boolean", group = "boolean", role = "string", args = true, remote = "boolean", usage = "string", shared = "boolean",
  },
  at = { late = true, group = "boolean", private = "boolean", posts = "boolean" },
  timer = { late = true },
  run = {},
  trigger = {},
}

local function take_late(h, late, what)
  local ms = type(late) == "string" and P.parse_duration(late) or math.type(late) == "integer" and late >= 0 and late * 1000
  if not ms then
    return problem('%s: late must be a duration such as "30m"', what)
  end
  h.late_ms = ms
end

-- A role, or the name of a parameter that says which.
local function take_role(h, role, what)
  local param = info.by_name[role]
  h.role = role
  if P.role_rank(role) then
    return
  elseif not param then
    return problem('%s: "%s" is no role; roles are member, keeper, store, region, hq, owner', what, role)
  end
  h.role, h.role_param = param.default, role
  for _, value in ipairs(param.type == "choice" and param.values or { "" }) do
    if not P.role_rank(value) then
      h.role = "owner"
      return problem('%s: parameter %s must be a choice of roles', what, role)
    end
  end
  if type(h.role) ~= "string" then
    h.role = "owner"
    problem("%s: parameter %s needs a default", what, role)
  end
end

-- Which buttons: values, or beginnings of values with a * behind them.
local function take_values(h, value, what)
  if h.event ~= "button" then
    return problem('%s: value is for flow:on("button"): which button was pressed', what)
  end
  for i, one in ipairs(type(value) == "table" and value or { value }) do
    if type(one) ~= "string" or one == "" then
      return problem('%s: value is a text such as "yes" or "vote:*", or a list of them', what)
    elseif one:sub(1, 4) == "say:" then
      return problem('%s: a button that says a word is no event: it comes as the message itself', what)
    end
    h.words[i] = one
  end
end

local function take_options(h, opts, what)
  local known = OPTIONS[h.kind] or COMMON
  if type(opts) ~= "table" then
    return problem("%s: options must be a table, not a %s", what, type(opts))
  end
  check_names(opts, known, what)
  for name, wanted in pairs(known) do
    local value = opts[name]
    if value ~= nil and wanted ~= true and type(value) ~= wanted then
      problem("%s: option %s must be a %s, not a %s", what, name, wanted, type(value))
    end
  end
  h.in_private, h.in_group = opts.private ~= false, opts.group ~= false
  h.remote, h.usage = opts.remote == true, type(opts.usage) == "string" and opts.usage or ""
  h.shared, h.posts = opts.shared == true, opts.posts ~= false
  if h.remote and type(opts.role) ~= "string" then
    problem('%s: remote is for staff: say the least role, as in role = "keeper"', what)
  elseif h.remote then
    h.in_group = false
  end
  if type(opts.role) == "string" then
    take_role(h, opts.role, what)
  end
  if opts.args ~= nil and opts.args ~= true and opts.args ~= false and opts.args ~= "glued" then
    problem('%s: args is true, or "glued" for text joined to the word', what)
  end
  h.args, h.glued, h.image = opts.args and true or false, opts.args == "glued", opts.image == true
  if opts.late ~= nil then
    take_late(h, opts.late, what)
  end
  if opts.value ~= nil then
    take_values(h, opts.value, what)
  end
end

-- The arguments after the first: opts may be left out.
local function split(opts, fn)
  if fn == nil and type(opts) ~= "table" then
    return nil, opts
  end
  return opts, fn
end

local function take_words(h, words, what)
  if type(words) == "string" then
    local param = info.by_name[words]
    if param then
      if param.type ~= "strings" and param.type ~= "string" then
        problem("%s: parameter %s is of type %s; commands need strings", what, words, param.type)
      end
      h.from_param, h.name = true, words
      return
    end
    words = { words }
  end
  if type(words) ~= "table" or #words == 0 then
    return problem("%s: give a word, a list of words, or the name of a parameter", what)
  end
  for i, word in ipairs(words) do
    if type(word) ~= "string" or P.fold(word) == "" then
      return problem("%s: a word must be a string that is not blank", what)
    end
    h.words[i] = word
  end
end

local seen_words = {}

-- The same word twice in one flow: only the first would ever run, unless they are for different chats or roles, or it declines.
local function check_duplicates(h, what)
  local names = h.from_param and { "\0" .. h.name } or h.words
  for _, word in ipairs(names) do
    local key = P.fold(word)
    for _, other in ipairs(seen_words[key] or {}) do
      if not other.shared and other.role == h.role and (other.in_group and h.in_group or other.in_private and h.in_private) then
        problem("%s: the command is declared twice (line %d)", what, other.line)
      end
    end
    seen_words[key] = seen_words[key] or {}
    table.insert(seen_words[key], h)
  end
end

local methods, triggers = {}, {} -- names of flow:trigger, with their lines

function methods.on(_, event, opts, fn)
  opts, fn = split(opts, fn)
  local what = format("flow:on(%s)", type(event) == "string" and format("%q", event) or tostring(event))
  local h = handler("on", fn, what)
  h.event = event
  if type(event) ~= "string" or not EVENTS[event] then
    problem("%s: there is no such event%s", what, S.meant(event, EVENTS))
    h.event = "other"
  end
  take_id(h, h.event)
  if opts ~= nil then
    take_options(h, opts, what)
  end
end

function methods.command(_, words, opts, fn)
  opts, fn = split(opts, fn)
  local shown = type(words) == "table" and words[1] or words
  local what = format("flow:command(%s)", type(shown) == "string" and '"' .. shown .. '"' or tostring(shown))
  local h = handler("command", fn, what)
  take_words(h, words, what)
  take_id(h, h.from_param and h.name or h.words[1] or "")
  if opts ~= nil then
    take_options(h, opts, what)
  end
  check_duplicates(h, what)
end

function methods.at(_, clock, opts, fn)
  opts, fn = split(opts, fn)
  local what = format("flow:at(%s)", type(clock) == "string" and '"' .. clock .. '"' or tostring(clock))
  local h = handler("at", fn, what)
  h.late_ms, h.in_private = 1800000, false
  local param = info.by_name[clock]
  if param then
    if param.type ~= "clock" then
      problem("%s: parameter %s is of type %s; a time of day needs clock", what, clock, param.type)
    end
    h.from_param, h.name = true, clock
  elseif type(clock) == "string" and P.parse_clock(clock) then
    h.words[1] = clock
  else
    problem('%s: this is neither a parameter of type clock nor a time such as "20:30"%s', what, S.meant(clock, info.by_name))
    h.words[1] = "00:00"
  end
  take_id(h, h.from_param and h.name or h.words[1])
  if opts ~= nil then
    take_options(h, opts, what)
    h.in_private = opts.private == true
  end
end

function methods.timer(_, name, opts, fn)
  opts, fn = split(opts, fn)
  local what = format("flow:timer(%s)", type(name) == "string" and format("%q", name) or tostring(name))
  local h = handler("timer", fn, what)
  if type(name) ~= "string" or name == "" or #name > 60 then
    problem("%s: give it a name", what)
    name = "?"
  elseif S.timers[name] then
    problem("%s: the timer is declared twice (line %d)", what, S.timers[name])
  end
  h.name = name
  take_id(h, name)
  S.timers[name] = h.line
  if opts ~= nil then
    take_options(h, opts, what)
  end
end

-- Begun by an outside system, through the stream of commands (docs/operations.md).
function methods.trigger(_, name, opts, fn)
  opts, fn = split(opts, fn)
  local what = format("flow:trigger(%s)", type(name) == "string" and format("%q", name) or tostring(name))
  local h = handler("trigger", fn, what)
  if type(name) ~= "string" or not name:find("^[%w_%-\x80-\xff]+$") or #name > 60 then
    problem('%s: give it a name of letters, digits, "_" and "-"', what)
    name = "?"
  elseif triggers[name] then
    problem("%s: the trigger is declared twice (line %d)", what, triggers[name])
  end
  h.name = name
  take_id(h, name)
  triggers[name] = h.line
  if opts ~= nil then
    take_options(h, opts, what)
  end
end

-- Begun by c:start, from a handler of this or another flow. Returns the function, so that a local can name it.
function methods.run(_, name, opts, fn)
  opts, fn = split(opts, fn)
  local what = format("flow:run(%s)", type(name) == "string" and format("%q", name) or tostring(name))
  local h = handler("run", fn, what)
  if type(name) ~= "string" or not name:find("^[%w_%-\x80-\xff]+$") or #name > 60 then
    problem('%s: give it a name of letters, digits, "_" and "-"', what)
    name = "?"
  elseif S.runs[name] then
    problem("%s: the run is declared twice (line %d)", what, S.runs[name])
  end
  h.name = name
  take_id(h, name)
  S.runs[name] = h.line
  if opts ~= nil then
    take_options(h, opts, what)
  end
  return fn
end

-- The name of the flow:run that has this function, or nil.
function S.run_of(fn)
  for i, h in ipairs(list) do
    if h.kind == "run" and S.handlers[i] == fn then
      return h.name
    end
  end
end

-- ---- the flow ----

local FLOW = { title = true, params = true, needs = true, wants = true, late = true, kind = true, tally = true, menu = true, moved = true }

-- needs: what it cannot do without; wants: what it uses where it is there, with what is missing else ("dm" or dm = "...").
local function take_caps(key, given)
  local names = {}
  info[key] = names
  if given == nil then
    return
  end
  if type(given) ~= "table" then
    return problem('%s must be a list such as { "dm" }', key)
  end
  local function take(name, without)
    if not CAPS[name] then
      problem('%s: "%s" is no capability of gateways%s', key, tostring(name), S.meant(name, CAPS))
    elseif without ~= nil and (key == "needs" or type(without) ~= "string" or without == "") then
      problem('%s: %s', key, key == "needs" and 'give a list such as { "dm" }' or 'say what is different without "' .. name .. '"')
    else
      names[#names + 1] = name
      info.without[name] = without
    end
  end
  for _, name in ipairs(given) do
    take(name)
  end
  for name, without in pairs(given) do
    if type(name) ~= "number" then
      take(name, without)
    end
  end
end

-- How old what is answered may be: a duration, or the name of a parameter of that type.
local function take_flow_late(late)
  local param = info.by_name[late]
  local ms = type(late) == "string" and P.parse_duration(late) or math.type(late) == "integer" and late >= 0 and late * 1000
  if param and param.type == "duration" then
    info.late_param = late
  elseif ms then
    info.late_ms = ms
  else
    problem('late must be a duration such as "2m", or the name of a parameter of type duration')
  end
end

-- Its line in the menu of the flow common: the name of a parameter of type text.
local function take_menu(menu)
  local param = info.by_name[menu]
  if type(menu) ~= "string" or not param or param.type ~= "text" then
    return problem('menu must be the name of a parameter of type text: the line of this flow in the menu%s', S.meant(menu, info.by_name))
  end
  info.menu = menu
end

-- Parameters that it had once, and where they are now: { old = "checkin.menu_line" }.
local function take_moved(moved)
  local good = type(moved) == "table"
  for old, new in pairs(good and moved or {}) do
    good = good and type(old) == "string" and type(new) == "string" and not info.by_name[old]
    info.moved[#info.moved + 1], info.moved[#info.moved + 2] = old, new
  end
  if not good then
    problem('moved must be a table such as { old_name = "flow.new_name" }, of parameters that this flow no longer has')
    info.moved = {}
  end
end

function sop.flow(name, options)
  if closed then
    fail("sop.flow: only at the top of a file, not inside a handler")
  end
  if flow then
    fail("sop.flow: one file is one flow; this is the second call")
  end
  info = { by_name = {}, title = name, needs = {}, wants = {}, without = {}, moved = {} }
  if name ~= P.flow_name then
    problem('the flow is called "%s", but its file says "%s": both must be the same', tostring(name), P.flow_name)
  end
  S.flow_name = P.flow_name
  options = options == nil and {} or options
  if type(options) ~= "table" then
    problem("sop.flow: the second argument must be a table, not a %s", type(options))
    options = {}
  end
  check_names(options, FLOW, "sop.flow")
  if options.title ~= nil then
    if type(options.title) ~= "string" then
      problem("title must be a string")
    else
      info.title = options.title
    end
  end
  take_caps("needs", options.needs)
  take_caps("wants", options.wants)
  if options.kind ~= nil and options.kind ~= "game" and options.kind ~= "broadcast" then
    problem('kind is "game" or "broadcast": what the posts of this flow are')
  else
    info.kind = options.kind
  end
  if options.tally ~= nil and type(options.tally) ~= "boolean" then
    problem("tally is true or false: whether chats with this flow are counted")
  end
  info.tally = options.tally == true
  if options.params ~= nil and type(options.params) ~= "table" then
    problem("params must be a table")
  else
    for param, declared in pairs(options.params or {}) do
      declare_param(param, declared)
    end
  end
  if options.late ~= nil then
    take_flow_late(options.late)
  end
  if options.menu ~= nil then
    take_menu(options.menu)
  end
  if options.moved ~= nil then
    take_moved(options.moved)
  end
  flow = setmetatable({}, {
    __index = function(_, key)
      return methods[key] or fail(format("flow.%s does not exist%s", tostring(key), S.meant(key, methods)))
    end,
    __newindex = function(_, key)
      fail(format("flow.%s cannot be set: keep helpers in locals", tostring(key)))
    end,
    __name = "flow",
    __metatable = false,
  })
  return flow
end

-- Called once by C with what the file returned.
function S.collect(returned)
  closed = true
  if not flow then
    problems[#problems + 1] = format('%s:1: the file never calls sop.flow("%s", {...})', P.flow_file, P.flow_name)
    info = { title = P.flow_name, needs = {}, wants = {}, without = {}, moved = {} }
  elseif returned ~= flow then
    problems[#problems + 1] = format('%s:1: the file must end with "return flow"', P.flow_file)
  end
  return {
    problems = problems, title = info.title, needs = info.needs, wants = info.wants, without = info.without, late_ms = info.late_ms,
    late_param = info.late_param or "", kind = info.kind or "", tally = info.tally, menu = info.menu or "", moved = info.moved,
      params = S.declared_params, list = list,
  }
end

S.strict(sop, "sop")
