-- referral_ledger_test.lua -- invites under random weeks: people join by each other, by a code or by themselves, leave, come back, staff
-- take back, freeze and settle, with restarts and deaths of the daemon in any order; every few steps all of it adds up. The name of a case
-- has its seed; a failure names the step and what was done in it. tests/sop/ledger/long plays the same for 100,000 operations and more.
--
-- | what is promised (flows.md 8 and "Common")                       | what holds                                                    |
-- |--------------------------------------------------------------------|---------------------------------------------------------------|
-- | sums are conserved; whole numbers                                  | entries add up to the balances, all balances to 0             |
-- | ledgers only append                                                | what was entered before stands there unchanged                |
-- | two levels at most                                                 | an invite has one reward of level 1, at most one of level 2,  |
-- |                                                                    | that of whoever brought the first                             |
-- | nobody counts twice, or for themselves                             | one invite a newcomer, ever; no circle of invites             |
-- | valid after 7 days, taken back before                              | every promise is due or taken back, once; nothing before time |
-- | settlement is outside                                              | settled is never more than was due                            |
-- | 邀请榜                                                             | the board is the invites that were not taken back             |
-- | reconciliation                                                     | 对账 says so, too, in the end                                  |
local days = require("days")

local SEEDS, STEPS, EVERY = 3, 150, 10 -- tests/sop/ledger/long changes these
local FIRST, LAST = 4, 60 -- members from the beginning, and those who may come
local STAY = 2

local playbook = {
  flows = { "switch", "common", {
    "referral", stay_days = STAY, code = "码[{code}]", matured = "谢谢", matured_more = "谢谢", staff_good = "账平", staff_bad = "账坏 {lines}",
    staff_bad_line = "{who} {entered} {kept};", day_max = 8,
  } },
  staff = { ["playground:店长"] = "store" },
}

-- ---- what must hold ------------------------------------------------------------------------------------------------

-- Every invite as it was entered: { by, second, at, state }.
local function read_invites(list)
  local invites = {}
  for _, entry in ipairs(list) do
    local one = invites[entry.ref]
    if entry.what == "level1" then
      assert(not one, "a newcomer counted twice")
      assert(entry.from == "house" and entry.to ~= entry.ref, "somebody brought themselves")
      invites[entry.ref] = { by = entry.to, at = entry.at, open = 1 }
    elseif entry.what == "level2" then
      assert(one and not one.second and one.open == 1, "a second level twice, or later")
      local first = invites[one.by]
      assert(entry.to ~= entry.ref and first and first.by == entry.to, "level 2 of somebody who did not bring the first")
      one.second, one.open = entry.to, 2
    else
      assert(entry.what == "back" or entry.what == "due", "a third level, or what is it: " .. entry.what)
      assert(one and one.open > 0 and (not one.state or one.state == entry.what), "an invite ended twice")
      assert(entry.from == one.by or entry.from == one.second, "taken from somebody else")
      assert(entry.what == "back" or entry.at - one.at >= STAY * 86400, "due before its time")
      one.state, one.open = entry.what, one.open - 1
    end
  end
  for _, one in pairs(invites) do assert(not one.state or one.open == 0, "one level ended without the other") end
  return invites
end

local function check(g, world)
  local held, held_sums = days.read_book(g, "held", world.known.held)
  local paid, paid_sums = days.read_book(g, "paid", world.known.paid)
  local invites = read_invites(held)
  g:equal(-(paid_sums.house or 0), held_sums.paid or 0, "what became due, in both books")
  for account, n in pairs(held_sums) do assert(n >= 0 or account == "house", "promised less than nothing") end
  local voided, settled, due, void_of = {}, {}, {}, {}
  for _, entry in ipairs(paid) do
    if entry.what == "settled" then
      settled[entry.from] = (settled[entry.from] or 0) + entry.n
      assert(settled[entry.from] <= (due[entry.from] or 0) - (void_of[entry.from] or 0), "settled more than was due")
    elseif entry.what == "void" then
      assert(invites[entry.ref].state == "due", "void before it was due")
      voided[entry.ref] = true
      void_of[entry.from] = (void_of[entry.from] or 0) + entry.n
    else
      assert(invites[entry.ref].state == "due" and entry.from == "house", "paid what was not due")
      due[entry.to] = (due[entry.to] or 0) + entry.n
    end
  end

  -- No circles: going up from anybody ends.
  local counts = {}
  for user, one in pairs(invites) do
    local up, steps = one.by, 0
    while invites[up] do
      up, steps = invites[up].by, steps + 1
      assert(up ~= user and steps < 1000, "a circle of invites")
    end
    if one.state ~= "back" and not voided[user] then counts[one.by] = (counts[one.by] or 0) + 1 end
  end
  local n = 0
  for _, entry in ipairs(g:board("invites")) do
    local id = g:id(entry[1])
    g:equal(entry[2], counts[id] or counts[entry[1]], "on the board: " .. entry[1])
    n = n + 1
  end
  for _ in pairs(counts) do n = n - 1 end
  g:equal(n, 0, "members on the board, and with invites")
  return invites
end

-- ---- what may happen -----------------------------------------------------------------------------------------------

local function here(world, roll) return world.here[roll(#world.here)] end

local function anybody(roll) return "成员" .. roll(LAST) end

local function arrive(world, who)
  if world.is_here[who] then return false end
  world.is_here[who] = true
  world.here[#world.here + 1] = who
  return true
end

local DEEDS = {
  { 26, "join by somebody", function(g, roll, world)
    local who, by = anybody(roll), here(world, roll)
    if arrive(world, who) then g:join(who, { by = by }) end
  end },
  { 6, "several join", function(g, roll, world)
    local by = here(world, roll)
    g:together(function()
      for _ = 1, 3 do
        local who = anybody(roll)
        if arrive(world, who) then
          g:join(who, { by = by })
          if roll(2) == 1 then g:join(who, { by = by }) end -- told twice
        end
      end
    end)
  end },
  { 8, "join alone, and a code", function(g, roll, world)
    local who = anybody(roll)
    if not arrive(world, who) then return end
    g:join(who)
    if #world.codes > 0 then g:says(who, "邀请码 " .. world.codes[roll(#world.codes)]) end
  end },
  { 8, "a code of anybody", function(g, roll, world)
    if #world.codes > 0 then g:says(here(world, roll), "邀请码 " .. world.codes[roll(#world.codes)]) end
  end },
  { 7, "my code", function(g, roll, world) g:says(here(world, roll), "我的邀请码") end },
  { 14, "leave", function(g, roll, world)
    local i = roll(#world.here)
    local who = world.here[i]
    if #world.here <= 3 then return end
    table.remove(world.here, i)
    world.is_here[who] = nil
    g:leave(who)
  end },
  { 4, "take back", function(g, roll) g:says("店长", "邀请作废 @" .. anybody(roll)) end },
  { 3, "freeze", function(g, roll, world) g:says("店长", (roll(2) == 1 and "邀请冻结 @" or "邀请解冻 @") .. here(world, roll)) end },
  { 6, "settle", function(g, roll, world) g:says("店长", "邀请结算 @" .. here(world, roll) .. " " .. roll(12)) end },
  { 6, "look", function(g, roll, world) g:says(here(world, roll), roll(2) == 1 and "我的邀请" or "邀请榜") end },
  { 7, "6 hours", function(g) g:advance("6h") end },
  { 3, "a day", function(g) g:advance("1d") end },
  { 2, "restart", function(g) g:restart() end },
}

local function begin(g)
  local world = { known = { held = {}, paid = {} }, codes = {}, here = {}, is_here = {} }
  for i = 1, LAST do g:id("成员" .. i) end
  for i = 1, FIRST do
    arrive(world, "成员" .. i)
    g:says("成员" .. i, "hi")
  end
  return world
end

-- In the end nothing is waiting, the books say so, and 对账 finds it right.
local function finish(g, world, invites)
  for user, one in pairs(invites) do assert(one.state, user .. " is still waiting") end
  g:expect_runs(0)
  g:seen()
  g:staff("店长", "邀请对账")
  g:advance("5s")
  g:expect_count(1, { at = "店长", text = "账平\n账平" })
  local happened = { level1 = 0, level2 = 0, back = 0, due = 0, settled = 0, void = 0 }
  for _, book in pairs(world.known) do
    for _, line in ipairs(book) do
      local what = line:match("^%S+")
      happened[what] = happened[what] + 1
    end
  end
  return happened
end

local t = sop.test("referral", { playbook = playbook, start = "2026-03-02 09:00" })
local happened = days.happened("level1", "level2", "back", "due", "settled", "void")

days.cases(t, {
  title = "the books of invites hold", seeds = SEEDS, steps = STEPS, every = EVERY, happened = happened, deeds = DEEDS, begin = begin,
  listen = function(g, world) days.learn(g, { text = "码[" }, { ["码"] = world.codes }) end,
  check = check, last = "邀请对账", rest = "5d", finish = finish,
})
days.all_happened(t, happened)
