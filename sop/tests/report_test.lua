-- report_test.lua -- the daily and the weekly report, sentence by sentence. What flows.md says, and the cases that hold it:
--
-- Of every flow
--   command words match; the longest wins                      "日报 in its spellings ...", "总日报 ..."
--   one reply per cause                                        "日报 of today, of another day ..."
--   staff commands need a role                                 "日报 is for staff", "总日报 adds up the groups in which ..."
--   texts in variants, in both languages                       "the texts that come with it, in English"
-- 日报 / 周报
--   at 22:10 to the staff chat                                 "every evening at 22:10 ..."
--   silent without a staff chat                                "without a staff chat ..."
--   per group                                                  "groups that share a staff chat ...", "many groups ..."
--   per store                                                  "stores are the sums of their groups"
--   joins, leaves, net                                         "who came and left"
--   speakers, messages, coverage, first-reply time             "speakers, coverage and the first reply"
--   check-in share                                             "the check-in share is that of the summary"
--   packet participation; codes redeemed                       "packet participation and codes"
--   stickiness of each call = distinct responders / members    "stickiness ...", "a call: ..." (9 cases)
--   plan versus actual; on-time share                          "plan versus actual of the calendar"
--   unanswered questions                                       "questions that nobody answered ..." (3 cases)
--   staff process figures                                      "hand-offs and how long ...", "what stores confirmed"
-- Weekly
--   on its weekday, of seven days                              "weekly on Sunday ...", "the day of the week is a parameter"
--   conversion rate, cycle, order value                        "orders: conversion, cycle, order value"
--   bands 5 % / 10 % / 30 % for interaction                    "bands of interaction"; docs/metrics.md (tests/sop/check_metrics)
--   experiments                                                "experiments stand in the weekly report"
-- The figures themselves: docs/metrics.md, which tests/sop/check_metrics recomputes.
-- Restarts, deaths, no double post: "a restart between ...", "a death ...", "groups that share ...". Several staff chats: "a group whose
-- staff chat ...". Sizes: "a long digest ...". Off: "switched off ...", "a group that is switched off ...". WeCom: "on WeCom ...".
local TEXTS = {
  day_head = "日{date} 周{weekday} 群{groups}", week_head = "周{from}~{date} 群{groups}", own_day = "本群日 {group} {date}",
  own_week = "本群周 {group} {from}~{date}", nothing = "没数据", which_day = "哪天", no_groups = "没群", too_many = "只计{count}",
  line_people = "进{joins} 退{leaves} 净{net} 人{members}", line_talk = "说{speakers}人{messages}条 互动{interaction}{band}",
  line_reply = "覆盖{coverage} 中位{reply_median} 九成{reply_p90}", line_unheard = "覆盖{coverage}",
  line_plan = "计划{planned} 发{plan_done} 准{on_time} 晚{late} 跳{skipped} 没{blocked}",
  line_orders = "首单{converted} 转化{conversion} 周期{cycle_median} 订单{orders} 均{order_value}",
  line_orders_day = "订单{orders}笔{amount}元", line_bands = "优{best} 好{good} 合格{fair} 低{low}",
  line_call = "号召[{what}] {calls}次 {stickiness}{band}", line_group = "<{name}> 净{net} 说{speakers} 互动{interaction} 覆盖{coverage} {flags}",
  piece_posts = "主动{posts} 触达{effective_touch}", piece_calls = "号召{calls} 粘{stickiness}", piece_checkin = "打卡率{checkin_share}",
  piece_packet = "红包{packet_share}", piece_codes = "券{issued} 核{redeemed} {redeemed_share}",
  piece_handoff = "人工{handoffs} 接{handoffs_taken} {handoff_share} 等{handoff_minutes}", piece_unanswered = "没答{unanswered}",
  piece_confirm = "确认{confirmed}/{offered}", flag_unanswered = "!没答{unanswered}", flag_blocked = "!没发{blocked}", flag_leaves = "!退",
  stores_head = "门店{n}/{count}", groups_head = "各群{count}", best_head = "最好{n}", worst_head = "留意{n}", asleep = "静{count}",
  questions_head = "问题{count}", question = "{time}|{group}|{name}|{text}", more = "还有{count}行", band_best = "优", band_good = "好",
  band_fair = "合格", band_low = "低", in_seconds = "{n}秒", in_minutes = "{n}分", in_hours = "{n}时",
  trials_head = "试验", trial_better = "好{name}{b}", trial_worse = "差{name}{b}", trial_open = "平{name} {difference}",
  trial_few = "少{name}{a}{b}", trial_early = " 早",
}

local function book(params, ...)
  local flow = { "report" }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return {
    flows = { "switch", "common", flow, ... },
    staff = { ["playground:店长"] = "store", ["playground:群管"] = "keeper", ["playground:总部"] = "hq" },
  }
end

local t = sop.test("report", { playbook = book(), start = "2026-03-02 10:00" }) -- a Monday

-- Hand-offs in words of one wording, so that all ways to run a case say the same.
local function handoff(params)
  local flow = {
    "handoff", hours_from = "00:00", hours_to = "24:00", to_staff = "找人{n}", to_backup = "急{n}", called = "喊了", delayed = "再喊",
    claimed = "接了",
  }
  for name, value in pairs(params or {}) do flow[name] = value end
  return flow
end

local function with(params, ...)
  return { playbook = book(params, ...) }
end

-- The report of today, or of the next day with that date.
local function digest(g, date)
  g:at((date and date .. " " or "") .. "22:15")
  return g:expect{ chat = "staff", text = "日" .. (date or "2026-03-02") }.text
end

local function has(text, ...)
  for _, part in ipairs({ ... }) do
    if not text:find(part, 1, true) then error("not in the report: " .. part .. "\n" .. text, 2) end
  end
end

local function lacks(text, ...)
  for _, part in ipairs({ ... }) do
    if text:find(part, 1, true) then error("in the report: " .. part .. "\n" .. text, 2) end
  end
end

-- ---- the evening ---------------------------------------------------------------------------------------------------

t:case("every evening at 22:10 to the staff chat, a minute later", function(g)
  g:says("小美", "早上好")
  g:at("22:09")
  g:silent()
  g:at("22:12")
  local text = g:expect{ chat = "staff", text = "日2026-03-02 周一 群1" }.text
  has(text, "说1人1条")
  g:silent("1h")
  g:equal(g:events("reported")[1], { groups = 1, day = "2026-03-02" })
  g:at("2026-03-03 22:12")
  g:expect{ chat = "staff", text = "日2026-03-03 周二 群1" }
end)

t:case("without a staff chat, or where it is another gateway's that is not there, it is silent", {
  playbook = (function()
    local playbook = book()
    playbook.staff_chat = "elsewhere:1"
    return playbook
  end)(),
}, function(g)
  g:says("小美", "早上好")
  g:at("23:00")
  g:silent()
end)

t:case("switched off it says nothing", function(g)
  g:toggle("report", "off")
  g:at("23:00")
  g:silent()
end)

t:case("daily = false leaves the weekly one", with({ daily = false }), function(g)
  g:says("小美", "早上好")
  g:at("2026-03-07 23:00")
  g:silent()
  g:at("2026-03-08 23:00")
  g:expect{ chat = "staff", text = "周2026-03-02~2026-03-08 群1" }
  g:silent()
end)

-- ---- what it says --------------------------------------------------------------------------------------------------

t:case("who came and left", function(g)
  for _, who in ipairs({ "小美", "小张", "小王" }) do g:join(who) end
  g:leave("小王")
  has(digest(g), "进3 退1 净+2")
end)

t:case("speakers, coverage and the first reply", with({}, { "chaperone", small_talk = { "说得好" } }), function(g)
  g:says("小美", "菜单")
  g:expect{ at = "小美" }
  g:says("小张", "嗯嗯嗯")
  g:says("小张", "今天不错")
  local text = digest(g)
  has(text, "说2人3条", "覆盖", "中位")
end)

t:case("nobody answered: only the share", function(g)
  g:says("小美", "今天天气不错")
  local text = digest(g)
  has(text, "覆盖0%")
  lacks(text, "中位")
end)

t:case("plan versus actual of the calendar", with({}, { "calendar", posts = {
  { id = "a", weekday = 1, at = "11:00", text = "上午好" }, { id = "b", weekday = 1, at = "12:00", text = "中午好", confirm = true },
} }), function(g)
  g:at("2026-03-09 10:30") -- the first Monday on which all is planned
  g:says("店长", "跳过 b 装修")
  local text = digest(g, "2026-03-09")
  has(text, "计划2", "发50%", "准100%", "跳1", "没0")
end)

t:case("what stores confirmed", with({}, { "calendar", posts = {
  { id = "a", weekday = 2, at = "11:00", text = "上午好", confirm = true },
  { id = "b", weekday = 2, at = "12:00", text = "中午好", confirm = true },
} }), function(g)
  g:at("2026-03-03 10:30")
  g:says("店长", "确认 a")
  g:says("店长", "确认 a") -- once is enough
  has(digest(g, "2026-03-03"), "确认1/2")
end)

t:case("hand-offs and how long members waited", with({}, handoff()), function(g)
  g:says("小美", "人工 牛奶少了")
  g:advance("5m")
  g:says("店长", "我来")
  g:says("小张", "人工 退货")
  has(digest(g), "人工2 接1 50% 等5分")
end)

t:case("questions that nobody answered stand in the report of their day, and no longer", with({ questions = 1 }, handoff{
  escalations = 0,
}), function(g)
  g:says("小美", "人工 牛奶少了一瓶")
  g:says("小张", "人工")
  g:at("22:15")
  local text = g:expect{ chat = "staff", text = "日2026-" }.text
  has(text, "没答2", "问题2", "10:00|演示群|小美|牛奶少了一瓶", "还有1行")
  g:says("店长", "我来")
  g:says("店长", "我来")
  g:at("2026-03-03 22:15")
  lacks(g:expect{ chat = "staff", text = "日2026-03-03" }.text, "问题", "没答")
end)

t:case("a question that somebody answered in the end is not in it", with({}, handoff{ escalations = 0 }), function(g)
  g:says("小美", "人工 牛奶少了一瓶")
  g:advance("30m")
  g:says("店长", "我来")
  local text = digest(g)
  has(text, "没答1") -- nobody came in time
  lacks(text, "问题")
end)

t:case("questions of members who were forgotten are forgotten, too", with({}, handoff{ escalations = 0 }), function(g)
  g:says("小美", "人工 牛奶少了一瓶")
  g:advance("30m")
  g:says("小美", "删除我的数据")
  g:says("小美", "确认删除")
  g:advance("5s")
  lacks(digest(g), "牛奶")
end)

t:case("the check-in share is that of the summary", with({}, "checkin"), function(g)
  for _, who in ipairs({ "小美", "小张" }) do g:says(who, "打卡") end
  g:at("2026-03-03 12:00")
  g:says("小美", "打卡")
  has(digest(g, "2026-03-03"), "打卡率50%")
end)

t:case("packet participation and codes", with({}, {
  "redpacket", organiser = "店", nightly = false, kind = "coupon", coupon = "券", shares = 5, redeem_role = "store", batch = "2s",
}), function(g)
  for _, who in ipairs({ "小美", "小张", "小王" }) do g:says(who, "早") end
  g:says("店长", "发红包")
  g:says("小美", "抢")
  g:advance("30m")
  has(digest(g), "红包25%", "券1 核0 0%")
end)

t:case("orders of the day", with({}, "orders"), function(g)
  g:says("小美", "早")
  g:order("小美", { id = "A1", amount = 1250 })
  g:order("小美", { id = "A2", amount = 2750 })
  has(digest(g), "订单2笔40.00元")
end)

-- ---- calls on the group --------------------------------------------------------------------------------------------

local function speak(g, n)
  for i = 1, n do g:says("群友" .. i, "早上好") end
end

-- The only call so far, as told.
local function call_of(g, what, responders)
  local calls = g:events("called")
  g:equal(#calls, 1)
  g:equal(calls[1].what, what)
  local list = g:events("responded")
  g:equal(#list, responders)
  for _, one in ipairs(list) do g:equal(one.what, what) end
  return calls[1].members
end

t:case("stickiness: distinct responders by the members at the call", with({}, "vote"), function(g)
  speak(g, 4)
  g:says("店长", "发起投票 吃什么|面|饭")
  g:says("群友1", "投 1")
  g:says("群友1", "投 2")
  g:says("群友2", "投 1")
  for i = 5, 8 do g:says("新友" .. i, "我来啦") end -- came after the call
  g:equal(call_of(g, "vote", 2), 5)
  has(digest(g), "号召1 粘40%")
end)

t:case("a call: a packet", with({}, { "redpacket", organiser = "店", nightly = false }), function(g)
  speak(g, 3)
  g:says("店长", "发红包 30 3")
  g:says("群友1", "抢")
  g:says("群友1", "抢")
  g:equal(call_of(g, "redpacket", 1), 4)
end)

t:case("a call: the check-in of the day", with({}, "checkin"), function(g)
  for i = 1, 3 do g:says("群友" .. i, "打卡") end
  g:says("群友1", "打卡")
  call_of(g, "checkin", 3)
  g:at("20:31")
  g:equal(#g:events("called"), 1)
end)

t:case("a call: the reminder, where nobody has checked in yet", with({}, "checkin"), function(g)
  for i = 1, 3 do g:says("群友" .. i, "打卡") end
  g:at("2026-03-03 20:31")
  g:equal(#g:events("called"), 2)
  g:says("群友1", "打卡")
  g:equal(#g:events("called"), 2)
  g:equal(#g:events("responded"), 4)
end)

t:case("a post for members whom there are none of is no plan that was not kept", with({}, { "calendar", posts = {
  { id = "m", member_day = 3, at = "11:00", text = "三天啦" },
} }), function(g)
  g:says("小美", "早")
  g:at("2026-03-03 12:00")
  g:says("小美", "早")
  g:expect_event("planned_post", { outcome = "skipped", why = "nobody" })
  lacks(digest(g, "2026-03-03"), "计划")
end)

t:case("a call: a draw", with({}, { "draw", organiser = "店", contact = "店长" }), function(g)
  speak(g, 3)
  g:says("店长", "抽奖 草莓 1份 30元")
  g:says("群友1", "参加抽奖")
  g:says("群友1", "抽我")
  g:says("群友1", "参与")
  local calls = g:events("called")
  g:equal(calls[1].what, "draw")
  g:equal(#g:events("responded"), #g:events("draw_entered"))
  g:equal(#g:events("responded") > 0, true)
end)

t:case("a call: a contest and its vote", with({}, { "contest", organiser = "店", contact = "店长" }), function(g)
  speak(g, 3)
  g:says("店长", "征集 店名")
  g:says("群友1", "起名 好邻居")
  g:says("群友2", "起名 幸福里")
  g:says("店长", "截止征集")
  g:says("店长", "入围 1 2")
  g:says("群友1", "投 2")
  g:says("群友3", "投 2")
  local ids = {}
  for i, one in ipairs(g:events("called")) do ids[i] = one.what .. " " .. one.id end
  g:equal(ids, { "contest 1", "contest 1-vote" })
  g:equal(#g:events("responded"), 4)
end)

t:case("a call: a group order", with({}, "presale"), function(g)
  speak(g, 3)
  g:says("店长", "接龙 鸡蛋\n鸡蛋 12.8元")
  g:says("群友1", "+1")
  g:says("群友1", "+2")
  g:equal(call_of(g, "presale", 1), 4)
end)

t:case("a call: a sign-up", with({}, {
  "signup", ask_in = "group", questions = { { key = "name", ask = "怎么称呼", type = "text" } },
}), function(g)
  speak(g, 3)
  g:says("店长", "开报名 试吃")
  g:says("群友1", "报名")
  g:says("群友1", "小一")
  g:equal(call_of(g, "signup", 1), 4)
end)

t:case("a call: a live stream, from its first reminder on", with({}, "live"), function(g)
  speak(g, 3)
  g:says("店长", "直播排期 3月4日 20:00 春茶")
  g:says("群友1", "预约")
  g:equal(#g:events("responded"), 0)
  g:at("2026-03-03 20:05")
  g:says("群友2", "预约")
  g:at("2026-03-04 19:05")
  g:says("群友3", "预约")
  g:equal(call_of(g, "live", 2), 4)
end)

-- ---- the week ------------------------------------------------------------------------------------------------------

t:case("weekly on Sunday, of seven days, behind the daily one", function(g)
  for day = 2, 8 do
    g:at(("2026-03-%02d 12:00"):format(day))
    g:says("小美", "早")
    if day % 2 == 0 then g:says("小张", "早") end
  end
  g:at("22:15")
  has(g:expect{ chat = "staff", text = "日2026-03-08 周日" }.text, "说2人2条")
  has(g:expect{ chat = "staff", text = "周2026-03-02~2026-03-08 群1" }.text, "说11人11条")
  g:at("2026-03-09 23:00")
  g:expect_none{ chat = "staff", text = "周2026" }
end)

t:case("the day of the week is a parameter, and 0 is never", with({ weekly = 1 }), function(g)
  g:says("小美", "早")
  g:at("22:15")
  g:expect{ chat = "staff", text = "周2026-02-24~2026-03-02" }
  g:param("report.weekly", "0")
  g:at("2026-03-16 23:00")
  g:expect_none{ chat = "staff", text = "周2026" }
end)

t:case("orders: conversion, cycle, order value", with({ weekly = 4 }, "orders"), function(g)
  for i = 1, 4 do g:says("群友" .. i, "早上好") end
  g:at("2026-03-05 12:00")
  g:order("群友1", { id = "A1", amount = 1000 })
  g:order("群友1", { id = "A2", amount = 2000 })
  g:order("群友2", { id = "A3", amount = 3001 })
  g:at("22:15")
  has(g:expect{ chat = "staff", text = "周2026-02-27~" }.text, "首单2", "转化50%", "周期3", "订单3", "均20.00")
end)

t:case("bands of interaction, and each call by the title of its flow", with({ weekly = 1 }, "vote"), function(g)
  speak(g, 4)
  g:says("店长", "发起投票 吃什么|面|饭")
  g:says("群友1", "投 1")
  g:at("22:15")
  has(g:expect{ chat = "staff", text = "周2026" }.text, "互动100%优", "优1 好0 合格0 低0", "号召[投票] 1次 20%好")
end)

t:case("experiments stand in the weekly report", with({ weekly = 1 }, {
  "welcome", trial = true, trial_outcome = "checked_in", gather = "1s",
}), function(g)
  g:join("小美")
  g:advance("1m")
  g:says("小张", "早")
  g:at("22:15")
  has(g:expect{ chat = "staff", text = "周2026" }.text, "试验\n少welcome_greetAB 早")
end)

-- ---- many groups ---------------------------------------------------------------------------------------------------

local function everywhere(g, chats, text)
  for i, chat in ipairs(chats) do
    for n = 1, i do g:says("群友" .. chat .. n, text or "早上好", { chat = chat }) end
  end
end

t:case("groups that share a staff chat come in one digest", function(g)
  everywhere(g, { "一店群", "二店群", "三店群" })
  g:says("小美", "早")
  local text = digest(g)
  has(text, "群4", "说7人7条", "各群4", "<一店群>", "<二店群>", "<三店群>", "<演示群>")
  g:silent("30m")
  g:equal(#g:events("reported"), 1)
end)

t:case("a group in which nothing happened is counted only", function(g)
  everywhere(g, { "一店群", "二店群" })
  g:advance("1d")
  everywhere(g, { "一店群", "二店群" })
  g:says("小美", "早")
  g:advance("1d")
  everywhere(g, { "一店群", "二店群" })
  local text = digest(g)
  has(text, "各群2", "静1")
  lacks(text, "<演示群>")
end)

t:case("a group whose staff chat is another one is in the digest there", {
  playbook = (function()
    local playbook = book()
    playbook.overlays = { { level = "store", name = "二店", groups = { { name = "二店群" } }, staff_chat = "playground:二店员工" } }
    return playbook
  end)(),
}, function(g)
  g:says("二店长", "在", { chat = "二店员工" })
  everywhere(g, { "一店群", "二店群" })
  g:at("22:15")
  local ours = g:expect{ chat = "staff", text = "日2026-03-02" }.text
  local theirs = g:expect{ chat = "二店员工", text = "日2026-03-02" }.text
  lacks(ours, "说2人")
  has(theirs, "群1", "说2人2条")
end)

t:case("on WeCom: what mentions the bot is counted, and told where staff wrote to it", with({}, "vote"), function(g)
  g:platform("wecom")
  g:says("店长", "@小福 在吗", { chat = "staff" }) -- else nobody may be written to there
  g:says("小美", "@小福 早")
  g:says("店长", "@小福 日报")
  has(g:expect{ text = "本群日" }.text, "说1人1条")
  has(digest(g), "说2人2条")
end)

t:case("many groups: the best, and those that need a hand", with({ list_all = 3, best = 1, worst = 2 }), function(g)
  local chats = {}
  for i = 1, 5 do chats[i] = "群" .. i end
  everywhere(g, chats)
  g:leave("群友群21", { chat = "群2" })
  local text = digest(g)
  has(text, "最好1", "留意2")
  lacks(text, "各群")
  local n = 0
  for _ in text:gmatch("<群%d>") do n = n + 1 end
  g:equal(n, 3)
end)

t:case("stores are the sums of their groups", function(g)
  everywhere(g, { "一店群", "一店二群", "二店群" })
  g:param("report.store", "一店", { chat = "一店群" })
  g:param("report.store", "一店", { chat = "一店二群" })
  g:param("report.store", "二店", { chat = "二店群" })
  local text = digest(g)
  has(text, "门店2/2", "<一店> 净0 说3", "<二店> 净0 说3")
end)

t:case("a long digest is several messages, and says how much is left out", with({ size = 300, messages = 2, list_all = 60 }), function(g)
  local chats = {}
  for i = 1, 9 do chats[i] = "很长很长名字的群" .. i end
  everywhere(g, chats)
  g:at("22:15")
  local list = g:seen{ chat = "staff" }
  g:equal(#list, 2)
  has(list[2].text, "行")
  g:expect_count(2, { chat = "staff" })
end)

-- ---- when staff ask ------------------------------------------------------------------------------------------------

t:case("日报 of today, of another day, and of a day that cannot be read", function(g)
  g:says("小美", "早")
  g:advance("1d")
  g:says("小美", "早")
  g:says("小张", "早")
  g:says("店长", "日报")
  has(g:expect{ at = "店长", text = "本群日 演示群 2026-03-03" }.text, "说2人2条") -- what asks is not counted yet
  g:says("店长", "日报 昨天")
  has(g:expect{ at = "店长", text = "2026-03-02" }.text, "说1人1条")
  g:says("店长", "日报 2026-02-01")
  g:expect{ at = "店长", text = { "2026-02-01", "没数据" } }
  g:says("店长", "日报 哈哈")
  g:expect{ at = "店长", text = "哪天" }
  g:equal(#g:audit("staff_looked"), 3)
end)

t:case("周报 of the last seven days", function(g)
  g:says("小美", "早")
  g:advance("2d")
  g:says("小美", "早")
  g:says("店长", "周报")
  has(g:expect{ at = "店长", text = "本群周 演示群 2026-02-26~2026-03-04" }.text, "说2人2条")
end)

t:case("日报 in its spellings is the command; in a sentence it is none", function(g)
  for _, text in ipairs({ " 日报 ", "/日报", "今日数据", "日报!", "Daily Report" }) do
    g:says("店长", text)
    g:expect{ at = "店长", text = "本群日" }
  end
  g:says("店长", "今天的日报写好了吗")
  g:silent()
end)

t:case("日报 is for staff", function(g)
  g:says("小美", "日报")
  g:says("小美", "周报")
  g:silent()
  g:says("群管", "日报")
  g:expect{ at = "群管" }
end)

t:case("日报 from the staff chat is about the group", function(g)
  g:says("小美", "早")
  g:says("店长", "日报", { chat = "staff" })
  g:expect{ chat = "staff", text = { "本群日 演示群", "说1人1条" } }
end)

t:case("总日报 adds up the groups in which the speaker has the role", function(g)
  everywhere(g, { "一店群", "二店群" })
  g:says("小美", "早")
  g:says("总部", "总日报", { chat = "staff" })
  has(g:expect{ chat = "staff", text = "日2026-03-02" }.text, "群3", "说4人4条", "各群3")
  g:says("总部", "总周报", { chat = "staff" })
  g:expect{ chat = "staff", text = { "周2026-02-24~2026-03-02", "群3" } }
  g:says("群管", "总日报", { chat = "staff" })
  g:expect{ chat = "staff", text = "没群" }
  g:says("总部", "总日报")
  g:silent()
end)

-- ---- what goes wrong -----------------------------------------------------------------------------------------------

t:case("a restart between the tally and the digest", function(g)
  everywhere(g, { "一店群", "二店群" })
  g:at("22:10:30")
  g:restart()
  g:at("22:15")
  g:expect_count(1, { chat = "staff", text = "日2026-03-02" })
  g:restart()
  g:at("2026-03-03 03:00")
  g:silent()
end)

t:case("a death in the middle of the digest says it once", function(g)
  everywhere(g, { "一店群", "二店群" })
  g:at("22:10:30")
  g:kill{ during = "commit" }
  g:at("22:30")
  g:expect_count(1, { chat = "staff", text = "日2026-03-02" })
  g:equal(#g:events("reported"), 1)
end)

t:case("a group that is switched off in between is left out, and another one speaks", function(g)
  everywhere(g, { "一店群", "二店群" })
  g:says("小美", "早")
  g:toggle("report", "off")
  local text = digest(g)
  has(text, "群2")
  lacks(text, "演示群")
end)

t:case("the texts that come with it, in English", {
  playbook = {
    language = "en", flows = { "switch", "common", "report" }, staff = { ["playground:boss"] = "store" },
  },
}, function(g)
  g:says("amy", "hello")
  g:says("boss", "daily report")
  g:expect{ at = "boss", text = { "2026-03-02", "1 spoke, 1 messages" } }
  g:at("22:15")
  g:expect{ chat = "staff", text = { "2026-03-02", "2 spoke", "1 groups" } }
end)

t:case("the texts that come with it", { playbook = { flows = { "switch", "common", "report" } } }, function(g)
  g:says("小美", "早")
  g:at("2026-03-08 22:15")
  g:expect{ chat = "staff", text = { "2026-03-02", "日报" } }
  g:expect{ chat = "staff", text = { "2026-03-08", "周报" } }
end)
