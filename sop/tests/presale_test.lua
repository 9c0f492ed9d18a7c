-- presale_test.lua -- 预售接龙, sentence by sentence. What is promised to a group, and the cases that hold it:
--
-- Of every flow
--   command words match tolerantly; inside a sentence none    "orders as members type them", "what is no order", "an answer ..."
--   a bare 1 only inside an open 接龙                         "before, and after it, 1 and +1 mean nothing"
--   one reply per cause, one short answer a day, silence      "who says the same again ...", "the list answers the orders ..."
--   at most ten are @-ed in one message                       "on the day of the pick-up ...", "many move up at once ..."
--   退订: no @; own commands are answered                     "after 退订 ..."
--   quiet hours hold posts, not answers                       "an order at night ..."
--   sums are conserved                                        "a thousand orders and cancellations: ..."
--   staff commands need a role                                "members may use none of the staff commands"
-- 预售接龙
--   staff open 接龙 with items, prices, limits, cut-off, ...  "staff open one ...", "an announcement of one line ...", "a line that ..."
--   members +1, +2 鸡蛋, 1, 取消                              "orders as members type them", "several items ...", "取消 ..."
--   the numbered list, reposted at most every 5 min           "the list answers the orders, at most every five minutes"
--   over the limit: a waiting list that moves up on 取消      "what is over the limit waits ...", "many move up ...", "a smaller order ..."
--   each member's limit                                       "at most so many for each"
--   cut-off reminder                                          "half an hour before the cut-off ...", "to the cut-off and beyond ..."
--   totals for purchasing                                     "to the cut-off and beyond ..."
--   pick-up day reminder                                      "on the day of the pick-up ..."
--   提货 <号>                                                 "提货: once; ...", "two sales ..."
--   no-shows listed                                           "to the cut-off and beyond ..."
--   export CSV                                                "接龙导出 ..."
--   sopd never holds money                                    prices are only shown and added up: "to the cut-off and beyond ..."
-- Repeats, restarts, deaths, edits, leaving, forgetting, several groups, WeCom: the last part.
local TEXTS = {
  opened = "开场 {title} | {items} | 截止{close} 提货{from}-{till}{place}", price = "{yuan}元", price_unit = "{yuan}元/{unit}", limited = "限{n}",
  limited_each = "每人{n}", at_place = " 地点{place}", list = "表 {title} {count}位\n{lines}", list_line = "{no}.{name}{what}",
  list_wait = "(候{what})",
  list_more = "还有{count}位", list_none = "还没人", waiting = "候补 {name} {n} 号{no}", waiting_some = "订到{have} 候补{n}", same = "记着 {no}号",
  each_max = "{name}每人最多{n}", which = "哪一样", cancelled = "{no}号取消", cancelled_item = "{name}取消", moved_up = "转正 {names}",
  too_late = "截止了改不了", none_open = "没有接龙", mine = "{no}号 {what} 订{have} 候{wait} {yuan}元", mine_none = "没订过", seen = "和刚才一样",
  reminder = "快截止 {minutes}分", closed = "截止表 {title}\n{lines}", closed_none = "没人接", pickup = "今天提货 {names}",
  pickup_more = "今天提货 {names} 另外{rest}位",
  voided = "作废 {title}", staff_how = "写法", staff_wrong = "看不懂:{line}", staff_open = "还没截止", staff_opened = "开好了 {group}",
  staff_none = "没有可操作",
  staff_totals = "汇总 {title}\n{lines}\n{people}位{units}份{yuan}元", staff_total = "{name} {n}{unit}", staff_waiting = "(候{n})",
  staff_picked = "提走 {no}号 {name}{what} {yuan}元", staff_picked_before = "提过 {when} {by}", staff_unpicked = "撤销 {no}号",
  staff_no_number = "没有{no}号",
  staff_not_closed = "截止后再提", staff_missed = "没来{count}位\n{lines}", staff_all_picked = "都提走了", staff_voided = "作废好了", staff_sent = "发到管理群",
}

local function book(params, ...)
  local flow = { "presale" }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return {
    flows = { "switch", "common", flow, ... },
    staff = { ["playground:店长"] = "store", ["playground:群管"] = "keeper" },
  }
end

local t = sop.test("presale", { playbook = book(), start = "2026-03-02 10:00" }) -- a Monday

local EGGS = "接龙 鲜鸡蛋 29.9元/板 限10 每人5"
local TWO = "接龙 周三鲜货\n土鸡蛋 12.8元/板 限4\n鲜牛奶 9.9 限30 每人3\n截止 今天20:00\n提货 明天16:00-19:00\n地点 幸福路店"

local function open(g, text)
  g:staff("店长", text or EGGS)
  return g:expect{ text = "开场" }
end

-- "小美=2 小王=1/3" of one item: who has (and waits for) how many.
local function orders(g, id, item)
  local list = {}
  local entries = g:state("hash", "list-" .. (id or 1))
  for _, entry in pairs(entries) do
    local wait = 0
    for _, ticket in ipairs(entry.wait[item or "A"] or {}) do wait = wait + ticket.n end
    list[#list + 1] = { entry.no, entry.name .. "=" .. (entry.have[item or "A"] or 0) .. (wait > 0 and "/" .. wait or "") }
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  for i, entry in ipairs(list) do list[i] = entry[2] end
  return table.concat(list, " ")
end

-- ---- opening -------------------------------------------------------------------------------------------------------

t:case("staff open one with all that is said of it", function(g)
  open(g, TWO)
  local sold = g:state("hash", "sales", "1")
  g:equal(sold.title, "周三鲜货")
  g:equal(sold.items, { { name = "土鸡蛋", price = 1280, unit = "板", limit = 4 }, { name = "鲜牛奶", price = 990, limit = 30, each = 3 } })
  g:equal(sold.place, "幸福路店")
  g:staff("店长", "接龙汇总")
  g:expect{ at = "店长", text = { "汇总 周三鲜货", "土鸡蛋 0板", "0位0份0元" } }
end)

t:case("the announcement names items, prices, limits, cut-off, window and place", function(g)
  g:staff("店长", TWO)
  g:expect{ text = { "周三鲜货", "A. 土鸡蛋 12.8元/板 限4", "B. 鲜牛奶 9.9元 限30 每人3", "截止20:00", "提货03-03 16:00-19:00 地点幸福路店" } }
end)

t:case("an announcement of one line, with what the parameters say; also with semicolons", function(g)
  g:staff("群管", "接龙 鲜鸡蛋一板 29.9 元")
  g:expect{ text = { "开场 鲜鸡蛋一板", "鲜鸡蛋一板 29.9元", "截止20:00 提货03-03 16:00-20:00" } }
  g:staff("群管", "截止")
  g:expect{ text = "没人接" }
  g:expect{ chat = "staff", text = "0位0份" }
  g:staff("群管", "接龙 水果;草莓38元/盒 限20份;截止:明晚9点;提货:周四 下午4点到7点")
  g:expect{ text = { "开场 水果", "草莓 38元/盒 限20", "截止03-03 21:00", "提货03-05 16:00-19:00" } }
end)

t:case("a line that cannot be read is named, and nothing opens; without anything staff hear how", function(g)
  g:staff("店长", "接龙")
  g:expect{ at = "店长", text = "写法" }
  g:staff("店长", "接龙 水果\n草莓 38\n截止 看心情")
  g:expect{ at = "店长", text = "看不懂:截止 看心情" }
  g:staff("店长", "接龙 水果\n草莓 38\n截止 明天20:00\n提货 明天16:00-19:00") -- before the cut-off
  g:expect{ at = "店长", text = "看不懂" }
  g:says("小美", "+1")
  g:silent("5m")
end)

t:case("one sale takes orders at a time", function(g)
  open(g)
  g:staff("群管", "接龙 牛奶 9.9")
  g:expect{ at = "群管", text = "还没截止" }
end)

t:case("members may use none of the staff commands", function(g)
  g:says("小美", EGGS)
  g:silent()
  open(g)
  g:says("小美", "+1")
  g:advance("10m")
  g:expect{ text = "表" }
  for _, text in ipairs({ "截止", "接龙作废", "接龙汇总", "接龙导出", "提货 1" }) do g:says("小美", text) end
  g:staff("群管", "提货 1") -- a keeper is no cashier
  g:silent("6m")
end)

-- ---- ordering ------------------------------------------------------------------------------------------------------

t:case("orders as members type them", { playbook = book{ answers = 60 } }, function(g)
  open(g, "接龙 鲜鸡蛋 29.9元/板")
  local typed = {
    { "+1", 1 }, { "1", 1 }, { "＋2", 2 }, { " +3 ", 3 }, { "+1份", 1 }, { "2板", 2 }, { "我要2份", 2 }, { "来一份", 1 }, { "@小福 +1", 1 },
    { "+2 鸡蛋", 2 }, { "鸡蛋+2", 2 }, { "鸡蛋两板", 2 }, { "2板鲜鸡蛋", 2 }, { "要三份", 3 }, { "+1!", 1 }, { "接龙+2", 2 }, { "A+4", 4 },
    { "+2,谢谢", 2 }, { "#+1", 1 }, { "+一", 1 },
  }
  local expected = {}
  for i, order in ipairs(typed) do
    g:says("成员" .. i, order[1])
    expected[i] = "成员" .. i .. "=" .. order[2]
  end
  g:equal(orders(g), table.concat(expected, " "))
end)

t:case("what is no order", function(g)
  open(g, TWO)
  for _, text in ipairs({
    "+1这个想法", "鸡蛋", "我昨天买了2斤鸡蛋", "今天有2个人来", "鸡蛋怎么卖", "1点见", "2026", "鸡蛋多少钱一板?", "要", "来了", "好", "一", "+", "有2份吗",
    "10:30 到", "13800001111",
  }) do g:says("小美", text) end
  g:mention("小美", "小王", "+1 鸡蛋")
  g:equal(g:state("hash", "list-1"), {})
  g:silent("10m")
end)

t:case("before, and after it, 1 and +1 mean nothing", function(g)
  g:says("小美", "1")
  g:says("小美", "+1")
  g:silent()
  open(g)
  g:staff("店长", "截止")
  g:expect{ text = "没人接" }
  g:expect{ chat = "staff" }
  g:says("小美", "+1")
  g:silent()
end)

t:case("an answer to the list is an order; what it quotes is none", function(g)
  open(g)
  g:reply("小美", "+2")
  g:advance("10s")
  g:expect{ text = "1.小美×2" }
  g:reply("小王", "这个好吃")
  local id = g:says("小李", "有人要 +3 吗")
  g:reply("小王", "哈哈", { to = id })
  g:image("小赵", "+1")
  g:equal(orders(g), "小美=2")
end)

t:case("several items: by name, by letter, both at once; without a name the bot asks, once a day", function(g)
  open(g, TWO)
  g:says("小美", "+2 鸡蛋")
  g:says("小王", "A+1 B+2")
  g:says("小李", "1份牛奶,1板鸡蛋")
  g:says("小赵", "+1")
  g:expect{ at = "小赵", text = "哪一样" }
  g:says("小赵", "+2")
  g:says("小钱", "+1 芒果")
  g:expect{ at = "小钱", text = "哪一样" }
  g:equal(orders(g, 1, "A"), "小美=2 小王=1 小李=1")
  g:equal(orders(g, 1, "B"), "小美=0 小王=2 小李=1")
end)

t:case("who says the same again has it once and hears so once; another number takes its place", function(g)
  open(g)
  g:says("小美", "+2")
  g:advance("10s")
  g:expect{ text = "1.小美×2" }
  g:says("小美", "+2")
  g:expect{ at = "小美", text = "记着 1号" }
  g:says("小美", "+2")
  g:silent("10m")
  g:says("小美", "+3")
  g:advance("10s")
  g:expect{ text = "1.小美×3" }
  g:equal(orders(g), "小美=3")
end)

t:case("at most so many for each", function(g)
  open(g)
  g:says("小美", "+6")
  g:expect{ at = "小美", text = "鲜鸡蛋每人最多5" }
  g:says("小美", "+9")
  g:silent()
  g:equal(g:state("hash", "list-1"), {})
end)

t:case("the list answers the orders, at most every five minutes", function(g)
  open(g)
  g:says("小美", "+2")
  g:says("小王", "1")
  g:advance("12s")
  g:expect_count(1, { text = "表 鲜鸡蛋 2位\n1.小美×2\n2.小王×1" })
  g:says("小李", "+1")
  g:silent("4m")
  g:says("小赵", "+1")
  g:advance("1m")
  g:expect_count(1, { text = "1.小美×2\n2.小王×1\n3.小李×1\n4.小赵×1" })
  g:silent("1h") -- nothing new, no list
end)

t:case("a long list is cut, the rest is a number", { playbook = book{ list_lines = 5 } }, function(g)
  open(g, "接龙 草莓 38")
  g:together(function()
    for i = 1, 40 do g:says("成员" .. i, "+1") end
  end)
  g:advance("20s")
  g:expect{ text = { "5.成员5×1", "还有35位" } }
end)

t:case("接龙 by a member shows the list", function(g)
  g:says("小美", "接龙")
  g:expect{ at = "小美", text = "没有接龙" }
  g:says("小美", "接龙")
  g:silent()
  open(g)
  g:says("小王", "接龙")
  g:expect{ at = "小王", text = "还没人" }
  g:says("小王", "+1")
  g:advance("2m")
  g:expect{ text = "表" }
  g:staff("店长", "接龙")
  g:expect{ at = "店长", text = "1.小王×1" }
end)

t:case("我的接龙", function(g)
  g:says("小美", "我的接龙")
  g:expect{ at = "小美", text = "没订过" }
  open(g, TWO)
  g:says("小美", "A+2 B+1")
  g:says("小美", "我的接龙")
  g:expect{ at = "小美", text = "1号 土鸡蛋×2 鲜牛奶×1 订3 候0 35.5元" }
end)

-- ---- the waiting list ----------------------------------------------------------------------------------------------

t:case("what is over the limit waits, and moves up on 取消, in order", function(g)
  open(g)
  g:says("甲", "+5")
  g:says("乙", "+4")
  g:says("丙", "+3")
  g:expect{ at = "丙", text = "订到1 候补2" }
  g:says("丁", "+2")
  g:expect{ at = "丁", text = "候补 鲜鸡蛋 2 号4" }
  g:advance("10s")
  g:expect{ text = "1.甲×5\n2.乙×4\n3.丙×1(候×2)\n4.丁(候×2)" }
  g:says("乙", "取消")
  g:expect{ at = "乙", text = "2号取消" }
  g:expect{ at = { "丙", "丁" }, text = "转正" }
  g:equal(orders(g), "甲=5 丙=3 丁=2")
  g:says("乙", "+1")
  g:expect{ at = "乙", text = "候补 鲜鸡蛋 1 号5" } -- back at the end, with a new number
end)

t:case("a smaller order gives the rest to those who wait; who waits and cancels leaves no gap", function(g)
  open(g)
  g:says("甲", "+5")
  g:says("乙", "+5")
  g:says("丙", "+1")
  g:says("丁", "+1")
  g:says("丙", "取消")
  g:says("甲", "+4")
  g:expect{ at = "丁", text = "转正" }
  g:expect_none{ at = "丙", text = "转正" }
  g:equal(orders(g), "甲=4 乙=5 丁=1")
end)

t:case("many move up at once: ten names a message", function(g)
  open(g, "接龙 草莓 38 限15")
  g:says("甲", "+15")
  g:together(function()
    for i = 1, 12 do g:says("成员" .. i, "+1") end
  end)
  g:says("甲", "取消")
  local named = 0
  for _, message in ipairs(g:seen{ text = "转正" }) do
    assert(#message.at <= 10)
    named = named + #message.at
  end
  g:equal(named, 12)
end)

t:case("取消: of one item, of all; without an order it is nobody's word", function(g)
  open(g, TWO)
  g:says("小王", "取消")
  g:silent()
  g:says("小美", "A+2 B+1")
  g:says("小美", "取消 牛奶")
  g:expect{ at = "小美", text = "鲜牛奶取消" }
  g:equal(orders(g, 1, "A"), "小美=2")
  g:equal(orders(g, 1, "B"), "小美=0")
  g:says("小美", "不要了")
  g:expect{ at = "小美", text = "1号取消" }
  g:equal(g:state("hash", "list-1"), {})
end)

-- Random orders and cancellations of 30 members: nothing is oversold, nobody waits while something is left, the tally is the sum.
t:case("a thousand orders and cancellations: nothing is oversold, and nobody waits beside a free piece",
  { playbook = book{ every = "2h" } }, function(g)
  open(g, "接龙 草莓 38 限60")
  local seed = 7
  local function draw(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed // 65536 % n + 1
  end
  for round = 1, 20 do
    g:together(function()
      for _ = 1, 50 do
        local n = draw(7) - 1
        g:says("成员" .. draw(30), n == 0 and "取消" or "+" .. n)
      end
    end)
    local have, wait = 0, 0
    for _, entry in pairs(g:state("hash", "list-1")) do
      have = have + (entry.have.A or 0)
      for _, ticket in ipairs(entry.wait.A or {}) do wait = wait + ticket.n end
    end
    assert(have <= 60 and (have == 60 or wait == 0), "round " .. round .. ": " .. have .. " " .. wait)
    g:equal(g:state("hash", "tally-1", "A"), have)
  end
end)

-- ---- the cut-off, purchasing, the pick-up --------------------------------------------------------------------------

t:case("half an hour before the cut-off the group is reminded, once", function(g)
  open(g)
  g:at("19:29")
  g:silent()
  g:at("19:30")
  g:expect{ text = "快截止 30分", plain = true }
  g:silent("29m")
end)

t:case("to the cut-off and beyond: the final list, the totals, who came and who did not", function(g)
  open(g, TWO)
  g:says("甲", "A+3 B+1")
  g:says("乙", "A+2")
  g:advance("1m")
  g:at("20:00")
  g:expect{ text = "快截止" }
  g:expect{ text = "截止表 周三鲜货\n1.甲土鸡蛋×3 鲜牛奶×1\n2.乙土鸡蛋×1(候土鸡蛋×1)" }
  g:expect{ chat = "staff", text = "汇总 周三鲜货\n土鸡蛋 4板(候1)\n鲜牛奶 1份\n2位5份61.1元" }
  g:expect_event("presale_closed", { id = 1, people = 2, units = 5, amount = 6110, waiting = 1 })
  g:says("甲", "取消")
  g:expect{ at = "甲", text = "截止了改不了" }
  g:says("甲", "取消")
  g:says("丙", "A+1")
  g:silent()
  g:at("2026-03-03 10:00")
  g:expect{ at = { "甲", "乙" }, text = "今天提货" }
  g:at("16:30")
  g:staff("店长", "提货 1")
  g:expect{ at = "店长", text = "提走 1号 甲土鸡蛋×3 鲜牛奶×1 48.3元" }
  g:at("19:01")
  g:expect{ chat = "staff", text = "没来1位\n2.乙土鸡蛋×1" }
  g:expect_event("presale_over", { id = 1, missed = 1 })
  g:expect_runs(0)
  g:staff("店长", "提货 2号") -- a day late is fine
  g:expect{ at = "店长", text = "提走 2号" }
end)

t:case("everything was fetched", function(g)
  open(g)
  g:says("甲", "+1")
  g:at("2026-03-03 16:00")
  g:staff("店长", "提货1")
  g:at("20:01")
  g:expect{ chat = "staff", text = "都提走了" }
end)

t:case("on the day of the pick-up ten are named, the rest by count; who fetched already is left out", function(g)
  open(g, "接龙 草莓 38")
  g:together(function()
    for i = 1, 14 do g:says("成员" .. i, "+1") end
  end)
  g:at("20:01")
  g:staff("店长", "提货 1")
  g:expect{ at = "店长", text = "提走 1号" }
  g:at("2026-03-03 10:01")
  local message = g:expect{ text = "今天提货" }
  g:equal(#message.at, 10)
  assert(message.text:find("另外3位", 1, true))
end)

t:case("提货: once; the second try says when and by whom; 撤销; numbers that are not there", function(g)
  open(g)
  g:says("甲", "+1")
  g:staff("店长", "提货 1")
  g:expect{ at = "店长", text = "截止后再提" }
  g:staff("店长", "截止")
  g:staff("店长", "提货 1号")
  g:expect{ at = "店长", text = "提走 1号 甲×1 29.9元" }
  g:staff("店长", "提货 1")
  g:expect{ at = "店长", text = { "提过 03-02 10:00", "店长" } }
  g:equal(#g:events("presale_picked_up"), 1)
  g:staff("店长", "提货 1 撤销")
  g:expect{ at = "店长", text = "撤销 1号" }
  g:staff("店长", "提货 1")
  g:expect{ at = "店长", text = "提走" }
  g:staff("店长", "提货 8")
  g:expect{ at = "店长", text = "没有8号" }
  g:equal(#g:audit("presale_picked_up"), 2)
  g:staff("店长", "提货时间是几点")
  g:silent()
end)

t:case("two sales that wait for their pick-up: the nearer one, or the one that is named", function(g)
  g:staff("店长", "接龙 草莓 38\n提货 后天16:00-19:00")
  g:says("甲", "+1")
  g:staff("店长", "截止")
  g:staff("店长", "接龙 牛奶 9.9\n提货 今天18:00-19:00\n截止 12:00")
  g:says("乙", "+2")
  g:at("18:10")
  g:staff("店长", "提货 1")
  g:expect{ at = "店长", text = "提走 1号 乙×2" }
  g:staff("店长", "提货 1-1")
  g:expect{ at = "店长", text = "提走 1号 甲×1" }
  g:staff("店长", "提货 7-1")
  g:expect{ at = "店长", text = "没有可操作" }
end)

t:case("接龙导出 gives the lines as CSV to the staff chat; a name cannot become a formula", function(g)
  open(g, TWO)
  g:says("=1+1", "A+1 B+2")
  g:staff("店长", "接龙导出")
  g:expect{ chat = "staff", text = {
    "sale,title,no,user,name,item,price,n,amount,waiting,ordered,picked_up,by\n",
    ",'=1+1,土鸡蛋,12.8,1,12.8,0,2026-03-02 10:00,,\n", ",'=1+1,鲜牛奶,9.9,2,19.8,0,",
  } }
  g:expect{ at = "店长", text = "发到管理群" }
  g:equal(#g:audit("presale_exported"), 1)
end)

t:case("接龙作废 ends it: nobody is reminded, nothing can be fetched", function(g)
  open(g)
  g:says("甲", "+1")
  g:staff("店长", "接龙作废")
  g:expect{ text = "作废 鲜鸡蛋" }
  g:expect_runs(0)
  g:says("乙", "+1")
  g:silent("2d")
  g:staff("店长", "接龙作废")
  g:expect{ at = "店长", text = "没有可操作" }
end)

t:case("from the staff chat: the group hears the announcement, staff hear that it is open", function(g)
  g:staff("店长", EGGS, { chat = "staff" })
  g:expect{ text = "开场 鲜鸡蛋" }
  g:expect{ chat = "staff", text = "开好了" }
end)

t:case("records older than keep_days are forgotten", { playbook = book{ keep_days = 1 } }, function(g)
  for _ = 1, 3 do
    g:staff("店长", EGGS)
    g:says("甲", "+1")
    g:advance("2d")
  end
  g:equal(g:state("hash", "list-1"), {})
  g:equal(g:state("hash", "tally-1"), {})
  assert(g:state("hash", "sales", "3") and not g:state("hash", "sales", "1"))
end)

-- ---- repeats, restarts, deaths, coming and going -------------------------------------------------------------------

t:case("a restart in the middle: the order, the list, the reminder and the cut-off all come once", function(g)
  open(g)
  g:says("甲", "+2")
  g:restart()
  g:advance("15s")
  g:expect_count(1, { text = "1.甲×2" })
  g:restart()
  g:at("19:45")
  g:expect_count(1, { text = "快截止" })
  g:restart()
  g:at("20:05")
  g:expect_count(1, { text = "截止表" })
  g:expect_count(1, { chat = "staff", text = "汇总" })
  g:restart()
  g:at("2026-03-03 10:05")
  g:expect_count(1, { at = "甲", text = "今天提货" })
end)

t:case("a death in the middle of an order, of 取消 and of 提货 counts once", function(g)
  open(g)
  for i, during in ipairs({ "input", "commit" }) do
    g:kill{ during = during }
    g:says("甲", i == 1 and "+5" or "+4")
    g:advance("10s")
    g:says("乙", "+5")
    g:says("丙", "+2")
    g:kill{ during = during }
    g:says("乙", "取消")
    g:advance("10s")
    if i == 1 then g:expect{ at = "丙", text = "转正" } end
    g:equal(orders(g), i == 1 and "甲=5 丙=2" or "甲=4 丙=2")
    g:says("丙", "取消")
    g:advance("10s")
    g:expect_count(1, { at = "丙", text = "取消" })
  end
  g:equal(g:state("hash", "tally-1", "A"), 4)
  g:staff("店长", "截止")
  g:kill{ during = "commit" }
  g:staff("店长", "提货 1")
  g:advance("10s")
  g:equal(#g:events("presale_picked_up"), 1)
  g:equal(g:deaths(), 5)
end)

t:case("a death in the middle of the cut-off closes once", function(g)
  open(g)
  g:says("甲", "+5")
  g:at("19:59")
  g:kill{ during = "commit" }
  g:at("20:01")
  g:advance("1m")
  g:expect_count(1, { text = "截止表" })
  g:expect_count(1, { chat = "staff", text = "汇总" })
  g:equal(#g:events("presale_closed"), 1)
  g:kill()
  g:at("2026-03-03 10:01")
  g:expect_count(1, { at = "甲", text = "今天提货" })
end)

t:case("who orders while the line is down is on the list, by when they said it", function(g)
  open(g)
  g:at("19:58")
  g:missed("90s", function() g:says("甲", "+1") end)
  g:at("20:02")
  g:expect{ text = "截止表 鲜鸡蛋\n1.甲×1" }
  g:missed("1m", function() g:says("丙", "+1") end)
  g:equal(orders(g), "甲=1")
end)

t:case("who leaves before the cut-off gives back what they had; afterwards the order stands", function(g)
  open(g)
  g:says("甲", "+5")
  g:says("乙", "+5")
  g:says("丙", "+1")
  g:leave("甲")
  g:expect{ at = "丙", text = "转正" }
  g:staff("店长", "截止")
  g:leave("乙")
  g:equal(orders(g), "乙=5 丙=1")
  g:at("2026-03-03 10:01")
  g:expect{ at = "丙", text = "今天提货" }
end)

t:case("a member who was forgotten holds nothing: what they had goes to those who wait", function(g)
  open(g)
  g:says("甲", "+5")
  g:says("乙", "+5")
  g:says("丙", "+1")
  g:dm("甲", "删除我的数据")
  g:dm("甲", "确认删除")
  g:advance("1m")
  g:says("丁", "+1")
  g:advance("6m")
  g:expect{ at = "丙", text = "转正" }
  g:equal(orders(g), "乙=5 丙=1 丁=1")
end)

t:case("after 退订 there is no @, but orders and commands work", function(g)
  open(g)
  g:says("甲", "退订")
  g:says("甲", "+9")
  g:expect{ plain = true, text = "每人最多" }
  g:says("甲", "+1")
  g:at("2026-03-03 10:01")
  g:expect{ text = { "今天提货", "另外1位" }, plain = true }
end)

t:case("an order at night is answered at once, the reminder of a night waits", function(g)
  g:staff("店长", "接龙 草莓 38\n截止 明天02:00\n提货 明天16:00-19:00")
  g:at("23:30")
  g:says("甲", "+1")
  g:advance("15s")
  g:expect{ text = "1.甲×1" }
  g:at("2026-03-03 01:31")
  g:expect_none{ text = "快截止" }
  g:at("2026-03-03 02:01")
  g:expect{ text = "截止表" }
end)

t:case("switched off and on again: what was missed is made up for", function(g)
  open(g)
  g:says("甲", "+1")
  g:advance("15s")
  g:toggle("presale", "off")
  g:says("乙", "+1")
  g:advance("2m")
  g:toggle("presale", "on")
  g:says("丙", "+1")
  g:advance("6m")
  g:expect{ text = "1.甲×1\n2.丙×1" }
  g:toggle("presale", "off")
  g:at("21:00")
  g:expect_none{ text = "截止表" }
  g:toggle("presale", "on")
  g:advance("10m")
  g:expect{ text = "截止表" }
end)

t:case("a corrected text and an edited flow reach a sale that is open", function(g)
  open(g)
  g:says("甲", "+1")
  g:param("presale.closed", "改过的截止 {lines}")
  g:edit("flows/presale.lua", "local function order(c, sold, wishes)", "local function order(c, sold, wishes) -- edited")
  g:says("乙", "+1")
  g:at("20:01")
  g:expect{ text = "改过的截止 1.甲×1\n2.乙×1" }
end)

t:case("two groups have sales of their own", function(g)
  open(g)
  g:staff("店长", "接龙 牛奶 9.9 限1", { chat = "二店" })
  g:says("甲", "+1", { chat = "二店" })
  g:says("乙", "+1", { chat = "二店" })
  g:expect{ chat = "二店", at = "乙", text = "候补" }
  g:says("乙", "+2")
  g:advance("20s")
  g:expect{ text = "1.乙×2" }
  g:equal(orders(g), "乙=2")
end)

t:case("WeCom: orders with a mention of the bot, names in plain text", function(g)
  g:platform("wecom")
  g:says("店长", "@小福 " .. EGGS)
  g:expect{ text = "开场 鲜鸡蛋" }
  g:says("甲", "@小福 +5")
  g:says("乙", "@小福 +5")
  g:says("丙", "@小福 +1")
  g:expect{ text = "候补" }
  g:says("甲", "@小福 取消")
  g:expect{ text = "转正" }
  g:equal(orders(g), "乙=5 丙=1")
end)

-- ---- what careful operators found ----------------------------------------------------------------------------------

t:case("a name is that item also where others have it in theirs", function(g)
  open(g, "接龙 蛋\n土鸡蛋 12.8元\n柴鸡蛋 13元\n鸡蛋 10元")
  g:says("甲", "+1 鸡蛋")
  g:equal(orders(g, 1, "C"), "甲=1")
  g:says("乙", "取消 鸡蛋")
  g:says("乙", "+1 蛋")
  g:equal(orders(g, 1, "C"), "甲=1")
end)

t:case("what an item holds is no price, and its name can be ordered as it stands", function(g)
  open(g, "接龙 饮料\n可乐330ml 3元\n鸡蛋(大) 10元\n红富士 5斤 29.9元\n土鸡蛋 30枚 19.9元/盒")
  g:equal(g:state("hash", "sales", "1").items, {
    { name = "可乐330ml", price = 300 }, { name = "鸡蛋(大)", price = 1000 }, { name = "红富士 5斤", price = 2990 },
    { name = "土鸡蛋 30枚", price = 1990, unit = "盒" },
  })
  g:says("甲", "可乐330ml+2")
  g:says("甲", "+1 鸡蛋(大)")
  g:says("甲", "红富士 5斤 2份")
  g:says("甲", "土鸡蛋30枚+3")
  g:equal(orders(g, 1, "A") .. orders(g, 1, "B") .. orders(g, 1, "C") .. orders(g, 1, "D"), "甲=2甲=1甲=2甲=3")
  g:equal(#g:events("presale_ordered"), 4)
end)

t:case("取消鸡蛋 without a blank; 取消 of something else is nobody's word here, also after the cut-off", function(g)
  open(g, TWO)
  g:says("甲", "A+2 B+1")
  g:says("甲", "取消鸡蛋")
  g:expect{ at = "甲", text = "土鸡蛋取消" }
  g:says("甲", "取消打卡怎么弄")
  g:says("甲", "取消订单")
  g:advance("10s")
  g:expect_none{ at = "甲" }
  g:staff("店长", "截止")
  g:says("甲", "取消打卡")
  g:says("甲", "取消 打卡")
  g:expect_none{ at = "甲" }
  g:says("甲", "取消牛奶")
  g:expect{ at = "甲", text = "截止了" }
end)

t:case("odd numbers are no orders", function(g)
  open(g, "接龙 草莓 38")
  for _, text in ipairs({ "+0", "0", "+99999", "-1", "+1.5", "+-1", "+1+1", "１００００", "+十二", "要二十份", "来一百份", "+2000" }) do
    g:says("甲", text)
    g:equal(orders(g), "", text)
  end
  g:says("甲", "＋３")
  g:equal(orders(g), "甲=3")
end)

t:case("very many move up at once: the first thirty are named, and 取消 works", function(g)
  open(g, "接龙 草莓 38 限300")
  g:says("甲", "+300")
  for i = 1, 250 do g:says("成员" .. i, "+1") end
  g:says("甲", "取消")
  g:expect{ at = "甲", text = "1号取消" }
  g:equal(#g:events("presale_moved_up"), 250)
end)

t:case("an export that no message takes comes in parts", function(g)
  open(g, "接龙 草莓 38")
  g:says("甲", "+1")
  local entries = {}
  for i = 2, 1000 do
    entries[tostring(8000000000 + i)] = { no = i, name = "很长很长的名字" .. i, at = 1772416802, have = { A = 1 }, wait = {} }
  end
  g:write("hash", "list-1", entries)
  g:staff("店长", "接龙导出")
  g:advance("5m")
  g:expect_count(1, { chat = "staff", text = "sale,title" })
  g:expect_count(1, { chat = "staff", text = ",很长很长的名字1000," })
  g:equal(g:audit("presale_exported")[1].rows, 1000)
  g:at("20:01")
  g:expect{ chat = "staff", text = "汇总" }
  g:at("2026-03-03 20:01")
  g:expect{ chat = "staff", text = "没来1000位" }
  g:expect_event("presale_over", { missed = 1000 })
end)

t:case("after midnight 今天 is the day that the calendar shows, where the other is past", function(g)
  g:at("2026-03-03 01:30")
  g:staff("店长", "接龙 草莓 38\n截止 今天20:00\n提货 今天21:00-22:00")
  g:expect{ text = { "开场", "截止20:00 提货21:00-22:00" } }
  g:staff("店长", "截止")
  g:staff("店长", "接龙 苹果 38\n截止 01:15")
  g:expect{ text = { "开场", "截止03-04 01:15" } }
end)

t:case("who left after the cut-off and came back is reminded as everybody", function(g)
  open(g)
  g:says("甲", "+1")
  g:staff("店长", "截止")
  g:leave("甲")
  g:join("甲")
  g:at("2026-03-03 10:01")
  g:expect{ text = "今天提货", at = "甲" }
end)

local function shipped(g)
  g:staff("店长", TWO)
  g:says("甲", "A+3 B+3")
  g:says("乙", "A+2")
  g:says("丙", "B+9")
  g:says("丁", "+1")
  g:says("甲", "我的接龙")
  g:says("甲", "取消 鸡蛋")
  g:at("2026-03-03 16:00")
  g:staff("店长", "提货 1")
  g:staff("店长", "提货 1")
  g:at("20:00")
  for _, message in ipairs(g:seen()) do assert(not message.text:find("{", 1, true), message.text) end
end

t:case("the shipped texts are complete: zh-CN", { playbook = { language = "zh-CN", flows = { "switch", "common", "presale" } } }, shipped)
t:case("the shipped texts are complete: en", { playbook = { language = "en", flows = { "switch", "common", "presale" } } }, shipped)
