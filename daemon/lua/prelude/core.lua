-- core.lua -- what the other parts of the prelude stand on: errors that help, options, frozen tables.
-- Every part gets P (primitives from C, see capi*.c) and S (what the parts share). Scripts see neither.
local P, S = ...
local type, pairs, tostring, setmetatable, getmetatable, rawget = type, pairs, tostring, setmetatable, getmetatable, rawget
local format, fail = string.format, P.fail

S.HIDDEN = {} -- key under which proxies and structures keep their insides

-- ---- names that are not there ----

local function distance(a, b)
  local row = {}
  for j = 0, #b do
    row[j] = j
  end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      local best = diagonal + cost
      if row[j] + 1 < best then
        best = row[j] + 1
      end
      if row[j - 1] + 1 < best then
        best = row[j - 1] + 1
      end
      diagonal, row[j] = row[j], best
    end
  end
  return row[#b]
end

-- '; did you mean "x"?' for the nearest name among the keys of `known`, or "".
function S.meant(name, known)
  local best, least
  if type(name) ~= "string" or #name > 40 then
    return ""
  end
  for candidate in pairs(known) do
    if type(candidate) == "string" and candidate:sub(1, 2) ~= "__" then
      local d = distance(name:lower(), candidate:lower())
      if not least or d < least then
        best, least = candidate, d
      end
    end
  end
  if best and least <= 1 + #name // 3 then
    return format('; did you mean "%s"?', best)
  end
  return ""
end

-- Makes unknown names of a table an error. `what` stands for the table in the message ("sop").
function S.strict(t, what)
  local mt = getmetatable(t) or {}
  mt.__index = function(_, name)
    fail(format("%s.%s does not exist%s", what, tostring(name), S.meant(name, t)))
  end
  mt.__newindex = function(_, name)
    fail(format("%s.%s cannot be set", what, tostring(name)))
  end
  mt.__metatable = false
  return setmetatable(t, mt)
end

-- ---- arguments ----

local NO_OPTIONS = {}

-- The options table, checked against the names in `known` (name -> type or true).
function S.options(opts, known, what)
  if opts == nil then
    return NO_OPTIONS
  end
  if type(opts) ~= "table" then
    fail(format("%s: options are given as a table, not as a %s", what, type(opts)))
  end
  for name, value in pairs(opts) do
    local wanted = known[name]
    if not wanted then
      fail(format('%s: there is no option "%s"%s', what, tostring(name), S.meant(name, known)))
    end
    if wanted ~= true and type(value) ~= wanted then
      fail(format("%s: option %s must be a %s, not a %s", what, name, wanted, type(value)))
    end
  end
  return opts
end

-- A name or id: a string that is not empty; whole numbers are taken as text.
function S.id(value, what)
  if math.type(value) == "integer" then
    return tostring(value)
  end
  if type(value) ~= "string" or value == "" then
    fail(format("%s must be a string that is not empty, not %s", what, value == "" and '""' or type(value)))
  end
  if #value > 200 then
    fail(format("%s is too long (%d bytes, at most 200)", what, #value))
  end
  return value
end

function S.integer(value, what)
  local n = math.tointeger(value)
  if not n or type(value) == "string" then
    fail(format("%s must be a whole number, not %s", what, type(value) == "number" and tostring(value) or type(value)))
  end
  return n
end

function S.number(value, what)
  if type(value) ~= "number" or value ~= value or value == math.huge or value == -math.huge then
    fail(format("%s must be a number, not %s", what, type(value) == "number" and tostring(value) or type(value)))
  end
  return value
end

-- Milliseconds of "10m" or of a number of seconds.
function S.milliseconds(value, what)
  if type(value) == "number" and value >= 0 and value < 1e10 then
    return math.tointeger(value * 1000 // 1)
  end
  local ms = type(value) == "string" and P.parse_duration(value)
  if not ms then
    fail(format('%s must be a duration such as "10m", or seconds, not %s', what,
      type(value) == "string" and format("%q", value) or tostring(value)))
  end
  return ms
end

-- ---- tables that cannot be changed ----

local function frozen_write()
  fail("this table belongs to the parameters and cannot be changed: copy it with sop.copy first")
end

-- A read-only view of t and of the tables in it.
function S.freeze(t)
  local inner = {}
  for k, v in pairs(t) do
    inner[k] = type(v) == "table" and S.freeze(v) or v
  end
  return setmetatable({}, {
    frozen = inner,
    __index = inner,
    __newindex = frozen_write,
    __len = function()
      return #inner
    end,
    __pairs = function()
      return pairs(inner)
    end,
    __metatable = false,
  })
end

-- A copy of plain data that may be changed; read-only tables become ordinary ones.
function S.copy(value, depth)
  if type(value) ~= "table" then
    return value
  end
  depth = depth or 0
  if depth > 32 then
    fail("sop.copy: the table is nested too deeply, or contains itself")
  end
  local out = {}
  for k, v in pairs(value) do
    out[k] = S.copy(v, depth + 1)
  end
  return out
end

-- ---- the world of scripts ----

local sop = {}
S.sop = sop

-- Drawn from the turn's own numbers, so that a replay draws the same.
local lib = _ENV -- the real globals, which scripts read through `globals` below
lib.math.random = function(low, high)
  if low == nil then
    return P.random()
  end
  low = S.integer(low, "math.random: the bound")
  if high == nil then
    low, high = 1, low
  end
  return P.random(low, S.integer(high, "math.random: the bound"))
end
lib.math.randomseed = function()
  fail("math.randomseed is not available: the numbers come from the turn, so that it can be repeated")
end

lib.print = function(...)
  local parts = table.pack(...)
  for i = 1, parts.n do
    parts[i] = tostring(parts[i])
  end
  P.log(table.concat(parts, "\t"))
end

-- What scripts see as their globals: they read through it and cannot write.
local globals = { sop = sop }
for _, name in pairs({
  "_VERSION", "assert", "collectgarbage", "coroutine", "error", "getmetatable", "ipairs", "math", "next", "os", "pairs",
  "pcall", "print", "rawequal", "rawget", "rawlen", "rawset", "require", "select", "setmetatable", "string", "table",
  "tonumber", "tostring", "type", "utf8", "xpcall",
}) do
  globals[name] = rawget(_ENV, name)
end
setmetatable(globals, {
  __index = function(_, name)
    fail(format('the name "%s" is not known here%s', tostring(name), S.meant(name, globals)))
  end,
})
S.env = setmetatable({}, {
  __index = globals,
  __newindex = function(_, name)
    fail(format('"%s" would be a global variable, which no chat could rely on: write "local %s", or keep it in c.group', name, name))
  end,
  __metatable = false,
})
