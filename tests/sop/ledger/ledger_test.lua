-- ledger_test.lua -- red packets under random evenings: grabs, 作废, 核销, expiry, restarts and deaths of the daemon in any order, and after
-- every step all sums are right. The name of a case has its seed; a failure names the step and what was done in it.
--
-- | what is promised (flows.md 4 and "Common")                       | what holds after every step                                  |
-- |--------------------------------------------------------------------|--------------------------------------------------------------|
-- | sums are conserved                                                 | given + left = booked, in the packet and in the budget       |
-- | the remainder returns to the budget; 作废 refunds                   | the group's total is what was given and not taken back       |
-- | ledgers only append; points are whole numbers                      | the entries add up to the balances                           |
-- | one grab per member and packet; no share too many                  | every member once in the list of grabs                       |
-- | 核销 once only                                                      | a code ends once; as many answers as redeemed codes          |
-- | a packet that would exceed a budget is not opened                  | day and group stay within                                    |
local days = require("days")

local SEEDS, STEPS, EVERY = 2, 45, 1 -- tests/sop/ledger/long changes these
local DAY_MAX, GROUP_MAX = { points = 180, coupon = 60, prizes = 130 }, 500
local MEMBERS = 9

local TEXTS = {
  organiser = "幸福路店", redeemed = "核销成功[{code}]", code_dm = "券码[{code}]", staff_budget = "没有开", open_points = "开", open_prizes = "开",
  open_coupon = "开", voided = "作废", results = "结果", closed_time = "时间到", closed_empty = "抢完", closed_nobody = "没人抢",
}

local KINDS = {
  points = { kind = "points", total = 97, shares = 6 },
  coupon = { kind = "coupon", shares = 5, coupon = "早餐券", coupon_cost = 7, valid_days = 2 },
  prizes = {
    kind = "prizes", shares = 7, consolation = 3, valid_days = 1,
    prizes = { { name = "牛奶", count = 1, value = 6000, cost = 50 }, { name = "券", count = 3, value = 500, cost = 5 } },
  },
}

local function book(kind)
  local flow = { "redpacket", nightly = false, exclude_staff = false, day_max = DAY_MAX[kind], group_max = GROUP_MAX, remind_at = "10:00" }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(KINDS[kind]) do flow[name] = value end
  return { flows = { "switch", "common", flow }, staff = { ["playground:店长"] = "store" } }
end

local function sum(list, field)
  local total = 0
  for _, entry in ipairs(list) do total = total + (field and entry[field] or entry) end
  return total
end

-- ---- what must hold ------------------------------------------------------------------------------------------------

-- What a grab took of the budget.
local function cost_of(kind, grab)
  if kind.kind == "points" then return grab.got end
  if kind.kind == "coupon" then return kind.coupon_cost end
  return grab.got > 0 and kind.prizes[grab.got].cost or kind.consolation
end

-- One packet, open or ended: what was given and what is left are what it was; nobody twice.
local function check_packet(g, kind, packet)
  local grabs, seen, cost = g:state("list", "grabs-" .. packet.id) or {}, {}, 0
  local counts = {}
  for _, grab in ipairs(grabs) do
    assert(not seen[grab.user], "packet " .. packet.id .. ": " .. grab.name .. " grabbed twice")
    seen[grab.user], cost = true, cost + cost_of(kind, grab)
    counts[grab.got] = (counts[grab.got] or 0) + 1
    assert(kind.kind ~= "points" or grab.got >= 1, "a share of less than 1")
  end
  g:equal(#grabs + packet.left, packet.shares, "packet " .. packet.id .. ": grabs and shares left")
  if kind.kind == "points" then g:equal(sum(grabs, "got") + packet.rest, packet.total, "packet " .. packet.id .. ": given and rest") end
  for i, prize in ipairs(kind.prizes or {}) do
    g:equal((counts[i] or 0) + packet.counts[i], prize.count, "packet " .. packet.id .. ": " .. prize.name)
  end
  if packet.state ~= "void" then g:equal(packet.spent, cost, "packet " .. packet.id .. ": spent") end
end

-- Codes: each ended at most once. Returns what 作废 took back, and how many codes are still good, by packet.
local function check_codes(g)
  local ended, back, good, used, once = 0, {}, {}, 0, {}
  local issued = g:events("code_issued")
  for _, code in ipairs(issued) do good[code.from] = (good[code.from] or 0) + 1 end
  for _, state in ipairs({ "used", "void", "expired" }) do
    for _, code in ipairs(g:events("code_" .. state)) do
      local id = code.user .. code.code .. code.from
      assert(not once[id], "a code ended twice: " .. code.code)
      once[id], ended = state, ended + 1
      good[code.from] = good[code.from] - 1
      if state == "void" then back[code.from] = (back[code.from] or 0) + code.cost end
      if state == "used" then used = used + 1 end
    end
  end
  assert(ended <= #issued, "more codes ended than were issued")
  g:equal(#g:audit("code_redeemed"), used, "redemptions in the audit")
  return back, good
end

local function check(g, world)
  assert(world.way ~= "no" or not world.redeemed.again, "a code was redeemed twice")
  local kind, packet, records = world.kind, g:state("group", "packet"), g:state("list", "packets") or {}
  local back, good = check_codes(g)
  local total, void_given = 0, 0
  for _, record in ipairs(records) do
    check_packet(g, kind, record)
    assert(record.state ~= "void" or (good["packet." .. record.id] or 0) == 0, "a packet is void and a code of it is good")
    total = total + record.spent - (record.state == "void" and 0 or back["packet." .. record.id] or 0)
    if record.state == "void" and kind.kind ~= "coupon" then
      for _, grab in ipairs(g:state("list", "grabs-" .. record.id) or {}) do
        local points = kind.kind == "points" and grab.got or grab.got == 0 and kind.consolation or 0
        void_given = void_given + points
      end
    end
  end
  if packet then
    check_packet(g, kind, packet)
    total = total + packet.cost - (back["packet." .. packet.id] or 0)
  end
  g:equal(g:state("group", "total") or 0, total, "the group's budget")
  assert(total <= GROUP_MAX and total >= 0, "the group's budget is broken")
  local spent = g:state("group", "spent")
  assert(not spent or spent[2] <= DAY_MAX[kind.kind] and spent[2] >= 0, "the budget of the day is broken")

  -- Points: what was entered, what the members have, and what the lists of grabs say.
  local entered, have = sum(g:events("points"), "n"), 0
  for i = 1, MEMBERS do have = have + (g:state("profile", "成员" .. i, "points") or 0) end
  have = have + (g:state("profile", "店长", "points") or 0)
  g:equal(have, entered, "balances and ledger")
  local given = -void_given
  for _, list in ipairs({ records, { packet } }) do
    for _, one in ipairs(list) do
      for _, grab in ipairs(g:state("list", "grabs-" .. one.id) or {}) do
        given = given + (kind.kind == "points" and grab.got or kind.kind == "prizes" and grab.got == 0 and kind.consolation or 0)
      end
    end
  end
  g:equal(entered, given, "ledger and grabs")
end

-- ---- what may happen -----------------------------------------------------------------------------------------------

-- The codes that members were told so far, and what was said to be redeemed.
local function listen(g, world)
  for i = 1, MEMBERS do days.learn(g, { dm = "成员" .. i }, { ["券码"] = world.codes }) end
  days.learn(g, { dm = "店长" }, { ["券码"] = world.codes })
  for _, chat in ipairs({ "demo", "staff" }) do days.learn(g, { chat = chat }, { ["核销成功"] = world.redeemed }) end
end

local function grab(g, roll)
  local who = roll(MEMBERS + 1)
  g:says(who > MEMBERS and "店长" or "成员" .. who, roll(2) == 1 and "抢" or "抢红包")
end

local DEEDS = {
  { 30, "grab", grab },
  { 8, "several grab", function(g, roll)
    g:together(function()
      for _ = 1, 2 + roll(5) do grab(g, roll) end
    end)
  end },
  { 14, "open", function(g) g:staff("店长", "发红包") end },
  { 5, "void the packet", function(g) g:staff("店长", "作废") end },
  { 7, "void a code", function(g, roll, world)
    if #world.codes > 0 then g:staff("店长", "作废 " .. world.codes[roll(#world.codes)]) end
  end },
  { 14, "redeem", function(g, roll, world)
    local codes = world.codes
    if #codes > 0 then g:staff("店长", "核销 " .. codes[roll(#codes)], roll(3) == 1 and { chat = "staff" } or nil) end
  end },
  { 5, "redeem twice at once", function(g, roll, world)
    if #world.codes == 0 then return end
    local code = world.codes[roll(#world.codes)]
    g:together(function()
      g:staff("店长", "核销" .. code:lower())
      g:staff("店长", "核销 " .. code, { chat = "staff" })
    end)
  end },
  { 8, "6 seconds", function(g) g:advance("6s") end },
  { 6, "11 minutes", function(g) g:advance("11m") end },
  { 5, "a day", function(g) g:advance("1d") end },
  { 4, "restart", function(g) g:restart() end },
}

-- In the end nothing is open, nothing is good any more, and no run is left.
local function finish(g)
  local issued, ended = #g:events("code_issued"), 0
  for _, state in ipairs({ "used", "void", "expired" }) do ended = ended + #g:events("code_" .. state) end
  g:equal(ended, issued, "codes that ended, and issued")
  g:expect_state("group", { packet = false })
  g:expect_runs(0)
end

local happened = days.happened(
  "packet_opened", "packet_closed", "packet_void", "packet_refused", "code_used", "code_void", "code_expired"
)

for _, name in ipairs({ "points", "prizes", "coupon" }) do
  days.cases(sop.test("redpacket", { playbook = book(name), start = "2026-03-02 09:00" }), {
    title = "sums hold through evenings of " .. name, seeds = SEEDS, steps = STEPS, every = EVERY, happened = happened, deeds = DEEDS,
    begin = function() return { kind = KINDS[name], codes = {}, redeemed = {} } end,
    listen = listen, check = check, last = "发红包", rest = "5d", finish = finish, within = 3, after = 2,
  })
end

days.all_happened(sop.test("redpacket", { playbook = book("points") }), happened)
