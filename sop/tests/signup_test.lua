-- signup_test.lua -- 报名 / 招募, sentence by sentence. What is promised to a group, and the cases that hold it:
--
-- Of every flow
--   command words; one reply per cause, then silence          "报名 twice ...", "without a sign-up ...", "取消报名 ..."
--   at most ten are @-ed in one message                       "reminders before the date ..."
--   退订: no @, no private message; own commands answered     "after 退订 ..."
--   quiet hours hold posts, not answers                       "at night ..."
--   staff commands need a role                                "members may use none of the staff commands"
-- 报名
--   a form in the chat or by DM                               "the form in private", "the form in the group ...", "WeCom ..."
--   types: text, number, phone, choice, date                  "each type takes what people write ...", tests of lib/form
--   validation with friendly retries                          "who mistypes ...", "after the last try ..."
--   上一步                                                    "上一步 goes back ..."
--   取消                                                      "取消 ends the form ...", "取消 is the form's, also beside a flow ..."
--   resumes after a restart                                   "a restart, a day, a death in the middle of the form"
--   places and waiting list                                   "places and the waiting list ...", "a form may take several places ..."
--   review by staff: 通过 3, 拒绝 3 原因                      "review: ..."
--   reminders before the date                                 "reminders before the date ..."
--   on-site 签到                                              "签到 ...", "到场 ...", "签到 of a challenge ..."
--   export CSV                                                "报名导出 ..."
-- Repeats, restarts, deaths, edits, leaving, forgetting, several groups: the last part.
local TEXTS = {
  opened = "开场 {title}|{at}{place}{places}{more}|截止{close}", at_time = " 时间{time}", at_place = " 地点{place}", with_places = " 名额{n}",
  question = "问{n}/{count} {ask}", question_options = "问{n}/{count} {ask} {options}", ask_tail = "尾号?", first = "第一题了", cancelled = "不报了",
  timed_out = "收起来了", given_up = "先到这里", bad_text = "字数{min}-{max}", bad_number = "数字{min}-{max}", bad_phone = "号码不对", bad_tail = "要四位",
  bad_choice = "选一个", bad_date = "日期不对", in_private = "私聊里答", filling = "表还开着", none_open = "没有报名", too_late = "报名截止了",
  already = "报过了 {no}号", accepted = "成功 {no}号", waiting = "候补中 {title}", reviewing = "待审 {no}号", passed = "通过 {title}",
  passed_group = "通过 {names}",
  refused = "没通过 {reason}", refused_group = "没通过 {names}", moved_up = "转正 {title}", moved_up_group = "转正 {names}", withdrawn = "取消{no}号",
  not_signed = "没报过", mine = "我的{no}号 {state}", seen = "和刚才一样", closed = "截止 {count}位", reminder = "提醒 {names}",
  reminder_more = "提醒 {names} 另外{rest}位",
  reminder_private = "私信提醒 {title}", came = "签到{no}号", came_before = "签过了", voided = "取消活动 {reason}", state_review = "待审核",
  state_refused = "未通过",
  state_in = "已报上", state_waiting = "候补", state_came = "已到", staff_how = "写法", staff_wrong = "看不懂:{line}", staff_open = "还没结束",
  staff_opened = "开好了 {group}",
  staff_none = "没有可操作", staff_applied = "新报名 {no}号 {name}:{answers}", staff_passed = "已通过 {who} 候{waiting}", staff_refused = "已拒绝 {who}",
  staff_number = "没有{no}号", staff_list = "名单 {count}/{seated}\n{lines}", staff_line = "{no}.{name} {state} {answers}",
  staff_came = "到场 {who}",
  staff_missed = "没来{count}\n{lines}", staff_all_came = "都来了", staff_sent = "发到管理群",
}

local function book(params, ...)
  local flow = { "signup" }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return {
    flows = { "switch", "common", flow, ... },
    staff = { ["playground:店长"] = "store", ["playground:群管"] = "keeper" },
  }
end

local NAME = { { key = "name", ask = "称呼?", type = "text", max = 10 } }
local ALL = {
  { key = "name", ask = "称呼?", type = "text", min = 2, max = 10 },
  { key = "people", ask = "几位?", type = "number", min = 1, max = 5, seats = true },
  { key = "phone", ask = "手机?", type = "phone" },
  { key = "slot", ask = "哪一场?", type = "choice", options = { "上午场", "下午场" } },
  { key = "day", ask = "哪天?", type = "date", days = 30 },
}
local short = book{ questions = NAME }
local t = sop.test("signup", { playbook = short, start = "2026-03-02 10:00" }) -- a Monday

local TEA = "开报名 周末茶会\n时间 周六14:00\n名额 2\n地点 幸福路店"

local function open(g, text)
  g:staff("店长", text or TEA)
  return g:expect{ text = "开场" }
end

-- `who` signs up by the form in private, with these answers.
local function sign(g, who, ...)
  g:says(who, "报名")
  for _, answer in ipairs({ ... }) do g:dm(who, answer) end
end

local function apply(g, who)
  sign(g, who, who)
end

local function states(g, id)
  local list = {}
  for _, entry in pairs(g:state("hash", "list-" .. (id or 1))) do
    local wait = entry.wait.A and #entry.wait.A > 0
    list[#list + 1] = { entry.no, entry.name .. "=" .. (entry.state or entry.came and "came" or wait and "waiting" or "in") }
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  for i, entry in ipairs(list) do list[i] = entry[2] end
  return table.concat(list, " ")
end

-- ---- opening -------------------------------------------------------------------------------------------------------

t:case("staff open one with title, date, places, place and a word more", function(g)
  g:staff("店长", "开报名 周末茶会;时间 周六14:00;名额 20位;地点 幸福路店;截止 周五20:00;带上杯子")
  g:expect{ text = { "开场 周末茶会", "时间03-07 14:00", "地点幸福路店", "名额20", "带上杯子", "截止03-06 20:00" } }
  g:staff("店长", TEA)
  g:expect{ at = "店长", text = "还没结束" }
end)

t:case("a line that cannot be read is named; without anything staff hear how; questions that are wrong are named", function(g)
  g:staff("店长", "开报名")
  g:expect{ at = "店长", text = "写法" }
  g:staff("店长", "开报名 茶会\n时间 改天")
  g:expect{ at = "店长", text = "看不懂:时间 改天" }
  g:param("signup.questions", '[{"key":"a","ask":"选?","type":"choice"}]')
  g:staff("店长", TEA)
  g:expect{ at = "店长", text = "看不懂:questions[1].options" }
end)

t:case("members may use none of the staff commands", function(g)
  g:says("小美", TEA)
  open(g)
  apply(g, "小美")
  g:seen()
  g:expect{ dm = "小美", text = "成功" }
  for _, text in ipairs({ "通过 1", "拒绝 1", "到场 1", "报名名单", "报名导出", "截止报名", "活动取消" }) do g:says("小美", text) end
  g:equal(states(g), "小美=in")
  g:expect_none{ chat = "staff" }
end)

t:case("without a sign-up 报名 is answered once, if there ever was one; else it is not ours", function(g)
  g:says("小美", "报名")
  g:silent()
  open(g)
  g:staff("店长", "活动取消 下雨")
  g:expect{ text = "取消活动 下雨" }
  g:says("小美", "报名")
  g:expect{ at = "小美", text = "没有报名" }
  g:says("小美", "报名")
  g:silent()
  g:expect_runs(0)
end)

-- ---- the form ------------------------------------------------------------------------------------------------------

t:case("the form in private: question by question, then a number", { playbook = book{ questions = ALL } }, function(g)
  open(g)
  g:says("小美", "报名")
  g:expect{ at = "小美", text = "私聊里答" }
  g:expect{ dm = "小美", text = "问1/5 称呼?" }
  for _, answer in ipairs({ "小美", "2位", "138 0000-1111", "下午", "3月8日" }) do g:dm("小美", answer) end
  g:expect{ dm = "小美", text = { "问4/5 哪一场?", "1. 上午场", "2. 下午场" } }
  g:expect{ dm = "小美", text = "成功 1号" }
  local entry = g:state("hash", "list-1", g:id("小美"))
  g:equal(entry.answers, { name = "小美", people = 2, phone = "13800001111", slot = "下午场", day = "2026-03-08" })
  g:expect_event("signup_applied", { who = "小美", state = "in" })
end)

t:case("the form in the group: only the last digits of a phone number", { playbook = book{ questions = ALL, ask_in = "group" } },
  function(g)
  open(g)
  g:says("小美", "报名")
  g:expect{ at = "小美", text = "问1/5" }
  g:says("小王", "我插句话")
  g:says("小美", "小美")
  g:says("小美", "1")
  g:expect{ at = "小美", text = "尾号?" }
  g:says("小美", "12")
  g:expect{ at = "小美", text = "要四位" }
  g:says("小美", "6688")
  g:says("小美", "1")
  g:says("小美", "周六")
  g:expect{ at = "小美", text = "成功 1号" }
  g:equal(g:state("hash", "list-1", g:id("小美")).answers, { name = "小美", people = 1, phone = "6688", slot = "上午场", day = "2026-03-07" })
end)

t:case("the form in private of a playbook that is chosen by tag; 取消 is the form's there, too", {
  playbook = { groups = { { tag = "tea" } }, flows = {
      { "signup", questions = NAME, question = "问 {ask}", accepted = "成功 {no}号", cancelled = "不报了" } },
    staff = { ["playground:店长"] = "store" } },
  tags = { "tea" },
}, function(g)
  g:staff("店长", TEA)
  g:says("小美", "报名")
  g:expect{ dm = "小美", text = "问 称呼?" }
  g:restart()
  g:dm("小美", "小美")
  g:expect{ dm = "小美", text = "成功 1号" }
  g:says("大力", "报名")
  g:expect{ dm = "大力", text = "问 称呼?" }
  g:dm("大力", "取消")
  g:expect{ dm = "大力", text = "不报了" }
end)

t:case("where the playbook does not serve private chats the form is in the group", {
  playbook = { groups = { { tag = "tea" } }, private = false, flows = {
      { "signup", questions = NAME, question = "问 {ask}", accepted = "成功 {no}号" } },
    staff = { ["playground:店长"] = "store" } },
  tags = { "tea" },
}, function(g)
  g:staff("店长", TEA)
  g:says("小美", "报名")
  g:expect{ at = "小美", text = "问 称呼?" }
  g:says("小美", "小美")
  g:expect{ at = "小美", text = "成功 1号" }
end)

t:case("each type takes what people write, and nothing else", { playbook = book{ questions = ALL, tries = 10 } }, function(g)
  open(g, "开报名 茶会\n名额 9")
  local tries = { -- wrong ones, then the one that is right
    { "字数2-10", { "美", "一二三四五六七八九十一" }, " 小  美 " },
    { "数字1-5", { "很多", "0", "6", "2个大人3个小孩" }, "三位" },
    { "号码不对", { "1380000111", "23800001111", "138000011112", "没有" }, "我的手机 +86 138-0000-1111" },
    { "选一个", { "3", "都行", "场" }, "选2" },
    { "日期不对", { "昨天", "2月30日", "随便", "2026-01-01", "2026-09-01" }, "下周三" },
  }
  g:says("小美", "报名")
  for i, try in ipairs(tries) do
    g:expect{ dm = "小美", text = "问" .. i .. "/5" }
    for _, wrong in ipairs(try[2]) do
      g:dm("小美", wrong)
      g:expect{ dm = "小美", text = try[1] }
    end
    g:dm("小美", try[3])
  end
  g:expect{ dm = "小美", text = "成功" }
  g:equal(g:state("hash", "list-1", g:id("小美")).answers,
    { name = "小 美", people = 3, phone = "13800001111", slot = "下午场", day = "2026-03-11" })
end)

t:case("who mistypes hears what is wanted; after the last try it ends, and 报名 begins anew", { playbook = book{ questions = ALL,
  tries = 2 } }, function(g)
  open(g)
  sign(g, "小美", "小美", "很多")
  g:expect{ dm = "小美", text = "数字1-2" }
  g:dm("小美", "好多")
  g:expect{ dm = "小美", text = "先到这里" }
  g:dm("小美", "3")
  g:silent()
  g:expect_event("signup_left", { why = "tries" })
  g:says("小美", "报名")
  g:expect{ dm = "小美", text = "问1/5" }
end)

t:case("上一步 goes back; at the first question it says so", { playbook = book{ questions = ALL } }, function(g)
  open(g, "开报名 茶会\n名额 9")
  sign(g, "小美", "上一步")
  g:expect{ dm = "小美", text = "第一题了" }
  g:dm("小美", "小美")
  g:dm("小美", "2")
  g:dm("小美", "上一步")
  g:expect{ dm = "小美", text = "问2/5" }
  g:dm("小美", "上一步")
  g:dm("小美", "大美")
  g:dm("小美", "3")
  for _, answer in ipairs({ "13800001111", "1", "3月8日" }) do g:dm("小美", answer) end
  g:expect{ dm = "小美", text = "成功" }
  local answers = g:state("hash", "list-1", g:id("小美")).answers
  g:equal({ answers.name, answers.people }, { "大美", 3 })
end)

t:case("取消 ends the form; so does silence, after a day", function(g)
  open(g)
  sign(g, "小美", "取消")
  g:expect{ dm = "小美", text = "不报了" }
  sign(g, "小王")
  g:advance("25h")
  g:expect{ dm = "小王", text = "收起来了" }
  g:equal(g:state("hash", "list-1"), {})
  g:equal(#g:events("signup_left"), 2)
end)

t:case("取消 is the form's, also beside a flow that has that word; 帮助 stays 帮助", {
  playbook = book({ questions = NAME, ask_in = "group" }, "presale"),
}, function(g)
  open(g)
  g:says("小美", "报名")
  g:says("小美", "帮助")
  g:expect{ at = "小美", text = "问1/1" }
  g:seen()
  g:says("小美", "取消")
  g:expect{ at = "小美", text = "不报了" }
end)

t:case("取消报名 ends the form in the group as well", { playbook = book{ questions = NAME, ask_in = "group" } }, function(g)
  open(g)
  g:says("小美", "报名")
  g:says("小美", "取消报名")
  g:expect{ at = "小美", text = "不报了" }
  g:expect_event("signup_left", { why = "cancelled" })
  g:says("小美", "小美")
  g:silent()
end)

t:case("a restart, a day, a death in the middle of the form", { playbook = book{ questions = ALL } }, function(g)
  open(g)
  sign(g, "小美", "小美")
  g:restart()
  g:advance("20h")
  g:dm("小美", "2")
  g:restart()
  for _, during in ipairs({ "input", "commit" }) do
    g:kill{ during = during }
    g:dm("小美", during == "input" and "13800001111" or "1")
    g:advance("5s")
  end
  g:kill{ during = "commit" }
  g:dm("小美", "周六")
  g:advance("10s")
  g:expect_count(1, { dm = "小美", text = "成功 1号" })
  g:equal(states(g), "小美=in")
  g:equal(#g:events("signup_applied"), 1)
end)

t:case("报名 twice: one form; who is through hears their number once", function(g)
  open(g)
  g:says("小美", "报名")
  g:says("小美", "报名")
  g:expect{ at = "小美", text = "表还开着" }
  g:says("小美", "报名")
  g:dm("小美", "小美")
  g:expect{ dm = "小美", text = "成功" }
  g:says("小美", "报名")
  g:expect{ at = "小美", text = "报过了 1号" }
  g:says("小美", "报名")
  g:silent()
  g:expect_count(0, { dm = "小美", text = "问" })
end)

t:case("a form that is filled in after the end, or after 取消报名 by the calendar, counts for nothing", function(g)
  open(g, "开报名 茶会\n时间 周六14:00\n截止 今天11:00")
  sign(g, "小美")
  g:at("11:01")
  g:dm("小美", "小美")
  g:expect{ dm = "小美", text = "报名截止了" }
  g:says("小王", "报名")
  g:expect{ at = "小王", text = "报名截止了" }
  g:equal(g:state("hash", "list-1"), {})
end)

-- ---- places and review ---------------------------------------------------------------------------------------------

t:case("places and the waiting list, which moves up on 取消报名", function(g)
  open(g)
  for _, who in ipairs({ "甲", "乙", "丙", "丁" }) do apply(g, who) end
  g:expect{ dm = "丙", text = "候补中" }
  g:equal(states(g), "甲=in 乙=in 丙=waiting 丁=waiting")
  g:says("丁", "我的报名")
  g:expect{ at = "丁", text = "我的4号 候补" }
  g:says("甲", "取消报名")
  g:expect{ at = "甲", text = "取消1号" }
  g:expect{ dm = "丙", text = "转正" }
  g:equal(states(g), "乙=in 丙=in 丁=waiting")
  g:says("甲", "取消报名")
  g:expect{ at = "甲", text = "没报过" }
  g:says("甲", "取消报名")
  g:silent()
  apply(g, "甲")
  g:equal(states(g), "乙=in 丙=in 丁=waiting 甲=waiting")
end)

t:case("a form may take several places: all of them or none, and nobody overtakes who waits", { playbook = book{ questions = ALL } },
  function(g)
  open(g, "开报名 茶会\n时间 周六14:00\n名额 5")
  local function come(who, n) sign(g, who, who .. who, n, "13800001111", "1", "周六") end
  come("甲", "4")
  come("乙", "2")
  g:expect{ dm = "乙", text = "候补中" }
  come("丙", "1") -- would fit, but 乙 was first
  g:expect{ dm = "丙", text = "候补中" }
  g:equal(g:state("hash", "tally-1", "A"), 4)
  g:says("乙", "取消报名")
  g:expect{ dm = "丙", text = "转正" }
  g:equal(g:state("hash", "tally-1", "A"), 5)
end)

t:case("review: staff hear of each, 通过 3, 拒绝 3 原因, several at once, and a full house", function(g)
  open(g, TEA .. "\n审核")
  for _, who in ipairs({ "甲", "乙", "丙", "丁" }) do apply(g, who) end
  g:expect{ dm = "甲", text = "待审 1号" }
  g:expect{ chat = "staff", text = "新报名 3号 丙:丙" }
  g:staff("群管", "通过 1 2号")
  g:expect{ dm = "甲", text = "通过 周末茶会" }
  g:expect{ at = "群管", text = "已通过 1 甲, 2 乙 候0" }
  g:staff("群管", "拒绝 3 名额有限")
  g:expect{ dm = "丙", text = "没通过 名额有限" }
  g:expect{ at = "群管", text = "已拒绝 3 丙" }
  g:staff("店长", "通过 4", { chat = "staff" })
  g:expect{ dm = "丁", text = "候补中" }
  g:expect{ chat = "staff", text = "已通过 4 丁 候1" }
  g:staff("群管", "通过 9")
  g:expect{ at = "群管", text = "没有9号" }
  g:equal(states(g), "甲=in 乙=in 丙=refused 丁=waiting")
  g:staff("群管", "拒绝 2") -- on second thoughts
  g:expect{ dm = "丁", text = "转正" }
  g:staff("群管", "通过 3")
  g:equal(states(g), "甲=in 乙=refused 丙=waiting 丁=in")
  g:equal(#g:audit("signup_reviewed"), 6)
  g:staff("群管", "通过了吗")
  g:says("丙", "报名")
  g:expect{ at = "丙", text = "报过了" }
end)

t:case("review where nobody can be written to: named in the group, without the reason", function(g)
  g:lacks("dm")
  open(g, TEA .. "\n审核")
  g:says("甲", "报名")
  g:says("甲", "阿甲")
  g:expect{ at = "甲", text = "待审" }
  g:staff("店长", "拒绝 1 太远了")
  g:expect{ at = "甲", text = "没通过" }
  g:expect_none{ text = "太远" , at = "甲" }
  g:staff("店长", "通过 1")
  g:expect{ at = "甲", text = "通过" }
end)

-- ---- the date ------------------------------------------------------------------------------------------------------

t:case("reminders before the date, ten names and a number; a list for staff at the end of the sign-up", {
  playbook = book{ questions = NAME },
}, function(g)
  open(g, "开报名 茶会\n时间 周六14:00\n名额 20\n截止 周五18:00")
  for i = 1, 12 do apply(g, "成员" .. i) end
  g:at("2026-03-06 13:59")
  g:expect_none{ text = "提醒" }
  g:at("2026-03-06 14:01")
  local message = g:expect{ text = { "提醒", "另外2位" } }
  g:equal(#message.at, 10)
  g:at("2026-03-06 18:01")
  g:expect{ text = "截止 12位" }
  g:expect{ chat = "staff", text = { "名单 12/12", "12.成员12 已报上 成员12" } }
  g:at("2026-03-07 12:01")
  g:expect_count(1, { text = "提醒" })
  g:expect_event("signup_reminded", { rest = 2 })
end)

t:case("reminders in private, fifteen a minute", { playbook = book{ questions = NAME, remind_by = "private", remind_before = { "1d" } } },
  function(g)
  open(g, "开报名 茶会\n时间 周六14:00\n名额 40")
  for i = 1, 20 do apply(g, "成员" .. i) end
  g:at("2026-03-06 13:59")
  g:at("2026-03-06 14:00")
  g:advance("10s")
  g:equal(#g:events("signup_reminded")[1].users, 15)
  g:restart()
  g:advance("2m")
  g:equal(#g:events("signup_reminded"), 2)
  g:expect_count(1, { dm = "成员20", text = "私信提醒" })
  g:at("2026-03-07 18:01")
  g:expect{ chat = "staff", text = "没来20" }
end)

t:case("签到 on the day, of those who have a place; 到场 by staff; then who did not come", function(g)
  open(g)
  for _, who in ipairs({ "甲", "乙", "丙" }) do apply(g, who) end
  g:says("甲", "签到")
  g:expect_none{ text = "签到1号" }
  g:at("2026-03-07 13:00")
  g:says("甲", "签到")
  g:expect{ at = "甲", text = "签到1号" }
  g:says("甲", "签到")
  g:expect{ at = "甲", text = "签过了" }
  g:says("甲", "签到")
  g:says("丙", "签到") -- waits, has no place
  g:silent()
  g:says("甲", "取消报名") -- is there
  g:silent()
  g:at("18:01")
  g:expect{ chat = "staff", text = "没来1\n2.乙" }
  g:expect_event("signup_over", { seated = 2, missed = 1 })
  g:expect_runs(0)
end)

t:case("到场 by staff, several numbers; all came", function(g)
  open(g)
  apply(g, "甲")
  apply(g, "乙")
  g:at("2026-03-07 13:00")
  g:staff("店长", "到场 1-2")
  g:expect{ at = "店长", text = "到场 1 甲, 2 乙" }
  g:staff("店长", "到场 1")
  g:expect{ at = "店长", text = "没有可操作" }
  g:at("18:01")
  g:expect{ chat = "staff", text = "都来了" }
end)

t:case("报名 and 签到 of a challenge stay those of the challenge", {
  playbook = book({ questions = NAME }, { "checkin", join = "signup", signed_up = "挑战报名", done = "打卡成功" }),
}, function(g)
  g:says("小王", "报名")
  g:expect{ at = "小王", text = "挑战报名" }
  open(g)
  apply(g, "小美")
  g:at("2026-03-07 13:00")
  g:says("小王", "签到")
  g:expect{ at = "小王", text = "打卡成功" }
  g:says("小美", "签到")
  g:expect{ at = "小美", text = "签到1号" }
end)

t:case("报名名单 and 报名导出 go to the staff chat, not to the group", function(g)
  open(g)
  apply(g, "甲")
  g:seen()
  g:staff("店长", "报名名单")
  g:expect{ chat = "staff", text = "名单 1/1\n1.甲 已报上 甲" }
  g:expect{ at = "店长", text = "发到管理群" }
  g:staff("店长", "报名导出")
  g:expect{ chat = "staff", text = {
    "signup,title,no,user,name,state,places,waiting,applied,came,reason,name\n", "1,周末茶会,1,", ",甲,in,1,0,2026-03-02 10:00,,,甲",
  } }
  g:equal(#g:audit("signup_exported"), 1)
end)

t:case("截止报名 and 活动取消 by staff", function(g)
  open(g)
  apply(g, "甲")
  g:staff("店长", "截止报名")
  g:expect{ text = "截止 1位" }
  g:says("乙", "报名")
  g:expect{ at = "乙", text = "报名截止了" }
  g:at("2026-03-07 12:01")
  g:expect_count(2, { text = "提醒" })
  g:staff("店长", "活动取消 停电")
  g:expect{ text = "取消活动 停电" }
  g:expect_runs(0)
  open(g, "开报名 下一场\n时间 明天15:00")
end)

-- ---- coming and going ----------------------------------------------------------------------------------------------

t:case("who leaves gives the place to the next; who is forgotten too", function(g)
  open(g)
  for _, who in ipairs({ "甲", "乙", "丙", "丁" }) do apply(g, who) end
  g:leave("甲")
  g:expect{ dm = "丙", text = "转正" }
  g:dm("乙", "删除我的数据")
  g:dm("乙", "确认删除")
  g:advance("1m")
  g:staff("店长", "截止报名")
  g:expect{ dm = "丁", text = "转正" }
  g:equal(states(g), "丙=in 丁=in")
end)

t:case("after 退订 there is no @ and no private message, but the form goes on", { playbook = book{ questions = NAME,
  remind_by = "private" } }, function(g)
  open(g)
  g:says("甲", "退订")
  apply(g, "甲")
  g:expect{ dm = "甲", text = "成功" }
  g:at("2026-03-07 12:05")
  g:expect_none{ dm = "甲", text = "提醒" }
end)

t:case("at night the form is answered, the reminder of a night waits", { playbook = book{ questions = NAME, remind_before = { "14h" } } },
  function(g)
  open(g)
  g:at("23:30")
  apply(g, "甲")
  g:expect{ dm = "甲", text = "成功" }
  g:at("2026-03-07 00:01")
  g:expect_none{ text = "提醒" }
end)

t:case("a restart and a kill between the steps: everything comes once", function(g)
  open(g)
  g:restart()
  apply(g, "甲")
  g:kill()
  g:at("2026-03-06 14:01")
  g:restart()
  g:at("2026-03-07 12:01")
  g:kill{ during = "commit" }
  g:says("甲", "签到")
  g:at("2026-03-07 18:01")
  g:expect_count(2, { text = "提醒" })
  g:equal(#g:events("signup_came"), 1)
  g:expect_count(1, { chat = "staff", text = "都来了" })
end)

t:case("a corrected text and an edited flow reach a sign-up and a form that are open", function(g)
  open(g)
  g:says("甲", "报名")
  g:param("signup.accepted", "改过 {no}号")
  g:param("signup.accepted", "改过 {no}号", { chat = "@" .. g:id("甲") })
  g:edit("flows/signup.lua", "local function take(c, args)", "local function take(c, args) -- edited")
  g:dm("甲", "甲")
  g:expect{ dm = "甲", text = "改过 1号" }
end)

t:case("two groups have sign-ups of their own; one form at a time in the private chat", function(g)
  open(g)
  g:staff("店长", "开报名 二店茶会\n时间 周六14:00", { chat = "二店" })
  g:says("甲", "报名", { chat = "二店" })
  g:dm("甲", "阿甲")
  g:expect{ dm = "甲", text = "成功 1号" }
  g:equal(g:state("hash", "list-1"), {})
  g:says("甲", "报名")
  g:says("甲", "报名", { chat = "二店" })
  g:expect{ chat = "二店", text = "报过了" }
end)

t:case("WeCom: the form in the group, with a mention of the bot", function(g)
  g:platform("wecom")
  g:says("店长", "@小福 " .. TEA)
  g:expect{ text = "开场" }
  g:says("甲", "@小福 报名")
  g:expect{ text = "问1/1" }
  g:says("甲", "@小福 阿甲")
  g:expect{ text = "成功 1号" }
end)

t:case("records older than keep_days are forgotten", { playbook = book{ questions = NAME, keep_days = 1 } }, function(g)
  for i = 1, 3 do
    g:staff("店长", "开报名 第" .. i .. "场\n时间 明天14:00")
    apply(g, "甲")
    g:advance("3d")
  end
  g:equal(g:state("hash", "list-1"), {})
  assert(g:state("hash", "signups", "3") and not g:state("hash", "signups", "1"))
end)

-- ---- what careful operators found ----------------------------------------------------------------------------------

local SEATS = { { key = "people", ask = "几位?", type = "number", seats = true } }

t:case("nobody can ask for more places than there are, and keep everybody waiting", { playbook = book{ questions = SEATS } }, function(g)
  open(g, "开报名 茶会\n时间 周六14:00\n名额 5")
  sign(g, "甲", "100")
  g:expect{ dm = "甲", text = "数字0-5" }
  sign(g, "乙", "2")
  g:expect{ dm = "乙", text = "成功" }
end)

t:case("numbers in Chinese are read whole, or not at all", { playbook = book{ questions = SEATS } }, function(g)
  open(g, "开报名 茶会\n时间 周六14:00\n名额 500")
  for i, one in ipairs({ { "十二", 12 }, { "二十个人", 20 }, { "三十五位", 35 }, { "１２", 12 }, { "两位", 2 } }) do
    sign(g, "成员" .. i, one[1])
    g:equal(g:state("hash", "list-1", g:id("成员" .. i)).answers.people, one[2], one[1])
  end
  for i, text in ipairs({ "两百", "10万", "3千" }) do
    sign(g, "别人" .. i, text)
    g:equal(g:state("hash", "list-1", g:id("别人" .. i)), nil, text)
  end
end)

t:case("a choice may say how many places", {
  playbook = book{ questions = { { key = "n", ask = "几位?", type = "choice", options = { "1人", "2人" }, seats = true } } },
}, function(g)
  open(g)
  sign(g, "甲", "2")
  g:expect{ dm = "甲", text = "成功" }
  g:equal(g:state("hash", "tally-1", "A"), 2)
end)

t:case("拒绝 of fifteen with fifteen who wait tells all of them", function(g)
  open(g, "开报名 茶会\n时间 周六14:00\n名额 15")
  for i = 1, 30 do apply(g, "成员" .. i) end
  g:staff("店长", "拒绝 1-15")
  g:advance("10s")
  g:expect_count(15, { anywhere = true, text = "转正" })
end)

t:case("without a date staff review after the cut-off, too", function(g)
  open(g, "开报名 招募\n名额 15\n截止 明天20:00\n审核")
  apply(g, "甲")
  apply(g, "乙")
  g:at("2026-03-03 20:05")
  g:expect{ chat = "staff", text = "名单 2/0" }
  g:staff("店长", "通过 1")
  g:expect{ dm = "甲", text = "通过" }
  g:staff("店长", "拒绝 2 满了")
  g:expect{ dm = "乙", text = "满了" }
end)

t:case("a withdrawn application cannot be accepted", function(g)
  open(g, TEA .. "\n审核")
  apply(g, "甲")
  g:says("甲", "取消报名")
  g:staff("店长", "通过 1")
  g:expect{ at = "店长", text = "没有1号" }
  g:equal(states(g), "")
end)

t:case("reminders in private for many", { playbook = book{ questions = NAME, remind_by = "private", remind_before = { "1d" } } },
  function(g)
  open(g, "开报名 茶会\n时间 周六14:00\n名额 0")
  g:says("成员1", "报名")
  g:dm("成员1", "甲")
  local first, entries = g:state("hash", "list-1", g:id("成员1")), {}
  for i = 2, 400 do
    local entry = { no = i, name = "成员" .. i, at = first.at, answers = {}, wanted = 1, have = { A = 1 }, wait = {} }
    entries[g:id("成员" .. i)] = entry
  end
  g:write("hash", "list-1", entries)
  g:at("2026-03-06 14:00")
  g:advance("40m")
  g:expect_count(1, { dm = "成员400", text = "私信提醒" })
  g:equal(#g:events("signup_reminded"), 27)
  g:at("2026-03-07 18:01")
  g:expect{ chat = "staff", text = "没来400" }
end)

t:case("a date that was moved by hand is the date", function(g)
  open(g, "开报名 茶会\n时间 周六14:00\n名额 5\n截止 周四20:00")
  apply(g, "甲")
  local signup = g:state("hash", "signups", "1")
  signup.at, signup.closes = signup.at + 86400, signup.closes + 3600
  g:write("hash", "signups", { ["1"] = signup })
  g:at("2026-03-05 20:30")
  g:expect_none{ text = "截止" }
  g:at("2026-03-06 14:01")
  g:expect_none{ text = "提醒" }
  g:at("2026-03-07 14:01")
  g:expect_count(1, { text = "提醒" })
end)

t:case("after midnight 今天 is the day that the calendar shows, where the other is past", function(g)
  g:at("2026-03-03 01:30")
  open(g, "开报名 茶会\n时间 今天20:00\n名额 5")
  g:equal(g:state("hash", "signups", "1").at, 1772539200)
end)

t:case("switched off over its end: staff hear of it late, the group hears no old news", function(g)
  open(g, "开报名 茶会\n时间 周六14:00\n截止 周五18:00\n名额 5")
  apply(g, "甲")
  g:toggle("signup", "off")
  g:at("2026-03-08 10:00")
  g:seen()
  g:toggle("signup", "on")
  g:advance("1m")
  g:expect_none{ text = "截止" }
  g:expect_none{ text = "提醒" }
  g:expect{ chat = "staff", text = "没来1" }
  g:equal(g:state("hash", "signups", "1").state, "over")
end)

local LONG = {}
for i = 1, 5 do LONG[i] = { key = "q" .. i, ask = "问" .. i, type = "text", max = 400 } end

t:case("long answers come through", { playbook = book{ questions = LONG } }, function(g)
  open(g, "开报名 茶会\n时间 周六14:00\n名额 0")
  local long = ("好"):rep(400)
  sign(g, "甲", long, long, long, long, long)
  g:expect{ dm = "甲", text = "成功" }
  g:equal(g:state("hash", "list-1", g:id("甲")).answers.q5, long)
  g:equal(g:state("profile", "甲", "signup:demo"), nil)
end)

t:case("who leaves with the form open has left it; who comes back may begin anew", function(g)
  open(g)
  g:says("甲", "报名")
  g:leave("甲")
  g:dm("甲", "阿甲")
  g:equal(states(g), "")
  g:join("甲")
  apply(g, "甲")
  g:equal(states(g), "甲=in")
end)

t:case("取消报名 in the group ends the form in private, too", function(g)
  open(g)
  g:says("甲", "报名")
  g:says("甲", "取消报名")
  g:expect{ at = "甲", text = "不报了" }
  g:expect_event("signup_left", { why = "cancelled" })
  g:dm("甲", "阿甲")
  g:equal(states(g), "")
  apply(g, "甲")
  g:equal(states(g), "甲=in")
end)

t:case("取消 in the middle of a form ends the form, not what was ordered", {
  playbook = book({ questions = NAME, ask_in = "group" }, "presale"),
}, function(g)
  open(g)
  g:staff("店长", "接龙 鸡蛋 10元")
  g:says("甲", "+1")
  g:says("甲", "报名")
  g:says("甲", "取消")
  g:expect{ at = "甲", text = "不报了" }
  g:says("甲", "我的接龙")
  g:expect{ at = "甲", text = "×1" }
end)

t:case("questions that are edited while a form is open: what was answered is shown", function(g)
  open(g)
  g:says("甲", "报名")
  g:param("signup.questions", '[{"key":"shop","ask":"哪家店?","type":"text"}]')
  g:dm("甲", "阿甲")
  g:expect{ dm = "甲", text = "成功" }
  g:staff("店长", "报名名单")
  g:expect{ chat = "staff", text = "阿甲" }
  g:staff("店长", "报名导出")
  g:expect{ chat = "staff", text = { "reason,shop,name\n", ",阿甲" } }
end)

t:case("phones as people write them", { playbook = book{ questions = { { key = "phone", ask = "手机?", type = "phone" } } } }, function(g)
  open(g, "开报名 茶会\n时间 周六14:00\n名额 0")
  for i, said in ipairs({ "13800001111", "138 0000　1111", "+86-138-0000-1111", "手机:13800001111谢谢", "０７５５－８８８８８８８" }) do
    sign(g, "p" .. i, said)
    assert(g:state("hash", "list-1", g:id("p" .. i)), said)
  end
  for i, said in ipairs({ "一三八零零零零一一一一", "1380000111", "138000011111", "13800001111 13900001111", "12345678901" }) do
    sign(g, "n" .. i, said)
    assert(not g:state("hash", "list-1", g:id("n" .. i)), said)
  end
end)

t:case("a list that no message takes is cut, and closes; the export is whole", function(g)
  open(g, "开报名 茶会\n名额 0\n截止 明天20:00")
  apply(g, "甲")
  local first, entries = g:state("hash", "list-1", g:id("甲")), {}
  for i = 2, 900 do
    entries[tostring(8000000000 + i)] = {
      no = i, name = "很长很长的名字" .. i, at = first.at, answers = { name = ("好"):rep(10) }, wanted = 1, have = { A = 1 }, wait = {},
    }
  end
  g:write("hash", "list-1", entries)
  g:staff("店长", "报名导出")
  g:advance("5m")
  g:expect{ chat = "staff", text = ",很长很长的名字900," }
  g:at("2026-03-03 20:05")
  g:expect{ text = "截止 900位" }
  g:expect{ chat = "staff", text = "名单 900/900" }
  g:expect{ chat = "staff", text = "… +" }
  g:expect_event("signup_over")
end)

local function shipped(g)
  g:staff("店长", TEA .. "\n审核")
  sign(g, "甲", "上一步", "甲", "1", "13800001111")
  sign(g, "乙", "乙", "取消")
  g:says("甲", "我的报名")
  g:staff("店长", "通过 1")
  g:staff("店长", "报名名单")
  g:at("2026-03-07 13:00")
  g:says("甲", "签到")
  g:at("19:00")
  for _, message in ipairs(g:seen()) do assert(not message.text:find("{", 1, true), message.text) end
end

t:case("the shipped texts are complete: zh-CN", { playbook = { language = "zh-CN", flows = { "switch", "common", "signup" } } }, shipped)
t:case("the shipped texts are complete: en", { playbook = { language = "en", flows = { "switch", "common", "signup" } } }, shipped)
