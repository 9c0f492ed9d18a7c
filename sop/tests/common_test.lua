-- common_test.lua -- what all flows have in common: opting out, the menu, the switch.
--
-- | what all flows promise                                           | cases                                                     |
-- |--------------------------------------------------------------------|-----------------------------------------------------------|
-- | command words match tolerantly                                     | forms of a command ...; tests/data/commands.tsv           |
-- | the longest command wins                                           | the longest command wins                                  |
-- | a command inside a longer sentence is none                         | forms of a command ...; 退订 inside a sentence ...         |
-- | quoted or forwarded text never triggers                            | quoted text never triggers; tests/data/commands.tsv       |
-- | one reply per cause; repeated: one short answer a day, then silence| a repeated command ... (2 cases); the menu ...            |
-- | at most 10 people are @-ed in one message                          | at most ten are @-ed in one message                       |
-- | @all needs an explicit parameter, and is counted                   | tests/data/bad-sops/at-all-*; c74 in tests/e2e            |
-- | 退订 / 别@我 stops every @ and private message, 恢复 undoes it       | 退订 ... (5 cases); 别@我 ...                              |
-- | answers to one's own commands still come, without @                | 退订 ends every @ ...                                      |
-- | what the bot begins keeps quiet hours, answers do not wait         | quiet hours ... (2 cases)                                 |
-- | points, coupons and money are integers, ledgers only append        | redpacket_test.lua; tests/sop/ledger                      |
-- | 我的数据, 删除我的数据: told in private, asked first, then gone   | 我的数据 ... (2 cases); 删除我的数据 ... (3 cases)           |
-- | staff commands need a role                                         | staff switch ...; platform owners ...; what needs a role  |
local t = sop.test("common", {
  playbook = {
    flows = {
      "switch",
      {
        "common", stopped = "不再打扰", stopped_already = "早就退订", resumed = "恢复了", resumed_already = "没有退订",
        menu = "菜单 {lines}", seen = "往上翻",
        data = "记着 {lines} 删:{word}", data_none = "什么都没有", data_sent = "已私信", data_seen = "刚发过", data_points = "积分{count}",
        data_flow = "[{title}]", forget_ask = "会失去 {lines} 确认:{word}", forget_none = "没有可删的", forgotten = "删了",
      },
      { "checkin", done = "成功 第{day}天", already = "打过了" },
      { "welcome", greet = "欢迎 {names}" },
    },
  },
  start = "2026-03-02 10:00",
})

t:case("退订 ends every @; answers to one's own commands still come, without @; 恢复 undoes it", function(g)
  g:says("小美", "退订")
  g:expect{ plain = true, text = "不再打扰" }
  g:says("小美", "打卡")
  g:expect{ plain = true, text = "成功 第1天" }
  g:at("2026-03-03 20:31")
  g:expect_none{ at = "小美" }
  g:says("小美", "恢复")
  g:expect{ at = "小美", text = "恢复了" }
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "第2天" }
end)

t:case("别@我 is the same, also in private", function(g)
  g:dm("小美", "别@我")
  g:expect{ dm = "小美", text = "不再打扰" }
  g:join("小美")
  g:advance("10s")
  g:expect{ plain = true, text = "欢迎 小美" }
end)

t:case("a repeated command gets one short answer a day, then silence", function(g)
  for _ = 1, 4 do g:says("小美", "退订") end
  g:expect_count(1, { text = "不再打扰" })
  g:expect_count(1, { text = "早就退订" })
  g:silent()
end)

t:case("a repeated command gets its short answer again the next day", function(g)
  for _ = 1, 3 do g:says("小美", "退订") end
  g:expect_count(1, { text = "早就退订" })
  g:restart()
  g:advance("1d")
  for _ = 1, 3 do g:says("小美", "退订") end
  g:expect_count(1, { text = "早就退订" })
  g:says("小美", "恢复")
  g:expect{ at = "小美", text = "恢复了" }
  for _ = 1, 3 do g:says("小美", "恢复") end
  g:expect_count(1, { text = "没有退订" })
end)

t:case("退订 is for good: it holds for private messages, and over restarts", {
  playbook = { flows = { { "common", stopped = "不再打扰", resumed = "恢复了" },
    { "welcome", onboarding = true, greet = "欢迎 {names}", touch1 = "第零天", touch2 = "第一天", touch3 = "第三天" } } },
}, function(g)
  g:join("小美")
  g:advance("15m")
  g:expect{ dm = "小美", text = "第零天" }
  g:says("小美", "退订")
  g:expect{ plain = true, text = "不再打扰" }
  g:restart()
  g:advance("60d")
  g:silent()
  g:leave("小美")
  g:advance("60d")
  g:join("小美")
  g:advance("15m")
  g:expect{ plain = true, text = "欢迎 小美" }
  g:silent("30d")
  g:says("小美", "恢复")
  g:expect{ at = "小美", text = "恢复了" }
end)

t:case("退订 is kept when the daemon dies in its commit", function(g)
  g:kill{ during = "commit" }
  g:says("小美", "退订")
  g:advance("10s")
  g:expect_count(1, { text = "不再打扰" })
  g:kill()
  g:join("小美")
  g:advance("10s")
  g:expect{ plain = true, text = "欢迎 小美" }
end)

t:case("退订 in other words, and an opt-out is counted once", function(g)
  for i, word in ipairs({ "退订", "别@我", "别艾特我", "unsubscribe", "取消提醒" }) do
    g:says("成员" .. i, word)
    g:expect{ plain = true, text = "不再打扰" }
  end
  g:says("成员1", "退订")
  g:equal(#g:events("opted_out"), 5)
end)

t:case("退订 inside a sentence is no command", function(g)
  g:says("小美", "我不想退订,就是问问怎么退订")
  g:silent()
  g:join("小美")
  g:advance("10s")
  g:expect{ at = "小美" }
end)

t:case("the longest command wins", function(g)
  g:says("小美", "打卡榜")
  g:expect()
  g:expect_no_event("checked_in")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "成功" }
end)

t:case("quoted text never triggers; what is said with the quote does", function(g)
  local said = g:says("小美", "打卡")
  g:expect{ at = "小美", text = "成功" }
  g:reply("小王", "我也要", { to = said })
  g:silent()
  g:reply("小王", "打卡", { to = said })
  g:expect{ at = "小王", text = "成功" }
end)

t:case("at most ten are @-ed in one message", function(g)
  g:together(function()
    for i = 1, 25 do g:join("新人" .. i) end
  end)
  g:advance("1m")
  local n = 0
  for _, message in ipairs(g:seen()) do
    assert(#message.at <= 10)
    n = n + #message.at
  end
  g:equal(n, 25)
end)

t:case("quiet hours: an answer to a command does not wait", function(g)
  g:at("23:30")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "成功" }
  g:says("小美", "帮助")
  g:expect{ at = "小美", text = "菜单" }
  g:says("小美", "退订")
  g:expect{ text = "不再打扰" }
end)

t:case("quiet hours: what the bot begins waits for their end", {
  playbook = { flows = { "common",
    { "welcome", onboarding = true, touch_at = "06:00", greet = "欢迎 {names}", touch1 = "第零天", touch2 = "第一天" } } },
}, function(g)
  g:join("小美")
  g:advance("15m")
  g:expect{ dm = "小美", text = "第零天" }
  g:at("2026-03-03 06:00")
  g:join("小王")
  g:silent("89m")
  g:advance("2m")
  g:expect{ dm = "小美", text = "第一天" }
  g:expect{ at = "小王" }
end)

t:case("what needs a role is not answered to those who have none", function(g)
  for _, text in ipairs({ "开关", "开关 打卡挑战 关", "暂停", "恢复 打卡挑战", "名单", "打卡名单" }) do
    g:says("小美", text)
    g:expect_none{ text = "打卡挑战" }
  end
  g:staff("店长", "名单")
  g:expect{ at = "店长" }
end)

t:case("the menu lists what is on", function(g)
  g:says("小美", "帮助")
  g:expect{ at = "小美", text = { "菜单", "打卡" } }
  g:says("小美", "菜单")
  g:expect{ at = "小美", text = "往上翻" }
  g:says("小美", "功能")
  g:silent()
end)

local MENU = { -- the line of each flow, here and in English
  checkin = { "打卡 · 补卡", "check in" }, redpacket = { "抢 · 我的券", "grab" }, chaperone = { "请同事来答", "Just ask" },
  handoff = { "人工(", "human (" }, segment = { "我的等级", "my level" }, voucher = { "送券 @朋友", "your coupons" },
  referral = { "我的邀请码", "your code" }, faq = { "营业时间", "Opening hours" }, ladder = { "打几折", "off now" },
  presale = { "我的接龙", "my order" }, vote = { "有投票时", "how the vote stands" }, live = { "直播预告", "book live" },
  draw = { "有抽奖时", "join (" }, signup = { "我的报名", "sign up" }, contest = { "征集时", "names are wanted" },
}

for i, language in ipairs({ "zh-CN", "en" }) do
  local flows = { "common", "calendar", "orders" }
  for flow in pairs(MENU) do flows[#flows + 1] = flow end
  table.sort(flows)
  t:case("every flow for members has its line in the menu, " .. language, { playbook = { flows = flows, language = language } }, function(g)
    g:says("小美", "菜单")
    local menu = g:expect{ at = "小美" }.text
    for flow, lines in pairs(MENU) do assert(menu:find(lines[i], 1, true), flow .. " is not in " .. menu) end
    local _, count = menu:gsub("\n", "")
    g:equal(count >= 15 and count <= 16, true, "a line each, common's own, and none of flows that members do not speak to")
    assert(menu:find("我的数据\"?$") or menu:find("my data$"), "common's own line is the last: " .. menu)
  end)
end

t:case("the menu: not what is off, nothing twice, nothing empty, in the words of the playbook",
  { playbook = { flows = { "switch", { "vote", menu_line = "投票来" }, { "draw", menu_line = "投票来" }, { "faq", menu_line = "" },
    "common", "ladder" } } },
  function(g)
    g:says("小美", "菜单")
    local menu = g:expect{ at = "小美", text = { "投票来", "打几折", "退订" } }.text
    local _, count = menu:gsub("投票来", "")
    g:equal(count, 1)
    g:equal(menu:find("\n\n", 1, true), nil)
    g:staff("店长", "开关 ladder 关")
    g:expect{ at = "店长" }
    g:says("小王", "菜单")
    assert(not g:expect{ at = "小王", text = "投票来" }.text:find("打几折", 1, true))
  end)

t:case("forms of a command: full-width, prefixes, an @ of the bot; not inside a sentence", function(g)
  for i, text in ipairs({ " 打卡 ", "/打卡", "＃打卡", "！打卡", "@小福 打卡", "打 卡" }) do
    g:says("成员" .. i, text)
    if i <= 5 then g:expect{ at = "成员" .. i, text = "成功" } end
  end
  g:says("小王", "我等会儿去打卡")
  g:silent()
end)

t:case("staff switch a flow off and on; members cannot; the switch itself stays on", function(g)
  g:says("小美", "开关 打卡挑战 关")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "成功" }
  g:staff("店长", "开关 打卡挑战 关")
  g:expect{ at = "店长", text = "打卡挑战" }
  g:says("小王", "打卡")
  g:expect_none{ at = "小王" }
  g:staff("店长", "开关 打卡挑战 开")
  g:expect{ at = "店长" }
  g:says("小王", "打卡")
  g:expect{ at = "小王", text = "成功" }
end)

t:case("platform owners and admins count as keepers where the playbook says so", {
  playbook = { keepers = true, flows = { "switch", { "checkin", staff_paused = "已暂停" } } },
}, function(g)
  g:says("小美", "打卡暂停")
  g:expect_none{ text = "已暂停" }
  g:role("小美", "admin")
  g:says("小美", "打卡暂停")
  g:expect{ at = "小美", text = "已暂停" }
end)

t:case("我的数据 tells in private what is kept, once a day", function(g)
  g:says("小美", "打卡")
  g:says("小美", "我的数据")
  g:expect{ dm = "小美", text = "记着" }
  g:expect{ at = "小美", text = "已私信" }
  g:says("小美", "我的数据")
  g:expect{ at = "小美", text = "刚发过" }
  g:says("小美", "我的数据")
  g:silent()
end)

t:case("我的数据 of whom nothing is kept", function(g)
  g:says("小美", "我的数据")
  g:expect{ at = "小美", text = "什么都没有" }
end)

t:case("删除我的数据 says what is lost, asks, and forgets; who speaks again begins anew", function(g)
  g:says("小美", "打卡")
  g:says("小王", "打卡")
  g:says("小美", "删除我的数据")
  g:expect{ at = "小美", text = "会失去" }
  g:says("小美", "确认删除")
  g:expect{ at = "小美", text = "删了" }
  g:advance("1m")
  g:equal(g:state("member", "小美", "marks", "checkin"), nil)
  g:equal(g:state("member", "小王", "marks", "checkin"), "x")
  g:says("小美", "我的数据")
  g:expect{ at = "小美", text = "什么都没有" }
end)

t:case("删除我的数据 without a confirmation within 5 minutes changes nothing", function(g)
  g:says("小美", "打卡")
  g:says("小美", "删除我的数据")
  g:expect{ at = "小美", text = "会失去" }
  g:advance("6m")
  g:says("小美", "确认删除")
  g:advance("1m")
  g:equal(g:state("member", "小美", "marks", "checkin"), "x")
end)

t:case("another member's 确认删除 is none; nothing to remove is said", function(g)
  g:says("小美", "打卡")
  g:says("小美", "删除我的数据")
  g:says("小王", "确认删除")
  g:advance("1m")
  g:equal(g:state("member", "小美", "marks", "checkin"), "x")
  g:says("小王", "删除我的数据")
  g:expect{ at = "小王", text = "没有可删的" }
end)
