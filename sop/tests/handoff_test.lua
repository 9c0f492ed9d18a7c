-- handoff_test.lua -- asking for a person, sentence by sentence. What is promised to a group, and the cases that hold it:
--
-- Of every flow
--   command words match tolerantly                            "人工 in its spellings ..."
--   inside a sentence, or quoted, they are none               "inside a sentence, quoted, ..."
--   one reply per cause, one short answer a day, silence      "人工 again ..."
--   退订: no @, own commands are answered                     "who opted out ..."
--   quiet hours hold posts, not answers                       "at night ..."
--   staff commands need a role                                "members may neither claim nor close"
-- 人工
--   人工 calls whoever is on duty                             "人工 calls ...", "what they say next ..."
--   duty roster by weekday and hour                           "the roster ..." (4), "without a roster ..."
--   claim (我来)                                              "我来 ..." (5), "an @ or a quote of a colleague ..."
--   close (完成)                                              "完成 ..." (3), "a day without 完成 ..."
--   escalation after 10 min                                   "nobody within 10 minutes ..." (2), "escalation ends ..."
--   restarts, kills, edits                                    "a restart ...", "a kill ...", "an edited flow ..."
--   leaving                                                   "who leaves ..."
--   several groups, from the staff chat                       "我来 in the staff chat ...", "two groups ..."
--   a private chat                                            "in private ..."
--   no staff chat; WeCom                                      "without a staff chat ...", "WeCom ..."
--   the flows behind leave the member to the colleague        "while a colleague has a member ..."
--   metrics                                                   "what is counted"
local TEXTS = {
  called = "喊了 {minutes}分钟", day_time = "{month}月{day}日 {time}",
  off_duty = "下班 {time}", again = "在喊了", delayed = "{who} 再等{minutes}", delayed_till = "{who} 等到{time}",
  to_staff = "{duty} 找人#{n} {group} {name}:{quote}", to_backup = "{duty} 急#{n} {name}:{quote} 等了{minutes}",
  claimed = "{who} {helper}来了", claimed_staff = "你接了#{n}", taken = "{helper}已接", done = "{who} 办结", done_staff = "结了#{n}",
  nobody = "没人在等", list = "名单 {lines}", list_waiting = "#{n}{name}等{minutes}", list_taken = "#{n}{name}归{helper}",
  private = "私聊{minutes}", private_off = "私聊下班{time}", private_staff = "{duty} 私聊 {name}:{quote}",
}

local ROSTER = {
  { days = "1-5", from = "09:00", to = "18:00", users = { "10001" } },
  { days = { 6, 7 }, from = "10:00", to = "16:00", users = { "10002" } },
  { days = "5", from = "22:00", to = "02:00", users = { "10003" } },
}

local function book(params, ...)
  local flow = { "handoff" }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return { flows = { "switch", "common", flow, ... } }
end

local t = sop.test("handoff", { playbook = book(), start = "2026-03-02 10:00" }) -- a Monday

t:case("人工 calls a colleague in the staff chat with the quote, and says when they come", function(g)
  g:says("小美", "人工 牛奶少送了一瓶")
  g:expect{ chat = "staff", text = { "找人#1", "小美", "牛奶少送了一瓶" } }
  g:expect{ at = "小美", text = "喊了 10分钟" }
  g:expect_event("handoff_called", { who = "小美", n = 1, open = true })
  g:expect_runs(1, { on = "run:call", who = "小美" })
end)

t:case("人工 in its spellings is the command", function(g)
  for i, text in ipairs({ "人工", " /人工", "#客服", "转人工", "@小福 人工", "找店长", "human", "人工!!" }) do
    g:says("成员" .. i, text)
    g:expect{ at = "成员" .. i, text = "喊了" }
    g:expect{ chat = "staff", text = "找人#" .. i }
  end
end)

t:case("inside a sentence, quoted, or said to somebody else it is no command", function(g)
  g:says("小美", "你们人工费多少")
  g:says("小美", "人工?")
  g:mention("小美", "小王", "人工")
  g:silent("30m")
end)

t:case("人工 again gets one short answer, then silence; and it is the same ticket", function(g)
  g:says("小美", "人工")
  g:expect{ at = "小美", text = "喊了" }
  g:expect{ chat = "staff" }
  g:says("小美", "客服")
  g:expect{ at = "小美", text = "在喊了" }
  g:says("小美", "人工 快点")
  g:silent("5m")
  g:equal(#g:events("handoff_called"), 1)
end)

t:case("what they say next stands in the ticket", function(g)
  g:says("小美", "人工")
  g:says("小美", "牛奶少送了一瓶")
  g:says("小美", "在吗")
  g:expect_count(1, { chat = "staff" })
  g:expect{ at = "小美" }
  g:advance("10m")
  g:expect{ chat = "staff", text = { "急#1", "牛奶少送了一瓶" } }
  g:expect{ at = "小美", text = "再等" }
end)

t:case("a long text is quoted in part, and a mention or braces in it are plain text", function(g)
  g:says("小美", "人工 {duty} " .. ("好"):rep(100))
  local message = g:expect{ chat = "staff", text = "{duty}" }
  assert(#message.text < 400)
  g:expect{ at = "小美" }
end)

t:case("at most five times a day", { playbook = book{ most = 2 } }, function(g)
  for _ = 1, 2 do
    g:says("小美", "人工")
    g:expect{ at = "小美", text = "喊了" }
    g:expect{ chat = "staff" }
    g:says("店长", "我来")
    g:says("店长", "完成")
    g:expect_count(2, { at = "小美" })
  end
  g:says("小美", "人工")
  g:expect{ at = "小美", text = "在喊了" }
  g:says("小美", "人工")
  g:silent("1h")
end)

t:case("the roster names who is on duty at this hour of this weekday", { playbook = book{ roster = ROSTER } }, function(g)
  g:says("小美", "人工")
  g:expect{ chat = "staff", text = "@10001 找人#1" }
  g:expect{ at = "小美", text = "喊了" }
  g:says("店长", "我来")
  g:expect{ at = "小美", text = "来了" }
  g:at("2026-03-07 10:30") -- Saturday
  g:says("小王", "人工")
  g:expect{ chat = "staff", text = "@10002 找人#2" }
  g:expect{ at = "小王", text = "喊了" }
end)

t:case("the roster: nobody on duty, the member hears when it begins, and staff are called then", {
  playbook = book{ roster = ROSTER },
}, function(g)
  g:at("2026-03-02 20:00")
  g:says("小美", "人工 想退货")
  g:expect{ at = "小美", text = "下班 3月3日 09:00" }
  g:expect_none{ chat = "staff" }
  g:expect_event("handoff_called", { who = "小美", n = 1, open = false })
  g:restart()
  g:at("2026-03-03 09:00")
  g:expect{ chat = "staff", text = { "@10001 找人#1", "想退货" } }
  g:says("店长", "我来")
  g:expect{ at = "小美", text = "店长来了" }
  g:silent("1h")
end)

t:case("the roster past midnight belongs to the day on which it begins", { playbook = book{ roster = ROSTER } }, function(g)
  g:at("2026-03-07 01:00") -- Friday's night
  g:says("小美", "人工")
  g:expect{ chat = "staff", text = "@10003 找人#1" }
  g:expect{ at = "小美", text = "喊了" }
  g:at("2026-03-07 02:30")
  g:says("小王", "人工")
  g:expect{ at = "小王", text = "下班 10:00" }
end)

t:case("the roster: whole days, a week that wraps, a list of days, the same person twice", {
  playbook = book{ roster = { { days = "6-1", users = { "10001" } }, { days = { 1, 3 }, users = { "10001", "10002" } } } },
}, function(g)
  g:says("小美", "人工") -- Monday
  g:expect{ chat = "staff", text = "@10001 @10002 找人#1" }
  g:expect{ at = "小美" }
  g:at("2026-03-03 10:00")
  g:says("小王", "人工")
  g:expect{ at = "小王", text = "下班 3月4日 00:00" }
  g:at("2026-03-04 00:00")
  g:expect{ chat = "staff", text = "@10001 @10002 找人#2" }
end)

t:case("without a roster the hours hold", function(g)
  g:at("2026-03-02 21:30")
  g:says("小美", "人工")
  g:expect{ at = "小美", text = "下班 3月3日 09:00" }
  g:at("2026-03-03 09:00")
  g:expect{ chat = "staff", text = "找人#1" }
end)

t:case("我来 claims the oldest ticket, and nobody is called any more", function(g)
  g:says("小美", "人工")
  g:says("小王", "人工")
  g:expect_count(2, { chat = "staff" })
  g:expect_count(2, { text = "喊了" })
  g:says("店长", "我来")
  g:expect{ at = "小美", text = "店长来了" }
  g:expect_event("handoff_claimed", { who = "小美", n = 1, by = g:id("店长"), seconds = 2 })
  g:expect_runs(1)
  g:advance("10m")
  g:expect{ chat = "staff", text = "急#2" }
  g:expect{ at = "小王", text = "再等" }
end)

t:case("我来 with a number, with an @, or quoting takes that one", function(g)
  g:says("小美", "人工")
  local second = g:says("小王", "人工")
  g:says("阿强", "人工")
  g:says("店长", "我来 3")
  g:expect{ at = "阿强", text = "店长来了" }
  g:reply("店长", "我来", { to = second })
  g:expect{ at = "小王" }
  g:says("店长", "我来 @小美")
  g:expect{ at = "小美" }
  g:says("店长", "我来 9")
  g:expect{ at = "店长", text = "没人在等" }
end)

t:case("我来 for what somebody else has is told so", { playbook = (function()
  local b = book()
  b.staff = { ["demo:10001"] = "store", ["demo:10002"] = "keeper" }
  return b
end)() }, function(g)
  g:setting("staff", { chat = "demo" }, "小李", "keeper")
  g:says("小美", "人工")
  g:says("小李", "我来")
  g:expect{ at = "小美", text = "小李来了" }
  g:setting("staff", { chat = "demo" }, "小张", "keeper")
  g:says("小张", "我来 1")
  g:expect{ at = "小张", text = "小李已接" }
  g:says("小张", "我来")
  g:expect{ at = "小张", text = "没人在等" }
  g:says("小张", "完成")
  g:expect{ at = "小张", text = "没人在等" }
end)

t:case("members may neither claim nor close", function(g)
  g:says("小美", "人工")
  g:expect{ at = "小美", text = "喊了" }
  g:expect{ chat = "staff" }
  g:says("小王", "我来")
  g:says("小王", "完成")
  g:says("小王", "人工名单")
  g:silent("1m")
  g:equal(#g:events("handoff_claimed"), 0)
end)

t:case("an @ or a quote of a colleague is a claim as well; what they say to others is none", function(g)
  g:says("小美", "人工")
  local second = g:says("小王", "人工")
  g:says("店长", "大家下午好")
  g:mention("店长", "阿强", "你的快递到了")
  g:equal(#g:events("handoff_claimed"), 0)
  g:mention("店长", "小美", "怎么啦")
  g:expect_event("handoff_claimed", { who = "小美" })
  g:reply("店长", "马上", { to = second })
  g:expect_event("handoff_claimed", { who = "小王" })
  g:expect_runs(0)
end)

t:case("完成 closes it, and 人工 opens another one", function(g)
  g:says("小美", "人工")
  g:says("店长", "我来")
  g:advance("5m")
  g:says("店长", "完成")
  g:expect{ at = "小美", text = "办结" }
  g:expect_event("handoff_done", { who = "小美", n = 1, minutes = 5, automatic = false })
  g:expect_state("group", { tickets = 0 })
  g:says("店长", "完成")
  g:expect{ at = "店长", text = "没人在等" }
  g:says("小美", "人工")
  g:expect{ chat = "staff", text = "找人#2" }
end)

t:case("完成 with a number closes one that nobody claimed", function(g)
  g:says("小美", "人工")
  g:says("店长", "完成 1")
  g:expect{ at = "小美", text = "办结" }
  g:expect{ chat = "staff", text = "找人#1" }
  g:silent("1h")
  g:expect_runs(0)
end)

t:case("完成 while nothing is claimed by the speaker closes nothing", function(g)
  g:says("小美", "人工")
  g:says("店长", "完成")
  g:expect{ at = "店长", text = "没人在等" }
  g:expect_state("group", { tickets = 1 })
end)

t:case("a day without 完成: it closes by itself", function(g)
  g:says("小美", "人工")
  g:says("店长", "我来")
  g:advance("1d")
  g:advance("1m")
  g:expect_event("handoff_done", { who = "小美", automatic = true })
  g:expect_state("group", { tickets = 0 })
end)

t:case("人工名单 shows who waits and who has whom", function(g)
  g:says("小美", "人工")
  g:says("小王", "人工")
  g:says("店长", "我来")
  g:advance("5m")
  g:says("店长", "人工名单")
  g:expect{ at = "店长", text = { "#1小美归店长", "#2小王等5" } }
end)

t:case("nobody within 10 minutes: the backup is called, the member hears of it once", {
  playbook = book{ backup = { "10009" } },
}, function(g)
  g:says("小美", "人工 想退货")
  g:advance("9m")
  g:expect{ chat = "staff", text = "找人#1" }
  g:expect{ at = "小美", text = "喊了" }
  g:silent("30s")
  g:advance("1m")
  g:expect{ chat = "staff", text = { "@10009 急#1", "想退货", "等了10" } }
  g:expect{ at = "小美", text = "再等10" }
  g:expect_event("handoff_escalated", { who = "小美", step = 1, minutes = 10 })
  g:advance("10m")
  g:expect{ chat = "staff", text = "等了20" }
  g:silent("5m")
end)

t:case("nobody within 10 minutes, and duty has ended: the member hears when it begins", { playbook = book{ roster = ROSTER } }, function(g)
  g:at("2026-03-02 17:55")
  g:says("小美", "人工")
  g:advance("11m")
  g:expect{ at = "小美", text = "等到3月3日 09:00" }
end)

t:case("escalation ends, the ticket stays in the list", function(g)
  g:says("小美", "人工")
  g:advance("31m")
  g:expect_event("handoff_unclaimed", { who = "小美", minutes = 30 })
  g:expect_count(3, { chat = "staff" })
  g:expect_count(2, { at = "小美" })
  g:silent("1d")
  g:says("店长", "我来")
  g:expect{ at = "小美", text = "店长来了" }
end)

t:case("人工 again after the escalation has ended calls anew", function(g)
  g:says("小美", "人工 昨天的事")
  g:advance("31m")
  g:expect_count(3, { chat = "staff" })
  g:expect_count(2, { at = "小美" })
  g:at("2026-03-03 10:00")
  g:says("小美", "人工 今天的事")
  g:expect{ at = "小美", text = "喊了" }
  g:expect{ chat = "staff", text = { "找人#2", "今天的事" } }
  g:expect_state("group", { tickets = 1 })
  g:staff("店长", "我来")
  g:expect{ at = "小美", text = "店长来了" }
  g:staff("店长", "我来")
  g:expect{ at = "店长", text = "没人在等" }
end)

t:case("人工 twice in one moment is one ticket", function(g)
  g:together(function()
    g:says("小美", "人工")
    g:says("小美", "转人工")
  end)
  g:expect_count(1, { chat = "staff" })
  g:expect{ at = "小美", text = "喊了" }
  g:expect{ at = "小美", text = "在喊了" }
  g:expect_runs(1)
end)

t:case("two colleagues in one moment: one has the member, the other hears that nobody waits", function(g)
  g:setting("staff", { chat = "demo" }, "小李", "keeper")
  g:says("小美", "人工")
  g:expect{ chat = "staff" }
  g:expect{ at = "小美" }
  g:together(function()
    g:says("店长", "我来")
    g:says("小李", "我来")
  end)
  g:expect_count(1, { at = "小美", text = "店长来了" })
  g:expect{ at = "小李", text = "没人在等" }
  g:equal(#g:events("handoff_claimed"), 1)
end)

t:case("a colleague who leaves the group gives their members back: others are called, and again after 10 minutes", function(g)
  g:setting("staff", { chat = "demo" }, "小李", "keeper")
  g:says("小美", "人工 想退货")
  g:says("小李", "我来")
  g:says("小李", "@小美 马上看")
  g:expect{ chat = "staff" }
  g:expect{ at = "小美", text = "喊了" }
  g:expect{ at = "小美", text = "小李来了" }
  g:leave("小李")
  g:expect{ chat = "staff", text = { "找人#1", "想退货" } }
  g:advance("10m")
  g:expect{ chat = "staff", text = "急#1" }
  g:expect{ at = "小美", text = "再等" }
  g:staff("店长", "我来")
  g:expect{ at = "小美", text = "店长来了" }
  g:staff("店长", "完成")
  g:expect{ at = "小美", text = "办结" }
  g:expect_runs(0)
  g:silent("2d")
  g:equal(#g:events("handoff_done"), 1)
end)

t:case("a restart changes nothing", function(g)
  g:says("小美", "人工")
  g:expect{ chat = "staff" }
  g:expect{ at = "小美" }
  g:restart()
  g:advance("10m")
  g:expect{ chat = "staff", text = "急#1" }
  g:expect{ at = "小美", text = "再等" }
  g:restart()
  g:says("店长", "我来")
  g:expect{ at = "小美", text = "店长来了" }
  g:restart()
  g:says("店长", "完成")
  g:expect{ at = "小美", text = "办结" }
end)

t:case("a kill in the middle opens one ticket, calls once, claims once", function(g)
  for i, moment in ipairs({ "input", "commit" }) do
    g:kill{ during = moment }
    g:says("成员" .. i, "人工")
    g:advance("5s")
    g:expect_count(1, { chat = "staff", text = "找人#" .. i })
    g:expect_count(1, { at = "成员" .. i, text = "喊了" })
    g:kill{ during = moment }
    g:says("店长", "我来")
    g:advance("5s")
    g:expect_count(1, { at = "成员" .. i, text = "店长来了" })
  end
  g:equal(#g:events("handoff_claimed"), 2)
  g:expect_state("group", { tickets = 2 })
end)

t:case("an edited flow: a call that runs goes on as it began, texts are those of now", function(g)
  g:says("小美", "人工")
  g:edit("flows/handoff.lua", "local QUOTE = 60", "local QUOTE = 50")
  g:param("handoff.delayed", "{who} 新的说法")
  g:advance("10m")
  g:expect{ at = "小美", text = "新的说法" }
end)

t:case("who leaves is no longer waited for", function(g)
  g:join("小美")
  g:says("小美", "人工")
  g:expect{ chat = "staff" }
  g:expect{ at = "小美" }
  g:leave("小美")
  g:expect_event("handoff_left", { who = "小美" })
  g:expect_runs(0)
  g:expect_state("group", { tickets = 0 })
  g:silent("1h")
end)

t:case("who opted out is answered without an @", function(g)
  g:says("小美", "退订")
  g:says("小美", "人工")
  g:expect{ plain = true, text = "喊了" }
  g:says("店长", "我来")
  g:expect{ plain = true, text = "小美 店长来了" }
end)

t:case("at night the answer comes at once, staff are called in the morning", function(g)
  g:at("2026-03-02 23:00")
  g:says("小美", "人工")
  g:expect{ at = "小美", text = "下班 3月3日 09:00" }
  g:silent("8h")
end)

t:case("switched off nobody is called; switched on again it goes on", function(g)
  g:says("小美", "人工")
  g:expect{ chat = "staff" }
  g:expect{ at = "小美" }
  g:toggle("handoff", "off")
  g:says("小王", "人工")
  g:silent("20m")
  g:toggle("handoff", "on")
  g:advance("6m")
  g:expect{ chat = "staff", text = "急#1" }
end)

t:case("switched off while somebody is called, claimed by nobody: what is due is said once, and then in its time", function(g)
  g:says("小美", "人工")
  g:expect{ chat = "staff" }
  g:expect{ at = "小美" }
  g:toggle("handoff", "off")
  g:advance("3h")
  g:toggle("handoff", "on")
  g:advance("1m")
  g:expect_count(1, { chat = "staff", text = "急#1" })
  g:expect_count(1, { at = "小美", text = "再等" })
  g:advance("10m")
  g:expect_count(1, { chat = "staff", text = "急#1" })
end)

t:case("a claim closes after a day also when who claimed it is forgotten", function(g)
  g:setting("staff", { chat = "demo" }, "小李", "keeper")
  g:says("小美", "人工")
  g:says("小李", "我来")
  g:command{ op = "forget", user = "小李" }
  g:advance("25h")
  g:equal(g:state("hash", "tickets", g:id("小美")), nil)
  g:equal(#g:events("handoff_done"), 1)
end)

t:case("我来 in the staff chat claims in the group, and says so in both", function(g)
  g:says("小美", "人工")
  g:expect{ chat = "staff" }
  g:expect{ at = "小美" }
  g:says("店长", "我来", { chat = "staff" })
  g:expect{ at = "小美", text = "店长来了" }
  g:expect{ chat = "staff", text = "你接了#1" }
  g:says("店长", "完成 1", { chat = "staff" })
  g:expect{ at = "小美", text = "办结" }
  g:expect{ chat = "staff", text = "结了#1" }
end)

t:case("two groups have tickets of their own", function(g)
  g:says("小美", "人工")
  g:says("小王", "人工", { chat = "二店" })
  g:expect{ at = "小美" }
  g:expect{ chat = "二店", at = "小王" }
  g:expect_count(2, { chat = "staff", text = "找人#1" })
  g:says("店长", "我来", { chat = "二店" })
  g:expect{ chat = "二店", at = "小王", text = "店长来了" }
  g:advance("10m")
  g:expect{ chat = "staff", text = { "急#1", "小美" } }
end)

t:case("in private staff are told who asks, and the member when they answer, once", function(g)
  g:dm("小美", "人工 想退货")
  g:expect{ dm = "小美", text = "私聊10" }
  g:expect{ chat = "staff", text = { "私聊 小美", "想退货" } }
  g:dm("小美", "人工")
  g:expect{ dm = "小美", text = "在喊了" }
  g:dm("小美", "人工")
  g:silent("1h")
  g:at("2026-03-03 22:00")
  g:dm("小美", "人工")
  g:expect{ dm = "小美", text = "私聊下班3月4日 09:00" }
end)

t:case("in private another matter is told to staff as well, at most so often a day", { playbook = book{ most = 3 } }, function(g)
  g:dm("小美", "人工")
  g:expect{ chat = "staff", text = "私聊 小美:-" }
  g:dm("小美", "人工 牛奶坏了")
  g:expect{ chat = "staff", text = "私聊 小美:牛奶坏了" }
  g:dm("小美", "人工 牛奶坏了")
  g:expect_none{ chat = "staff" }
  g:dm("小美", "人工 三")
  g:expect{ chat = "staff", text = "三" }
  g:dm("小美", "人工 四")
  g:expect_none{ chat = "staff" }
end)

t:case("without a roster, from a time to the same is the whole day", {
  playbook = book{ hours_from = "09:00", hours_to = "09:00" },
}, function(g)
  g:at("2026-03-03 03:00")
  g:says("小美", "人工")
  g:expect{ chat = "staff", text = "找人#1" }
  g:expect{ at = "小美", text = "喊了" }
end)

t:case("without a staff chat colleagues are called in the group", { playbook = (function()
  local b = book{ roster = ROSTER }
  b.staff_chat = "elsewhere:1" -- of no gateway of ours
  return b
end)() }, function(g)
  g:says("小美", "人工")
  g:expect{ at = "10001", text = "找人#1" }
  g:expect{ at = "小美", text = "喊了" }
end)

t:case("WeCom: mentioning the bot is enough, tickets are claimed by number", function(g)
  g:platform("wecom")
  g:says("小美", "@小福 人工")
  g:expect{ text = "喊了" }
  g:says("店长", "@小福 我来 1")
  g:expect{ text = "店长来了" }
  g:says("店长", "@小福 完成 1")
  g:expect{ text = "办结" }
end)

t:case("while a colleague has a member the flows behind leave that member to them", {
  playbook = book(nil, { "chaperone", window = "3s", again = "0s", small_talk = "闲聊" }),
}, function(g)
  g:says("小美", "人工")
  g:says("店长", "我来")
  g:expect_count(2, { at = "小美" })
  g:expect{ chat = "staff" }
  g:says("小美", "今天真冷")
  g:silent("1m")
  g:says("店长", "完成")
  g:expect{ at = "小美", text = "办结" }
  g:says("小美", "今天真冷")
  g:advance("4s")
  g:expect{ at = "小美", text = "闲聊" }
end)

t:case("what was said while the line was down opens a ticket, and staff are called", function(g)
  g:missed("5m", function() g:says("小美", "人工") end)
  g:expect{ chat = "staff", text = "找人#1" }
  g:expect_event("handoff_called", { who = "小美" })
end)

t:case("the menu has a line for it", function(g)
  g:says("小美", "帮助")
  g:expect{ at = "小美", text = "人工" }
end)

t:case("what is counted", function(g)
  g:says("小美", "人工")
  g:advance("3m")
  g:says("店长", "我来")
  g:advance("4m")
  g:says("店长", "完成")
  g:expect_event("handoff_called", { who = "小美", n = 1, open = true })
  g:expect_event("handoff_claimed", { who = "小美", n = 1, seconds = 181 })
  g:expect_event("handoff_done", { who = "小美", n = 1, minutes = 7 })
  g:equal(#g:audit("handoff_claimed"), 1)
  g:equal(#g:audit("handoff_done"), 1)
end)
