-- redpacket_test.lua -- packets, prizes, codes and budgets, sentence by sentence.
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
  expiring_dm = "明天到期 {what} {code}", redeemed = "核销成功 {name} {what}", redeem_how = "写上券码", redeem_bad = "输错了",
  redeem_unknown = "没有这个码", redeem_used = "已核销 {time} {by}", redeem_expired = "已过期", redeem_void = "作废的码",
  redeem_scope = "不是本店", staff_budget = "没有开 需要{cost} {budget}剩{rest}", staff_open = "还有一个没结束",
  staff_quiet = "安静时段", staff_voided = "第{id}期作废", staff_code_void = "码作废 {what}", staff_nothing = "没有可作废的",
  voided = "红包作废",
}

local function book(params)
  local flow = { "redpacket" }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return {
    flows = { "switch", "common", flow },
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

t:case("the announcement lists what the rules on lotteries ask for", {
  playbook = book({ nightly = false, kind = "prizes", shares = 8 }),
}, function(g)
  g:staff("店长", "发红包")
  g:expect{ text = { "一箱牛奶×1", "满减券×5", "共8次机会", "10:10止", "凭码到店", "主办幸福路店", "联系电话八八" } }
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

t:case("500 people in the same second: nobody twice, no share too many, in the order of arrival", {
  playbook = book({ nightly = false, total = 1000, shares = 200 }),
}, function(g)
  open(g)
  g:together(function()
    for i = 1, 250 do
      g:says("成员" .. i, "抢")
      g:says("成员" .. i, "抢")
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
