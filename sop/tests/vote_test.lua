-- vote_test.lua -- votes, sentence by sentence. What is promised to a group, and the cases that hold it:
--
-- Of every flow
--   command words match tolerantly                             "a vote in many spellings ...", "other words are no votes ..."
--   one reply per cause, one short answer a day, silence       "votes are confirmed in batches", "票数 ...", "a number that is none ..."
--   at most ten are @-ed in one message                        "more than ten votes ..."
--   退订: no @                                                 "after 退订 ..."
--   quiet hours hold posts, not answers                        "an end in the quiet hours ..."
--   staff commands need a role                                 "members may not ...", "the least role ..."
-- 投票
--   generic vote; states open, closed, void                    "from 发起投票 to the result", "结束投票 ...", "作废投票 ..."
--   投 2; one voice each                                       "one voice each ...", "... unless it may not be changed"
--   deadline                                                   "from ...", "what came in late ...", "an end may be given ..."
--   a tie, nobody                                              "a tie ...", "nobody ..."
--   restarts, deaths, repeats, switching off                   "a restart ...", "a death ...", "switched off ..."
--   several groups, WeCom                                      "two groups ...", "on WeCom ..."
--   metrics                                                    "what the report counts"
local TEXTS = {
  opened = "投票 {title} {lines} {word} {till}", acked = "收到 {names} 共{count}", acked_more = "收到 {names} 另{rest}位 共{count}",
  wrong = "没这号 到{count}", already = "投过了", no_staff = "工作人员不投", line = "{place}.{text}={votes}",
  standing = "现在{count}人 {lines}",
  seen = "没变", hidden = "保密到{till}", ending = "快截止 {till} {count}人", closed = "结果 {best} {votes}票 {lines}",
  closed_tie = "并列 {votes} {lines}",
  closed_nobody = "没人投 {title}", voided = "作废了 {title}", staff_how = "这样写", staff_open = "{title}没完", staff_nothing = "没有在投的",
  staff_done = "办好{title}",
}

local function book(params)
  local flow = { "vote" }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return { flows = { "switch", "common", flow }, staff = { ["playground:店长"] = "store", ["playground:群管"] = "keeper" } }
end

local t = sop.test("vote", { playbook = book{ lasts = "2h" }, start = "2026-03-02 10:00" })

local function open(g, text)
  g:staff("店长", text or "发起投票 周末吃什么 | 火锅 | 烤肉 | 粥")
  return g:expect{ text = "投票 周末吃什么 1. 火锅" }
end

t:case("from 发起投票 to the result", function(g)
  g:staff("店长", "发起投票 周末吃什么 | 火锅 | 烤肉 | 粥")
  g:expect{ text = "投票 周末吃什么 1. 火锅\n2. 烤肉\n3. 粥 投 03-02 12:00", plain = true }
  g:says("小美", "投 2")
  g:says("小王", "投2")
  g:says("阿强", "投票 1")
  g:advance("10s")
  g:expect{ at = { "小美", "小王", "阿强" }, text = "共3" }
  g:at("11:00:05")
  g:expect{ text = "快截止 12:00 3人" }
  g:at("12:00:05")
  g:expect{ text = "结果 烤肉 2票 2.烤肉=2\n1.火锅=1\n3.粥=0" }
  g:silent("1d")
  g:says("小丽", "投 1")
  g:silent()
  g:expect_runs(0)
  g:equal(g:state("list", "ballots")[1].state, "closed")
end)

t:case("one voice each, which may be changed", function(g)
  open(g)
  g:says("小美", "投 2")
  g:says("小美", "投 1")
  g:says("小美", "投 1")
  g:expect{ at = "小美", text = "投过了" }
  g:says("小美", "投 1")
  g:advance("1m")
  g:expect_count(1, { text = "共1" })
  g:expect_none{ text = "投过了" }
  g:staff("店长", "结束投票")
  g:expect{ text = "结果 火锅 1票" }
end)

t:case("... unless it may not be changed", { playbook = book{ change = false } }, function(g)
  open(g)
  g:says("小美", "投 2")
  g:says("小美", "投 1")
  g:expect{ at = "小美", text = "投过了" }
  g:staff("店长", "结束投票")
  g:expect{ text = "结果 烤肉 1票" }
end)

t:case("a vote in many spellings", function(g)
  open(g)
  local words = { "投 2", "投2", "投2号", "投 第2个", "投 二", "投票2", "/投 2", "@小福 投 2", " 投 2 ", "投2!", "选 B", "选b", "我选2", "投 烤肉", "vote 2" }
  for i, text in ipairs(words) do g:says("成员" .. i, text) end
  g:equal(#g:events("voted"), #words)
  for _, event in ipairs(g:events("voted")) do g:equal(event.option, 2) end
end)

t:case("other words are no votes, nor is what is quoted", function(g)
  open(g)
  for i, text in ipairs({ "投诉一下", "选什么好呢", "投2还是3呢", "2", "我投了两次", "投 2?", "投", "投给小美吧" }) do g:says("成员" .. i, text) end
  local id = g:says("小丽", "投 3")
  g:reply("小王", "哈哈", { to = id })
  g:equal(#g:events("voted"), 1)
  g:advance("10s")
  g:expect{ at = "小丽", text = "共1" }
  g:silent()
end)

t:case("a number that is none is answered once a day", function(g)
  open(g)
  g:says("小美", "投 9")
  g:expect{ at = "小美", text = "没这号 到3" }
  g:says("小美", "投 8")
  g:silent()
end)

t:case("votes are confirmed in batches; more than ten votes name ten", function(g)
  open(g)
  g:together(function()
    for i = 1, 25 do g:says("成员" .. i, "投 " .. i % 3 + 1) end
  end)
  g:silent("8s")
  g:advance("2s")
  local message = g:expect{ text = "另15位 共25" }
  g:equal(#message.at, 10)
  g:silent("30m")
end)

t:case("票数 tells how it stands; again only when it has changed", function(g)
  g:says("小美", "票数")
  g:silent()
  open(g)
  g:says("小王", "投 3")
  g:says("小美", "票数")
  g:expect{ at = "小美", text = "现在1人 3.粥=1" }
  g:says("小美", "票数")
  g:expect{ at = "小美", text = "没变" }
  g:says("小美", "票数")
  g:expect_none{ at = "小美" }
  g:says("阿强", "投 3")
  g:says("小美", "票数")
  g:expect{ at = "小美", text = "现在2人" }
end)

t:case("票数 is a secret where it is to be", { playbook = book{ interim = false, lasts = "2h" } }, function(g)
  open(g)
  g:says("小美", "票数")
  g:expect{ at = "小美", text = "保密到03-02 12:00" }
  g:says("店长", "票数")
  g:expect{ at = "店长", text = "现在0人" }
end)

t:case("an end may be given; lines are options, too", function(g)
  g:staff("店长", "发起投票 水果\n1. 草莓\n2. 蓝莓\n到 20:00")
  g:expect{ text = "投票 水果 1. 草莓\n2. 蓝莓 投 03-02 20:00" }
  g:says("小美", "投 1")
  g:at("20:00:05")
  g:expect{ text = "结果 草莓 1票" }
end)

t:case("times and discounts are options as they stand; only numbers before them go", function(g)
  g:staff("店长", "发起投票 几点集合 | 8:30 | 9:30 | 10:00")
  g:expect{ text = "投票 几点集合 1. 8:30\n2. 9:30\n3. 10:00" }
  g:staff("店长", "作废投票")
  g:staff("店长", "发起投票 打几折 | 1. 3.5折 | 2、5折 | C) 6折")
  g:expect{ text = "投票 打几折 1. 3.5折\n2. 5折\n3. 6折" }
end)

t:case("who was forgotten and votes again has one voice; nor does an edited one count", function(g)
  open(g)
  g:says("小美", "投 1")
  g:command{ op = "forget", user = "小美" }
  g:advance("15s")
  g:expect_none{ text = "~" }
  g:says("小美", "投 1")
  g:says("小王", "投 2")
  g:says("阿强", "投 2")
  g:write("hash", "votes-1", { [g:id("阿强")] = 9 })
  g:says("阿强", "投 3")
  g:staff("店长", "结束投票")
  g:expect{ text = "并列 1 1.火锅=1\n2.烤肉=1\n3.粥=1" }
  g:expect_event("vote_closed", { voters = 3 })
end)

t:case("what is no ballot is explained", function(g)
  for _, text in ipairs({ "发起投票", "发起投票 吃什么", "发起投票 吃什么 | 粥" }) do
    g:staff("店长", text)
    g:expect{ at = "店长", text = "这样写" }
  end
end)

t:case("one at a time", function(g)
  open(g)
  g:staff("店长", "发起投票 别的 | 甲 | 乙")
  g:expect{ at = "店长", text = "周末吃什么没完" }
end)

t:case("a tie is called one", function(g)
  open(g)
  g:says("小美", "投 1")
  g:says("小王", "投 3")
  g:staff("店长", "结束投票")
  g:expect{ text = "并列 1" }
end)

t:case("nobody voted", function(g)
  open(g)
  g:at("12:00:05")
  g:expect{ text = "没人投 周末吃什么" }
end)

t:case("结束投票 ends it now", function(g)
  g:staff("店长", "结束投票")
  g:expect{ at = "店长", text = "没有在投的" }
  open(g)
  g:says("小美", "投 1")
  g:staff("店长", "结束投票")
  g:expect{ text = "结果 火锅" }
  g:silent("3h")
  open(g) -- the next one begins with nothing
  g:says("小美", "投 2")
  g:staff("店长", "结束投票")
  g:expect{ text = "结果 烤肉 1票 2.烤肉=1" }
  g:equal(#g:audit("vote_closed"), 2)
end)

t:case("作废投票 takes it back", function(g)
  open(g)
  g:says("小美", "投 1")
  g:staff("店长", "作废投票")
  g:expect{ text = "作废了 周末吃什么" }
  g:silent("3h")
  g:expect_event("vote_void", { voters = 1 })
  g:equal(g:state("list", "ballots")[1].state, "void")
end)

t:case("members may not open, end or void", function(g)
  g:says("小美", "发起投票 吃什么 | 火锅 | 粥")
  g:silent()
  open(g)
  g:says("小美", "结束投票")
  g:says("小美", "作废投票")
  g:silent()
end)

t:case("the least role is a parameter, and staff may be left out of the vote", {
  playbook = book{ role = "store", exclude_staff = true },
}, function(g)
  g:staff("群管", "发起投票 吃什么 | 火锅 | 粥")
  g:silent()
  open(g)
  g:says("群管", "投 1")
  g:expect{ at = "群管", text = "工作人员不投" }
end)

t:case("from the staff chat", function(g)
  g:says("小美", "早")
  g:says("店长", "发起投票 吃什么 | 火锅 | 粥", { chat = "staff" })
  g:expect{ text = "投票 吃什么" }
  g:expect{ chat = "staff", text = "办好吃什么" }
end)

t:case("after 退订 a voter is named without @", function(g)
  g:says("小美", "退订")
  open(g)
  g:says("小美", "投 1")
  g:advance("10s")
  g:expect{ plain = true, text = "收到 小美 共1" }
end)

t:case("an end in the quiet hours is told in the morning; votes count until then", {
  playbook = book{ lasts = "12h30m", remind = "10m" },
}, function(g)
  g:at("10:15")
  open(g)
  g:at("22:40")
  g:says("小美", "投 1")
  g:advance("10s")
  g:expect{ at = "小美", text = "共1" }
  g:says("小王", "投 1")
  g:at("07:29")
  g:expect_none{ text = "结果" }
  g:at("07:31")
  g:expect{ text = "结果 火锅 2票" }
end)

t:case("what came in late counts by when it was said", function(g)
  open(g)
  g:at("11:59")
  g:missed("2h30m", function() g:says("早鸟", "投 1") end)
  g:missed("10m", function() g:says("小美", "投 1") end)
  g:at("12:05")
  g:missed("4m", function() g:says("小王", "投 1") end)
  local who = {}
  for _, event in ipairs(g:events("voted")) do who[#who + 1] = event.user end
  g:equal(who, { g:id("小美") })
end)

t:case("a restart loses nothing", function(g)
  open(g)
  g:says("小美", "投 1")
  g:restart()
  g:says("小王", "投 1")
  g:advance("15s")
  g:expect{ at = { "小美", "小王" }, text = "共2" }
  g:at("11:30")
  g:restart()
  g:at("12:00:05")
  g:expect_count(1, { text = "结果 火锅 2票" })
end)

t:case("a death in the middle counts a vote once, and a result is told once", function(g)
  open(g)
  g:kill{ during = "commit" }
  g:says("小美", "投 1")
  g:kill{ during = "input" }
  g:says("小王", "投 1")
  g:equal(#g:events("voted"), 2)
  g:at("11:59:50")
  g:kill{ during = "commit" }
  g:advance("1m")
  g:expect_count(1, { text = "结果 火锅 2票" })
end)

t:case("switched off at its end it closes when it is on again", function(g)
  open(g)
  g:says("小美", "投 1")
  g:advance("15s")
  g:toggle("vote", "off")
  g:advance("3h")
  g:equal(#g:events("vote_closed"), 0)
  g:toggle("vote", "on")
  g:advance("10m")
  g:expect{ text = "结果 火锅 1票" }
end)

t:case("an edited text reaches a vote that is open", function(g)
  open(g)
  g:param("vote.closed_nobody", "新的话")
  g:at("12:00:05")
  g:expect{ text = "新的话" }
end)

t:case("two groups vote apart", function(g)
  open(g)
  g:says("店长", "发起投票 乙群 | 甲 | 乙", { chat = "二群" })
  g:expect{ chat = "二群", text = "投票 乙群" }
  g:says("小美", "投 2", { chat = "二群" })
  g:says("小美", "投 1")
  g:staff("店长", "结束投票")
  g:expect{ text = "结果 火锅 1票" }
  g:expect_none{ chat = "二群", text = "结果" }
end)

t:case("on WeCom members vote with a mention of the bot", function(g)
  g:platform("wecom")
  g:says("店长", "@小福 发起投票 吃什么 | 火锅 | 粥")
  g:expect{ text = "投票 吃什么" }
  g:says("小美", "@小福 投 1")
  g:says("小王", "投 1")
  g:equal(#g:events("voted"), 1)
end)

t:case("what the report counts", function(g)
  open(g)
  g:says("小美", "投 1")
  g:says("小美", "投 2")
  g:staff("店长", "结束投票")
  g:expect_event("vote_opened", { id = 1, options = 3 })
  g:expect_event("voted", { who = "小美", option = 1, changed = false })
  g:expect_event("voted", { who = "小美", option = 2, changed = true })
  g:expect_event("vote_closed", { id = 1, voters = 1, best = "烤肉", votes = 1 })
end)
