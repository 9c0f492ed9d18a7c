-- checks.lua -- what must hold after a fortnight, whatever the playbook. A part of the test that `play` puts together.
--   nothing is given twice        the events of ONCE are unique; the points that were given sum up to the balances; a code that was issued
--                                 is used, expired, void, or still held; packets give what they spent, and what is left returns
--   nothing is lost               every coming, going and order is an event, once; so is every deed that `gives` one
--   nobody is greeted twice       at most as many greetings as times that somebody came
--   every planned post ends       one outcome for each group and day, and so many posts as the habits say (planned)
--   staff are told                a report every evening, and one a week
--   quiet hours are kept          in them (habits: quiet) only members who just spoke hear something, and what may come anytime (a pattern)
--   posts stay within bounds      all of a day, those that the bot begins, all of the first day (habits: most, begun, first)
--   who speaks is answered        with an @, the same day (habits: coverage, the share)
--   nobody is disturbed           at most ten names a message; nobody is @-ed after 退订; nothing is said twice
--   nothing fails                 no error of the daemon, no failed run, no flow that rests, no alarm
--   and things do happen          the events that the habits name, at least so often (must)
--   as it was meant               so many members came and acted, 1 % was heard twice, five processes ended
local plan = ...
local DAY, GROUPS, seconds, clock = plan.DAY, plan.GROUPS, plan.seconds, plan.clock

local ONCE = { -- events, and what of their data is there once; what concerns no member: once in each group
  joined = { "user", "back" }, checked_in = { "user", "day" }, milestone = { "user", "day" }, challenge_finished = { "user" },
  grabbed = { "user", "id" }, code_issued = { "user", "code" }, code_used = { "user", "code" }, code_expired = { "user", "code" },
  order = { "user", "order" }, first_order = { "user" }, enrolled = { "user" }, drawn = { "id", "again" }, contest_won = { "id" },
  packet_opened = { "id" }, packet_closed = { "id" }, planned_post = { "id", "date" }, signup_applied = { "id", "user" },
  presale_picked_up = { "id", "no" }, live_started = { "id" }, invite_valid = { "user" }, voucher_rebate = { "user", "code" },
  vote_closed = { "id" }, ladder_rung = { "rung" }, signup_came = { "id", "user" }, draw_claimed = { "id", "user" },
}
local PER_GROUP = { -- these so often
  packet_opened = 1, packet_closed = 1, planned_post = 1, drawn = 1, contest_won = 1, presale_picked_up = 1, live_started = 1,
  vote_closed = 1, ladder_rung = plan.DAYS,
}
local NEVER = { "flow_stopped", "flow_paused", "run_failed", "run_stuck", "member_ignored", "alarm", "packet_refused" }

local function keyed(data, fields)
  local key = {}
  for n, field in ipairs(fields) do key[n] = tostring(data[field]) end
  return table.concat(key, " ")
end

local function check_once(g)
  for name, fields in pairs(ONCE) do
    local times = {}
    for _, data in ipairs(g:events(name)) do
      local key = keyed(data, fields)
      times[key] = (times[key] or 0) + 1
      assert(times[key] <= (PER_GROUP[name] and PER_GROUP[name] * #GROUPS or 1), name .. " once more: " .. key)
    end
  end
end

local function check_points(g, w)
  local sums = {}
  for _, data in ipairs(g:events("points")) do sums[data.user] = (sums[data.user] or 0) + data.n end
  for _, group in ipairs(w.groups) do
    for _, member in ipairs(group.members) do
      local given, kept = sums[g:id(member.name)] or 0, g:state("profile", member.name, "points") or 0
      g:equal(kept, given, "points of " .. member.name)
    end
  end
end

-- Whose code ended how: each that ended was issued, and ended one way only.
local function check_codes(g)
  local issued, ended = {}, {}
  for _, data in ipairs(g:events("code_issued")) do issued[data.code] = (issued[data.code] or 0) + 1 end
  for _, name in ipairs{ "code_used", "code_expired", "code_void" } do
    for _, data in ipairs(g:events(name)) do
      ended[data.code] = (ended[data.code] or 0) + 1
      assert(ended[data.code] <= (issued[data.code] or 0), name .. ": " .. data.code .. " was not issued, or ended before")
    end
  end
end

-- A packet gives what it spent, to those who grabbed, and nothing of its costs is left over.
local function check_packets(g)
  local sums = { cost = 0, grabs = 0, spent = 0, returned = 0 }
  for _, data in ipairs(g:events("packet_opened")) do sums.cost = sums.cost + data.cost end
  for _, data in ipairs(g:events("packet_closed")) do
    for _, field in ipairs{ "grabs", "spent", "returned" } do sums[field] = sums[field] + data[field] end
  end
  g:equal(#g:events("grabbed"), sums.grabs, "grabs")
  g:equal(sums.spent + sums.returned, sums.cost, "what the packets spent and returned")
end

local function counts(g, name)
  local n = {}
  for _, data in ipairs(g:events(name)) do n[data.user] = (n[data.user] or 0) + 1 end
  return n
end

local function check_lost(g, w)
  local wanted, orders = { joined = {}, left = {} }, {}
  for i, step in ipairs(w.plan) do
    local event = step.deed == "join" and "joined" or step.deed == "leave" and "left" or step.done and step.gives
    if event then
      local user, day = g:id(step.who), (step.at - clock("04:00")) // DAY
      wanted[event] = wanted[event] or {}
      local days = wanted[event][user] or { n = 0 }
      wanted[event][user] = days
      if not (step.gives and days[day]) then days.n = days.n + 1 end -- of one day the first counts
      days[day] = true
    end
    if step.deed == "buys" then orders["A" .. i] = true end
  end
  for event, users in pairs(wanted) do
    local found = counts(g, event)
    for user, days in pairs(users) do g:equal(found[user] or 0, days.n, event .. " of " .. user) end
  end
  for _, data in ipairs(g:events("order")) do orders[data.order] = nil end
  g:equal(next(orders), nil, "an order that no event tells of")
end

local function check_greetings(g, w)
  local times = {}
  for _, data in ipairs(g:events("greeted")) do
    for _, user in ipairs(data.users) do times[user] = (times[user] or 0) + 1 end
  end
  for name, came in pairs(w.came) do
    local n = times[g:id(name)] or 0
    assert(n <= came, name .. " came " .. came .. " times and was greeted " .. n .. " times")
  end
end

local function check_planned(g, w)
  local outcomes, n, skipped = {}, 0, 0
  local function ended(data)
    local key = data.id .. " of " .. data.date
    if not outcomes[key] then n = n + 1 end
    outcomes[key] = (outcomes[key] or 0) + 1
    skipped = skipped + (data.outcome == "skipped" and 1 or 0)
    assert(data.outcome ~= "blocked", key .. " was blocked: " .. tostring(data.why))
  end
  for _, data in ipairs(g:events("planned_post")) do
    if data.date > "2026-03-02" then ended(data) end -- that day the world begins at nine, and nothing was planned
  end
  for key, times in pairs(outcomes) do
    if not w.habits.own_posts then g:equal(times, #GROUPS, "outcomes of " .. key) end
  end
  if w.habits.planned and plan.DAYS == 14 then
    g:equal(n, w.habits.planned, "planned posts of the fortnight")
    g:equal(skipped, w.habits.skipped, "posts that stores skipped")
  end
end

-- Staff are told every evening, and once a week of the week.
local function check_reports(g)
  local daily, weekly = 0, 0
  for _, line in ipairs(g:seen{ chat = "staff" }) do
    if line.text:find("日报", 1, true) then daily = daily + 1 end
    if line.text:find("周报", 1, true) then weekly = weekly + 1 end
  end
  assert(daily >= plan.DAYS and weekly >= plan.DAYS // 7, ("%d daily and %d weekly reports in %d days"):format(daily, weekly, plan.DAYS))
end

-- Answers a question: is a message of that moment into a chat an answer, to somebody whom it names, or to somebody who opted out
-- and is therefore not named?
local function answering(w)
  local said, silent, opted = {}, {}, {}
  for _, step in ipairs(w.plan) do
    for _, who in ipairs(step.deed ~= "join" and step.deed ~= "leave" and { step.who, step.about } or {}) do
      said[who] = said[who] or {}
      table.insert(said[who], step.at)
    end
    opted[step.who] = opted[step.who] or step.text == "退订"
    if opted[step.who] then silent[#silent + 1] = step end
  end
  return function(line, at)
    for _, name in ipairs(line.at) do
      for _, moment in ipairs(said[name] or {}) do
        if moment <= at + 5 and moment > at - 900 then return true end
      end
    end
    for _, step in ipairs(silent) do
      if #line.at == 0 and step.group.chat == line.chat and step.at <= at + 5 and step.at > at - 60 then return true end
    end
    return false
  end
end

local function awake(w, at)
  local quiet, time = w.habits.quiet or { "22:30", "07:30" }, at % DAY
  return time >= clock(quiet[2]) and time < clock(quiet[1])
end

-- What a chat heard: { day = { most, begun } } from 0, each message looked at.
local function heard(g, w, chat, answers)
  local days, anytime = {}, w.habits.anytime
  for _, line in ipairs(g:seen{ chat = chat }) do
    local at = seconds(line.time)
    local day, place = at // DAY, chat .. ", " .. line.time .. ": " .. line.text
    local answer = answers(line, at)
    assert(#line.at <= 10, "more than ten names: " .. place)
    assert(answer or awake(w, at) or anytime and line.text:find(anytime), "in the quiet hours: " .. place)
    days[day] = days[day] or { most = 0, begun = 0 }
    days[day].most = days[day].most + 1
    if not answer then days[day].begun = days[day].begun + 1 end
  end
  return days
end

-- The first day is not like the others: it greets 150 people.
local function check_posts(g, w)
  local answers, highest = answering(w), { most = 0, begun = 0, first = 0 }
  for _, group in ipairs(w.groups) do
    for day, n in pairs(heard(g, w, group.chat, answers)) do
      highest.first = math.max(highest.first, day == 0 and n.most or 0)
      for what in pairs(n) do
        if day > 0 then highest[what] = math.max(highest[what], n[what]) end
      end
    end
  end
  for what, n in pairs(highest) do
    local bound = w.habits[what] or 300
    assert(n <= bound, ("a group had %d messages on a day, and at most %d were to be (%s)"):format(n, bound, what))
  end
  return highest
end

-- When who has opted out, by name.
local function opted_out(w)
  local opted = {}
  for _, step in ipairs(w.plan) do
    if step.text == "退订" then opted[step.who] = opted[step.who] or step.at end
  end
  return opted
end

-- Who spoke on a day in a group, and who of them was named then: { day = { spoke = { name = true }, named = { name = true } } }.
local function speakers(g, w, group)
  local days, opted = {}, opted_out(w)
  local function of(at)
    local day = at // DAY
    days[day] = days[day] or { spoke = {}, named = {} }
    return days[day]
  end
  for _, step in ipairs(w.plan) do
    local speaks = (step.deed == "says" or step.deed == "shows") and step.done and w.came[step.who] and not step.crowd
    local counts_in = awake(w, step.at) and not (opted[step.who] and opted[step.who] <= step.at)
    if speaks and counts_in and step.group == group then of(step.at).spoke[step.who] = step.text end
  end
  for _, line in ipairs(g:seen{ chat = group.chat }) do
    for _, name in ipairs(line.at) do of(seconds(line.time)).named[name] = true end
  end
  return days
end

-- The share of those who spoke on a day that were named on it, over all days.
local function check_coverage(g, w)
  local spoke, answered, without = 0, 0, {}
  for _, group in ipairs(w.groups) do
    for _, day in pairs(speakers(g, w, group)) do
      for name, text in pairs(day.spoke) do
        spoke = spoke + 1
        if day.named[name] then answered = answered + 1 else without[#without + 1] = text end
      end
    end
  end
  local least = w.habits.coverage or 0.95
  table.sort(without)
  local said = "%d of %d who spoke on a day were answered on it, fewer than %g; not: %s"
  assert(answered >= least * spoke, said:format(answered, spoke, least, table.concat(without, ", ")))
  return 100 * answered // math.max(spoke, 1)
end

-- Nobody who wants to be left alone is named, and nobody hears the same twice.
local function check_peace(g, w)
  local opted, twice = opted_out(w), {}
  for _, group in ipairs(w.groups) do
    local last = {}
    for _, line in ipairs(g:seen{ chat = group.chat }) do
      local at = seconds(line.time)
      for _, name in ipairs(line.at) do
        assert(not opted[name] or at < opted[name] + 5, name .. " wants to be left alone: " .. line.time .. " " .. line.text)
      end
      local key = table.concat(line.at, " ") .. line.text
      if w.came[line.at[1]] and last[key] and at - last[key] <= 600 then twice[#twice + 1] = line.time .. " " .. key end
      last[key] = at
    end
  end
  assert(#twice <= 1, "said twice, and only one message was on its way at the death during a send: " .. table.concat(twice, "; "))
end

local function check_sound(g, w)
  for _, name in ipairs(NEVER) do g:equal(g:events(name), {}, name) end
  for _, status in ipairs{ "failed", "stuck" } do g:expect_runs(0, { status = status }) end
  for name, least in pairs(plan.DAYS == 14 and w.habits.must or {}) do
    local n = #g:events(name)
    assert(n >= least, ("%s: %d, and at least %d were to be"):format(name, n, least))
  end
end

-- The fortnight was as large and as rough as it was meant to be.
local function check_meant(g, w)
  assert(w.lives == 6 and g:deaths() == 4, ("five processes were to end, and %d did"):format(w.lives - 1))
  assert(w.repeated >= 0.01 * #w.plan, ("%d of %d were heard twice"):format(w.repeated, #w.plan))
  local acts, joined = {}, counts(g, "joined")
  for _, step in ipairs(w.plan) do
    if step.done and step.deed ~= "join" and step.deed ~= "leave" then acts[step.who] = true end
  end
  for _, group in ipairs(w.groups) do
    local n, here = 0, 0
    for _, member in ipairs(group.members) do
      n = n + (acts[member.name] and 1 or 0)
      here = here + ((joined[g:id(member.name)] or 0) > 0 and 1 or 0)
    end
    g:equal(here, plan.MEMBERS, "members of " .. group.chat)
    if plan.DAYS == 14 then assert(n >= 0.97 * plan.MEMBERS, ("%s: only %d members did something"):format(group.chat, n)) end
  end
end

return function(g, w)
  check_meant(g, w)
  check_sound(g, w)
  check_once(g)
  check_lost(g, w)
  check_points(g, w)
  check_codes(g)
  check_packets(g)
  check_greetings(g, w)
  check_planned(g, w)
  check_reports(g)
  check_peace(g, w)
  return check_posts(g, w), check_coverage(g, w)
end
