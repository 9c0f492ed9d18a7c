-- stock_ledger_test.lua -- what there is only so much of, under random days: a sale with limits, limits a member and a waiting list,
-- vouchers of which a group may give so many a day, goods of the evening that sell out; with restarts and deaths of the daemon in any
-- order. A sale is kept here a second time, as a queue of single pieces: what a limit covers is what stands at its head. The name of a
-- case has its seed; a failure names the step and what was done in it. tests/sop/ledger/long plays the same for 100,000 steps and more.
--
-- | what is promised (flows.md 5, 6, 7)                                | what holds                                                    |
-- |--------------------------------------------------------------------|---------------------------------------------------------------|
-- | limits; over-limit waits, and moves up in order                    | every member has and waits for what the queue says            |
-- | limited for each member                                            | a wish above it changes nothing                               |
-- | numbers are kept, and not given again                              | the number of every entry is that of its first order          |
-- | the cut-off                                                        | what is closed stays as it was, whatever is said afterwards   |
-- | totals for purchasing                                              | told = the queue's                                            |
-- | 提货 once                                                           | taken or not as done; one event each                          |
-- | so many vouchers a day; one for each cause                         | issued = asked for within the number, all or none             |
-- | 卖完, 补货; ends when all is sold out                                | what is left as said; no rung while nothing is left, and no   |
-- |                                                                    | end as sold out while something is                            |
local days = require("days")

local SEEDS, STEPS, EVERY = 3, 120, 5 -- tests/sop/ledger/long changes these
local MEMBERS, DAY_MAX = 8, 6
local ITEMS = { { name = "鸡蛋", limit = 7, each = 3 }, { name = "牛奶", limit = 4 }, { name = "面包" } }
local GOODS = { "菠菜", "豆腐", "草莓" }

local playbook = {
  quiet = false,
  flows = {
    "switch", "common", { "presale", staff_open = "还有一个" },
    { "voucher", types = { { name = "甲券", face = 1000, days = 3 } }, day_max = DAY_MAX },
    { "ladder", begins = "16:00", rungs = { "17:00 9折", "18:00 8折", "19:00 7折", "20:00 6折", "21:00 5折" } },
  },
  staff = { ["playground:店长"] = "store" },
}

-- ---- a sale, kept a second time --------------------------------------------------------------------------------------

local function new_sale(id) return { id = id, queues = { {}, {}, {} }, numbers = {}, last = 0, taken = {}, picked = {} } end

local function pieces(sale, item, who)
  local n = 0
  for _, one in ipairs(sale.queues[item]) do
    if one == who then n = n + 1 end
  end
  return n
end

-- How many of an item somebody has, and waits for: has are those among the first `limit`.
local function stands(sale, item, who)
  local have, wait, limit = 0, 0, ITEMS[item].limit or math.huge
  for place, one in ipairs(sale.queues[item]) do
    if one == who then
      if place <= limit then have = have + 1 else wait = wait + 1 end
    end
  end
  return have, wait
end

-- Wants n pieces of an item in all: more stand at the end, what is given up is what was asked for last.
local function want(sale, item, who, n)
  local queue = sale.queues[item]
  for _ = pieces(sale, item, who) + 1, n do queue[#queue + 1] = who end
  for _ = n + 1, pieces(sale, item, who) do
    for place = #queue, 1, -1 do
      if queue[place] == who then
        table.remove(queue, place)
        break
      end
    end
  end
end

local function is_empty(sale, who)
  return pieces(sale, 1, who) + pieces(sale, 2, who) + pieces(sale, 3, who) == 0
end

local function order(sale, who, wishes)
  for _, wish in ipairs(wishes) do
    local each = ITEMS[wish[1]].each
    if each and wish[2] > each then return end
  end
  if not sale.numbers[who] then
    sale.last = sale.last + 1
    sale.numbers[who] = sale.last
  end
  for _, wish in ipairs(wishes) do want(sale, wish[1], who, wish[2]) end
end

-- Off the list: who comes again has a new number.
local function cancel(sale, who, item)
  if item then
    if pieces(sale, item, who) == 0 then return end
    want(sale, item, who, 0)
  else
    for i = 1, #ITEMS do want(sale, i, who, 0) end
  end
  if is_empty(sale, who) then sale.numbers[who] = nil end
end

-- ---- what must hold ------------------------------------------------------------------------------------------------

local function letter(i) return string.char(64 + i) end

local function check_sale(g, sale)
  local kept = g:state("hash", "sales", tostring(sale.id), "presale")
  if not kept then return end -- older than records are kept
  local entries, here, given = g:state("hash", "list-" .. sale.id, nil, "presale") or {}, 0, { 0, 0, 0 }
  for i = 1, MEMBERS do
    local who = "成员" .. i
    local entry, what = entries[g:id(who)], "sale " .. sale.id .. ", " .. who
    g:equal(entry and entry.no, sale.numbers[who], what .. ": number")
    if entry then
      here = here + 1
      for item = 1, #ITEMS do
        local have, wait = stands(sale, item, who)
        local waits = 0
        for _, ticket in ipairs(entry.wait[letter(item)] or {}) do waits = waits + ticket.n end
        g:equal({ entry.have[letter(item)] or 0, waits }, { have, wait }, what .. ": has and waits for " .. ITEMS[item].name)
        given[item] = given[item] + have
      end
      g:equal(entry.taken ~= nil, sale.taken[entry.no] == true, what .. ": fetched")
    end
  end
  local count = 0
  for _ in pairs(entries) do count = count + 1 end
  g:equal(count, here, "sale " .. sale.id .. ": entries")
  for item, one in ipairs(ITEMS) do
    assert(not one.limit or given[item] <= one.limit, "sale " .. sale.id .. ": more " .. one.name .. " than there is")
    local tally = g:state("hash", "tally-" .. sale.id, letter(item), "presale") or 0
    g:equal(tally, given[item], "sale " .. sale.id .. ": tally of " .. one.name)
  end
  return given
end

local function check_vouchers(g, world)
  local by_day, known = {}, {}
  for _, entry in ipairs(g:state("list", "ledger-voucher", "voucher") or {}) do
    if entry.what == "issue" then
      local day = (entry.at + 8 * 3600 - 4 * 3600) // 86400
      by_day[day] = (by_day[day] or 0) + 1
      known[day] = true
    end
  end
  for day in pairs(world.issued) do known[day] = true end
  for day in pairs(known) do
    g:equal(by_day[day] or 0, world.issued[day] or 0, "vouchers of a day")
    assert((by_day[day] or 0) <= DAY_MAX, "more vouchers than a day's number")
  end
end

local function all_sold(world)
  for _, name in ipairs(GOODS) do
    if not world.sold[name] then return false end
  end
  return true
end

local function check_goods(g, world)
  local _, day = days.clock(g)
  local evening, told = g:state("group", "evening", "ladder"), world.goods_day == day
  if evening and evening.day == day and evening.ended == "sold_out" then
    assert(told and all_sold(world), "the evening ended as sold out, and something is left")
  end
  if not told then return end
  for _, name in ipairs(GOODS) do
    g:equal(g:state("hash", "evening", day .. "|sold|" .. name, "ladder") == true, world.sold[name] == true, name .. ": sold out")
  end
end

local function check_picked(g, world)
  local times = {}
  for _, event in ipairs(g:events("presale_picked_up")) do
    local key = event.id .. "-" .. event.no
    times[key] = (times[key] or 0) + 1
  end
  for key, n in pairs(world.picked) do g:equal(times[key] or 0, n, "fetched: " .. key) end
  for key in pairs(times) do assert(world.picked[key], "fetched by nobody: " .. key) end
end

local function check(g, world)
  for id = math.max(1, #world.sales - 3), #world.sales do check_sale(g, world.sales[id]) end
  check_vouchers(g, world)
  check_goods(g, world)
  check_picked(g, world)
end

-- ---- what is done, and what it must bring ----------------------------------------------------------------------------

-- The sale that takes orders now.
local function open(g, world)
  local sale = world.sales[#world.sales]
  if not sale or sale.closed then return nil end
  return days.clock(g) < sale.closes and sale or nil
end

local function member(roll) return "成员" .. roll(MEMBERS) end

local function open_sale(g, world)
  local before = world.sales[#world.sales]
  local busy = before and not before.closed and days.clock(g) < before.closes + 60
  g:staff("店长", "接龙 今晚\n鸡蛋 12.8元/板 限7 每人3\n牛奶 5元 限4\n面包 3元\n截止 20:00")
  if busy then return end
  local sale = new_sale(#world.sales + 1)
  world.sales[sale.id] = sale
  g:advance("1s")
  sale.closes = g:state("hash", "sales", tostring(sale.id), "presale").closes
end

local function orders(g, roll, world, who)
  local wishes, words = {}, {}
  for item = 1, #ITEMS do
    if roll(2) == 1 then
      local n = roll(4)
      wishes[#wishes + 1], words[#words + 1] = { item, n }, ITEMS[item].name .. "+" .. n
    end
  end
  if #wishes == 0 then return end
  local sale = open(g, world)
  if sale then order(sale, who, wishes) end
  g:says(who, table.concat(words, " "))
end

local function cancels(g, roll, world, who)
  local item, sale = roll(3) == 1 and roll(#ITEMS) or nil, open(g, world)
  if sale and sale.numbers[who] then cancel(sale, who, item) end
  g:says(who, item and "取消 " .. ITEMS[item].name or "取消")
end

local function close(sale)
  if sale then sale.closed = true end
end

local function pick_up(g, roll, world)
  local sale = world.sales[math.max(1, #world.sales - roll(2) + 1)]
  if not sale then return end
  local no, undo = roll(math.max(1, sale.last)), roll(4) == 1
  local over = sale.closed or days.clock(g) >= sale.closes
  for who, number in pairs(sale.numbers) do
    local has = stands(sale, 1, who) + stands(sale, 2, who) + stands(sale, 3, who)
    if over and not sale.void and number == no and has > 0 then
      if undo then
        sale.taken[no] = nil
      elseif not sale.taken[no] then
        sale.taken[no] = true
        local key = sale.id .. "-" .. no
        world.picked[key] = (world.picked[key] or 0) + 1
      end
    end
  end
  g:staff("店长", "提货 " .. sale.id .. "-" .. no .. (undo and " 撤销" or ""))
end

local function issue(world, g, n)
  local _, day = days.clock(g)
  local so_far = world.issued[day] or 0
  if so_far + n <= DAY_MAX then world.issued[day] = so_far + n end
end

local function vouchers(g, roll, world)
  local names, first = {}, roll(MEMBERS)
  for i = 1, roll(3) do names[i] = "@成员" .. (first + i) % MEMBERS + 1 end
  issue(world, g, #names)
  g:staff("店长", "发券 甲券 " .. table.concat(names, " "))
end

-- What another system asks for, once for each of its numbers, which it says again.
local function trigger(g, roll, world)
  local id = world.cause + (roll(2) == 1 and 1 or 0)
  if id > world.cause then
    world.cause = id
    issue(world, g, 1)
  end
  if id > 0 then g:trigger("issue", { flow = "voucher", user = member(roll), args = { name = "甲券", id = id } }) end
end

local function goods(g, world)
  local _, day = days.clock(g)
  if world.goods_day == day then return end
  world.goods_day, world.sold = day, {}
  g:staff("店长", "今晚打折 " .. table.concat(GOODS, " "))
end

local function sell(g, roll, world)
  goods(g, world)
  local name = roll(2) == 1 and GOODS[roll(#GOODS)] or nil
  for _, one in ipairs(GOODS) do world.sold[one] = world.sold[one] or not name or one == name or nil end
  g:staff("店长", name and "卖完 " .. name or "卖完 全部")
end

local function restock(g, roll, world)
  goods(g, world)
  local name = GOODS[roll(#GOODS)]
  world.sold[name] = nil
  g:staff("店长", "补货 " .. name)
end

-- Time passes within this business day; while everything is sold no rung is said.
local function pass(g, world, duration)
  local function sent()
    local n = 0
    for _, event in ipairs(g:events("ladder_rung")) do
      if event.outcome == "sent" then n = n + 1 end
    end
    return n
  end
  local _, day = days.clock(g)
  local nothing = world.goods_day == day and all_sold(world)
  local before = nothing and sent()
  g:advance(duration)
  if nothing and select(2, days.clock(g)) == day then g:equal(sent(), before, "rungs while nothing is left") end
end

local DEEDS = {
  { 9, "open a sale", function(g, _, world) open_sale(g, world) end },
  { 30, "order", function(g, roll, world) orders(g, roll, world, member(roll)) end },
  { 8, "several order at once", function(g, roll, world)
    g:together(function()
      for _ = 1, 2 + roll(4) do orders(g, roll, world, member(roll)) end
    end)
  end },
  { 10, "cancel", function(g, roll, world) cancels(g, roll, world, member(roll)) end },
  { 4, "order and cancel at once", function(g, roll, world)
    local who = member(roll)
    g:together(function()
      if roll(2) == 1 then orders(g, roll, world, who) end -- else a 取消 that may change nothing comes first
      cancels(g, roll, world, who)
      orders(g, roll, world, who)
    end)
  end },
  { 3, "leave", function(g, roll, world)
    local who = member(roll)
    local sale = open(g, world)
    if sale and sale.numbers[who] then cancel(sale, who) end
    g:leave(who)
  end },
  { 3, "close", function(g, _, world)
    local sale = open(g, world)
    if not sale then return end
    close(sale)
    g:staff("店长", "截止")
  end },
  { 1, "void", function(g, _, world)
    local sale = open(g, world)
    if not sale then return end
    close(sale)
    sale.void = true
    g:staff("店长", "接龙作废")
  end },
  { 9, "fetch", function(g, roll, world) pick_up(g, roll, world) end },
  { 8, "vouchers", function(g, roll, world) vouchers(g, roll, world) end },
  { 6, "another system gives a voucher", function(g, roll, world) trigger(g, roll, world) end },
  { 5, "sold out", function(g, roll, world) sell(g, roll, world) end },
  { 3, "there again", function(g, roll, world) restock(g, roll, world) end },
  { 8, "6 seconds", function(g, _, world) pass(g, world, "6s") end },
  { 6, "an hour", function(g, _, world) pass(g, world, "1h") end },
  { 3, "6 hours", function(g, _, world) pass(g, world, "6h") end },
  { 1, "a day", function(g, _, world) pass(g, world, "1d") end },
  { 2, "restart", function(g) g:restart() end },
}

-- Nothing is done on the edge of two days, of a cut-off or of a rung.
local function leave_edges(g, world)
  local at = days.clock(g)
  local sale = world.sales[#world.sales]
  local into = (at + 8 * 3600) % 3600
  if into > 3560 or sale and not sale.closed and math.abs(sale.closes - at) < 70 then g:advance("3m") end
  at = days.clock(g)
  if sale and not sale.closed and at >= sale.closes then close(sale) end
end

local function begin(g)
  for i = 1, MEMBERS do g:says("成员" .. i, "大家好") end
  return { sales = {}, issued = {}, picked = {}, cause = 0, sold = {} }
end

local function finish(g, world)
  for _, event in ipairs(g:events("presale_closed")) do -- what purchasing was told
    local units, sale = 0, world.sales[event.id]
    for item, one in ipairs(ITEMS) do units = units + math.min(#sale.queues[item], one.limit or math.huge) end
    g:equal(event.units, units, "sale " .. event.id .. ": told to purchasing")
  end
end

local t = sop.test("presale", { playbook = playbook, start = "2026-03-02 09:00" })
local happened = days.happened("presale_closed", "presale_moved_up", "presale_picked_up", "code_issued", "ladder_ended")

days.cases(t, {
  title = "there is never more than there is", seeds = SEEDS, steps = STEPS, every = EVERY, happened = happened, deeds = DEEDS,
  begin = begin, before = leave_edges, check = check, settle = "5s", last = "接龙汇总", rest = "4d", finish = finish,
})
days.all_happened(t, happened)
