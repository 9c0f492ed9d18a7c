-- voucher_ledger_test.lua -- vouchers under random days: issued, given, fetched, redeemed, taken back, expired, with restarts and deaths
-- of the daemon in any order; every few steps all of it adds up. The name of a case has its seed; a failure names the step and what was
-- done in it. tests/sop/ledger/long plays the same for 100,000 operations and more.
--
-- | what is promised (flows.md 7 and "Common")                       | what holds                                                    |
-- |--------------------------------------------------------------------|---------------------------------------------------------------|
-- | sums are conserved; whole numbers                                  | entries add up to the balances, all balances to 0             |
-- | ledgers only append                                                | what was entered before stands there unchanged                |
-- | 核销 once only                                                      | a voucher ends once; as many answers, events, audit entries   |
-- | gift rule; no self-gift where forbidden                            | `self` is never given, `other` never used by its first owner, |
-- |                                                                    | nothing is given to its first owner, or twice                 |
-- | rebate to the giver                                                | once a voucher, not above its share; points = entries         |
-- | reconciliation                                                     | 对账 says so, too, in the end                                  |
local days = require("days")

local SEEDS, STEPS, EVERY = 3, 150, 10 -- tests/sop/ledger/long changes these
local MEMBERS = 7

local TYPES = {
  { name = "甲券", face = 1000, days = 3 }, { name = "乙券", face = 5000, days = 5, gift = "other", rebate = 20 },
  { name = "丙券", face = 300, days = 2, gift = "self" },
}
local RULES = { [1000] = "either", [5000] = "other", [300] = "self" }

local playbook = {
  flows = { "switch", "common", {
    "voucher", types = TYPES, day_max = 100000, code_dm = "券码[{code}]", given_dm = "券码[{code}]", token = "赠送码[{token}]",
    redeemed = "核销成功[{code}]", redeemed_rebate = "核销成功[{code}]", redeemed_later = "核销成功[{code}]",
    staff_good = "账平", staff_bad = "账坏 {lines}", staff_bad_line = "{who} {entered} {kept} {owned};",
  } },
  staff = { ["playground:店长"] = "store" },
}

-- ---- what must hold ------------------------------------------------------------------------------------------------

local ENDS = { used = true, void = true, expired = true }

-- The life of each voucher, as it was entered. Returns the vouchers by code, and how many ended how.
local function lives(list)
  local vouchers, ends = {}, { used = 0, void = 0, expired = 0 }
  for _, entry in ipairs(list) do
    local one = vouchers[entry.ref]
    if entry.what == "issue" then
      assert(not one, "issued twice")
      vouchers[entry.ref] = { first = entry.to, owner = entry.to, face = entry.n, rule = RULES[entry.n] }
    else
      assert(one and not one.ended, entry.what .. " of a voucher that is none any more")
      assert(entry.from == one.owner and entry.n == one.face, entry.what .. " of somebody else's voucher")
      if entry.what == "gift" then
        assert(one.rule ~= "self", "a voucher for oneself was given")
        assert(not one.giver and entry.to ~= one.first, "given twice, or back")
        one.giver, one.owner = entry.from, entry.to
      else
        assert(ENDS[entry.what] and entry.to == entry.what, entry.what)
        assert(entry.what ~= "used" or one.rule ~= "other" or one.giver, "used by its first owner")
        one.ended, ends[entry.what] = entry.what, ends[entry.what] + 1
      end
    end
  end
  return vouchers, ends
end

local function check(g, world)
  local list, balances = days.read_book(g, "voucher", world.known.voucher)
  for account, n in pairs(balances) do assert(n >= 0 or account == "house", account .. " is below 0") end
  local vouchers, ends = lives(list)
  for state, n in pairs(ends) do g:equal(#g:events("code_" .. state), n, "events of code_" .. state) end
  g:equal(#g:audit("code_redeemed"), ends.used, "redemptions in the audit")
  local points, once = {}, {}
  for _, entry in ipairs(days.read_book(g, "rebate", world.known.rebate)) do
    local one = vouchers[entry.ref]
    assert(one and one.ended == "used" and one.giver == entry.to and not once[entry.ref], "a rebate that is none, or a second one")
    once[entry.ref] = true
    points[entry.to] = (points[entry.to] or 0) + entry.n
  end
  for i = 1, MEMBERS do
    g:equal(g:state("profile", "成员" .. i, "points") or 0, points[g:id("成员" .. i)] or 0, "points of member " .. i)
  end
  assert(world.way ~= "no" or not world.redeemed.again, "a code was redeemed twice")
  return ends
end

-- ---- what may happen -----------------------------------------------------------------------------------------------

local function member(roll) return "成员" .. roll(MEMBERS) end

-- Codes and tokens that members were told so far, and what was said to be redeemed.
local function listen(g, world)
  for i = 1, MEMBERS do days.learn(g, { dm = "成员" .. i }, { ["券码"] = world.codes, ["赠送码"] = world.tokens }) end
  for _, chat in ipairs({ "demo", "staff" }) do days.learn(g, { chat = chat }, { ["核销成功"] = world.redeemed }) end
end

local function some(list, roll)
  -- mostly a young one: the old ones are over
  return #list > 0 and list[roll(4) == 1 and roll(#list) or #list - roll(math.min(8, #list)) + 1] or "23456789"
end

local DEEDS = {
  { 24, "issue", function(g, roll) g:says("店长", "发券 " .. TYPES[roll(3)].name .. " @" .. member(roll)) end },
  { 18, "give", function(g, roll) g:says(member(roll), "送券 @" .. member(roll)) end },
  { 6, "give one of a name", function(g, roll) g:says(member(roll), "送券 " .. TYPES[roll(3)].name .. " @" .. member(roll)) end },
  { 7, "token", function(g, roll) g:dm(member(roll), "送券") end },
  { 7, "fetch", function(g, roll, world) g:says(member(roll), "领券 " .. some(world.tokens, roll)) end },
  { 4, "several fetch at once", function(g, roll, world)
    local token = some(world.tokens, roll)
    g:together(function()
      for _ = 1, 3 do g:says(member(roll), "领券 " .. token) end
    end)
  end },
  { 12, "redeem", function(g, roll, world)
    g:staff("店长", "核销 " .. some(world.codes, roll) .. (roll(2) == 1 and " " .. roll(500) or ""), roll(3) == 1 and { chat = "staff" } or nil)
  end },
  { 6, "redeem twice at once", function(g, roll, world)
    local code = some(world.codes, roll)
    g:together(function()
      g:staff("店长", "核销" .. code:lower() .. " 100")
      g:staff("店长", "核销 " .. code, { chat = "staff" })
    end)
  end },
  { 6, "rebate", function(g, roll, world) g:staff("店长", "返利 " .. some(world.codes, roll) .. " " .. roll(900)) end },
  { 4, "void", function(g, roll, world) g:staff("店长", "作废券 " .. some(world.codes, roll)) end },
  { 3, "6 hours", function(g) g:advance("6h") end },
  { 2, "a day", function(g) g:advance("1d") end },
  { 2, "restart", function(g) g:restart() end },
}

local function begin(g)
  for i = 1, MEMBERS do g:says("成员" .. i, "hi") end
  return { known = { voucher = {}, rebate = {} }, codes = {}, tokens = {}, redeemed = {} }
end

-- In the end all is over, the books say so, and 对账 finds it right.
local function finish(g, world, ends)
  local issued, gifts = 0, 0
  for _, line in ipairs(world.known.voucher) do
    if line:find("^issue ") then issued = issued + 1 end
    if line:find("^gift ") then gifts = gifts + 1 end
  end
  g:equal(ends.used + ends.void + ends.expired, issued, "vouchers that ended, and issued")
  g:expect_runs(0)
  g:seen()
  g:staff("店长", "对账")
  g:advance("5s")
  g:expect_count(1, { at = "店长", text = "账平\n账平" })
  return { used = ends.used, void = ends.void, expired = ends.expired, gifts = gifts, rebates = #world.known.rebate }
end

local t = sop.test("voucher", { playbook = playbook, start = "2026-03-02 09:00" })
local happened = days.happened("used", "void", "expired", "gifts", "rebates")

days.cases(t, {
  title = "the books of vouchers hold", seeds = SEEDS, steps = STEPS, every = EVERY, happened = happened, deeds = DEEDS, begin = begin,
  listen = listen, check = check, last = "对账", rest = "7d", finish = finish,
})
days.all_happened(t, happened)
