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

-- A sequence of chances that depends on the seed only.
local function dice(seed)
  local state = seed * 7919 + 12345
  return function(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return (state >> 8) % n + 1
  end
end

-- ---- what must hold ------------------------------------------------------------------------------------------------

-- The entries of a book, of which those known from the time before must be unchanged; and that they add up.
local function read_book(g, name, known)
  local list, sums = g:state("list", "ledger-" .. name) or {}, {}
  assert(#list >= #known, name .. ": entries are gone")
  for i, entry in ipairs(list) do
    assert(math.type(entry.n) == "integer" and entry.n > 0 and entry.from ~= entry.to, name .. ": entry " .. i)
    sums[entry.from], sums[entry.to] = (sums[entry.from] or 0) - entry.n, (sums[entry.to] or 0) + entry.n
    local line = ("%s %s %s %d %s %d"):format(entry.what, entry.from, entry.to, entry.n, entry.ref, entry.at)
    assert(not known[i] or known[i] == line, name .. ": entry " .. i .. " was changed")
    known[i] = line
  end
  local kept, total = g:state("hash", "balances-" .. name) or {}, 0
  for account, n in pairs(kept) do
    total = total + n
    g:equal(n, sums[account], name .. ": balance of " .. account)
    assert(n >= 0 or account == "house", name .. ": " .. account .. " is below 0")
  end
  for account, n in pairs(sums) do assert(n == 0 or kept[account] == n, name .. ": " .. account .. " is not kept") end
  g:equal(total, 0, name .. ": all balances together")
  return list
end

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

local function check(g, known)
  local vouchers, ends = lives(read_book(g, "voucher", known.voucher))
  for state, n in pairs(ends) do g:equal(#g:events("code_" .. state), n, "events of code_" .. state) end
  g:equal(#g:audit("code_redeemed"), ends.used, "redemptions in the audit")
  local points, once = {}, {}
  for _, entry in ipairs(read_book(g, "rebate", known.rebate)) do
    local one = vouchers[entry.ref]
    assert(one and one.ended == "used" and one.giver == entry.to and not once[entry.ref], "a rebate that is none, or a second one")
    once[entry.ref] = true
    points[entry.to] = (points[entry.to] or 0) + entry.n
  end
  for i = 1, MEMBERS do
    g:equal(g:state("profile", "成员" .. i, "points") or 0, points[g:id("成员" .. i)] or 0, "points of member " .. i)
  end
  return ends
end

-- ---- what may happen -----------------------------------------------------------------------------------------------

local MOMENTS = { "input", "commit", "send" }

local function member(roll) return "成员" .. roll(MEMBERS) end

-- Codes and tokens that members were told so far; how often each code was said to be redeemed.
local function collect(g, world)
  for i = 1, MEMBERS do
    for _, message in ipairs(g:seen{ dm = "成员" .. i }) do
      for kind, code in message.text:gmatch("(%S-码)%[(%w+)%]") do
        local list = kind == "券码" and world.codes or kind == "赠送码" and world.tokens
        if list and not list[code] then
          list[code] = true
          list[#list + 1] = code
        end
      end
    end
  end
  for _, chat in ipairs({ "demo", "staff" }) do
    for _, message in ipairs(g:seen{ chat = chat, text = "核销成功" }) do
      local code = message.text:match("%[(%w+)%]")
      world.redeemed[code] = (world.redeemed[code] or 0) + 1
    end
  end
end

local function some(list, roll)
  -- mostly a young one: the old ones are over
  return #list > 0 and list[roll(4) == 1 and roll(#list) or #list - roll(math.min(8, #list)) + 1] or "23456789"
end

local ACTIONS = {
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

local function choose(roll)
  local all = 0
  for _, action in ipairs(ACTIONS) do all = all + action[1] end
  local n = roll(all)
  for _, action in ipairs(ACTIONS) do
    if n <= action[1] then return action end
    n = n - action[1]
  end
end

local played, happened = 0, { used = 0, void = 0, expired = 0, gifts = 0, rebates = 0 }

-- Days of vouchers. `deadly`: the daemon dies in the middle of one step of four, or after each tenth.
local function days(g, seed, deadly)
  local roll, known = dice(seed), { voucher = {}, rebate = {} }
  local world = { codes = {}, tokens = {}, redeemed = {} }
  for i = 1, MEMBERS do g:says("成员" .. i, "hi") end
  for step = 1, STEPS do
    local action, how = choose(roll), ""
    if deadly == "within" and roll(4) == 1 then
      how = MOMENTS[roll(3)]
      g:kill{ during = how }
    end
    action[3](g, roll, world)
    if deadly == "after" and step % 10 == 0 then g:kill() end
    collect(g, world)
    if step % EVERY == 0 then
      local ok, why = pcall(check, g, known)
      for code, times in pairs(world.redeemed) do
        if times > 1 and deadly == "no" then ok, why = false, code .. " was redeemed twice" end
      end
      local dying = how ~= "" and ", dying in " .. how or ""
      if not ok then error(("seed %d, step %d, %s%s: %s"):format(seed, step, action[2], dying, why), 0) end
    end
  end

  -- In the end all is over, the books say so, and 对账 finds it right.
  g:staff("店长", "对账") -- is answered in any case, so that a death which is still to come comes
  g:advance("7d")
  local ends = check(g, known)
  local issued, gifts = 0, 0
  for _, line in ipairs(known.voucher) do
    if line:find("^issue ") then issued = issued + 1 end
    if line:find("^gift ") then gifts = gifts + 1 end
  end
  g:equal(ends.used + ends.void + ends.expired, issued, "vouchers that ended, and issued")
  g:expect_runs(0)
  g:seen()
  g:staff("店长", "对账")
  g:advance("5s")
  g:expect_count(1, { at = "店长", text = "账平\n账平" })
  played = played + 1
  for state, n in pairs(ends) do happened[state] = happened[state] + n end
  happened.gifts, happened.rebates = happened.gifts + gifts, happened.rebates + #known.rebate
end

local t = sop.test("voucher", { playbook = playbook, start = "2026-03-02 09:00" })

for i, deadly in ipairs({ "no", "within", "after" }) do
  for n = 1, SEEDS do
    local seed = i * 1000 + n
    local title = ({ no = "", within = ", deaths within steps", after = ", deaths after steps" })[deadly]
    t:case(("the books of vouchers hold%s: seed %d"):format(title, seed), function(g) days(g, seed, deadly) end)
  end
end

t:case("in these days all of it happened", function()
  if played < 3 * SEEDS then return end -- only some of them were played
  for what, times in pairs(happened) do assert(times >= SEEDS, what .. " came " .. times .. " times only") end
end)
