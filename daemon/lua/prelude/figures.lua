-- figures.lua -- sop.figures: what a report says, worked out from tallies. Every definition stands in docs/metrics.md, with an example
-- that tests/sop/check_metrics recomputes. The flow report calls it, and `sopd ctl report` (cli/ctl/ctl_report_figures.c) runs this file in
-- the sandbox of lua/luaconf.h, which has no pattern functions: none are used here. All sums are integers; shares lie between 0 and 1;
-- what has no denominator is absent.
local _, S = ...
local pairs, ipairs, tonumber, sub = pairs, ipairs, tonumber, string.sub
local sop = S.sop

-- ---- adding up ----

-- Fields that are no sums: which day and chat a tally is of, how many members the chat had; of a sum how many days it is of.
local OF = { day = true, chat = true, members = true, days = true, spoke = true }

-- One tally for many, of many days or chats: sums of all fields; `days` how many different days they are of, `members` those of all days
-- added up, `spoke` the speakers of those whose members are known. A sum may be added up again.
function sop.add_tallies(tallies)
  local sums, seen, ndays, longest, members, spoke = {}, {}, 0, 0, 0, 0
  for _, tally in ipairs(tallies) do
    for name, n in pairs(tally) do
      if not OF[name] then
        sums[name] = (sums[name] or 0) + n
      end
    end
    if tally.days then
      longest, members, spoke = math.max(longest, tally.days), members + (tally.members or 0), spoke + (tally.spoke or 0)
    elseif (tally.members or 0) > 0 then
      members, spoke = members + tally.members, spoke + (tally.speakers or 0)
      local day = tally.day or 0
      if not seen[day] then
        seen[day], ndays = true, ndays + 1
      end
    end
  end
  sums.days, sums.members, sums.spoke = math.max(ndays, longest), members, spoke
  return sums
end

-- part / whole, nil if there is no whole.
local function share(part, whole)
  if whole and whole > 0 then
    return part / whole
  end
end

-- The histogram of the fields `prefix`<number>: a list of { value, count } by value, and how many in all.
local function histogram(sums, prefix)
  local list, total = {}, 0
  for name, n in pairs(sums) do
    local value = sub(name, 1, #prefix) == prefix and tonumber(sub(name, #prefix + 1))
    if value and n > 0 then
      list[#list + 1] = { value, n }
      total = total + n
    end
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list, total
end

-- The value at or below which `percent` % of them lie (nearest rank); nil of nothing.
local function percentile(sums, prefix, percent)
  local list, total = histogram(sums, prefix)
  local rank = math.max(1, (total * percent + 99) // 100)
  for _, entry in ipairs(list) do
    rank = rank - entry[2]
    if rank <= 0 then
      return entry[1]
    end
  end
end

-- ---- bands ----

-- What a share of members who take part is worth: below 5 % "low", from 5 % "fair", from 10 % "good", from 30 % "best".
local function band(value)
  if not value then
    return nil
  end
  return value >= 0.3 and "best" or value >= 0.1 and "good" or value >= 0.05 and "fair" or "low"
end

-- ---- calls on the group ----

-- By name: how often, members at the time of each call together, who responded. From the list of calls where it is given, else from
-- the tallies.
local function calls_by_name(sums, calls)
  local out = {}
  local function add(what, n, members, responders)
    local one = out[what] or { calls = 0, called = 0, responders = 0 }
    out[what] = one
    one.calls, one.called, one.responders = one.calls + n, one.called + members, one.responders + responders
  end
  for _, call in ipairs(calls or {}) do
    add(call.what, 1, call.members or 0, call.responders or 0)
  end
  if not calls then
    for name, n in pairs(sums) do
      for prefix, place in pairs({ ["calls."] = 1, ["called."] = 2, ["responders."] = 3 }) do
        if sub(name, 1, #prefix) == prefix then
          add(sub(name, #prefix + 1), place == 1 and n or 0, place == 2 and n or 0, place == 3 and n or 0)
        end
      end
    end
  end
  for _, one in pairs(out) do
    one.stickiness = share(one.responders, one.called)
    one.band = band(one.stickiness)
  end
  return out
end

-- ---- the figures ----

local OUTCOMES = { "sent", "late", "skipped", "blocked" }

function sop.figures(tallies, calls)
  local sums = sop.add_tallies(tallies)
  local days, members = sums.days, sums.members
  local function sum(name)
    return sums[name] or 0
  end
  local f = {
    joins = sum("joins"), leaves = sum("leaves"), net = sum("joins") - sum("leaves"),
    messages = sum("messages"), speakers = sum("speakers"), answered = sum("answered"), answers = sum("answers"),
    posts = sum("posts"), touched = sum("touched"), days = days,
    members = days > 0 and (members + days // 2) // days or nil,
  }

  f.interaction = share(sums.spoke, members)
  f.band = band(f.interaction)
  f.coverage = share(f.answered, f.speakers)
  f.reply_median, f.reply_p90 = percentile(sums, "reply.", 50), percentile(sums, "reply.", 90)
  f.effective_touch = share(f.touched, f.posts)

  f.by_call = calls_by_name(sums, calls)
  local called = { calls = 0, called = 0, responders = 0 }
  for _, one in pairs(f.by_call) do
    for name in pairs(called) do
      called[name] = called[name] + one[name]
    end
  end
  if not calls then
    called = { calls = sum("calls"), called = sum("called"), responders = sum("responders") }
  end
  f.calls, f.called, f.responders = called.calls, called.called, called.responders
  f.stickiness = share(f.responders, f.called)

  f.checked_in, f.checkin_share = sum("emit.checked_in"), share(sum("count.checkin_in"), sum("count.checkin_of"))
  local packets = f.by_call.redpacket
  f.grabbed, f.packet_share = sum("emit.grabbed"), packets and packets.stickiness
  f.issued, f.redeemed = sum("emit.code_issued"), sum("emit.code_used")
  f.redeemed_share = share(f.redeemed, f.issued)

  f.planned = 0
  for _, outcome in ipairs(OUTCOMES) do
    f[outcome] = sum("emit.planned_post." .. outcome)
    f.planned = f.planned + f[outcome]
  end
  local void = math.min(f.skipped, sum("count.plan_void"))
  f.skipped, f.planned = f.skipped - void, f.planned - void
  f.plan_done, f.on_time = share(f.sent + f.late, f.planned), share(f.sent, f.sent + f.late + f.blocked)
  f.offered, f.confirmed = sum("count.offered"), sum("count.confirmed")
  f.confirm_share = share(f.confirmed, f.offered)

  f.handoffs = sum("emit.handed_off") + sum("emit.handoff_called")
  f.handoffs_taken = sum("emit.question_answered") + sum("emit.handoff_claimed")
  f.handoff_share = share(math.min(f.handoffs_taken, f.handoffs), f.handoffs)
  f.handoff_minutes = percentile(sums, "count.helped.", 50)
  f.unanswered = sum("emit.question_unanswered") + sum("emit.handoff_unclaimed")

  f.converted, f.orders, f.amount = sum("converted"), sum("emit.order"), sum("amount.order")
  f.conversion, f.cycle_median = share(f.converted, f.members), percentile(sums, "cycle.", 50)
  f.order_value = f.orders > 0 and (f.amount + f.orders // 2) // f.orders or nil
  return f
end
