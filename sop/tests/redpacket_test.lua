-- redpacket_test.lua -- packets, prizes, codes and budgets, sentence by sentence. What is promised to a group, and the cases that hold it:
--
-- Of every flow
--   command words match tolerantly; the longest wins           "抢 in many spellings; 抢 inside a sentence, or quoted, is none"
--   one reply per cause, one short answer a day, silence       "one grab per member ...", "抢 without a packet ...", "我的券 twice ..."
--   at most ten are @-ed in one message                        "results are posted in batches", "more than ten winners ..."
--   退订: no @, no private message; own commands answered      "after 退订 ..."
--   quiet hours hold posts, not answers                        "one planned for the quiet hours ...", "in quiet hours 我的券 ..."
--   points are whole numbers, sums are conserved               "it closes when it is empty ...", "the ledger only grows ..."
--   staff commands need a role                                 "发红包 by staff ...", "a mistyped code ...", "作废 is for staff"
-- 红包
--   every night at 20:00, or 发红包                            "every night at 20:00 ...", "发红包 by staff ..."
--   the announcement with what the rules on lotteries ask for  "the announcement lists ...", "... coupons", "without an organiser ..."
--   what a prize is worth, at most 50,000 yuan                 "the announcement lists ...", "a prize of more than ..."
--   抢, 抢红包, 拼手气                                         "抢 in many spellings ..."; tests/data/commands.tsv
--   closes after 10 min or when empty                          "it closes after ten minutes ...", "it closes when it is empty ..."
--   points: shares >= 1, even expectation, exact sum           "it closes when it is empty ...", "the expectation is even ..."
--   prizes with quantities, the rest thanks or points          "every prize is drawn ...", "who wins nothing is thanked"
--   coupon                                                     "a coupon comes by private message ...", "coupons for the quickest ..."
--   one grab per member; staff and bots excluded if set        "one grab ...", "staff do not grab", "... unless it is allowed"
--   batches every 5 s                                          "results are posted in batches", "a batch for every five seconds ..."
--   the end: the luckiest, what is left, back to the budget    "it closes after ...", "prizes that are left ...", "what is left over ..."
--   codes: 8 characters, no ambiguous ones, a check digit      "a coupon comes ...", "核销: every ..."
--   by private message, else masked in the group, 我的券       "a coupon comes ...", "where one cannot write ...", "after 退订 ..."
--   核销: scope, expiry, once; when and by whom                "核销 ...", "one day before expiry ..."; tests/e2e/test_stores.py
--   a reminder one day before expiry                           "one day before ...", "a code of one day ...", "every owner is reminded ..."
--   budgets: packet, day, group; staff are told; 作废 refunds  "a packet that would exceed ...", "作废 ..."
--   fairness: hash at opening, seed at closing, recomputable   "the seed's hash ..."; tests/play/verify_fairness
--   records are kept and exportable                            "the record of a packet is kept"; tests/e2e/test_draws.py
--   500 in the same second                                     "500 people ..."; tests/e2e/test_grabs.py
--   metrics                                                    "what the report counts"
-- A packet from its announcement to its end is a run, and so are the codes with the same last day: "a packet is one run ...", "all codes
-- ...", "a restart ...", "a kill ...", "switched off ...", "a packet that is edited ..."; tests/e2e/test_campaign.py.
local TEXTS = {
  organiser = "幸福路店", contact = "电话八八", claim = "积分到账", claim_code = "凭码到店 {days}天",
  open_points = "红包 {total}分 {shares}份", open_prizes = "奖品 {prizes}", open_coupon = "送券 {what} {shares}张",
  rules = "发{word} {till}止 {minutes}分钟 {claim} 主办{organiser} 联系{contact}", sealed = "公平码 {hash}",
  prize_line = "{name}×{count}", chances = "共{shares}次机会", none_open = "没有红包 每晚{time}", none_planned = "没有红包",
  grabbed = "抢过了", no_staff = "工作人员不参加", results = "结果 {lines} 还剩{left}份", result_points = "得{amount}分",
  result_prize = "中{what}", result_coupon = "抢到{what}", result_code = "码{code}", result_blanks = "{count}位没中",
  result_consoled = "{count}位得安慰", results_more = "还有{count}位", closed_empty = "抢完 {count}位", closed_time = "时间到 {count}位",
  closed_nobody = "没人抢", luckiest = "手气最佳{name} {amount}分", left_points = "剩{left}份{rest}分", left_prizes = "剩 {left}",
  unsealed = "种子 {seed} 第{id}期", code_dm = "你的{what} 券码 {code} 到{till}", mine = "券{count}张 积分{points} {lines}",
  mine_line = "{what} {code} 到{till}", mine_none = "没有券 积分{points}", mine_sent = "已私信 {count}张", seen = "和刚才一样",
  expiring_dm = "明天到期 {what} {code}", expiring_today_dm = "今天到期 {what} {code}",
  redeemed = "核销成功 {name} {what}", redeem_how = "写上券码", redeem_bad = "输错了",
  redeem_unknown = "没有这个码", redeem_used = "已核销 {time} {by}", redeem_expired = "已过期", redeem_void = "作废的码",
  redeem_scope = "不是本店", worth = "值{yuan}元",
  staff_organiser = "没有主办方", staff_wrong = "有误 {why}", staff_budget = "没有开 需要{cost} {budget}剩{rest}", staff_open = "还有一个没结束",
  staff_quiet = "安静时段", staff_voided = "第{id}期作废", staff_code_void = "码作废 {what}", staff_nothing = "没有可作废的",
  voided = "红包作废",
}

local function book(params, ...)
  local flow = { "redpacket" }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return {
    flows = { "switch", "common", flow, ... },
    staff = { ["playground:店长"] = "store", ["playground:群管"] = "keeper" },
  }
end

local points = book({ nightly = false, total = 100, shares = 4 })
local t = sop.test("redpacket", { playbook = points, start = "2026-03-02 10:00" })

local function open(g)
  g:staff("店长", "发红包")
  return g:expect{ text = "公平码" }
end

-- The amounts that the messages of the window tell.
local function amounts(g)
  local list = {}
  for _, message in ipairs(g:seen()) do
    for amount in message.text:gmatch("得(%d+)分") do list[#list + 1] = tonumber(amount) end
  end
  return list
end

local function sum(list)
  local total = 0
  for _, n in ipairs(list) do total = total + n end
  return total
end

-- ---- opening and closing -------------------------------------------------------------------------------------------

t:case("every night at 20:00 one opens by itself", { playbook = book({ shares = 5 }) }, function(g)
  g:at("19:59")
  g:silent()
  g:at("20:00")
  g:expect{ text = { "红包 100分 5份", "20:10止" } }
  g:advance("1d")
  g:expect{ text = "没人抢" }
  g:expect{ text = "红包 100分 5份" }
end)

t:case("发红包 by staff opens one, with total and shares if they are given; members may not", function(g)
  g:says("小美", "发红包")
  g:silent()
  g:staff("店长", "发红包 60 3")
  g:expect{ text = "红包 60分 3份" }
  g:staff("店长", "发红包")
  g:expect{ at = "店长", text = "还有一个没结束" }
end)

t:case("who grabbed while the line was down, and the packet was open, has a share; who came too late or too early has none", {
  playbook = book({ nightly = false, total = 100, shares = 4, lasts = "10m" }),
}, function(g)
  open(g)
  g:advance("5m")
  g:missed("6m", function() g:says("早鸟", "抢") end)
  g:missed("4m", function() g:says("小美", "抢") end)
  g:advance("10s")
  g:expect{ at = "小美", text = "得" }
  g:advance("6m")
  g:missed("1m", function() g:says("小王", "抢") end)
  local who = {}
  for _, event in ipairs(g:events("grabbed")) do who[#who + 1] = event.user end
  g:equal(who, { g:id("小美") })
end)

t:case("抢 in many spellings; 抢 inside a sentence, or quoted, is none", {
  playbook = book({ nightly = false, total = 100, shares = 20 }),
}, function(g)
  open(g)
  for i, text in ipairs({ "抢", "抢红包", "拼手气", " 抢 ", "/抢", "#抢红包", "!抢", "抢!", "@小福 抢", "GRAB" }) do
    g:says("成员" .. i, text)
  end
  g:says("小美", "我抢到了吗")
  local id = g:says("小丽", "抢")
  g:reply("小王", "哈哈", { to = id })
  g:equal(#g:events("grabbed"), 11)
end)

t:case("抢 without a packet is answered once a day, then silence", function(g)
  g:says("小美", "抢")
  g:expect{ at = "小美", text = "没有红包" }
  g:says("小美", "抢红包")
  g:silent()
  g:advance("1d")
  g:says("小美", "抢")
  g:expect{ at = "小美", text = "没有红包" }
end)

t:case("the announcement lists what the rules on lotteries ask for", {
  playbook = book({ nightly = false, kind = "prizes", shares = 8 }),
}, function(g)
  g:staff("店长", "发红包")
  g:expect{ text = { "一箱牛奶×1值60元", "满减券×5值5元", "共8次机会", "10:10止", "凭码到店", "主办幸福路店", "联系电话八八" } }
end)

t:case("the announcement of coupons lists the same", {
  playbook = book({ nightly = false, kind = "coupon", shares = 8, coupon = "早餐券", coupon_value = 1250, valid_days = 5 }),
}, function(g)
  g:staff("店长", "发红包")
  g:expect{ text = { "送券 早餐券值12.50元 8张", "10:10止", "凭码到店 5天", "主办幸福路店", "联系电话八八", "公平码" } }
end)

t:case("without an organiser nothing opens, and staff are told", { playbook = book({ organiser = " " }) }, function(g)
  g:at("20:00:05")
  g:expect{ chat = "staff", text = "没有主办方" }
  g:staff("店长", "发红包")
  g:expect{ at = "店长", text = "没有主办方" }
  g:expect{ chat = "staff", text = "没有主办方" }
  g:expect_no_event("packet_opened")
  g:expect_runs(0)
end)

t:case("a prize of more than 50,000 yuan is not announced, nor one whose numbers are wrong", function(g)
  local wrong = {
    { "prizes[1].value", '[{"name":"汽车","count":1,"value":5000001}]' }, { "prizes[1].count", '[{"name":"券","count":0}]' },
    { "prizes[2].cost", '[{"name":"奶","count":1},{"name":"券","count":1,"cost":-5}]' }, { "prizes[1].name", '[{"count":1}]' },
  }
  g:param("redpacket.kind", "prizes")
  for _, case in ipairs(wrong) do
    g:param("redpacket.prizes", case[2])
    g:staff("店长", "发红包")
    g:expect{ at = "店长", text = "有误 " .. case[1] }
  end
  g:param("redpacket.prizes", '[{"name":"金条","count":1,"value":5000000}]')
  g:staff("店长", "发红包")
  g:expect{ text = "金条×1值50000元" }
end)

t:case("it closes after ten minutes; what is left is named and returns to the budget", function(g)
  open(g)
  g:says("小美", "抢")
  g:advance("9m")
  g:expect{ at = "小美", text = "得" }
  g:expect_none{ text = "时间到" }
  g:advance("1m")
  g:expect{ text = { "时间到 1位", "剩3份", "手气最佳小美" } }
  local closed = g:events("packet_closed")[1]
  g:equal(closed.spent + closed.returned, 100)
  g:says("小王", "抢")
  g:expect{ at = "小王", text = "没有红包" }
end)

t:case("it closes when it is empty: the sum is exact and each share at least one", function(g)
  open(g)
  for _, who in ipairs({ "小美", "小王", "阿强", "小丽" }) do g:says(who, "抢红包") end
  g:advance("10s")
  local got = amounts(g)
  g:equal(#got, 4)
  g:equal(sum(got), 100)
  for _, amount in ipairs(got) do assert(amount >= 1) end
  g:expect{ text = { "抢完 4位", "手气最佳" } }
  g:silent("1h")
end)

t:case("one grab per member and packet; the second one hears so once", function(g)
  open(g)
  g:says("小美", "抢")
  g:says("小美", "拼手气")
  g:expect{ at = "小美", text = "抢过了" }
  g:says("小美", "抢")
  g:expect_none{ at = "小美", text = "抢过了" }
  g:equal(#g:events("grabbed"), 1)
end)

t:case("staff do not grab, unless it is allowed", { playbook = book({ nightly = false, exclude_staff = false }) }, function(g)
  open(g)
  g:staff("店长", "抢")
  g:expect_event("grabbed", { who = "店长" })
end)

t:case("staff do not grab", function(g)
  open(g)
  g:says("店长", "抢")
  g:expect{ at = "店长", text = "工作人员不参加" }
  g:equal(#g:events("grabbed"), 0)
end)

t:case("results are posted in batches", { playbook = book({ nightly = false, shares = 50 }) }, function(g)
  open(g)
  g:together(function()
    for i = 1, 8 do g:says("成员" .. i, "抢") end
  end)
  g:silent("4s")
  g:advance("1s")
  local batch = g:expect{ text = "还剩42份" }
  g:equal(#batch.at, 8)
  g:silent("1m")
end)

t:case("a batch for every five seconds while people grab, silence while nobody does", {
  playbook = book({ nightly = false, shares = 50 }),
}, function(g)
  open(g)
  for i = 1, 12 do g:says("成员" .. i, "抢") end -- one a second
  g:advance("10s")
  g:expect_count(3, { text = "结果" })
  g:silent("5m")
  g:says("小美", "抢")
  g:advance("4s")
  g:silent()
  g:advance("1s")
  g:expect{ at = "小美", text = "还剩37份" }
  g:at("10:10:02")
  g:expect{ text = "时间到 13位" }
end)

t:case("more than ten winners in a batch: plain names, none left out", {
  playbook = book({ nightly = false, shares = 50, results_lines = 12 }),
}, function(g)
  open(g)
  g:together(function()
    for i = 1, 15 do g:says("成员" .. i, "抢") end
  end)
  g:advance("5s")
  local batch = g:expect{ plain = true, text = { "成员12 得", "还有3位", "还剩35份" } }
  assert(not batch.text:find("成员13", 1, true), batch.text)
end)

t:case("the last results come with the closing words", function(g)
  open(g)
  g:at("10:09:58")
  g:says("小美", "抢")
  g:at("10:10:02")
  g:expect_count(1, { text = { "得", "时间到 1位", "种子" } })
  g:silent("1h")
end)

t:case("500 people in the same second: nobody twice, no share too many, order by arrival", {
  playbook = book({ nightly = false, total = 1000, shares = 200 }),
}, function(g)
  open(g)
  g:together(function()
    for i = 1, 500 do
      g:says("成员" .. i, "抢")
      if i % 5 == 0 then g:says("成员" .. i, "抢") end
    end
  end)
  g:advance("10s")
  g:expect{ text = "抢完 200位" }
  local grabs, seen, total = g:events("grabbed"), {}, 0
  g:equal(#grabs, 200)
  for i, grab in ipairs(grabs) do
    assert(not seen[grab.user], "twice")
    seen[grab.user], total = true, total + grab.amount
    g:equal(grab.user, g:id("成员" .. i), "the grab at place " .. i)
  end
  g:equal(total, 1000)
end)

t:case("the seed's hash is posted at opening, the seed at closing", function(g)
  local opening = open(g)
  assert(opening.text:match("公平码 %x+"), opening.text)
  g:advance("10m")
  g:expect{ match = "种子 %x+ 第1期" }
end)

t:case("the expectation is even at every draw", { playbook = book({
  nightly = false, total = 100, shares = 4, day_max = 10000, group_max = 10000,
}) }, function(g)
  local totals = { 0, 0, 0, 0 }
  for _ = 1, 60 do
    g:staff("店长", "发红包")
    g:together(function()
      for i = 1, 4 do g:says("成员" .. i, "抢") end
    end)
    g:advance("6s")
  end
  for i, grab in ipairs(g:events("grabbed")) do totals[(i - 1) % 4 + 1] = totals[(i - 1) % 4 + 1] + grab.amount end
  for i, all in ipairs(totals) do assert(math.abs(all / 60 - 25) < 6, "place " .. i .. ": " .. all / 60) end
end)

t:case("the record of a packet is kept", function(g)
  open(g)
  g:says("小美", "抢")
  g:advance("10m")
  local record = g:state("list", "packets")[1]
  g:equal({ record.id, record.kind, record.total, record.shares, record.state }, { 1, "points", 100, 4, "closed" })
  g:equal(#record.seed, 32)
  local grab = g:state("list", "grabs-1")[1]
  g:equal({ grab.user, grab.name }, { g:id("小美"), "小美" })
  g:expect_state("group", { packet = false, offer = false })
end)

t:case("the ledger only grows, and adds up to the balances", function(g)
  open(g)
  g:says("小美", "抢")
  g:advance("10m")
  open(g)
  g:says("小美", "抢")
  g:staff("店长", "作废")
  local changes = {}
  for i, entry in ipairs(g:events("points")) do
    g:equal(math.type(entry.n), "integer")
    changes[i] = entry.n
  end
  g:equal(#changes, 3)
  g:equal(sum(changes), changes[1])
  g:expect_state("profile", "小美", { points = changes[1] })
end)

t:case("a packet is one run, gone with its end", function(g)
  open(g)
  g:expect_runs(1, { on = "run:packet", waits = "ask" })
  g:says("小美", "抢")
  g:expect_runs(1, { on = "run:packet", waits = "sleep" })
  g:advance("5s")
  g:expect_runs(1, { on = "run:packet", waits = "ask" })
  g:advance("10m")
  g:expect_runs(0)
  open(g)
  g:staff("店长", "作废")
  g:expect{ text = "作废" }
  g:expect{ chat = "staff", text = "作废" }
  g:expect_runs(0)
  g:silent("1h")
end)

for _, how in ipairs({ "restart", "kill" }) do
  t:case("a " .. how .. " at every step of a packet changes nothing", function(g)
    open(g)
    g[how](g)
    g:says("小美", "抢")
    g[how](g)
    g:advance("5s")
    g:expect{ at = "小美", text = { "得", "还剩3份" } }
    g[how](g)
    g:says("小王", "抢")
    g[how](g)
    g:says("小丽", "抢")
    g:advance("5s")
    g:expect{ at = { "小王", "小丽" }, text = "还剩1份" }
    g[how](g)
    g:at("10:10:01")
    g:expect{ text = { "时间到 3位", "剩1份" } }
    g:expect_runs(0)
  end)
end

for _, moment in ipairs({ "input", "commit" }) do
  t:case("a kill during " .. moment .. ": nobody grabs twice, no packet opens twice", function(g)
    g:kill{ during = moment }
    g:staff("店长", "发红包")
    g:advance("3s")
    g:expect_count(1, { text = "公平码" })
    g:equal(#g:events("packet_opened"), 1)
    g:kill{ during = moment }
    g:says("小美", "抢")
    g:kill{ during = moment }
    g:together(function()
      g:says("小王", "抢")
      g:says("小丽", "抢")
    end)
    g:advance("10s")
    g:equal(#g:events("grabbed"), 3)
    local got, grabbed = amounts(g), {}
    g:equal(#got, 3)
    for i, grab in ipairs(g:events("grabbed")) do grabbed[i] = grab.amount end
    g:equal(sum(got), sum(grabbed))
    g:says("阿强", "抢")
    g:advance("10s")
    g:expect_count(1, { text = "抢完 4位" })
    g:expect_runs(0)
  end)
end

t:case("a packet that is edited while people grab: the batch that has begun as it began, the next one new", function(g)
  open(g)
  g:says("小美", "抢")
  g:edit("flows/redpacket.lua", "local function post_results(c, packet)\n", 'local function post_results(c, packet)\n  c:say("新版")\n')
  g:advance("5s")
  g:expect{ at = "小美", text = "得" }
  g:expect_none{ text = "新版" }
  g:says("小王", "抢")
  g:restart()
  g:advance("5s")
  g:expect{ text = "新版" }
  g:expect{ at = "小王", text = "得" }
  g:advance("10m")
  g:expect{ text = "时间到 2位" }
  g:expect_runs(0)
end)

t:case("a kill during the commit of the results, and of the closing words: told once", function(g)
  open(g)
  g:says("小美", "抢")
  g:kill{ during = "commit" }
  g:advance("8s")
  g:expect_count(1, { at = "小美", text = "得" })
  g:kill{ during = "commit" }
  g:at("10:10:05")
  g:expect_count(1, { text = "时间到 1位" })
  g:equal(#g:events("packet_closed"), 1)
  g:expect_runs(0)
end)

t:case("switched off while it is open: closed late when it is on again, at the latest by the next one", function(g)
  open(g)
  g:says("小美", "抢")
  g:toggle("redpacket", "off")
  g:says("小王", "抢")
  g:advance("1h")
  g:silent()
  g:toggle("redpacket", "on")
  g:advance("5m")
  g:expect{ text = "时间到 1位" }
  open(g)
  g:toggle("redpacket", "off")
  g:advance("1h")
  g:toggle("redpacket", "on")
  g:staff("店长", "发红包")
  g:expect{ text = "没人抢" }
  g:expect{ text = "公平码" }
  g:advance("8m")
  g:says("小丽", "抢")
  g:advance("5m")
  g:expect_count(1, { text = "时间到 1位" })
  g:expect_runs(0)
end)

t:case("a packet goes on after a restart", function(g)
  open(g)
  g:says("小美", "抢")
  g:restart()
  g:says("小美", "抢")
  g:expect{ at = "小美", text = "抢过了" }
  g:says("小王", "抢")
  g:advance("10m")
  g:expect{ text = "时间到 2位" }
end)

t:case("one planned for the quiet hours is not opened, and staff are told", { playbook = book({ opens = "23:00" }) }, function(g)
  g:at("23:01")
  g:expect{ chat = "staff", text = "安静时段" }
  g:silent("1h")
end)

-- ---- budgets -------------------------------------------------------------------------------------------------------

t:case("a packet that would exceed a budget is not opened, and staff are told", {
  playbook = book({ nightly = false, total = 100, shares = 4, day_max = 150 }),
}, function(g)
  open(g)
  for _, who in ipairs({ "小美", "小王", "阿强", "小丽" }) do g:says(who, "抢") end
  g:advance("1m")
  g:expect{ text = "抢完" }
  g:staff("店长", "发红包")
  g:expect{ at = "店长", text = "没有开 需要100" }
  g:expect{ chat = "staff", text = "没有开 需要100" }
  g:advance("1d")
  open(g)
end)

t:case("budgets of a packet and of a group hold as well", {
  playbook = book({ nightly = false, total = 100, shares = 4, packet_max = 120, group_max = 150 }),
}, function(g)
  g:staff("店长", "发红包 121 4")
  g:expect{ at = "店长", text = "没有开 需要121" }
  open(g)
  for _, who in ipairs({ "小美", "小王", "阿强", "小丽" }) do g:says(who, "抢") end
  g:advance("3d")
  g:staff("店长", "发红包")
  g:expect{ at = "店长", text = "没有开 需要100" }
  g:staff("店长", "发红包 50 5")
  g:expect{ text = "红包 50分" }
end)

t:case("the nightly packet keeps to the budget, too", { playbook = book({ total = 100, shares = 4, day_max = 90 }) }, function(g)
  g:at("20:01")
  g:expect{ chat = "staff", text = "没有开 需要100" }
  g:silent("1h")
  g:expect_runs(0)
end)

t:case("what is left over is there for the next one", {
  playbook = book({ nightly = false, total = 100, shares = 4, day_max = 150 }),
}, function(g)
  open(g)
  g:advance("11m")
  g:expect{ text = "没人抢" }
  open(g)
end)

t:case("作废 is for staff", function(g)
  open(g)
  g:says("小美", "抢")
  g:says("小美", "作废")
  g:expect_none{ text = "作废" }
  g:expect_runs(1)
end)

t:case("作废 takes an open packet back, points and budget", {
  playbook = book({ nightly = false, total = 100, shares = 4, day_max = 100 }),
}, function(g)
  open(g)
  g:says("小美", "抢")
  g:staff("店长", "作废")
  g:expect{ text = "红包作废" }
  g:expect{ chat = "staff", text = "第1期作废" }
  g:says("小美", "我的券")
  g:expect{ at = "小美", text = "积分0" }
  open(g)
  g:staff("店长", "作废")
  g:staff("店长", "作废")
  g:expect{ at = "店长", text = "没有可作废的" }
end)

-- ---- prizes and codes ----------------------------------------------------------------------------------------------

local p = sop.test("redpacket", {
  playbook = book({
    nightly = false, kind = "prizes", shares = 4, valid_days = 3, consolation = 1,
    prizes = { { name = "一箱牛奶", count = 1, cost = 50 }, { name = "满减券", count = 1, cost = 5 } },
  }),
  start = "2026-03-02 10:00",
})

p:case("every prize is drawn, the rest get points", function(g)
  open(g)
  for _, who in ipairs({ "小美", "小王", "阿强", "小丽" }) do g:says(who, "抢") end
  g:advance("1m")
  local told = ""
  for _, message in ipairs(g:seen()) do told = told .. message.text end
  assert(told:find("中一箱牛奶", 1, true) and told:find("中满减券", 1, true), told)
  g:expect{ text = { "2位得安慰", "抢完 4位" } }
end)

p:case("who wins nothing is thanked, where there is no consolation", {
  playbook = book({ nightly = false, kind = "prizes", shares = 4, prizes = { { name = "一箱牛奶", count = 1, cost = 50 } } }),
}, function(g)
  open(g)
  for _, who in ipairs({ "小美", "小王", "阿强", "小丽" }) do g:says(who, "抢") end
  g:advance("1m")
  g:expect{ text = { "中一箱牛奶", "3位没中", "抢完 4位" } }
  g:equal(#g:events("points"), 0)
end)

p:case("prizes that are left are named at the end", function(g)
  open(g)
  g:advance("10m")
  g:expect{ text = { "没人抢", "剩 一箱牛奶 ×1 · 满减券 ×1" } }
end)

local c = sop.test("redpacket", {
  playbook = book({ nightly = false, kind = "coupon", shares = 3, coupon = "早餐券", valid_days = 3 }),
  start = "2026-03-02 10:00",
})

-- 小美 grabs a coupon; returns its code.
local function grab_code(g)
  open(g)
  g:says("小美", "抢")
  local code = g:expect{ dm = "小美", text = "早餐券" }.text:match("券码 (%w+)")
  g:equal(#code, 8)
  return code
end

c:case("a coupon comes by private message, masked in the group, and 我的券 fetches it", function(g)
  local code = grab_code(g)
  assert(not code:find("[01OIL]"), "ambiguous: " .. code)
  g:advance("5s")
  g:expect{ at = "小美", text = "抢到早餐券" }
  g:expect_none{ text = code }
  g:says("小美", "我的券")
  g:expect{ at = "小美", text = "已私信 1张" }
  g:expect{ dm = "小美", text = code }
end)

c:case("核销 redeems once; the second try says when and by whom", function(g)
  local code = grab_code(g)
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "核销成功 小美 早餐券" }
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "已核销 03-02 10:00 店长" }
end)

c:case("核销 works in the staff chat as well, also after a restart", function(g)
  local code = grab_code(g)
  g:restart()
  g:staff("店长", "核销" .. code, { chat = "staff" })
  g:expect{ chat = "staff", text = "核销成功 小美 早餐券" }
end)

c:case("a mistyped code is told from an unknown one; members and keepers cannot redeem", function(g)
  local code = grab_code(g)
  g:staff("店长", "核销")
  g:expect{ at = "店长", text = "写上券码" }
  local last = code:sub(8)
  g:staff("店长", "核销 " .. code:sub(1, 7) .. (last == "A" and "B" or "A"))
  g:expect{ at = "店长", text = "输错了" }
  g:says("小王", "核销 " .. code)
  g:staff("群管", "核销 " .. code)
  g:expect_none{ text = "核销成功" }
end)

c:case("核销: every single wrong character and every swap of neighbours is found by the check character", function(g)
  local code, letters, wrong = grab_code(g), "23456789ABCDEFGHJKMNPQRSTUVWXYZ", {}
  for i = 1, 8 do
    for letter in letters:gmatch(".") do
      if letter ~= code:sub(i, i) then wrong[#wrong + 1] = code:sub(1, i - 1) .. letter .. code:sub(i + 1) end
    end
    local a, b = code:sub(i, i), code:sub(i + 1, i + 1)
    if b ~= "" and a ~= b then wrong[#wrong + 1] = code:sub(1, i - 1) .. b .. a .. code:sub(i + 2) end
  end
  assert(#wrong > 240)
  for _, mistyped in ipairs(wrong) do g:staff("店长", "核销 " .. mistyped) end
  g:expect_count(#wrong, { at = "店长", text = "输错了" })
  g:expect_no_event("code_used")
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "核销成功" }
end)

c:case("one day before expiry the owner is reminded; after it the code is expired", function(g)
  local code = grab_code(g)
  g:at("2026-03-04 10:01")
  g:expect{ dm = "小美", text = "明天到期 早餐券 " .. code }
  g:at("2026-03-06 12:00")
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "已过期" }
end)

c:case("a code that was redeemed is not reminded of", function(g)
  local code = grab_code(g)
  g:staff("店长", "核销 " .. code)
  g:at("2026-03-04 10:01")
  g:expect_none{ dm = "小美", text = "明天到期" }
end)

c:case("作废 of one code makes it void", function(g)
  local code = grab_code(g)
  g:staff("店长", "作废 " .. code)
  g:expect{ at = "店长", text = "码作废 早餐券" }
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "作废的码" }
end)

c:case("作废 takes back the codes of a packet that was open over the cut-off hour, and what one code returned only once", {
  playbook = book({ nightly = false, kind = "coupon", shares = 3, coupon = "早餐券", coupon_cost = 10, valid_days = 3, day_max = 30 }),
  start = "2026-03-02 03:58",
}, function(g)
  open(g)
  g:says("小美", "抢")
  g:says("小丽", "抢")
  g:staff("店长", "作废 " .. g:expect{ dm = "小丽", text = "券码" }.text:match("券码 (%w+)"))
  g:advance("3m")
  g:says("小王", "抢")
  g:expect_state("group", { total = 20 })
  g:staff("店长", "作废")
  g:equal(#g:events("code_void"), 3)
  g:expect_state("group", { total = 0 })
  open(g)
end)

-- ---- before and after the last day ---------------------------------------------------------------------------------

c:case("all codes with the same last day are one sleeping run, which is gone with them", function(g)
  open(g)
  for _, who in ipairs({ "小美", "小王", "小丽" }) do g:says(who, "抢") end
  g:advance("10s")
  g:expect_runs(1)
  g:expect_runs(1, { on = "run:expiry", waits = "sleep" })
  open(g)
  g:says("阿强", "抢")
  g:advance("11m")
  g:expect_runs(1)
  g:at("2026-03-04 10:00")
  for _, who in ipairs({ "小美", "小王", "小丽", "阿强" }) do g:expect{ dm = who, text = "明天到期 早餐券" } end
  g:expect_runs(1)
  g:at("2026-03-06 10:01")
  g:expect_runs(0)
  g:equal(#g:events("code_expired"), 4)
end)

c:case("a code of one day is reminded of on its last day", {
  playbook = book({ nightly = false, kind = "coupon", shares = 3, coupon = "早餐券", valid_days = 1 }), start = "2026-03-02 20:00",
}, function(g)
  local code = grab_code(g)
  g:at("2026-03-03 09:59")
  g:expect_none{ dm = "小美", text = "到期" }
  g:at("10:00")
  g:expect{ dm = "小美", text = "今天到期 早餐券 " .. code }
  g:at("2026-03-04 10:00")
  g:expect_event("code_expired", { user = g:id("小美") })
  g:silent("3d")
  g:expect_runs(0)
end)

c:case("who got a code too late for the reminder of the day before is reminded on the last day, and nobody twice", {
  playbook = book({
    nightly = false, kind = "coupon", shares = 3, coupon = "早餐券", valid_days = 3, day_max = 1000,
  }, { "checkin", milestones = { { day = 1, coupon = "豆浆券", coupon_days = 1 } } }),
}, function(g)
  grab_code(g)
  g:at("2026-03-04 12:00")
  g:expect{ dm = "小美", text = "明天到期 早餐券" }
  g:says("小王", "打卡")
  g:at("2026-03-05 10:00")
  g:expect{ dm = "小王", text = "今天到期 豆浆券" }
  g:expect_none{ dm = "小美" }
end)

c:case("every owner is reminded, also of a hundred", {
  playbook = book({ nightly = false, kind = "coupon", shares = 40, coupon = "早餐券", coupon_cost = 1, valid_days = 3 }),
}, function(g)
  open(g)
  g:together(function()
    for i = 1, 40 do g:says("成员" .. i, "抢") end
  end)
  g:at("2026-03-04 09:59")
  g:at("10:30")
  for i = 1, 40 do g:expect_count(1, { dm = "成员" .. i, text = "明天到期" }) end
end)

c:case("who opted out, or whose code is void, is not reminded", function(g)
  open(g)
  for _, who in ipairs({ "小美", "小王", "小丽" }) do g:says(who, "抢") end
  g:says("小美", "退订")
  g:staff("店长", "作废 " .. g:expect{ dm = "小王", text = "券码" }.text:match("券码 (%w+)"))
  g:at("2026-03-04 10:01")
  g:expect{ dm = "小丽", text = "明天到期" }
  g:expect_none{ dm = "小美", text = "到期" }
  g:expect_none{ dm = "小王", text = "到期" }
end)

c:case("a reminder that would come in quiet hours comes at their end", {
  playbook = book({ nightly = false, kind = "coupon", shares = 3, coupon = "早餐券", valid_days = 3, remind_at = "06:00" }),
}, function(g)
  grab_code(g)
  g:at("2026-03-04 07:29")
  g:expect_none{ dm = "小美", text = "到期" }
  g:at("07:31")
  g:expect{ dm = "小美", text = "明天到期" }
end)

c:case("a restart and a kill between code, reminder and expiry", function(g)
  grab_code(g)
  g:restart()
  g:at("2026-03-04 09:59")
  g:kill{ during = "commit" }
  g:at("10:01")
  g:expect_count(1, { dm = "小美", text = "明天到期" })
  g:restart()
  g:kill{ during = "commit" }
  g:at("2026-03-06 10:01")
  g:equal(#g:events("code_expired"), 1)
  g:expect_runs(0)
end)

c:case("records of codes are forgotten when they are older than they are kept", {
  playbook = book({ nightly = false, kind = "coupon", shares = 1, coupon = "早餐券", valid_days = 3, keep_days = 5 }),
}, function(g)
  local code = grab_code(g)
  g:at("2026-03-14 10:00")
  open(g)
  g:says("小王", "抢")
  g:at("2026-03-18 10:01")
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "没有这个码" }
end)

-- ---- codes and members ---------------------------------------------------------------------------------------------

c:case("coupons for the quickest: one each until there are none", function(g)
  open(g)
  for _, who in ipairs({ "小美", "小王", "小丽", "阿强" }) do g:says(who, "抢") end
  g:advance("10s")
  g:expect{ at = { "小美", "小王", "小丽" }, text = { "抢到早餐券", "抢完 3位" } }
  g:expect_none{ dm = "阿强" }
  g:equal(#g:events("code_issued"), 3)
end)

c:case("after 退订 a code is masked in the group, without an @, and full in private by 我的券", function(g)
  open(g)
  g:says("小美", "退订")
  g:says("小美", "抢")
  g:advance("6s")
  g:expect_none{ dm = "小美" }
  local line = g:expect{ plain = true, text = { "小美", "抢到早餐券", "••••" } }
  assert(not line.text:match("%u%u%w%w%w%w%w%w"), line.text)
  g:says("小美", "我的券")
  g:expect{ plain = true, text = "••••" }
  g:dm("小美", "我的券")
  g:expect{ dm = "小美", match = "早餐券 %w%w%w%w%w%w%w%w " }
end)

c:case("where one cannot write to members: masked in the group, 我的券 gives the code there, one reminder names ten", {
  playbook = book({
    nightly = false, kind = "coupon", shares = 14, coupon = "早餐券", coupon_cost = 1, valid_days = 3, expiring = "快到期 {names}",
    expiring_more = "快到期 {names} 另外{rest}位", expiring_today = "今天到期 {names}", mine_private = "私聊看",
  }),
}, function(g)
  g:lacks("dm")
  open(g)
  g:says("小美", "抢")
  g:restart()
  g:advance("5s")
  local line = g:expect{ at = "小美", text = { "抢到早餐券", "••••" } }
  assert(not line.text:match("%u%u%w%w%w%w%w%w"), line.text)
  g:says("小美", "我的券")
  g:expect{ at = "小美", match = "早餐券 %w%w%w%w%w%w%w%w 到" }
  for i = 1, 12 do g:says("成员" .. i, "抢") end
  g:at("2026-03-04 10:01")
  g:equal(#g:expect{ text = "另外3位" }.at, 10)
  g:expect_event("codes_reminded", { rest = 3 })
  g:param("redpacket.show_codes", "false")
  g:says("成员1", "我的券")
  g:expect{ at = "成员1", text = { "••••", "私聊看" } }
end)

c:case("where one cannot write to members, a code of one day is reminded of in the group on its last day", {
  playbook = book({
    nightly = false, kind = "coupon", shares = 3, coupon = "早餐券", valid_days = 1, expiring_today = "今天到期 {names}",
  }),
  start = "2026-03-02 20:00",
}, function(g)
  g:lacks("dm")
  open(g)
  g:says("小美", "抢")
  g:says("小丽", "抢")
  g:says("小丽", "退订")
  g:at("2026-03-03 10:01")
  g:equal(g:expect{ text = "今天到期" }.at, { "小美" })
end)

c:case("我的券 twice a day is once too often", function(g)
  grab_code(g)
  g:says("小美", "我的券")
  g:expect{ at = "小美", text = "已私信" }
  g:says("小美", "我的券")
  g:expect{ at = "小美", text = "和刚才一样" }
  g:says("小美", "我的券")
  g:silent()
end)

c:case("in quiet hours 我的券 is answered, and a packet that staff open runs to its end", { start = "2026-03-02 23:00" }, function(g)
  local code = grab_code(g)
  g:says("小美", "我的券")
  g:expect{ dm = "小美", text = code }
  g:at("23:10:30")
  g:expect{ text = "时间到 1位" }
end)

c:case("核销 in another group is decided by the group that issued the code", function(g)
  local code = grab_code(g)
  g:staff("店长", "核销 " .. code, { chat = "二店" })
  g:expect{ chat = "二店", text = "核销成功 小美 早餐券" }
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "已核销" }
end)

c:case("核销: groups of one store share its number, another store's code is refused", function(g)
  local code = grab_code(g)
  g:says("路人", "大家好", { chat = "二店" })
  g:param("redpacket.store", "018")
  g:param("redpacket.store", "019", { chat = "二店" })
  g:staff("店长", "核销 " .. code, { chat = "二店" })
  g:expect{ chat = "二店", text = "不是本店" }
  g:param("redpacket.store", "018", { chat = "二店" })
  g:staff("店长", "核销 " .. code, { chat = "二店" })
  g:expect{ chat = "二店", text = "核销成功 小美 早餐券" }
  g:equal(#g:events("code_used"), 1)
end)

c:case("核销 where no store is known takes a role in the group that issued the code", function(g)
  local code = grab_code(g)
  g:param("redpacket.store", "018")
  g:staff("店长", "核销 " .. code, { chat = "staff" })
  g:expect{ chat = "staff", text = "核销成功 小美 早餐券" }
  g:dm("店长", "核销 " .. code)
  g:expect{ dm = "店长", text = "已核销" }
end)

c:case("what the report counts", function(g)
  local code = grab_code(g)
  g:says("小王", "抢")
  g:advance("11m")
  local closed = g:expect_event("packet_closed")
  g:equal({ closed.grabs, closed.spent, closed.returned }, { 2, 10, 5 })
  g:equal(#g:events("code_issued"), 2)
  g:advance("5h")
  g:staff("店长", "核销 " .. code)
  g:equal(g:expect_event("code_used", { user = g:id("小美") }).hours, 5)
  g:at("2026-03-06 10:01")
  g:expect_event("code_expired", { user = g:id("小王") })
end)
