-- livetime.lua -- the live streams of a group, their bookings and the posts that are due before, at and after each. Of the flow live.
--
-- hash "lives": id -> { id, title, link, start, ends, state = "planned" | "on" | "over" | "cancelled", by, open = { step -> due }, busy = {
-- step -> due: it is being posted }, listed = when it was to start by the list that it was taken from }; set "booked-<id>" = who wants
-- to be reminded.
local planned = require("lib.planned")

local livetime = {}

livetime.STEPS = { "day", "hour", "soon", "start", "end" }
local KEPT = 7 * 86400 -- a live that is over is forgotten after

-- The moment of each step.
local function moments(c, live)
  local p = c.params
  return {
    day = live.start - sop.duration(p.day_before), hour = live.start - sop.duration(p.hour_before),
    soon = live.start - sop.duration(p.soon), start = live.start, ["end"] = live.ends,
  }
end

-- How late a step may still be posted, in seconds: a reminder never after half of what is left until the start.
local function late_of(c, live, step, due)
  local late = sop.duration(c.params.late)
  if step == "start" or step == "end" then return late end
  return math.min(late, math.max(60, (live.start - due) // 2))
end

function livetime.booked(c, id) return c:set("booked-" .. id) end

-- Plans the steps that are still to come.
function livetime.schedule(c, live)
  local at = moments(c, live)
  live.open, live.busy = {}, nil
  for _, step in ipairs(livetime.STEPS) do
    if at[step] > c:now() then
      live.open[step] = at[step]
      c:timer("step", { at = at[step], key = live.id .. "." .. step, args = { id = live.id, step = step, due = at[step] }, user = false })
    end
  end
  c:hash("lives")[live.id] = live
end

local function entry_of(c, live, step, due)
  return { id = live.id .. "." .. step, day = c:day(), due = due, late = late_of(c, live, step, due), anytime = c.params.anytime }
end

-- In quiet hours that end soon enough for a step that is due: when they end.
function livetime.held(c, live, step, due) return planned.held(c, entry_of(c, live, step, due)) end

-- Is a step, which is planned, on its way to the group?
function livetime.is_busy(live, step)
  return live.busy ~= nil and live.busy[step] ~= nil and live.busy[step] == live.open[step]
end

-- Ends a planned step of a live and notes how; returns the live as it is then.
function livetime.settle(c, id, step, outcome, why, left)
  local live = c:hash("lives")[id]
  local due = live and live.open[step]
  if not due then return live end
  live.open[step] = nil
  c:cancel_timer("step", id .. "." .. step)
  c:hash("lives")[id] = live
  planned.note(c, entry_of(c, live, step, due), outcome, why, left)
  return live
end

-- Takes out everything that is still planned for a live, up to (not including) the step `till`.
function livetime.drop(c, id, why, till)
  for _, step in ipairs(livetime.STEPS) do
    if step == till then return end
    livetime.settle(c, id, step, "skipped", why)
  end
end

-- Posts a step that is due. Returns outcome, why, when it left.
function livetime.post(c, live, step, due, text, vars)
  live.busy = live.busy or {}
  live.busy[step] = due
  c:hash("lives")[live.id] = live
  return planned.post(c, entry_of(c, live, step, due), text, vars)
end

-- The lives that are not over, the next first.
function livetime.coming(c)
  local list = {}
  for _, live in pairs(c:hash("lives")) do
    if live.state == "planned" or live.state == "on" then list[#list + 1] = live end
  end
  table.sort(list, function(a, b) return a.start < b.start or a.start == b.start and a.id < b.id end)
  return list
end

-- What should have been posted while the flow was off is blocked, what is long over is forgotten. Every morning.
function livetime.tidy(c)
  local lives = c:hash("lives")
  for id, live in pairs(lives) do
    for _, step in ipairs(livetime.STEPS) do
      local due = live.open[step]
      if due and due + late_of(c, live, step, due) < c:now() then live = livetime.settle(c, id, step, "blocked", "off") end
    end
    if live.ends < c:now() and live.state ~= "cancelled" and not next(live.open) and live.state ~= "over" then
      live.state = "over"
      lives[id] = live
    end
    if live.ends + KEPT < c:now() then
      lives[id] = nil
      livetime.booked(c, id):clear()
    end
  end
end

return livetime
