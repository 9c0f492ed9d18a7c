-- checkin_test.lua -- the check-in challenge, sentence by sentence.
local TEXTS = {
  done = "成功 第{day}天 连续{streak} 今天第{place} 卡{cards}", already = "已打过 第{day}天",
  need_photo = "要带图", need_text = "要写字", need_signup = "先报名", signed_up = "报名成功 {date}",
  not_started = "还没开始 {date}", over_fixed = "已经结束", paused = "暂停中",
  milestone = "满{days}天", prize_points = "奖{points}分", finished = "证书 {name} {days}天", card_earned = "得卡 共{cards}张",
  made_up = "补好 {date} 连续{streak} 卡{cards}", makeup_none = "不用补", makeup_late = "补不了", makeup_cards = "没有卡了",
  mine = "{calendar} 共{total}/{days} 连续{streak} 卡{cards}", mine_none = "没有记录",
  board = "榜 {lines}", board_line = "{place}.{name} {total}天", board_own = "你第{place}/{count}",
  seen = "刚给过", reminder = "提醒 {names}", reminder_more = "提醒 {names} 另外{rest}位",
  day_summary = "小结 {count}/{members} {share}", summary_feats = "里程碑 {feats}", summary_task = "明天 {task}",
  final_board = "总榜 {lines} 完成{finished}/{members}", welcome_back = "接着算",
  staff_who = "要@人", staff_noted = "补记 {name} 共{total}", staff_undone = "撤销 {name} 剩{total}",
  staff_nothing = "没有可改", staff_paused = "已暂停", staff_resumed = "已恢复",
  staff_list = "已打{done}:{who} 未打{missing}:{others}",
}

local function book(params, ...)
  local flow = { "checkin" }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return { flows = { "switch", "common", flow, ... } }
end

local t = sop.test("checkin", { playbook = book(), start = "2026-03-02 10:00" })

-- `who` checks in on each of the next n days.
local function days_in_a_row(g, who, n)
  for i = 1, n do
    if i > 1 then g:advance("1d") end
    g:says(who, "打卡")
  end
end

-- ---- 打卡 ----------------------------------------------------------------------------------------------------------

t:case("打卡 enrols and counts; a second one that day gets one short answer, then silence", function(g)
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "成功 第1天 连续1 今天第1" }
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "已打过 第1天" }
  g:says("小美", "打卡")
  g:says("小美", "签到")
  g:silent()
  g:equal(#g:events("checked_in"), 1)
end)

t:case("the place of the day counts up", function(g)
  g:says("小美", "打卡")
  g:says("小王", "签到")
  g:expect{ at = "小美", text = "今天第1" }
  g:expect{ at = "小王", text = "今天第2" }
end)

t:case("报名 first where the playbook asks for it", { playbook = book({ join = "signup" }) }, function(g)
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "先报名" }
  g:says("小美", "报名")
  g:expect{ at = "小美", text = "报名成功 2026-03-02" }
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "成功 第1天" }
end)

t:case("commands match tolerantly: blanks, full-width forms, a prefix, an @ of the bot", function(g)
  for i, text in ipairs({ "  打卡 ", "/打卡", "#打卡", "!打卡", "@小福 打卡" }) do
    g:says("成员" .. i, text)
    g:expect{ at = "成员" .. i, text = "成功 第1天" }
  end
end)

t:case("a command inside a longer sentence is none", function(g)
  g:says("小美", "我明天再打卡吧")
  g:says("小王", "打卡机坏了")
  g:silent("1m")
end)

t:case("proof = photo: only with a picture", { playbook = book({ proof = "photo" }) }, function(g)
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "要带图" }
  g:image("小美", "打卡")
  g:expect{ at = "小美", text = "成功 第1天" }
end)

t:case("proof = text: only with words", { playbook = book({ proof = "text" }) }, function(g)
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "要写字" }
  g:says("小美", "打卡 走了一万步")
  g:expect{ at = "小美", text = "成功 第1天" }
end)

t:case("the day ends at the cut-off hour, not at midnight", { start = "2026-03-02 23:50" }, function(g)
  g:says("小美", "打卡")
  g:expect{ text = "第1天" }
  g:at("03:50")
  g:says("小美", "打卡")
  g:expect{ text = "已打过 第1天" }
  g:at("04:10")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "成功 第2天 连续2" }
end)

t:case("a missed day breaks the streak, not the total", function(g)
  days_in_a_row(g, "小美", 3)
  g:advance("2d")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "成功 第4天 连续1" }
end)

-- ---- milestones and the end ----------------------------------------------------------------------------------------

t:case("28 days: milestones at 7, 14, 21 and 28, once each, a certificate and a tag", function(g)
  local told = {}
  for day = 1, 28 do
    if day > 1 then g:advance("1d") end
    g:says("小美", "打卡")
    local answer = g:expect{ at = "小美", text = "成功 第" .. day .. "天 连续" .. day }
    told[#told + 1] = answer.text:match("满(%d+)天")
    g:equal(answer.text:find("证书 小美 28天", 1, true) ~= nil, day == 28, "certificate on day " .. day)
  end
  g:equal(told, { "7", "14", "21", "28" })
  g:equal(g:tags("小美"), { "打卡完成" })
  g:equal(#g:events("challenge_finished"), 1)
  g:equal(g:state("member", "小美", "certified"), true)
end)

t:case("a milestone can give a tag and a coupon", {
  playbook = book({ milestones = { { day = 2, tag = "两天", coupon = "满减券" } } }, "redpacket"),
}, function(g)
  days_in_a_row(g, "小美", 2)
  g:expect{ at = "小美", text = "满2天" }
  g:equal(g:tags("小美"), { "两天" })
  g:says("小美", "我的券")
  g:expect{ dm = "小美", text = "满减券" }
end)

t:case("fixed: everybody has the same days; at the end the final board and the completion rate", {
  playbook = book({ cohort = "fixed", start = "2026-03-03", days = 3 }),
}, function(g)
  g:says("小美", "打卡")
  g:expect{ text = "还没开始 2026-03-03" }
  g:at("2026-03-03 10:00")
  g:says("小美", "打卡")
  g:says("小王", "打卡")
  g:advance("1d")
  g:says("小美", "打卡")
  g:advance("1d")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "证书 小美 3天" }
  g:at("2026-03-06 09:00")
  g:expect{ text = { "总榜", "1.小美 3天", "完成1/2" } }
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "已经结束" }
end)

-- ---- 补卡 ----------------------------------------------------------------------------------------------------------

t:case("补卡 uses a card for the last missed day", function(g)
  days_in_a_row(g, "小美", 2)
  g:advance("2d")
  g:says("小美", "补卡")
  g:expect{ at = "小美", text = "补好 2026-03-04 连续3 卡1" }
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "第4天 连续4" }
end)

t:case("补卡 with a date, within three days only", { playbook = book({ cards = 5 }) }, function(g)
  g:says("小美", "打卡")
  g:advance("5d")
  g:says("小美", "补卡 3月5日")
  g:expect{ at = "小美", text = "补好 2026-03-05" }
  g:says("小美", "补卡3月3日")
  g:expect{ at = "小美", text = "补不了" }
  g:says("小美", "补卡 昨天")
  g:expect{ at = "小美", text = "补好 2026-03-06" }
end)

t:case("two cards a challenge, and one more for each streak of seven", function(g)
  g:says("小美", "打卡")
  g:advance("4d")
  g:says("小美", "补卡")
  g:says("小美", "补卡")
  g:says("小美", "补卡")
  g:expect_count(2, { text = "补好" })
  g:expect{ text = "没有卡了" }
end)

t:case("seven days in a row earn a card", function(g)
  days_in_a_row(g, "小美", 7)
  g:expect{ at = "小美", text = { "第7天", "得卡 共3张" } }
end)

-- ---- looking -------------------------------------------------------------------------------------------------------

t:case("我的打卡 shows the calendar", function(g)
  days_in_a_row(g, "小美", 2)
  g:advance("2d")
  g:says("小美", "打卡")
  g:says("小美", "我的打卡")
  g:expect{ at = "小美", text = { "■■□■", "共3/28 连续1 卡2" } }
  g:says("小美", "我的打卡")
  g:expect{ at = "小美", text = "刚给过" }
  g:says("小美", "我的打卡")
  g:silent()
end)

t:case("打卡榜 shows the best and one's own place", function(g)
  days_in_a_row(g, "小美", 2)
  g:says("小王", "打卡")
  g:says("小王", "打卡榜")
  g:expect{ at = "小王", text = { "1.小美 2天", "2.小王 1天", "你第2/2" } }
end)

-- ---- evenings ------------------------------------------------------------------------------------------------------

t:case("at 20:30 those who have a streak to lose are reminded, in one message; the others are not", function(g)
  g:says("小美", "打卡")
  g:says("小王", "打卡")
  g:advance("1d")
  g:says("小王", "打卡")
  g:at("20:29")
  g:expect_none{ text = "提醒" }
  g:at("20:30")
  g:expect{ at = "小美", text = "提醒" }
  g:expect_none{ at = "小王" }
  g:advance("1h")
  g:expect_none{ text = "提醒" }
end)

t:case("at most ten are named, the rest by count", function(g)
  for i = 1, 14 do g:says("成员" .. i, "打卡") end
  g:at("20:30")
  g:expect_none{ text = "提醒" }
  g:advance("1d")
  local reminder = g:expect{ text = "提醒" }
  g:equal(#reminder.at, 10)
  assert(reminder.text:find("另外4位", 1, true), reminder.text)
end)

t:case("who opted out is not reminded", function(g)
  g:says("小美", "打卡")
  g:says("小美", "退订")
  g:advance("1d")
  g:at("20:31")
  g:expect_none{ text = "提醒" }
end)

t:case("at 22:00 the day is summed up: who checked in, new milestones, tomorrow's task", {
  playbook = book({
    cohort = "fixed", start = "2026-03-02", tasks = { "喝水", "早睡", "散步" }, milestones = { { day = 1, points = 5 } },
  }),
}, function(g)
  g:says("小美", "打卡")
  g:says("小王", "报名")
  g:at("22:00")
  g:expect{ text = { "小结 1/2 50%", "里程碑 小美 1", "明天 早睡" } }
end)

t:case("nobody is scolded: without a check-in there is no summary", function(g)
  g:says("小美", "打卡")
  g:at("2026-03-03 21:00")
  g:expect{ text = "小结" }
  g:at("22:30")
  g:expect_none{ text = "小结" }
end)

-- ---- staff ---------------------------------------------------------------------------------------------------------

t:case("补记 @人 notes a day, 撤销 @人 takes it back; members may not", function(g)
  g:says("小美", "打卡")
  g:advance("1d")
  g:staff("店长", "补记 @小美")
  g:expect{ at = "店长", text = "补记 小美 共2" }
  g:staff("店长", "撤销 @小美")
  g:expect{ at = "店长", text = "撤销 小美 剩1" }
  g:staff("店长", "补记")
  g:expect{ at = "店长", text = "要@人" }
  g:says("小王", "补记 @小美")
  g:silent()
  g:equal(#g:audit("checkin_noted"), 1)
  g:equal(#g:audit("checkin_undone"), 1)
end)

t:case("打卡暂停 stops the challenge's clock, 打卡恢复 goes on without a broken streak", function(g)
  days_in_a_row(g, "小美", 2)
  g:staff("店长", "打卡暂停")
  g:expect{ at = "店长", text = "已暂停" }
  g:advance("3d")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "暂停中" }
  g:staff("店长", "打卡恢复")
  g:expect{ at = "店长", text = "已恢复" }
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "成功 第3天 连续3" }
end)

t:case("打卡名单 lists who did and who did not", function(g)
  g:says("小美", "打卡")
  g:says("小王", "报名")
  g:staff("店长", "打卡名单")
  g:expect{ at = "店长", text = { "已打1:小美", "未打1:小王" } }
end)

-- ---- coming and going ----------------------------------------------------------------------------------------------

t:case("leaving freezes the challenge, coming back resumes it", function(g)
  days_in_a_row(g, "小美", 3)
  g:leave("小美")
  g:advance("5d")
  g:join("小美")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = { "第4天 连续4", "接着算" } }
end)

t:case("who left is not reminded", function(g)
  g:says("小美", "打卡")
  g:leave("小美")
  g:at("2026-03-03 20:31")
  g:expect_none{ text = "提醒" }
end)

-- ---- the daemon ----------------------------------------------------------------------------------------------------

t:case("a restart in the middle changes nothing", function(g)
  days_in_a_row(g, "小美", 3)
  g:restart()
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "已打过 第3天" }
  g:advance("1d")
  g:restart()
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "第4天 连续4" }
  g:restart()
  g:at("22:00")
  g:expect{ text = "小结 1/1" }
end)

t:case("switched off by staff, the flow says nothing; on again it goes on", function(g)
  g:says("小美", "打卡")
  g:staff("店长", "开关 打卡挑战 关")
  g:expect{ at = "店长" }
  g:advance("1d")
  g:says("小美", "打卡")
  g:expect_none{ at = "小美" }
  g:staff("店长", "开关 打卡挑战 开")
  g:expect{ at = "店长" }
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "第2天 连续2" }
end)

t:case("50 members through all 28 days: everybody has every day and the certificate", function(g)
  for day = 1, 28 do
    g:together(function()
      for i = 1, 50 do g:says("成员" .. i, "打卡") end
    end)
    g:expect_count(50, { text = "成功 第" .. day .. "天" })
    if day < 28 then g:advance("1d") end
  end
  g:equal(#g:events("challenge_finished"), 50)
  for i = 1, 50 do g:equal(g:tags("成员" .. i), { "打卡完成" }) end
end)
