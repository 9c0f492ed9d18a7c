-- reports.lua -- figures as people read them: lines of a report, one short line for a group, and the digest of many groups. Of the flow
-- report, whose texts it uses; what a figure means is worked out by sop.figures (docs/metrics.md).
local reports = {}

local NONE = "-"

-- ---- figures as text -----------------------------------------------------------------------------------------------

local function share(value)
  return value and math.floor(value * 100 + 0.5) .. "%" or NONE
end

local function signed(n)
  return n > 0 and "+" .. n or tostring(n)
end

local function yuan(cents)
  return cents and string.format("%d.%02d", cents // 100, cents % 100) or NONE
end

local function span(c, seconds)
  local p = c.params
  if not seconds then return NONE end
  if seconds < 60 then return c:format(p.in_seconds, { n = seconds }) end
  if seconds < 5400 then return c:format(p.in_minutes, { n = (seconds + 30) // 60 }) end
  return c:format(p.in_hours, { n = (seconds + 1800) // 3600 })
end

local function band(c, name)
  return name and c:format(c.params["band_" .. name]) or NONE
end

local SUMS = {
  "days", "joins", "leaves", "messages", "speakers", "answered", "answers", "posts", "touched", "calls", "called", "responders",
  "checked_in", "grabbed", "issued", "redeemed", "planned", "sent", "late", "skipped", "blocked", "offered", "confirmed", "handoffs",
  "handoffs_taken", "unanswered", "converted", "orders",
}
local SHARES = {
  "interaction", "coverage", "effective_touch", "stickiness", "checkin_share", "packet_share", "redeemed_share", "plan_done", "on_time",
  "confirm_share", "handoff_share", "conversion",
}

-- Every figure by its name, for the templates.
function reports.vars(c, f)
  local v = {}
  for _, name in ipairs(SUMS) do v[name] = f[name] end
  for _, name in ipairs(SHARES) do v[name] = share(f[name]) end
  v.net, v.members, v.band = signed(f.net), f.members or NONE, band(c, f.band)
  v.reply_median, v.reply_p90 = span(c, f.reply_median), span(c, f.reply_p90)
  v.handoff_minutes = span(c, f.handoff_minutes and f.handoff_minutes * 60)
  v.cycle_median, v.order_value, v.amount = f.cycle_median or NONE, yuan(f.order_value), yuan(f.amount)
  return v
end

-- ---- lines ---------------------------------------------------------------------------------------------------------

-- Those of the texts that have something to tell, with " · " between them; nil if none has.
local function pieces(c, v, list)
  local out = {}
  for _, piece in ipairs(list) do
    if piece[2] then out[#out + 1] = c:format(c.params[piece[1]], v) end
  end
  return #out > 0 and table.concat(out, " · ") or nil
end

-- The lines of one group, store, or of all together. `weekly`: with what only a week can tell.
function reports.lines(c, f, weekly)
  local p, v, lines = c.params, reports.vars(c, f), {}
  local function add(line)
    if line then lines[#lines + 1] = line end
  end
  add(c:format(p.line_people, v))
  if f.speakers > 0 then add(c:format(p.line_talk, v)) end
  if f.coverage then add(c:format(f.reply_median and p.line_reply or p.line_unheard, v)) end
  add(pieces(c, v, {
    { "piece_posts", f.posts > 0 }, { "piece_calls", f.stickiness }, { "piece_checkin", f.checkin_share },
    { "piece_packet", f.packet_share }, { "piece_codes", f.issued > 0 or f.redeemed > 0 },
  }))
  if f.planned > 0 then add(c:format(p.line_plan, v)) end
  add(pieces(c, v, {
    { "piece_handoff", f.handoffs > 0 }, { "piece_unanswered", f.unanswered > 0 }, { "piece_confirm", f.offered > 0 },
  }))
  if f.orders > 0 or f.converted > 0 then add(c:format(weekly and p.line_orders or p.line_orders_day, v)) end
  return lines
end

-- One line a call that was made on the groups, the best first.
function reports.calls(c, f)
  local names, list = {}, {}
  for _, flow in ipairs(c:flows()) do names[flow.name] = flow.title end
  for what, one in pairs(f.by_call) do
    if one.called > 0 then list[#list + 1] = { what = what, one = one } end
  end
  table.sort(list, function(a, b)
    return a.one.stickiness > b.one.stickiness or a.one.stickiness == b.one.stickiness and a.what < b.what
  end)
  for i, entry in ipairs(list) do
    local one = entry.one
    list[i] = c:format(c.params.line_call, {
      what = names[entry.what] or entry.what, calls = one.calls, called = one.called, responders = one.responders,
      stickiness = share(one.stickiness), band = band(c, one.band),
    })
  end
  return list
end

-- What experiments show so far, a line for each pair of variants; one that is over (`kept`) is none any more.
function reports.trials(c, list)
  local p, lines = c.params, {}
  for _, one in ipairs(list) do
    local points = one.by == "member" or one.per ~= nil -- a share: percentage points
    local function amount(n)
      return not n and NONE or points and string.format("%.1f%%", n * 100) or string.format("%.3g", n)
    end
    for _, pair in ipairs(one.kept and {} or one.pairs) do
      local text = c:format(p["trial_" .. pair.verdict], {
        name = one.name, a = pair.a, b = pair.b, difference = amount(pair.difference), low = amount(pair.low), high = amount(pair.high),
      })
      lines[#lines + 1] = text .. (one.warning and c:format(p.trial_early) or "")
    end
  end
  if #lines > 0 then table.insert(lines, 1, c:format(p.trials_head)) end
  return lines
end

-- ---- many groups ---------------------------------------------------------------------------------------------------

-- One line of a group or store.
local function short(c, name, f)
  local v = reports.vars(c, f)
  v.name = name
  v.flags = pieces(c, v, {
    { "flag_unanswered", f.unanswered > 0 }, { "flag_blocked", f.blocked > 0 }, { "flag_leaves", f.net < 0 },
  }) or ""
  return (c:format(c.params.line_group, v):gsub(" +$", ""))
end

-- How much attention a group needs: questions nobody answered, posts that did not leave, members who were not answered, few who speak.
local function worse(a, b)
  local f, g = a.f, b.f
  if f.unanswered ~= g.unanswered then return f.unanswered > g.unanswered end
  if f.blocked ~= g.blocked then return f.blocked > g.blocked end
  if (f.coverage or 1) ~= (g.coverage or 1) then return (f.coverage or 1) < (g.coverage or 1) end
  if (f.interaction or 0) ~= (g.interaction or 0) then return (f.interaction or 0) < (g.interaction or 0) end
  return a.name < b.name
end

local function better(a, b)
  if (a.f.interaction or 0) ~= (b.f.interaction or 0) then return (a.f.interaction or 0) > (b.f.interaction or 0) end
  if a.f.speakers ~= b.f.speakers then return a.f.speakers > b.f.speakers end
  return a.name < b.name
end

-- Stores by name with the sums of their groups; {} where no group says which store it belongs to.
local function stores_of(entries)
  local by, list = {}, {}
  for _, entry in ipairs(entries) do
    local name = entry.store
    if name ~= "" then
      if not by[name] then
        by[name] = { name = name, tallies = {} }
        list[#list + 1] = by[name]
      end
      table.insert(by[name].tallies, entry.tally)
    end
  end
  for _, store in ipairs(list) do store.f = sop.figures(store.tallies) end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

-- Appends head and a line for each of the first n of a list that is sorted by `order`, and how many more there are.
local function add_list(c, lines, head, list, n, order)
  if #list == 0 or n == 0 then return end
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted, order)
  lines[#lines + 1] = c:format(head, { n = math.min(n, #list), count = #list })
  for i = 1, math.min(n, #sorted) do lines[#lines + 1] = short(c, sorted[i].name, sorted[i].f) end
end

-- The list without its first n by that order.
local function without(list, n, order)
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted, order)
  return table.move(sorted, n + 1, #sorted, 1, {})
end

local function by_name(a, b) return a.name < b.name end

-- The groups in which something happened, and in how many nothing did.
local function awake(entries)
  local list = {}
  for _, entry in ipairs(entries) do
    local f = entry.f
    if f.messages > 0 or f.joins > 0 or f.leaves > 0 or f.posts > 0 or f.planned > 0 or f.handoffs > 0 then list[#list + 1] = entry end
  end
  return list, #entries - #list
end

-- How many groups reach which band.
local function bands(c, entries)
  local n = { best = 0, good = 0, fair = 0, low = 0 }
  local any = false
  for _, entry in ipairs(entries) do
    if entry.f.band then n[entry.f.band], any = n[entry.f.band] + 1, true end
  end
  return any and c:format(c.params.line_bands, n) or nil
end

local function questions(c, entries)
  local p, list = c.params, {}
  for _, entry in ipairs(entries) do
    for _, one in ipairs(entry.questions or {}) do
      list[#list + 1] = { at = one.at, group = entry.name, name = one.name, text = one.text }
    end
  end
  table.sort(list, function(a, b) return a.at < b.at or a.at == b.at and a.group < b.group end)
  local lines = {}
  for i = 1, math.min(#list, p.questions) do
    local one = list[i]
    lines[i] = c:format(p.question, { time = c:time("%H:%M", one.at), group = one.group, name = one.name, text = one.text })
  end
  if #list > p.questions then lines[#lines + 1] = c:format(p.more, { count = #list - p.questions }) end
  if #lines > 0 then table.insert(lines, 1, c:format(p.questions_head, { count = #list })) end
  return lines
end

-- The digest of many groups, as lines. entries: { name, store, tally, questions } each; vars: date, weekday. `weekly`: the week's.
function reports.digest(c, entries, vars, weekly)
  local p, tallies = c.params, {}
  for i, entry in ipairs(entries) do
    entry.f = sop.figures({ entry.tally })
    tallies[i] = entry.tally
  end
  local f = sop.figures(tallies)
  vars.groups = #entries
  local lines = { c:format(weekly and p.week_head or p.day_head, vars) }
  for _, line in ipairs(reports.lines(c, f, weekly)) do lines[#lines + 1] = line end
  if weekly then
    lines[#lines + 1] = bands(c, entries)
    for _, line in ipairs(reports.calls(c, f)) do lines[#lines + 1] = line end
  end

  local stores = stores_of(entries)
  if #stores > 1 then add_list(c, lines, p.stores_head, stores, p.stores_most, #stores <= p.stores_most and by_name or worse) end
  local list, asleep = awake(entries)
  if #entries == 1 then
    asleep = 0 -- its figures stand above
  elseif #list <= p.list_all then
    add_list(c, lines, p.groups_head, list, #list, by_name)
  else
    add_list(c, lines, p.best_head, list, p.best, better)
    add_list(c, lines, p.worst_head, without(list, p.best, better), p.worst, worse)
  end
  if asleep > 0 then lines[#lines + 1] = c:format(p.asleep, { count = asleep }) end
  if not weekly then
    for _, line in ipairs(questions(c, entries)) do lines[#lines + 1] = line end
  end
  return lines
end

-- Lines as messages of at most `size` bytes each, at most `most` of them; the last one says how many lines are left out.
function reports.messages(c, lines, size, most)
  local out, current, length = {}, {}, 0
  for i, line in ipairs(lines) do
    if length > 0 and length + #line + 1 > size then
      out[#out + 1] = table.concat(current, "\n")
      current, length = {}, 0
      if #out == most then
        out[most] = out[most] .. "\n" .. c:format(c.params.more, { count = #lines - i + 1 })
        return out
      end
    end
    current[#current + 1], length = line, length + #line + 1
  end
  if #current > 0 then out[#out + 1] = table.concat(current, "\n") end
  return out
end

return reports
