-- wecom_test.lua -- what a WeCom group gets: the flows on a platform that tells of messages only that mention the bot, knows no joins,
-- no members, no mentions and no private messages to people who have not written first (docs/gateways.md, "What a WeCom group gets").
--
-- | flow      | what is different there                                             | cases                                     |
-- |-----------|----------------------------------------------------------------------|-------------------------------------------|
-- | welcome   | no joins; who opens the single chat is greeted at once, at any hour  | opening ...; what would be a join ...      |
-- | chaperone | answers who mentions it, after three seconds, as an answer to that   | who mentions it ...; a question for staff |
-- | checkin   | said with a mention; reminders name people in plain text             | 打卡 ...; the reminder ...                 |
-- | redpacket | said with a mention; codes by 我的券, nobody is written to            | 抢 ...; a coupon ...                       |
-- | common    | 退订 as ever; 我的数据 is told in the group                            | 退订 ...; 我的数据 ...                      |
-- | switch    | staff mention the bot, or write to it; the roster has no platform roles | 开关 ...; 名单 ...                       |

-- ---- welcome ----

local t = sop.test("welcome", {
  playbook = {
    private = true,
    flows = { { "welcome", greet = "欢迎 {names}", enter = "你好,我在", onboarding = true, touch_after = "1m", touch1 = "第一天" } },
  },
  start = "2026-03-02 10:00",
})

t:case("opening the single chat is greeted at once, in quiet hours too, and not when it is late", function(g)
  g:platform("wecom")
  g:enter("小美")
  local said = g:expect{ dm = "小美", text = "你好,我在" }
  assert(said.answers:find("^re:enter"), "it must answer the event: nothing else may be said in this chat yet")
  g:at("23:30")
  g:enter("小王")
  g:expect{ dm = "小王", text = "你好,我在" }
  g:missed("1m", function() g:enter("小李") end)
  g:silent("10m")
end)

t:case("what would be a join elsewhere is not told, and nothing is missed", function(g)
  g:platform("wecom")
  g:join("小美")
  g:leave("小美")
  g:silent("1d")
  g:equal(#g:events("joined"), 0)
end)

-- ---- chaperone ----

t = sop.test("chaperone", {
  playbook = {
    flows = { { "chaperone", faq = { { ask = { "营业" }, answer = "早八点到晚十点" } }, duty = { "10001" }, handoff = "10m",
      greeting = "你也好", ask = "请同事来答", to_staff = "待回答 {name}:{quote}", later_today = "{who} {minutes} 分钟内回你" } },
  },
  start = "2026-03-02 10:00",
})

t:case("who mentions it is answered after three seconds, as an answer to that message; others are not heard", function(g)
  g:platform("wecom")
  g:says("小美", "几点营业呀?")
  g:silent("1m")
  local id = g:says("小美", "@小福 几点营业呀?")
  g:silent("1s")
  g:advance("3s")
  local said = g:expect{ plain = true, text = "早八点到晚十点" }
  g:equal(said.answers, "re:m" .. id)
end)

t:case("a question for staff: told in the staff chat once somebody has written there, answered by a mention", function(g)
  g:platform("wecom")
  g:staff("店长", "@小福 在吗", { chat = "staff" })
  g:advance("5s")
  g:says("小美", "@小福 鸡蛋怎么卖的呀,能不能便宜?")
  g:advance("5s")
  g:expect{ plain = true, text = "请同事来答" }
  g:expect{ chat = "staff", text = "待回答 小美" }
  g:staff("店长", "没有")                       -- the platform does not tell of it
  g:staff("店长", "@小福 十块一斤,给小美")
  g:silent("20m")
  g:equal(#g:events("question_answered"), 1)
end)

-- ---- checkin ----

t = sop.test("checkin", {
  playbook = { flows = { { "checkin", done = "成功 第{day}天", already = "打过了", mine = "{calendar} 共{total}" } } },
  start = "2026-03-02 10:00",
})

t:case("打卡 is said with a mention of the bot, or by a button, and counts once a day", function(g)
  g:platform("wecom")
  g:says("小美", "打卡")
  g:silent("1m")
  local id = g:says("小美", "@小福 打卡")
  g:equal(g:expect{ plain = true, text = "成功 第1天" }.answers, "re:m" .. id)
  g:says("小美", "@小福 打卡")
  g:expect{ text = "打过了" }
  g:says("小美", "@小福 我的打卡")
  g:expect{ text = "共1" }
end)

t:case("the reminder and the summary are posts of their own, and name people in plain text", function(g)
  g:platform("wecom")
  g:says("小美", "@小福 打卡")
  g:expect{ text = "成功 第1天" }
  g:at("2026-03-03 20:29")
  g:expect_none{ text = "小美" }
  g:advance("2m")
  g:equal(g:expect{ plain = true, text = "小美" }.answers, nil)
  g:says("小王", "@小福 打卡")
  g:expect{ text = "成功 第1天" }
  g:at("22:01")
  g:equal(g:expect{ any = { "1/2 人", "1 人", "1人", "1 位", "1位" } }.answers, nil)
end)

-- ---- redpacket ----

t = sop.test("redpacket", {
  playbook = {
    private = true,
    flows = {
      "common",
      { "redpacket", kind = "coupon", coupon = "满减券", shares = 2, organiser = "幸福路店", contact = "电话", nightly = false, show_codes = false,
        open_coupon = "送券 {what} {shares}张", result_coupon = "抢到{what}", mine_line = "{what} {code}", mine = "有{count}张\n{lines}",
        mine_private = "私信我「{word}」" },
    },
  },
  start = "2026-03-02 10:00",
})

t:case("抢 is said with a mention; the code is fetched in private, and nobody is written to first", function(g)
  g:platform("wecom")
  g:staff("店长", "@小福 发红包")
  g:expect{ text = "送券 满减券 2张" }
  g:says("小美", "抢")
  g:silent("10s")
  g:says("小美", "@小福 抢")
  g:advance("10s")
  g:expect{ plain = true, text = "抢到满减券" }
  g:equal(#g:seen{ dm = "小美" }, 0)
  g:says("小美", "@小福 我的券")
  g:expect{ text = { "有1张", "私信我" } }
  g:dm("小美", "我的券")
  g:expect{ dm = "小美", match = "满减券 %w%w%w%w" }
end)

-- ---- common and switch ----

t = sop.test("common", {
  playbook = {
    private = true, keepers = true,
    flows = {
      { "switch", switched_off = "关了 {title}", roster = "名单\n{lines}", which = "哪个群?" },
      { "common", stopped = "不再打扰", data = "记着 {lines}", data_none = "什么都没有", data_points = "积分{count}", data_flow = "[{title}]" },
      { "checkin", done = "成功 第{day}天" },
    },
  },
  start = "2026-03-02 10:00",
})

t:case("退订 and 我的数据 in the group", function(g)
  g:platform("wecom")
  g:says("小美", "@小福 打卡")
  g:says("小美", "@小福 我的数据")
  g:expect{ text = "记着" }
  g:says("小美", "@小福 退订")
  g:expect{ text = "不再打扰" }
  g:at("2026-03-03 20:31")
  g:expect_none{ text = "小美" }
end)

t:case("开关 with a mention or in private, 名单 without roles of the platform", function(g)
  g:platform("wecom")
  g:role("小王", "owner")
  g:staff("店长", "@小福 名单")
  local said = g:expect{ text = "店长" }
  assert(not said.text:find("小王", 1, true))
  g:staff("店长", "@小福 开关 打卡 关")
  g:expect{ text = "关了 打卡" }
  g:says("小美", "@小福 打卡")
  g:silent()
end)
