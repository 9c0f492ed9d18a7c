-- calendar_test.lua -- the content calendar, sentence by sentence. What flows.md says, and the cases that hold it:
--
-- Of every flow
--   command words match; the longest wins                      "日历 in many spellings ...", "取消排期 ..."
--   one reply per cause, a short answer once a day, silence    "确认 twice ...", "排期 twice ...", "群发排期 twice ..."
--   at most ten are @-ed in one message                        "day N of each member: ten a message ..."
--   退订: no @                                                  "day N of each member: who opted out ..."
--   quiet hours hold posts                                     "a post in quiet hours ..." (3 cases)
--   staff commands need a role                                 "members and keepers may not ...", "群发排期 is for HQ"
--   texts in variants                                          "a post may have several wordings"
-- 内容日历
--   posts by fixed date                                        "a fixed date, and one of every year"
--   weekday                                                    "weekdays, one or several"
--   every N days                                               "every three days from a day"
--   day N since the group was made                             "day N of the group ..." (2 cases)
--   day N since the member joined                              "day N of each member ..." (5 cases)
--   festival, lunar dates by table                             "festivals of several years ...", "a festival, the day before, ..."
--   workday shifts by table                                    "workdays and days off ...", "a post that falls on a day off ..."
--   unknown years fall back to weekdays, and it is said        "a year whose holidays are not known ..."
--   daily board at 07:30 from a Redis hash or CSV              "the board ..." (5 cases), "without the parameter ..."
--   HQ publishes                                               "群发排期 ..." (6 cases), "撤回排期 ..."
--   store staff may 确认, 改, 跳过 within a window             "a post to be confirmed ..." (3 cases), "确认 ...", "改 ...", "跳过 ...",
--                                                              "after the window ...", "several wait ..."
--   the plan shows when the last group will have been reached  "群发排期 in private ...", "... to more groups than ..."; sopd check and
--                                                              sopd ctl plan: tests/e2e/test_plan.py, tests/e2e/test_lint.py
--   every planned post gets an outcome: sent                   "a fixed date ...", "日历结果 ..."
--     late                                                     "a post that leaves late ...", "... that may wait for their end ..."
--     skipped (why)                                            "跳过 ...", "... nobody confirmed", "a post that is taken out ..."
--     blocked (why)                                            "a post in quiet hours ...", "a flow that was off ..." (2 cases),
--                                                              "what the platform refuses ...", "a post that cannot be read ..."
-- Repeats, restarts, deaths: "a restart between plan and post, and a death ..."; several groups: "two groups ..."; edits: "an edit of the
-- list ..."; WeCom: "where nothing can be posted unasked ...", "on WeCom ...".
local TEXTS = {
  board_text = "价格牌 {date} {lines}", board_line = "{item}={price}", board_stale = "牌旧 {group}",
  offer = "待确认 {id} {time} {text} 到{till} {otherwise}",
  otherwise_sent = "照发", otherwise_skipped = "不发", confirmed = "确认了{id} {time}", changed = "改了{id}", skipped = "跳过了{id}",
  no_change = "不许改{id}",
  change_how = "怎么改{id}", answer_late = "来不及{id}", nothing_open = "没有{id}", which = "哪一条 {ids}", seen = "说过了",
  day_head = "头 {date} 周{weekday} [{lunar}] <{festival}> {kind}", day_line = "{time}-{id}-{state}", day_empty = "空", day_how = "日期?",
  is_workday = "上班", is_off = "休息", unknown_year = "未收录{year}", unknown_lunar = "无农历", wait_confirm = "待", is_confirmed = "可",
  results = "结果{date} 计划{planned} 发{sent} 晚{late} 跳{skipped} 没{blocked} 准{on_time}%\n{lines}", results_none = "无结果{date}",
  outcome_line = "{time}|{id}|{outcome}|{left}|{why}", is_sent = "已发", is_late = "晚发", is_skipped = "略过", is_blocked = "没发",
  why_quiet = "安静", why_down = "不在", why_off = "关着", why_unconfirmed = "没确认", why_store = "店里", why_withdrawn = "撤回", why_nobody = "没人",
  why_empty = "没内容", why_stale = "旧数据", why_settings = "设置", plan_wrong = "错 {id} {why}", put = "排好{id} {time}", put_how = "怎么排",
  taken_out = "取消了{id}", published = "群发{id} {time} {count}个群 {last}", publish_tight = "太密{count} {minutes}", publish_none = "没群",
  progress = "进度{id} {sent}/{count} 漏{missed} {last}",
}

local function book(posts, params)
  local flow = { "calendar", posts = posts }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return {
    flows = { "switch", "common", flow },
    staff = { ["playground:店长"] = "store", ["playground:群管"] = "keeper", ["playground:总部"] = "hq" },
  }
end

local t = sop.test("calendar", { playbook = book({}), start = "2026-03-02 03:00" }) -- a Monday

local function with(posts, params, start)
  return { playbook = book(posts, params), start = start }
end

local DAILY = { 1, 2, 3, 4, 5, 6, 7 }

-- The outcome of the only planned post so far.
local function outcome(g, id)
  local found
  for _, event in ipairs(g:events("planned_post")) do
    if event.id == id then found = event end
  end
  return found or {}
end

-- ---- when ----------------------------------------------------------------------------------------------------------

t:case("a fixed date, and one of every year", with({
  { id = "once", date = "2026-03-03", at = "10:00", text = "开业" }, { id = "yearly", date = { "03-03", "03-05" }, at = "11:00",
  text = "年年" },
}), function(g)
  g:advance("1d")
  g:silent()
  g:at("2026-03-03 12:00")
  g:expect{ text = "开业", plain = true }
  g:expect{ text = "年年" }
  g:expect_event("planned_post", { id = "once", date = "2026-03-03", outcome = "sent" })
  g:at("2026-03-05 12:00")
  g:expect{ text = "年年" }
  g:at("2027-03-03 12:00")
  g:expect_none{ text = "开业" }
end)

t:case("weekdays, one or several", with({
  { id = "mon", weekday = 1, at = "09:00", text = "周一见" }, { id = "mid", weekday = { 3, 5 }, at = "09:30", text = "周中 周{weekday}" },
}), function(g)
  g:at("2026-03-08 20:00")
  g:expect_count(1, { text = "周一见" })
  g:expect_count(1, { text = "周中 周三" })
  g:expect_count(1, { text = "周中 周五" })
  g:equal(#g:events("planned_post"), 3)
end)

t:case("every three days from a day, till a day", with({
  { id = "x", every = 3, from = "2026-03-03", till = "2026-03-09", at = "09:00", text = "隔三天 {date}" },
}), function(g)
  g:at("2026-03-20 20:00")
  for _, date in ipairs({ "03月03日", "03月06日", "03月09日" }) do g:expect_count(1, { text = date }) end
  g:equal(#g:events("planned_post"), 3)
end)

t:case("day N of the group, as it says when it was made", with({
  { id = "d7", group_day = { 7, 30 }, at = "09:00", text = "满{date}" },
}, { made = "2026-02-24" }), function(g)
  g:at("2026-03-30 20:00")
  g:expect_count(1, { text = "03月03日" })
  g:expect_count(1, { text = "03月26日" })
end)

t:case("day N of the group counts from the flow's first day where nobody says", with({
  { id = "d2", group_day = 2, at = "09:00", text = "第二天" },
}), function(g)
  g:at("2026-03-03 20:00")
  g:silent()
  g:at("2026-03-04 10:00")
  g:expect{ text = "第二天" }
end)

local MEMBER = { { id = "m3", member_day = 3, at = "10:00", text = "{names} 三天啦" } }

t:case("day N of each member: named, without those who left", with(MEMBER), function(g)
  g:at("2026-03-02 12:00")
  g:join("小美")
  g:join("小张")
  g:join("小张")
  g:join("小王")
  g:leave("小王")
  g:at("2026-03-05 11:00")
  g:expect_count(1, { at = { "小美", "小张" }, text = "三天啦" })
  g:silent()
  g:equal(outcome(g, "m3").outcome, "sent")
end)

t:case("day N of each member: nobody is skipped, and the list is forgotten", with(MEMBER), function(g)
  g:at("2026-03-02 12:00")
  g:join("小美")
  g:at("2026-03-04 11:00")
  g:equal(outcome(g, "m3").why, "nobody")
  g:at("2026-03-12 11:00")
  g:equal(#g:state("list", "joined-" .. 20514), 0)
end)

t:case("day N of each member: named in front where the text names nobody", with({
  { id = "m1", member_day = { 1, 2 }, at = "10:00", text = "认识你真好" },
}), function(g)
  g:at("2026-03-02 12:00")
  g:join("小美")
  g:at("2026-03-04 11:00")
  g:expect_count(2, { at = "小美", text = "认识你真好" })
end)

t:case("day N of each member: ten a message", with(MEMBER), function(g)
  g:at("2026-03-02 12:00")
  for i = 1, 12 do g:join("新人" .. i) end
  g:at("2026-03-05 11:00")
  local sizes = {}
  for _, message in ipairs(g:seen{ text = "三天啦" }) do sizes[#sizes + 1] = #message.at end
  g:equal(sizes, { 10, 2 })
end)

t:case("day N of each member: who opted out is not named, who came back counts anew", with(MEMBER), function(g)
  g:at("2026-03-02 12:00")
  g:join("小美")
  g:join("小张")
  g:says("小美", "退订")
  g:leave("小张")
  g:at("2026-03-04 12:00")
  g:join("小张")
  g:at("2026-03-05 11:00")
  g:expect_none{ text = "三天啦" }
  g:at("2026-03-07 11:00")
  g:expect{ at = "小张", text = "三天啦" }
end)

-- The lunar date and festivals of a day, as 日历 tells them.
local function asks(g, date, ...)
  g:staff("群管", "日历 " .. date)
  g:expect{ at = "群管", text = { ... } }
end

t:case("festivals of several years by the lunar calendar", function(g)
  for _, known in ipairs({
    { "2024-02-10", "正月初一", "春节" }, { "2025-01-29", "正月初一", "春节" }, { "2026-02-17", "正月初一", "春节" },
    { "2027-02-06", "正月初一", "春节" }, { "2030-02-03", "正月初一", "春节" }, { "2040-02-12", "正月初一", "春节" },
    { "2024-02-24", "正月十五", "元宵" }, { "2025-02-12", "正月十五", "元宵" }, { "2026-03-03", "正月十五", "元宵" },
    { "2024-06-10", "五月初五", "端午" }, { "2025-05-31", "五月初五", "端午" }, { "2026-06-19", "五月初五", "端午" },
    { "2024-08-10", "七月初七", "七夕" }, { "2025-08-29", "七月初七", "七夕" }, { "2026-08-19", "七月初七", "七夕" },
    { "2024-09-17", "八月十五", "中秋" }, { "2025-10-06", "八月十五", "中秋" }, { "2026-09-25", "八月十五", "中秋" },
    { "2028-10-03", "八月十五", "中秋" }, { "2033-09-08", "八月十五", "中秋" },
    { "2024-10-11", "九月初九", "重阳" }, { "2025-10-29", "九月初九", "重阳" }, { "2026-10-18", "九月初九", "重阳" },
    { "2025-01-28", "腊月廿九", "除夕" }, { "2026-02-16", "腊月廿九", "除夕" }, { "2024-02-09", "", "" }, -- before the table
    { "2026-01-26", "腊月初八", "腊八" }, { "2026-04-05", "二月十八", "清明" }, { "2025-04-04", "三月初七", "清明" },
    { "2026-12-22", "冬月十四", "冬至" }, { "2025-07-25", "闰六月初一", "" }, { "2033-12-22", "闰冬月初一", "" },
    { "2026-05-10", "三月廿四", "母亲节" }, { "2026-06-21", "五月初七", "父亲节" }, { "2041-01-31", "腊月廿九", "除夕" },
  }) do
    asks(g, known[1], "[" .. known[2] .. "]", known[3])
  end
  asks(g, "2041-02-01", "[]", "无农历")
end)

t:case("a festival, the day before, and any lunar date", with({
  { id = "eve", festival = "元宵", days = -1, at = "09:00", text = "明天元宵" }, { id = "day", festival = "元宵节", at = "10:00",
  text = "{festival}快乐 {lunar}" },
  { id = "lunar", festival = "农历1-16", at = "11:00", text = "十六" },
}), function(g)
  g:at("2026-03-06 20:00")
  g:expect_count(1, { text = "明天元宵" })
  g:expect_count(1, { text = "元宵快乐 正月十五" })
  g:expect_count(1, { text = "十六" })
  g:equal(outcome(g, "eve").date .. outcome(g, "day").date .. outcome(g, "lunar").date, "2026-03-022026-03-032026-03-04")
end)

t:case("workdays and days off, with the shifts of the year", with({
  { id = "work", weekday = DAILY, workday = true, at = "09:00", text = "上班啦" }, { id = "off",
  weekday = DAILY, workday = false, at = "10:00", text = "放假啦" },
}, nil, "2026-09-19 03:00"), function(g)
  g:at("2026-09-28 03:30") -- a Saturday, a Sunday on which people work, five days, three days off
  local days = {}
  for _, event in ipairs(g:events("planned_post")) do days[#days + 1] = event.date:sub(9) .. event.id end
  g:equal(table.concat(days, " "), "19off 20work 21work 22work 23work 24work 25off 26off 27off")
  asks(g, "2026-09-20", "调休上班")
  asks(g, "2026-10-07", "国庆节")
  asks(g, "2025-10-11", "调休上班")
  asks(g, "2024-02-18", "调休上班")
end)

t:case("a post that falls on a day off moves before or after it", with({
  { id = "after", date = "2026-10-01", at = "09:00", text = "节后", shift = "after" },
  { id = "before", date = "2026-10-01", at = "09:00", text = "节前", shift = "before" },
}, nil, "2026-09-28 03:00"), function(g)
  g:at("2026-10-12 20:00")
  g:equal({ outcome(g, "before").date, outcome(g, "after").date }, { "2026-09-30", "2026-10-08" })
  g:equal(#g:events("planned_post"), 2)
end)

t:case("a year whose holidays are not known falls back to weekdays, and says so", function(g)
  asks(g, "2027-10-01", "未收录2027", "上班")
  asks(g, "2027-10-02", "未收录2027", "休息")
  g:staff("群管", "日历 2026-10-01")
  g:equal(g:expect{ text = "国庆节" }.text:find("未收录", 1, true), nil)
end)

t:case("a post may have several wordings", with({
  { id = "v", weekday = DAILY, at = "09:00", text = { "说法一", "说法二" } },
}), function(g)
  g:at("2026-03-06 20:00")
  local seen = g:seen()
  for i = 2, #seen do assert(seen[i].text ~= seen[i - 1].text, "the same words twice in a row") end
  g:equal(#seen, 5)
end)

-- ---- the board -----------------------------------------------------------------------------------------------------

local CSV = "when,item,price\n*,鸡蛋,9.9元/盒\n1,周一菜,1元\n2026-03-03,\"特价,虾\",19元\n03-03,葱，2元\n2,周二菜,2元"

t:case("the board at 07:30, from CSV by date, weekday and every day", with({}, { board = true, board_csv = CSV }), function(g)
  g:at("07:35")
  g:equal(g:expect{ text = "价格牌" }.text, "价格牌 03月02日 鸡蛋=9.9元/盒\n周一菜=1元")
  g:equal(g:time():sub(12, 13), "07")
  g:at("2026-03-03 07:35")
  g:equal(g:expect{ text = "价格牌" }.text, "价格牌 03月03日 鸡蛋=9.9元/盒\n特价,虾=19元\n葱=2元\n周二菜=2元")
  g:equal(outcome(g, "board").outcome, "sent")
end)

t:case("the board from Redis, before the CSV; a restart keeps it", with({}, { board = true, board_csv = CSV }), function(g)
  g:trigger("board", { args = { date = "2026-03-02", rows = { ["草莓"] = "15元/斤", ["牛奶"] = 8 } } })
  g:restart()
  g:at("07:35")
  g:equal(g:expect{ text = "价格牌" }.text, "价格牌 03月02日 牛奶=8\n草莓=15元/斤")
end)

t:case("the board from Redis: yesterday's prices are never posted, and staff are told", with({}, { board = true }), function(g)
  g:trigger("board", { args = { date = "2026-03-02", rows = { ["草莓"] = "15元/斤" } } })
  g:at("2026-03-03 07:35")
  g:expect_count(1, { text = "草莓" })
  g:expect_count(1, { chat = "staff", text = "牌旧" })
  g:equal({ outcome(g, "board").outcome, outcome(g, "board").why }, { "blocked", "stale" })
end)

t:case("the board of all groups, and what one group has of its own", with({}, { board = true }), function(g)
  g:says("小张", "早", { chat = "二店" })
  g:trigger("board", { args = { shared = true, rows = { ["草莓"] = "15元", ["葱"] = "2元" } } })
  g:trigger("board", { args = { rows = { ["葱"] = "1元" } } })
  g:at("07:35")
  g:expect{ text = "价格牌 03月02日 葱=1元\n草莓=15元", plain = true }
  g:expect{ text = "价格牌 03月02日 草莓=15元\n葱=2元", chat = "二店" }
end)

t:case("the board with nothing on it is skipped", with({}, { board = true }), function(g)
  g:at("07:35")
  g:silent()
  g:equal({ outcome(g, "board").outcome, outcome(g, "board").why }, { "skipped", "empty" })
end)

t:case("without the parameter there is no board", with({}, { board_csv = CSV }), function(g)
  g:at("07:35")
  g:silent()
  g:equal(#g:events("planned_post"), 0)
end)

t:case("the board from a CSV as spreadsheets write it: BOM, CRLF, quotes, holes, more columns", with({}, {
  board = true,
  board_csv = "\239\187\191*,鸡蛋,9.9\r\n*,\"草莓 \"\"特级\"\"\",15\r\n*,\"大虾,冻\",\"1,2\"\r\n*,葱\r\n*\r\n\r\n*,\"a\"\"\",\"3\",x\r\n*,\"\",4",
}), function(g)
  g:at("07:35")
  g:equal(g:expect{ text = "价格牌" }.text, '价格牌 03月02日 鸡蛋=9.9\n草莓 "特级"=15\n大虾,冻=1,2\n葱=\na"=3\n=4')
end)

t:case("the board from Redis, written by hand: prices as money", with({}, { board = true }), function(g)
  g:write("hash", "board", { ["鸡蛋"] = "9.90", ["虾"] = "10.00", ["葱"] = "2", ["茄子"] = "3 元" })
  g:at("07:35")
  g:equal(g:expect{ text = "价格牌" }.text, "价格牌 03月02日 茄子=3 元\n葱=2\n虾=10.00\n鸡蛋=9.90")
end)

-- ---- outcomes ------------------------------------------------------------------------------------------------------

t:case("日历结果: plan and actual of a day", with({
  { id = "a", weekday = DAILY, at = "09:00", text = "甲" }, { id = "b", weekday = DAILY, at = "23:00", text = "乙" },
}), function(g)
  g:staff("群管", "日历结果")
  g:expect{ at = "群管", text = "无结果2026-03-01" }
  g:at("2026-03-02 23:30")
  g:expect{ text = "甲" }
  g:staff("群管", "日历结果")
  g:expect{ text = { "结果2026-03-02 计划2 发1 晚0 跳0 没1 准50%", "09:00|a|已发|09:00|", "23:00|b|没发||安静" } }
  g:at("2026-03-03 08:00")
  g:staff("群管", "日历结果 昨天")
  g:expect{ text = "结果2026-03-02" }
end)

t:case("a post that leaves late is late, one that could not leave in time is blocked", with({
  { id = "a", weekday = DAILY, at = "09:00", text = "甲" }, { id = "b", weekday = DAILY, at = "12:00", text = "乙", late = "5m" },
}), function(g)
  g:at("2026-03-02 08:59")
  g:fail_sends(1, "crowded", "10m")
  g:at("2026-03-02 10:00")
  g:expect{ text = "甲" }
  g:equal(outcome(g, "a").outcome, "late")
  g:at("2026-03-02 11:59")
  g:fail_sends(1, "crowded", "10m")
  g:at("2026-03-02 13:00")
  g:silent()
  g:equal(outcome(g, "b").outcome, "blocked")
  assert(outcome(g, "b").why ~= "")
end)

t:case("a post in quiet hours is blocked", with({ { id = "q", weekday = DAILY, at = "23:00", text = "夜里" } }), function(g)
  g:at("2026-03-03 03:00")
  g:silent()
  g:equal({ outcome(g, "q").outcome, outcome(g, "q").why }, { "blocked", "quiet" })
end)

t:case("a post in quiet hours that may wait for their end is late", with({
  { id = "q", weekday = DAILY, at = "07:10", text = "清早" },
}), function(g)
  g:at("2026-03-02 07:20")
  g:silent()
  g:at("2026-03-02 08:20")
  g:expect{ text = "清早" }
  local got = outcome(g, "q")
  g:equal(got.outcome, "late")
  assert(got.seconds >= 1200 and got.seconds <= 1320, "about twenty minutes: " .. got.seconds)
end)

t:case("a post of the evening that may wait until the morning is late, and is due again that evening", with({
  { id = "q", weekday = DAILY, at = "22:45", text = "晚安", late = "10h" },
}), function(g)
  g:at("2026-03-03 08:30")
  g:expect{ text = "晚安" }
  g:equal({ outcome(g, "q").outcome, outcome(g, "q").date, #g:events("planned_post") }, { "late", "2026-03-02", 1 })
  g:at("2026-03-04 08:30")
  g:expect{ text = "晚安" }
  g:equal({ outcome(g, "q").outcome, outcome(g, "q").date, #g:events("planned_post") }, { "late", "2026-03-03", 2 })
end)

t:case("a post in quiet hours that says anytime is posted", with({
  { id = "q", weekday = DAILY, at = "23:00", text = "夜里", anytime = true },
}), function(g)
  g:at("2026-03-02 23:10")
  g:expect{ text = "夜里" }
  g:equal(outcome(g, "q").outcome, "sent")
end)

t:case("what the platform refuses is blocked, with its reason", with({ { id = "a", weekday = 1, at = "09:00", text = "甲" } }), function(g)
  g:at("2026-03-02 08:59")
  g:fail_sends(1, "failed")
  g:at("2026-03-02 09:40")
  local got = outcome(g, "a")
  g:equal(got.outcome, "blocked")
  assert(got.why and got.why ~= "")
end)

t:case("a flow that was off when a post was due: blocked", with({ { id = "a", weekday = DAILY, at = "09:00", text = "甲" } }), function(g)
  g:at("2026-03-02 08:00")
  g:toggle("calendar", "off")
  g:at("2026-03-02 20:00")
  g:toggle("calendar", "on")
  g:at("2026-03-03 08:00")
  g:silent()
  g:equal(outcome(g, "a").outcome, "blocked")
end)

t:case("a flow that was off for days: what was due on them is blocked", with({
  { id = "a", weekday = DAILY, at = "09:00", text = "甲" }, { id = "new", member_day = 1, at = "10:00", text = "{names}" },
}), function(g)
  g:at("2026-03-02 12:00")
  g:expect{ text = "甲" }
  g:toggle("calendar", "off")
  g:at("2026-03-04 20:00")
  g:silent()
  g:toggle("calendar", "on")
  g:at("2026-03-05 10:00")
  g:expect_count(1, { text = "甲" })
  local list = {}
  for _, event in ipairs(g:events("planned_post")) do list[#list + 1] = event.date:sub(9) .. event.outcome .. (event.why or "") end
  g:equal(table.concat(list, " "), "02sent 02skippednobody 03blockedoff 04blockedoff 05sent 05skippednobody")
end)

t:case("a flow that was off until somebody asks for 日历: what was due that day is blocked, too", with({
  { id = "a", weekday = DAILY, at = "09:00", text = "甲" }, { id = "b", weekday = DAILY, at = "21:00", text = "乙" },
}), function(g)
  g:at("2026-03-02 22:00")
  g:toggle("calendar", "off")
  g:at("2026-03-04 20:00")
  g:toggle("calendar", "on")
  g:staff("群管", "日历")
  g:at("2026-03-04 22:00")
  local list = {}
  for _, event in ipairs(g:events("planned_post")) do list[#list + 1] = event.date:sub(9) .. event.id .. event.outcome end
  g:equal(table.concat(list, " "), "02asent 02bsent 03ablocked 03bblocked 04ablocked 04bsent")
end)

local MANY = {}
for i = 1, 30 do MANY[i] = { id = "m" .. i, weekday = DAILY, at = string.format("%02d:%02d", 8 + i // 4, i % 4 * 15), text = "帖" .. i } end

t:case("a flow that was off for forty days, with many posts: the last days are closed, and it goes on", with(MANY), function(g)
  g:at("2026-03-02 23:00")
  g:toggle("calendar", "off")
  g:at("2026-04-12 20:00")
  g:toggle("calendar", "on")
  g:at("2026-04-13 23:00")
  local days = {}
  for _, event in ipairs(g:events("planned_post")) do
    local key = event.date:sub(6) .. event.outcome
    days[key] = (days[key] or 0) + 1
  end
  g:equal(days, { ["03-02sent"] = 30, ["04-10blocked"] = 30, ["04-11blocked"] = 30, ["04-12blocked"] = 30, ["04-13sent"] = 30 })
end)

t:case("a post after midnight is posted on its date, also by 排期", with({
  { id = "year", date = "2026-03-04", at = "00:00", text = "零点 {date} {weekday}", anytime = true },
  { id = "kept", date = "2026-03-03", at = "03:30", text = "凌晨", confirm = true, anytime = true },
}, { unconfirmed = "skip" }), function(g)
  g:at("2026-03-02 23:00")
  g:staff("店长", "日历")
  g:expect{ text = "03:30-kept-待" }
  g:staff("店长", "确认 kept")
  g:expect{ text = "确认了kept 03:30" }
  g:staff("店长", "排期 明天 晚上12点 半夜")
  g:expect{ text = "排好g1 03-04 00:00" }
  g:at("2026-03-03 03:00")
  g:silent()
  g:at("2026-03-04 12:00")
  g:expect_count(1, { text = "凌晨" })
  g:expect_count(1, { text = "零点 03月04日 三" })
  g:equal({ outcome(g, "kept").date, outcome(g, "year").date, outcome(g, "year").seconds < 60 }, { "2026-03-02", "2026-03-03", true })
  g:equal({ outcome(g, "g1").date, outcome(g, "g1").why }, { "2026-03-03", "quiet" })
end)

t:case("a post that waits for the end of the quiet hours can still be taken out", function(g)
  g:at("2026-03-02 06:00")
  g:staff("店长", "排期 今天 07:10 新品")
  g:expect{ text = "排好g1" }
  g:at("2026-03-02 07:20")
  g:staff("店长", "取消排期 g1")
  g:expect{ text = "取消了g1" }
  g:at("2026-03-02 09:00")
  g:silent()
  g:equal({ outcome(g, "g1").outcome, outcome(g, "g1").why }, { "skipped", "withdrawn" })
end)

for _, one in ipairs({
  { "no post", 5 }, { "from", { id = "o", weekday = 1, from = 20260101, at = "10:30", text = "x" } },
  { "festival", { id = "o", festival = 3, at = "10:30", text = "x" } },
  { "late", { id = "o", weekday = 1, late = "soon", at = "10:30", text = "x" } },
  { "date", { id = "o", date = "2026-3-2", at = "10:30", text = "x" } },
  { "weekday", { id = "o", weekday = "周一", at = "10:30", text = "x" } },
  { "days", { id = "o", festival = "春节", days = "x", at = "10:30", text = "x" } },
  { "member_day", { id = "o", member_day = "三", at = "10:30", text = "x" } },
  { "group_day", { id = "o", group_day = {}, at = "10:30", text = "x" } },
  { "several of this id", { id = "ok", weekday = 1, at = "10:30", text = "x" } },
}) do
  t:case("an odd entry does not take the others with it, and staff are told: " .. one[1], with({
    { id = "ok", weekday = 1, at = "10:00", text = "好" }, one[2],
  }), function(g)
    g:join("小新")
    g:at("2026-03-02 11:00")
    g:expect_count(1, { chat = "staff", text = one[1] })
    g:expect{ text = "好", plain = true }
    g:silent()
  end)
end

t:case("an id that is a number, a leap day, and what was put into the hash by hand", with({
  { id = 7, date = "02-29", at = "10:00", text = "闰日" },
}, nil, "2028-02-27 03:00"), function(g)
  g:write("hash", "posts", { g9 = "明天发", g8 = '{"date":"2028-02-28","at":"09:00","text":"手"}', g7 = '{"at":"09:00"}' })
  g:at("2028-02-27 10:00")
  g:staff("店长", "排期 明天 09:30 新品")
  g:expect{ text = "排好g1" }
  g:at("2028-03-01 12:00")
  g:expect_count(1, { text = "手" })
  g:expect_count(1, { text = "新品", plain = true })
  g:expect_count(1, { text = "闰日" })
  g:equal(outcome(g, "7").date, "2028-02-29")
end)

t:case("a post that cannot be read is blocked, and staff are told once", with({
  { id = "none", at = "09:00", text = "甲" }, { id = "two", weekday = 1, date = "03-02", at = "09:00", text = "乙" },
  { id = "hour", weekday = 1, at = "9点", text = "丙" }, { id = "feast", festival = "没有这个节", at = "09:00", text = "丁" },
  { id = "bare", weekday = DAILY, at = "09:00" }, { id = "name", weekday = DAILY, at = "09:00", text = "{what}" },
  { id = "n", every = 0, at = "09:00", text = "戊" },
}), function(g)
  g:at("2026-03-03 10:00")
  for _, id in ipairs({ "none", "two", "hour", "feast", "bare", "n" }) do g:expect_count(1, { chat = "staff",
  text = "错 " .. id .. " " }) end
  g:equal(outcome(g, "feast").why, "settings: festival")
  g:equal(outcome(g, "name").why, "settings: text")
  g:silent()
end)

t:case("a calendar that is empty for days: staff are told once a week", with({
  { id = "a", date = "2026-03-03", at = "09:00", text = "甲" },
}, { gap_days = 5, plan_bare = "{days}天空着" }), function(g)
  g:at("2026-03-03 08:00")
  g:silent()
  g:at("2026-03-09 08:00")
  g:expect_count(1, { chat = "staff", text = "5天空着" })
end)

t:case("an edit of the list: new words at once, a new post with the next look at 日历", with({
  { id = "a", weekday = DAILY, at = "09:00", text = "旧" },
}), function(g)
  g:at("2026-03-02 08:00")
  g:param("calendar.posts", '[{"id":"a","weekday":1,"at":"09:00","text":"新"},{"id":"b","weekday":1,"at":"10:00","text":"加"}]')
  g:staff("群管", "日历")
  g:expect{ text = { "09:00-a", "10:00-b" } }
  g:at("2026-03-02 11:00")
  g:expect_count(1, { text = "新" })
  g:expect_count(1, { text = "加" })
end)

t:case("a post that is taken out of the list after the plan is skipped", with({
  { id = "a", weekday = DAILY, at = "09:00", text = "甲" },
}), function(g)
  g:at("2026-03-02 08:00")
  g:param("calendar.posts", "[]")
  g:at("2026-03-02 11:00")
  g:silent()
  g:equal({ outcome(g, "a").outcome, outcome(g, "a").why }, { "skipped", "withdrawn" })
end)

t:case("a restart between plan and post, and a death in the middle of each, post once", with({
  { id = "a", weekday = DAILY, at = "09:00", text = "甲" },
}), function(g)
  g:at("2026-03-02 08:00")
  g:restart()
  g:at("2026-03-02 09:30")
  g:expect_count(1, { text = "甲" })
  for i, during in ipairs({ "input", "commit", "send" }) do
    g:at("2026-03-0" .. i + 2 .. " 08:59")
    g:kill{ during = during }
    g:at("2026-03-0" .. i + 2 .. " 10:30")
  end
  g:expect_count(3, { text = "甲" })
  g:equal(#g:events("planned_post"), 4)
end)

-- ---- the store has a say -------------------------------------------------------------------------------------------

local CONFIRM = { { id = "a", date = "2026-03-02", at = "15:00", text = "总部的话", confirm = true } }

t:case("a post to be confirmed is shown two hours before, and goes out after 确认", with(CONFIRM, { unconfirmed = "skip" }), function(g)
  g:at("2026-03-02 12:59")
  g:silent()
  g:at("2026-03-02 13:05")
  g:expect{ chat = "staff", text = "待确认 a 15:00 总部的话 到14:50 不发" }
  g:staff("店长", "确认 a")
  g:expect{ at = "店长", text = "确认了a 15:00" }
  g:at("2026-03-02 15:05")
  g:expect{ text = "总部的话" }
  g:equal(outcome(g, "a").outcome, "sent")
  g:equal(g:audit("post_confirmed")[1].id, "a")
end)

t:case("a post to be confirmed that nobody confirmed: sent, if the playbook says so", with(CONFIRM), function(g)
  g:at("2026-03-02 16:05")
  g:expect{ chat = "staff", text = "照发" }
  g:expect{ text = "总部的话", plain = true }
  g:equal(outcome(g, "a").outcome, "sent")
end)

t:case("a post to be confirmed that nobody confirmed: skipped, if it is set so", with(CONFIRM, { unconfirmed = "skip" }), function(g)
  g:at("2026-03-02 16:05")
  g:expect{ chat = "staff", text = "不发" }
  g:silent()
  g:equal({ outcome(g, "a").outcome, outcome(g, "a").why }, { "skipped", "unconfirmed" })
end)

t:case("确认 twice gets one short answer, then silence", with(CONFIRM), function(g)
  g:at("2026-03-02 13:05")
  g:expect{ chat = "staff" }
  g:staff("店长", "确认")
  g:expect{ text = "确认了a" }
  g:staff("店长", "确认 a")
  g:expect{ text = "确认了a" }
  g:staff("店长", "确认 a")
  g:expect{ text = "说过了" }
  g:staff("店长", "确认 a")
  g:silent("1m")
end)

t:case("确认 from the staff chat reaches the group", with(CONFIRM, { unconfirmed = "skip" }), function(g)
  g:at("2026-03-02 13:05")
  g:expect{ chat = "staff" }
  g:staff("店长", "确认 a", { chat = "staff" })
  g:expect{ chat = "staff", text = "确认了a" }
  g:at("2026-03-02 15:05")
  g:expect{ text = "总部的话" }
end)

t:case("改 replaces the words, which are never a template", with(CONFIRM, { unconfirmed = "skip" }), function(g)
  g:at("2026-03-02 13:05")
  g:expect{ chat = "staff" }
  g:staff("店长", "改 a")
  g:expect{ text = "怎么改a" }
  g:staff("店长", "改 a 今天 {date} 特价")
  g:expect{ text = "改了a" }
  g:at("2026-03-02 15:05")
  g:expect{ text = "今天 {date} 特价", plain = true }
  g:equal(outcome(g, "a").outcome, "sent")
  g:equal(g:audit("post_changed")[1].after, "changed")
end)

t:case("改 of a post for newcomers: the new words go to them only, and to nobody if there are none", with({
  { id = "m1", member_day = 1, at = "12:00", text = "{names} 好" },
}), function(g)
  g:at("2026-03-02 10:00")
  g:staff("店长", "改 m1 来了就好")
  g:expect{ text = "改了m1" }
  g:join("小美")
  g:at("2026-03-02 13:00")
  g:silent()
  g:at("2026-03-03 10:00")
  g:staff("店长", "改 m1 来了就好")
  g:expect{ text = "改了m1" }
  g:at("2026-03-03 13:00")
  g:expect{ at = "小美", text = "来了就好" }
end)

t:case("改 may be forbidden", with(CONFIRM, { may_change = false }), function(g)
  g:at("2026-03-02 13:05")
  g:expect{ chat = "staff" }
  g:staff("店长", "改 a 新的")
  g:expect{ text = "不许改a" }
  g:at("2026-03-02 15:05")
  g:expect{ text = "总部的话" }
end)

t:case("跳过 with a reason", with(CONFIRM), function(g)
  g:at("2026-03-02 13:05")
  g:expect{ chat = "staff" }
  g:staff("店长", "跳过 a 没货了")
  g:expect{ text = "跳过了a" }
  g:at("2026-03-02 15:05")
  g:silent()
  g:equal({ outcome(g, "a").outcome, outcome(g, "a").why }, { "skipped", "store: 没货了" })
  g:staff("店长", "日历结果")
  g:expect{ text = "15:00|a|略过||店里 没货了" }
  g:staff("店长", "确认 a")
  g:expect{ text = "来不及a" }
end)

t:case("after the window it is too late for 确认, 改 and 跳过", with(CONFIRM), function(g)
  g:at("2026-03-02 14:55")
  g:expect{ chat = "staff" }
  for _, words in ipairs({ "确认 a", "改 a 新", "跳过 a" }) do
    g:staff("店长", words)
    g:expect{ text = "来不及a" }
  end
  g:at("2026-03-02 15:05")
  g:expect{ text = "总部的话" }
end)

t:case("several wait: the name is asked for; none waits: the word is somebody else's", with({
  CONFIRM[1], { id = "b", date = "2026-03-02", at = "15:30", text = "乙", confirm = true },
}), function(g)
  g:at("2026-03-02 08:00")
  g:staff("店长", "确认")
  g:expect{ text = "哪一条 a、b" }
  g:staff("店长", "跳过 a")
  g:expect{ text = "跳过了a" }
  g:staff("店长", "跳过")
  g:expect{ text = "跳过了b" }
  g:staff("店长", "跳过")
  g:silent()
end)

t:case("members and keepers may not confirm, change, skip or put", with(CONFIRM), function(g)
  g:at("2026-03-02 13:05")
  g:expect{ chat = "staff" }
  for _, words in ipairs({ "确认 a", "改 a 新", "跳过 a", "排期 明天 09:00 甲", "群发排期 明天 09:00 甲" }) do
    g:says("小美", words)
    g:staff("群管", words)
  end
  g:says("小美", "日历")
  g:silent()
end)

-- ---- posts from the chat -------------------------------------------------------------------------------------------

t:case("排期 for this group, today and another day; 排期 twice is one post", function(g)
  g:at("2026-03-02 08:00")
  g:staff("店长", "排期 今天 09:00 新品 {到店}")
  g:expect{ at = "店长", text = "排好g1 03-02 09:00" }
  g:staff("店长", "排期 今天 09:00 新品 {到店}")
  g:expect{ text = "排好g1" }
  g:staff("店长", "排期 今天 09:00 新品 {到店}")
  g:expect{ text = "说过了" }
  g:staff("店长", "排期 3月4日 10:00 后天的")
  g:expect{ text = "排好g2 03-04 10:00" }
  g:staff("店长", "排期 昨天 10:00 过去")
  g:expect{ text = "怎么排" }
  g:staff("店长", "排期 今天")
  g:expect{ text = "怎么排" }
  g:at("2026-03-04 12:00")
  g:expect_count(1, { text = "新品 {到店}", plain = true })
  g:expect_count(1, { text = "后天的" })
end)

t:case("取消排期 takes it out, and it is skipped", function(g)
  g:at("2026-03-02 08:00")
  g:staff("店长", "排期 今天 09:00 新品")
  g:expect{ text = "排好g1" }
  g:staff("店长", "取消排期 g9")
  g:expect{ text = "没有g9" }
  g:staff("店长", "取消排期 g1")
  g:expect{ text = "取消了g1" }
  g:at("2026-03-02 10:00")
  g:silent()
  g:equal({ outcome(g, "g1").outcome, outcome(g, "g1").why }, { "skipped", "withdrawn" })
end)

t:case("日历 in many spellings; in a sentence, quoted or as a question it is none", function(g)
  for i, words in ipairs({ "日历", " 日历 ", "/日历", "@小福 日历", "日历!" }) do
    g:staff("群管", words)
    g:expect{ text = "头 03月0" .. (i > 9 and 2 or 1) }
  end
  g:says("群管", "看看日历吧")
  g:says("群管", "日历?")
  g:silent()
  g:staff("群管", "日历 什么时候")
  g:expect{ text = "日期?" }
end)

t:case("群发排期 in private: all groups, and when the last will have been reached", function(g)
  g:says("小美", "早")
  g:says("小张", "早", { chat = "二店" })
  g:at("2026-03-02 08:00")
  g:dm("总部", "群发排期 今天 10:00 全国上新")
  g:expect{ dm = "总部", text = "群发p1 03-02 10:00 2个群 10:00:05" }
  g:at("2026-03-02 10:30")
  g:expect_count(1, { text = "全国上新" })
  g:expect_count(1, { text = "全国上新", chat = "二店" })
  g:dm("总部", "群发进度")
  g:expect{ dm = "总部", text = { "进度p1 2/2 漏0", "03-02 10:0" } }
end)

t:case("群发排期 twice is one post; of another day it waits for its morning; 撤回排期", function(g)
  g:says("小美", "早")
  g:at("2026-03-02 08:00")
  g:dm("总部", "群发排期 3月4日 10:00 后天")
  g:expect{ dm = "总部", text = "群发p1 03-04 10:00" }
  g:dm("总部", "群发排期 3月4日 10:00 后天")
  g:expect{ dm = "总部", text = "群发p1 03-04 10:00" }
  g:dm("总部", "群发排期 3月4日 10:00 后天")
  g:expect{ dm = "总部", text = "说过了" }
  g:dm("总部", "群发排期 3月5日 10:00 大后天")
  g:expect{ dm = "总部", text = "群发p2" }
  g:at("2026-03-04 11:00")
  g:expect_count(1, { text = "后天" })
  g:dm("总部", "撤回排期 p2")
  g:expect{ dm = "总部", text = "取消了p2" }
  g:dm("总部", "撤回排期 p2")
  g:expect{ dm = "总部", text = "没有p2" }
  g:at("2026-03-05 11:00")
  g:silent()
end)

t:case("撤回排期 after the plan: skipped", function(g)
  g:says("小美", "早")
  g:at("2026-03-02 08:00")
  g:dm("总部", "群发排期 今天 10:00 上新")
  g:advance("1m")
  g:dm("总部", "撤回排期 p1")
  g:at("2026-03-02 11:00")
  g:expect_none{ text = "上新", plain = true }
  g:equal({ outcome(g, "p1").outcome, outcome(g, "p1").why }, { "skipped", "withdrawn" })
end)

t:case("群发排期 to more groups than can be reached in time says so", with({}, { pace = 600, late = "5m" }), function(g)
  g:says("小美", "早")
  g:says("小张", "早", { chat = "二店" })
  g:at("2026-03-02 08:00")
  g:dm("总部", "群发排期 今天 10:00 上新")
  g:expect{ dm = "总部", text = { "2个群 10:10:00", "太密1 5" } }
end)

t:case("群发排期 with confirmation, and the store skips it in its own group only", with({}, { publish_confirm = true }), function(g)
  g:says("小美", "早")
  g:says("小张", "早", { chat = "二店" })
  g:at("2026-03-02 08:00")
  g:dm("总部", "群发排期 今天 10:00 上新")
  g:expect{ dm = "总部" }
  g:advance("1m")
  g:expect_count(2, { chat = "staff", text = "待确认 p1" })
  g:staff("店长", "跳过 p1 装修")
  g:expect{ text = "跳过了p1" }
  g:at("2026-03-02 11:00")
  g:expect_count(1, { text = "上新", chat = "二店" })
  g:expect_none{ text = "上新", plain = true }
  g:dm("总部", "群发进度 p1")
  g:expect{ dm = "总部", text = "进度p1 1/2 漏1" }
end)

t:case("群发排期 is for HQ", function(g)
  g:says("小美", "早")
  g:dm("店长", "群发排期 明天 10:00 上新")
  g:expect_none{ text = "群发p" }
end)

t:case("two groups keep plans of their own", with({ { id = "a", weekday = DAILY, at = "09:00", text = "甲", confirm = true } }), function(g)
  g:says("小美", "早")
  g:says("小张", "早", { chat = "二店" })
  g:at("2026-03-02 08:00")
  g:staff("店长", "跳过 a")
  g:expect{ text = "跳过了a" }
  g:at("2026-03-02 09:30")
  g:expect_count(1, { text = "甲", chat = "二店" })
  local ends = {}
  for _, event in ipairs(g:events("planned_post")) do ends[#ends + 1] = event.outcome end
  g:equal(ends, { "skipped", "sent" })
end)

t:case("where nothing can be posted unasked every post is blocked", with({
  { id = "a", weekday = DAILY, at = "09:00", text = "甲" },
}), function(g)
  g:lacks("proactive")
  g:at("2026-03-02 10:00")
  g:silent()
  g:equal(outcome(g, "a").outcome, "blocked")
  assert(outcome(g, "a").why ~= "")
end)

t:case("on WeCom posts go to chats in which somebody wrote", with({ { id = "a", weekday = DAILY, at = "09:00", text = "甲" } }), function(g)
  g:platform("wecom")
  g:says("小美", "@小福 早")
  g:at("2026-03-02 10:00")
  g:expect{ text = "甲" }
  g:equal(outcome(g, "a").outcome, "sent")
end)

t:case("群发排期 to 600 groups reaches each of them, once", function(g)
  for i = 1, 600 do g:says("小张", "早", { chat = "店" .. i }) end
  g:at("2026-03-02 08:00")
  g:dm("总部", "群发排期 今天 10:00 上新")
  g:expect{ dm = "总部", text = { "601个群 10:42:00", "太密" } }
  g:at("2026-03-02 11:00")
  for _, i in ipairs({ 1, 499, 500, 501, 600 }) do g:expect_count(1, { text = "上新", chat = "店" .. i }) end
  g:dm("总部", "群发进度")
  g:expect{ dm = "总部", text = "进度p1 601/601 漏0" }
end)
