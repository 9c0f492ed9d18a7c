-- experiment.lua -- c:experiment: which variant this group or member gets, who got which, and what became of it. The arithmetic is in
-- compare.lua; the commit notes exposures and counts outcomes (engine/turn/experiment.c). A unit is "g|<chat>" or "m|<user>".
local P, S = ...
local type, ipairs, pairs, tonumber = type, ipairs, pairs, tonumber
local fail, format = P.fail, string.format
local M, E = S.methods, S.experiment

local MOST, LONG, UNITS = 8, 40, 20000

-- A word that may stand in keys, events and tables.
local function short(value, what)
  value = S.id(value, what)
  if #value > LONG then
    fail(format("%s is too long (%d bytes, at most %d)", what, #value, LONG))
  elseif value:find("[%s%c|]") then
    fail(format('%s has a blank or "|" in it: "%s"', what, value))
  end
  return value
end

local function variants_of(list, what)
  if type(list) ~= "table" or #list < 2 or #list > MOST then
    fail(format('%s: the variants are a list of 2 to %d names such as { "A", "B" }%s', what, MOST,
      type(list) == "table" and format(", not %d", #list) or ""))
  end
  local out, seen = {}, {}
  for i, name in ipairs(list) do
    out[i] = short(name, format("%s: variant %d", what, i))
    if seen[out[i]] then
      fail(format('%s: variant "%s" is there twice', what, out[i]))
    elseif out[i] == "none" then
      fail(what .. ': a variant cannot be called "none"')
    end
    seen[out[i]] = true
  end
  return out
end

local function weights_of(list, n, what)
  if list == nil then
    return nil
  elseif #list ~= n then
    fail(format("%s: weights has %d numbers for %d variants", what, #list, n))
  end
  local out, above = {}, 0
  for i, weight in ipairs(list) do
    out[i] = S.number(weight, format("%s: weight %d", what, i))
    if out[i] < 0 then
      fail(format("%s: weight %d is below 0", what, i))
    end
    above = above + (out[i] > 0 and 1 or 0)
  end
  if above == 0 then
    fail(what .. ": one of the weights must be above 0")
  end
  return out
end

local OPTIONS = { by = "string", user = true, outcome = "string", per = "string", better = "string", weights = "table",
  till = "string", units = true }

local function one_of(value, first, second, what)
  if value ~= nil and value ~= first and value ~= second then
    fail(format('%s is "%s" or "%s", not "%s"', what, first, second, value))
  end
  return value
end

local function check_plan(def, what)
  if def.till and not P.parse_date(def.till) then
    fail(format('%s: till is a date such as "2026-12-31", not "%s"', what, def.till))
  end
  if def.units and (S.integer(def.units, what .. ": units") < 2) then
    fail(what .. ": units is how many groups or members are planned, 2 or more")
  end
  if def.per and (def.by == "member" or not def.outcome) then
    fail(what .. ": per goes with by = \"group\" and an outcome: what one group's outcomes are divided by")
  end
end

-- What is kept of it in Redis.
local function definition(c, name, variants, opts, what)
  opts = S.options(opts, OPTIONS, what)
  local def = {
    name = name, flow = c.flow, variants = variants,
    by = one_of(opts.by, "group", "member", what .. ": by") or "group",
    outcome = opts.outcome and short(opts.outcome, what .. ": outcome"),
    per = opts.per and short(opts.per, what .. ": per"),
    better = one_of(opts.better, "more", "less", what .. ": better"),
    weights = weights_of(opts.weights, #variants, what),
    till = opts.till, units = opts.units,
  }
  check_plan(def, what)
  return def, opts
end

local function among(list, value)
  for _, one in ipairs(list) do
    if one == value then
      return value
    end
  end
end

-- The variant of this chat (or of the speaker), by { by = "group" | "member", user, outcome, per, better, weights, till, units }.
function M.experiment(c, name, variants, opts)
  P.session(c) -- says why not
  name = short(name, "c:experiment: the name")
  local what = "c:experiment " .. name
  local def
  variants = variants_of(variants, what)
  def, opts = definition(c, name, variants, opts, what)
  local unit
  if def.by == "group" then
    if opts.user ~= nil then
      fail(what .. ': user goes with by = "member"')
    end
    unit = "g|" .. c.chat
  else
    unit = "m|" .. S.id(opts.user == nil and S.user(c, what) or opts.user, what .. ": the user")
  end
  local found = P.read("HMGET", P.key("experiment", name), "keep", unit)
  local kept = found[1] and among(variants, found[1])
  if kept then
    return kept
  end
  local was = found[2] and found[2]:match("^%S+")
  local variant = was and among(variants, was)
  local new = not variant
  variant = variant or E.assign(name, c.gateway, unit, variants, def.weights)
  P.expose(name, unit, variant, was or "", new, P.json(def))
  return variant
end

-- The rows that E.result wants, of the hash of an experiment.
local function rows_of(all)
  local rows, kept = {}, nil
  for field, value in pairs(all) do
    if field == "keep" then
      kept = value
    else
      local variant, outcomes, per = value:match("^(%S+) %d+ (%d+) (%d+)$")
      if variant then
        rows[#rows + 1] = { variant, tonumber(outcomes), tonumber(per), 1 }
      end
    end
  end
  return rows, kept
end

-- The experiments of this gateway and what they show so far, by name. One with more than 20,000 units is for `sopd ctl experiment`.
function M.experiments(c)
  P.session(c)
  local out = {}
  for name, text in pairs(P.read_map("HGETALL", P.key("experiments"))) do
    local def, key = P.unjson(text), P.key("experiment", name)
    local whole = type(def) == "table" and def.name == name and type(def.variants) == "table" and #def.variants > 1
    if whole and P.read("HLEN", key) <= UNITS then
      local rows, kept = rows_of(P.read_map("HGETALL", key))
      out[#out + 1] = E.result(def, rows, c:today(), kept)
    end
  end
  table.sort(out, function(a, b)
    return a.name < b.name
  end)
  return out
end
