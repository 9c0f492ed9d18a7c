-- points_ledger_test.lua -- points under random weeks: everything that gives or takes them runs in two groups at once (packets, check-ins,
-- orders, the first word of a day, coming back, rebates of vouchers, invites, other systems), with restarts and deaths of the daemon in any
-- order. What every member must have is reckoned here a second time: from what was done where that decides it alone, else from the books
-- of the flow that gave. The name of a case has its seed; a failure names the step and what was done in it.
-- tests/sop/ledger/long plays the same for 100,000 operations and more.
--
-- | what is promised                                                   | what holds                                                    |
-- |--------------------------------------------------------------------|---------------------------------------------------------------|
-- | sums are conserved; ledgers only append (lib/points.lua)           | balance = sum of the events, of every member and cause        |
-- | an order counts once                                               | one entry an order number, for who was named first            |
-- | milestones once each                                               | as many as days done say, taken back or not                   |
-- | the first word of a day                                            | one entry a member and day, in both groups together           |
-- | one grab per member and packet; 作废 refunds                        | entries of a packet = its list of grabs; of a void one 0      |
-- | rebate once a voucher; two levels of invites                       | entries = the books "rebate" and "paid"                       |
-- | a command of another system with an id counts once                 | one entry an id                                               |
local days = require("days")

local SEEDS, STEPS, EVERY = 2, 120, 10 -- tests/sop/ledger/long changes these
local MEMBERS, NEWCOMERS = 7, 60
local CENTS, DAY, BACK = 100, 1, 4
local STEPS_UP = {
  { day = 1, points = 3 }, { day = 2, points = 2 }, { day = 3, points = 5 }, { day = 5, points = 7 }, { day = 8, points = 9 },
}

local playbook = {
  quiet = false,
  flows = {
    "switch", "common",
    { "segment", points_day = DAY, back_points = BACK, winback = true },
    { "orders", cents_per_point = CENTS },
    { "redpacket", nightly = false, kind = "points", total = 41, shares = 4, packet_max = 1000, day_max = 100000, group_max = 1000000000,
      organiser = "幸福路店" },
    { "checkin", days = 366, milestones = STEPS_UP, commands = { "打卡" } },
    { "voucher", types = { { name = "亲友券", face = 5000, days = 9, gift = "other", rebate = 20 } }, day_max = 100000,
      code_dm = "券码[{code}]", given_dm = "券码[{code}]" },
    { "referral", stay_days = 2, credit = true, day_max = 50 },
  },
  staff = { ["playground:店长"] = "store" },
}

-- The business day, and how many seconds of it are over.
local function today(g) return select(2, days.clock(g)) end

-- ---- what must hold ------------------------------------------------------------------------------------------------

local function add(sums, user, cause, n)
  local of = sums[user]
  if not of then
    of = {}
    sums[user] = of
  end
  of[cause] = (of[cause] or 0) + n
end

-- What the packets gave: what is in the lists of grabs, nobody twice, not more than there was; what is void gave nothing.
local function packets(g, sums)
  local open = g:state("group", "packet", "redpacket")
  local list = g:state("list", "packets", "redpacket") or {}
  if open then list[#list + 1] = open end
  for _, packet in ipairs(list) do
    local seen, given = {}, 0
    for _, grab in ipairs(g:state("list", "grabs-" .. packet.id, "redpacket") or {}) do
      assert(not seen[grab.user], "packet " .. packet.id .. ": somebody grabbed twice")
      assert(grab.got >= 1, "packet " .. packet.id .. ": a share of less than 1")
      seen[grab.user], given = true, given + grab.got
      if packet.state ~= "void" then add(sums, grab.user, "packet", grab.got) end
    end
    g:equal(given + packet.rest, packet.total, "packet " .. packet.id .. ": given and rest")
  end
end

-- What the books of vouchers and invites say.
local function books(g, sums)
  for _, entry in ipairs(g:state("list", "ledger-rebate", "voucher") or {}) do add(sums, entry.to, "rebate", entry.n) end
  for _, entry in ipairs(g:state("list", "ledger-paid", "referral") or {}) do
    if entry.what == "void" then add(sums, entry.from, "referral", -entry.n) else add(sums, entry.to, "referral", entry.n) end
  end
end

local function check(g, world)
  local wanted, entered = {}, {}
  for user, causes in pairs(world.sums) do
    for cause, n in pairs(causes) do add(wanted, user, cause, n) end
  end
  packets(g, wanted)
  books(g, wanted)
  for _, event in ipairs(g:events("returned")) do
    if event.won then add(wanted, event.user, "segment.back", BACK) end
  end
  for _, event in ipairs(g:events("points")) do
    assert(math.type(event.n) == "integer", "points that are no whole number")
    local cause = event.why
    if cause ~= "segment.back" and cause ~= "segment.day" then cause = cause:match("^%a+") end
    add(entered, event.user, cause == "void" and "packet" or cause, event.n)
  end
  for _, name in ipairs(world.names) do
    local id, sum = g:id(name), 0
    local a, b = wanted[id] or {}, entered[id] or {}
    for cause, n in pairs(a) do g:equal(b[cause] or 0, n, name .. ": entries of " .. cause) end
    for cause, n in pairs(b) do
      g:equal(n, a[cause] or 0, name .. ": entries of " .. cause)
      sum = sum + n
    end
    g:equal(g:state("profile", name, "points") or 0, sum, name .. ": balance")
  end
end

-- ---- what is done, and what it must bring ----------------------------------------------------------------------------

local PLACES = { "demo", "二店" }

-- Somebody speaks. The first word of a day brings points, in whatever group; a command may keep its message to itself, so a greeting comes
-- first.
local function says(g, world, who, text, place)
  local key, where = who .. today(g), place ~= "demo" and { chat = place } or nil
  if not world.spoke[key] then
    world.spoke[key] = true
    add(world.sums, g:id(who), "segment.day", DAY)
  end
  if not world.spoke[key .. place] then
    world.spoke[key .. place] = true
    g:says(who, "早呀", where)
  end
  g:says(who, text, where)
end

local function check_in(g, world, who, place)
  local key = who .. place
  local done = world.done[key] or { total = 0, got = 0 }
  world.done[key] = done
  if done.last ~= today(g) then done.last, done.total = today(g), done.total + 1 end
  for _, step in ipairs(STEPS_UP) do
    if done.total >= step.day and step.day > done.got then
      done.got = step.day
      add(world.sums, g:id(who), "checkin", step.points)
    end
  end
  says(g, world, who, "打卡", place)
end

-- 撤销 of today's check-in in the first group.
local function undo(g, world, who)
  local done = world.done[who .. "demo"]
  if done and done.last == today(g) then done.last, done.total = nil, done.total - 1 end
  g:staff("店长", "撤销 @" .. who)
end

-- An order of a shop system, which reports it again for days: it belongs to one group.
local function order(g, world, who, number)
  local amount, place = number * 37 % 900 + 1, PLACES[number % 2 + 1]
  if not world.orders[number] then
    world.orders[number] = who
    if amount >= CENTS then add(world.sums, g:id(who), "order", amount // CENTS) end
  end
  g:order(who, { id = "A" .. number, amount = amount, chat = place ~= "demo" and place or nil })
end

-- A command with an id: a second one is dropped for 24 hours (docs/operations.md, "Other systems").
local function outside(g, world, who, number)
  local n, day, seconds = number % 3 == 0 and -5 or number % 7 + 1, today(g)
  local at = day * 86400 + seconds
  if world.commands[number] and at - world.commands[number] > 80000 then return end
  if not world.commands[number] then
    world.commands[number] = at
    add(world.sums, g:id(who), "survey", n)
  end
  g:command{ op = "points", user = who, points = n, id = "p" .. number, reason = "survey" }
end

local function member(roll) return "成员" .. roll(MEMBERS) end
local function place(roll) return PLACES[roll(2)] end
-- Mostly the latest number or the next one: what is reported again is mostly what was reported just now.
local function number(world, field, roll)
  world[field] = world[field] + (roll(3) > 1 and 1 or 0)
  return math.max(1, world[field] - (roll(4) == 1 and roll(5) or 0))
end

local DEEDS = {
  { 10, "talk", function(g, roll, world) says(g, world, member(roll), "早呀" .. roll(99), place(roll)) end },
  { 16, "check in", function(g, roll, world) check_in(g, world, member(roll), place(roll)) end },
  { 6, "check in in both groups at once", function(g, roll, world)
    local who = member(roll)
    g:together(function()
      for _, one in ipairs(PLACES) do
        check_in(g, world, who, one)
        check_in(g, world, who, one)
      end
    end)
  end },
  { 4, "take a check-in back", function(g, roll, world) undo(g, world, member(roll)) end },
  { 14, "order", function(g, roll, world) order(g, world, member(roll), number(world, "last_order", roll)) end },
  { 4, "the same order twice at once", function(g, roll, world)
    local who, n = member(roll), number(world, "last_order", roll)
    g:together(function()
      order(g, world, who, n)
      order(g, world, who, n)
    end)
  end },
  { 8, "another system", function(g, roll, world) outside(g, world, member(roll), number(world, "last_command", roll)) end },
  { 10, "open a packet", function(g) g:staff("店长", "发红包") end },
  { 14, "grab", function(g, roll, world) says(g, world, member(roll), "抢", "demo") end },
  { 6, "several grab", function(g, roll, world)
    g:together(function()
      for _ = 1, 2 + roll(4) do says(g, world, member(roll), "抢", "demo") end
    end)
  end },
  { 3, "void the packet", function(g) g:staff("店长", "作废") end },
  { 9, "voucher, given away", function(g, roll, world)
    local who = member(roll)
    g:staff("店长", "发券 亲友券 @" .. who)
    says(g, world, who, "送券 @" .. member(roll), "demo")
  end },
  { 3, "give", function(g, roll, world) says(g, world, member(roll), "送券 @" .. member(roll), "demo") end },
  { 10, "redeem", function(g, roll, world)
    if #world.codes == 0 then return g:staff("店长", "核销") end
    g:staff("店长", "核销 " .. world.codes[math.max(1, #world.codes - roll(3) + 1)] .. (roll(3) > 1 and " " .. roll(300) or ""))
  end },
  { 4, "rebate, twice at once", function(g, roll, world)
    if #world.codes == 0 then return g:staff("店长", "返利") end
    local text = "返利 " .. world.codes[math.max(1, #world.codes - roll(3) + 1)] .. " " .. roll(300)
    g:together(function()
      g:staff("店长", text)
      g:staff("店长", text, { chat = "staff" })
    end)
  end },
  { 6, "somebody is brought", function(g, roll, world)
    if world.newcomers == NEWCOMERS then return end
    world.newcomers = world.newcomers + 1
    local who = "新人" .. world.newcomers
    world.names[#world.names + 1] = who
    g:join(who, { by = roll(3) == 1 and world.newcomers > 1 and "新人" .. roll(world.newcomers - 1) or member(roll) })
  end },
  { 2, "a newcomer leaves", function(g, roll, world) if world.newcomers > 0 then g:leave("新人" .. roll(world.newcomers)) end end },
  { 3, "an invite is taken back", function(g, roll, world)
    if world.newcomers > 0 then g:staff("店长", "邀请作废 @新人" .. roll(world.newcomers)) end
  end },
  { 6, "6 seconds", function(g) g:advance("6s") end },
  { 7, "6 hours", function(g) g:advance("6h") end },
  { 4, "a day", function(g) g:advance("1d") end },
  { 1, "9 days", function(g) g:advance("9d") end },
  { 2, "restart", function(g) g:restart() end },
}

-- The codes that members were told.
local function listen(g, world)
  for i = 1, MEMBERS do days.learn(g, { dm = "成员" .. i }, { ["券码"] = world.codes }) end
end

-- Nothing is done on the edge of two days.
local function leave_edges(g)
  if select(2, today(g)) > 86400 - 30 then g:advance("1m") end
end

local function begin(g)
  local world = {
    sums = {}, spoke = {}, done = {}, orders = {}, commands = {}, codes = {}, names = { "店长" }, newcomers = 0, last_order = 0,
    last_command = 0,
  }
  for i = 1, NEWCOMERS do g:id("新人" .. i) end
  for i = 1, MEMBERS do
    world.names[#world.names + 1] = "成员" .. i
    says(g, world, "成员" .. i, "大家好", "demo")
    says(g, world, "成员" .. i, "大家好", "二店")
  end
  return world
end

local function finish(g)
  local happened = { packet = 0, checkin = 0, order = 0, survey = 0, rebate = 0, referral = 0 }
  for _, event in ipairs(g:events("points")) do
    local cause = event.why:match("^%a+")
    if happened[cause] then happened[cause] = happened[cause] + 1 end
  end
  return happened
end

local t = sop.test("referral", { playbook = playbook, start = "2026-03-02 09:00" })
local happened = days.happened("packet", "checkin", "order", "survey", "rebate", "referral")

days.cases(t, {
  title = "points hold", seeds = SEEDS, steps = STEPS, every = EVERY, happened = happened, deeds = DEEDS, begin = begin,
  before = leave_edges, listen = listen, check = check, settle = "5s", last = "作废", rest = "5d", finish = finish,
})
days.all_happened(t, happened)
