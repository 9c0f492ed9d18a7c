-- planned.lua -- what becomes of a planned post. Of the flows calendar and live. Each ends in one of four ways, kept in the list
-- "outcomes" and told as the event planned_post:
--   sent     it left within `on_time` of its time            late     it left, but later
--   skipped  somebody or a rule took it out: why             blocked  it should have left and did not: why
local planned = {}

local KEPT = 500 -- outcomes of a group

-- Notes how a post ended. entry: { id, day, due }; left: the moment at which it left.
function planned.note(c, entry, outcome, why, left)
  local list = c:list("outcomes")
  list:push({ id = entry.id, day = entry.day, due = entry.due, outcome = outcome, why = why, left = left })
  list:trim(KEPT)
  c:counter(outcome):add(1)
  if why == "nobody" then c:count("plan_void") end -- it concerned nobody today: no plan that was not kept
  c:emit("planned_post", {
    id = entry.id, date = c:date(entry.day), due = entry.due, outcome = outcome, why = why, seconds = left and left - entry.due,
  })
end

-- In quiet hours that end before it is too late: when they end. It is posted then, if nobody took it out meanwhile.
function planned.held(c, entry)
  local quiet = c:quiet_until()
  return quiet and not entry.anytime and quiet - entry.due <= entry.late and quiet or nil
end

-- Posts what is due now and waits until it has left. entry: { due, late (seconds), anytime }. Returns the outcome, why, when it left.
function planned.post(c, entry, text, vars, options)
  local behind, quiet = c:now() - entry.due, c:quiet_until()
  if behind > entry.late then return "blocked", "down" end
  if quiet and not entry.anytime and quiet - entry.due > entry.late then return "blocked", "quiet" end
  options = options or {}
  options.wait, options.late, options.anytime, options.policy = true, (entry.late - behind + 1) .. "s", entry.anytime, "drop"
  options.kind = options.kind or "broadcast"
  local id, why = c:say(text, vars, options)
  if not id then return "blocked", why or "unknown" end
  local left = c:now()
  return left - entry.due > sop.duration(c.params.on_time) and "late" or "sent", nil, left
end

-- The outcomes of a day, oldest first.
function planned.of_day(c, day)
  local found = {}
  for _, entry in ipairs(c:list("outcomes"):range(-KEPT, -1)) do
    if entry.day == day then found[#found + 1] = entry end
  end
  return found
end

local REASONS = {
  quiet = true, down = true, off = true, unconfirmed = true, store = true, withdrawn = true, nobody = true, empty = true, stale = true,
  settings = true, cancelled = true, moved = true, past = true,
}

-- "20:00 spring 已发" lines and the figures of some outcomes.
function planned.lines(c, outcomes)
  local p, lines, sums = c.params, {}, { sent = 0, late = 0, skipped = 0, blocked = 0 }
  for i, entry in ipairs(outcomes) do
    local code, rest = (entry.why or ""):match("^(%a+):?%s*(.*)$")
    local why = entry.why or ""
    if code and REASONS[code] and (rest == "" or code == "store" or code == "settings") then
      why = c:format(p["why_" .. code]) .. (rest ~= "" and " " .. rest or "")
    end
    sums[entry.outcome] = sums[entry.outcome] + 1
    lines[i] = c:format(p.outcome_line, {
      time = c:time("%H:%M", entry.due), id = entry.id, why = why,
      left = entry.left and c:time("%H:%M", entry.left) or "", outcome = c:format(p["is_" .. entry.outcome]),
    })
  end
  local due = sums.sent + sums.late + sums.blocked
  sums.on_time = due == 0 and 100 or 100 * sums.sent // due
  return lines, sums
end

return planned
