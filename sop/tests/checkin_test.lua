-- checkin_test.lua -- the check-in challenge, sentence by sentence. What is promised to a group, and the cases that hold it:
--
-- Of every flow
--   command words match tolerantly; the longest wins          "commands match tolerantly ...", "the longest command wins ..."
--   inside a sentence, or quoted, they are none               "a command inside a longer sentence ...", "what is quoted ..."
--   one reply per cause, one short answer a day, silence      "打卡 enrols ...", "我的打卡 ...", "打卡榜: ...", "补卡 that ..."
--   at most ten are @-ed in one message                       "at most ten are named, the rest by count"
--   退订: no @ at once, own commands are answered, 恢复       "who opted out ...", "after 退订 ..."
--   quiet hours hold posts, not answers                       "in quiet hours ..."
--   points are whole numbers and sums are conserved           "points: the ledger adds up to the balance"
--   staff commands need a role                                "members may use none of the staff commands"
-- 打卡
--   报名 or automatic                                         "打卡 enrols and counts ...", "报名 first ..."
--   打卡 or 签到, as text, with text, with a photo            "打卡 with words, 签到, and a picture", "proof = ...", "remarks that ..."
--   the day runs from the cut-off hour to the next            "the day ends at the cut-off hour, not at midnight"
--   judged by the platform's time of the message              tests/e2e/test_campaign.py
--   28 days; everybody's own days, or those of the group      "28 days: ...", "fixed: ..."
--   total and streak                                          "a missed day breaks the streak, not the total"
--   milestones: text, points, tag, coupon, once each          "28 days: ...", "a milestone can ...", "a milestone is given once ..."
--   补卡, also with a date; two cards, one more per seven     "补卡 ...", "two cards ...", "seven days in a row earn a card"
--   我的打卡, 打卡榜 with the top ten and one's own place     "我的打卡 ...", "打卡榜 shows ...", "打卡榜: the top ten ..."
--   the reminder at 20:30                                     "at 20:30 ...", "at most ten ...", "another ten ...", "who left ..."
--   the summary at 22:00                                      "at 22:00 ...", "rolling: everybody ...", "nobody is scolded ..."
--   certificate, tag and coupon on completion                 "28 days: ...", "completion gives a coupon"
--   final board and completion rate at the end                "fixed: ...", "rolling: ...", "the next round may begin ..."
--   补记, 撤销, 打卡暂停, 打卡恢复, 打卡名单                  "补记 @人 ...", "补记 and 撤销 with a date", "打卡暂停 ...", "打卡名单 ..."
--   missed while the line was down: counts, one word for all  "the line was down ..." (3); tests/e2e/test_gap.py
--   leaving freezes, returning resumes                        "leaving freezes ...", "fixed: who leaves and returns ..."
--   under 400 bytes a member                                  "what is kept of a member is small"
--   metrics                                                   "what the report counts"
-- The campaign of a group is a run: "the campaign ...", "a campaign ...", "a restart ...", "a kill ...", "switched off ...", "an
-- edited campaign ..."; tests/e2e/test_campaign.py.
local TEXTS = {
  done = "成功 第{day}天 连续{streak} 今天第{place} 卡{cards}", already = "已打过 第{day}天",
  need_photo = "要带图", need_text = "要写字", need_signup = "先报名", signed_up = "报名成功 {date}",
  not_started = "还没开始 {date}", over_fixed = "已经结束", paused = "暂停中",
  milestone = "满{days}天", prize_points = "奖{points}分", finished = "证书 {name} {days}天", card_earned = "得卡 共{cards}张",
  made_up = "补好 {date} 连续{streak} 卡{cards}", makeup_none = "不用补", makeup_late = "补不了", makeup_cards = "没有卡了",
  mine = "{calendar} 共{total}/{days} 连续{streak} 卡{cards}", mine_none = "没有记录",
  board = "榜 {lines}", board_empty = "榜还空着", prize_coupon = "得券{what}", over = "走完了",
  board_line = "{place}.{name} {total}天", board_own = "你第{place}/{count}",
  seen = "刚给过", reminder = "提醒 {names}", reminder_more = "提醒 {names} 另外{rest}位",
  day_summary = "小结 {count}/{members} {share}", summary_feats = "里程碑 {feats}", summary_task = "明天 {task}",
  final_board = "总榜 {lines} 完成{finished}/{members}", welcome_back = "接着算",
  staff_who = "要@人", staff_noted = "补记 {name} 共{total}", staff_undone = "撤销 {name} 剩{total}",
  staff_nothing = "没有可改", staff_paused = "已暂停", staff_resumed = "已恢复",
  recovered = "补上 {count}", recovered_part = "补了 {count} 再发{word}",
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

t:case("the line was down: what was missed counts, is not answered one by one, and one word is said", function(g)
  g:missed("5m", function()
    for i = 1, 12 do g:says("成员" .. i, "打卡") end
    g:says("小美", "我的打卡")
    g:says("小美", "随便聊聊")
  end)
  g:expect{ plain = true, text = "补上 12" }
  g:silent("1m")
  g:equal(#g:events("checked_in"), 12)
  g:says("成员3", "打卡")
  g:expect{ at = "成员3", text = "已打过 第1天" }
end)

t:case("the line was down over the cut-off hour: each day gets its own", { start = "2026-03-03 03:50" }, function(g)
  g:says("小美", "打卡")
  g:expect{ text = "成功 第1天" }
  g:at("2026-03-04 04:03")
  g:missed("10m", function() g:says("小美", "打卡") end)
  g:expect_none{ text = "补上" } -- in quiet hours there is no word about it
  g:says("小美", "打卡")
  g:expect{ text = "成功 第3天 连续3" }
end)

t:case("the line was down for long, or nobody missed a check-in: nothing is said", function(g)
  g:missed("40m", function() g:says("小美", "打卡") end)
  g:missed("5m", function() g:says("小王", "早呀") end)
  g:silent("1m")
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
  for i, text in ipairs({ "  打卡 ", "/打卡", "#打卡", "!打卡", "!打卡", "@小福 打卡", "/签到", "CHECK IN", "打卡!" }) do
    g:says("成员" .. i, text)
    g:expect{ at = "成员" .. i, text = "成功 第1天" }
  end
end)

t:case("the longest command wins: 打卡榜 is no 打卡, 报名打卡 no 报名", function(g)
  g:says("小美", "打卡榜")
  g:expect{ at = "小美", text = "榜还空着" }
  g:says("小美", "报名打卡")
  g:expect{ at = "小美", text = "报名成功" }
  g:equal(#g:events("checked_in"), 0)
end)

t:case("what is quoted triggers nothing", function(g)
  local id = g:says("小美", "打卡")
  g:expect{ at = "小美", text = "成功" }
  g:reply("小王", "我待会儿", { to = id })
  g:reply("小王", "收到")
  g:silent("1m")
end)

t:case("a command inside a longer sentence is none", function(g)
  g:says("小美", "我明天再打卡吧")
  g:says("小王", "打卡机坏了")
  g:silent("1m")
end)

t:case("打卡 with words, 签到, and a picture", function(g)
  g:says("小美", "打卡 今天走了一万步")
  g:says("小王", "签到")
  g:image("阿强", "早餐打卡")
  g:says("小丽", "打卡第1天")
  for _, who in ipairs({ "小美", "小王", "阿强", "小丽" }) do g:expect{ at = who, text = "成功 第1天" } end
end)

t:case("remarks that mean 打卡 without being the word count; questions and denials do not", function(g)
  for i, text in ipairs({ "今天打卡啦", "第3天打卡", "早,打卡", "打卡了,今天5公里", "三月二号打卡", "打卡第十二天" }) do
    g:says("成员" .. i, text)
    g:expect{ at = "成员" .. i, text = "成功 第1天" }
  end
  g:image("小美", "早餐打卡啦")
  g:expect{ at = "小美", text = "成功" }
  for _, text in ipairs({ "打卡了吗", "打卡?", "忘打卡了", "大家打卡", "3月1日打卡", "@小美 打卡啦", "打卡吧" }) do g:says("小王", text) end
  g:image("小王", "今天没打卡")
  g:silent()
  g:equal(#g:events("checked_in"), 7)
end)

t:case("remarks of any length and make are looked at without an error", function(g)
  local long = ("早!"):rep(1500)
  for _, text in ipairs({ long .. "打卡吗", ("打卡"):rep(700) .. "吗", ("!"):rep(3000) .. "打卡机", ("第1天"):rep(600) .. "打卡没" }) do
    g:says("小美", text)
    g:image("小美", text)
  end
  g:says("小美", "打卡 " .. ("今天很好,"):rep(300))
  g:expect{ at = "小美", text = "成功 第1天" }
end)

t:case("补卡 with the day glued to it, or in other words", { playbook = book({ cards = 5, makeup_days = 5 }) }, function(g)
  g:says("小美", "打卡")
  g:at("2026-03-06 10:00")
  for _, text in ipairs({ "补昨天的卡", "补卡三月四号", "补签周二" }) do
    g:says("小美", text)
    g:expect{ at = "小美", text = "补好" }
  end
  for _, text in ipairs({ "补昨天的货", "补卡规则是什么", "补觉去了", "能补昨天的吗" }) do g:says("小美", text) end
  g:silent()
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

t:case("a milestone can have words of its own, give a tag and a coupon", {
  playbook = book({ milestones = { { day = 2, tag = "两天", coupon = "满减券", text = "两天啦{days}" } } }, "redpacket"),
}, function(g)
  days_in_a_row(g, "小美", 2)
  g:expect{ at = "小美", text = { "两天啦2", "得券满减券" } }
  g:equal(g:tags("小美"), { "两天" })
  g:says("小美", "我的券")
  g:expect{ dm = "小美", text = "满减券" }
end)

t:case("a milestone is given once, whatever is taken back", {
  playbook = book({ milestones = { { day = 2, points = 5, tag = "两天" } } }),
}, function(g)
  days_in_a_row(g, "小美", 2)
  g:expect{ at = "小美", text = { "满2天", "奖5分" } }
  g:staff("店长", "撤销 @小美")
  g:staff("店长", "补记 @小美")
  g:expect{ at = "店长", text = "共2" }
  g:expect_none{ text = "满2天" }
  g:equal(#g:events("milestone"), 1)
  g:expect_state("profile", "小美", { points = 5 })
end)

t:case("completion gives a coupon", {
  playbook = book({ days = 2, milestones = {}, finish_coupon = "早餐券", finish_tag = "全勤" }, "redpacket"),
}, function(g)
  days_in_a_row(g, "小美", 2)
  g:expect{ at = "小美", text = { "证书 小美 2天", "得券早餐券" } }
  g:expect_tags("小美", { "全勤" })
  g:advance("1d")
  g:says("小美", "我的券")
  g:expect{ dm = "小美", text = "早餐券" }
end)

t:case("points: the ledger adds up to the balance", {
  playbook = book({ days = 4, milestones = { { day = 1, points = 3 }, { day = 3, points = 10 }, { day = 4, points = 20 } } }),
}, function(g)
  days_in_a_row(g, "小美", 4)
  local sum = 0
  for _, entry in ipairs(g:events("points")) do
    g:equal(math.type(entry.n), "integer")
    sum = sum + entry.n
  end
  g:equal(sum, 33)
  g:expect_state("profile", "小美", { points = 33 })
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
  g:expect_runs(0)
  g:silent("3d")
end)

t:case("fixed: who leaves and returns goes on, the days between are missed", {
  playbook = book({ cohort = "fixed", start = "2026-03-02", days = 5 }),
}, function(g)
  g:says("小美", "打卡")
  g:says("小王", "打卡")
  g:leave("小美")
  g:advance("2d")
  g:expect_none{ at = "小美", text = "提醒" }
  g:join("小美")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = { "成功 第2天 连续1", "接着算" } }
  g:says("小美", "我的打卡")
  g:expect{ text = "■□■" }
  g:leave("小美")
  g:at("2026-03-08 10:00")
  g:join("小美")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "已经结束" }
end)

t:case("fixed without a date begins with the first who takes part, and again when it is over", {
  playbook = book({ cohort = "fixed", days = 2 }),
}, function(g)
  g:says("小美", "打卡")
  g:advance("1d")
  g:says("小王", "打卡")
  g:expect{ at = "小王", text = "成功 第1天" }
  g:at("2026-03-04 09:00")
  g:expect{ text = { "总榜", "完成0/2" } }
  g:expect_runs(0)
  g:advance("2d")
  g:says("小王", "打卡")
  g:expect{ at = "小王", text = "成功 第1天" }
  g:expect_runs(1)
  g:says("小王", "打卡榜")
  g:expect{ text = { "1.小王 1天", "你第1/1" } }
end)

t:case("the next round may begin before the final board of this one was told", {
  playbook = book({ cohort = "fixed", days = 2 }),
}, function(g)
  days_in_a_row(g, "小美", 2)
  g:at("2026-03-04 08:00")
  g:says("小王", "打卡")
  g:expect{ at = "小王", text = "成功 第1天" }
  g:expect_none{ text = "总榜" }
  g:at("09:00")
  g:expect{ text = { "总榜", "1.小美 2天", "完成1/1" } }
  g:at("22:00")
  g:expect{ text = "小结 1/1" }
  g:at("2026-03-06 09:00")
  g:expect{ text = { "总榜", "1.小王 1天", "完成0/1" } }
  g:expect_runs(0)
end)

t:case("rolling: when all have reached the end, the final board and the completion rate", {
  playbook = book({ days = 3 }),
}, function(g)
  g:says("小王", "打卡")
  g:advance("1d")
  days_in_a_row(g, "小美", 3)
  g:expect{ at = "小美", text = "证书 小美 3天" }
  g:at("22:00")
  g:expect{ text = "小结 1/1" }
  g:silent("10h")
  g:at("09:00")
  g:expect{ text = { "总榜", "1.小美 3天", "2.小王 1天", "完成1/2" } }
  g:expect_runs(0)
  g:silent("2d")
  g:says("小王", "打卡")
  g:expect{ at = "小王", text = "成功 第1天" }
  g:says("小王", "打卡榜")
  g:expect{ text = "你第1/1" }
  g:expect_runs(1)
end)

t:case("rolling: a challenge that nobody finishes fades out without a word", { playbook = book({ days = 3 }) }, function(g)
  g:says("小美", "打卡")
  g:at("22:00")
  g:expect{ text = "小结 1/1" }
  g:at("2026-03-03 20:30")
  g:expect{ at = "小美", text = "提醒" }
  g:silent("5d")
  g:expect_runs(0)
end)

t:case("rolling: who returns when it is over for all others still has their days", { playbook = book({ days = 3 }) }, function(g)
  g:says("小美", "打卡")
  g:says("小王", "打卡")
  g:advance("1d")
  g:says("小美", "打卡")
  g:leave("小美")
  g:at("2026-03-05 10:00")
  g:expect_runs(0)
  g:join("小美")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = { "成功 第3天", "证书 小美 3天", "接着算" } }
  g:at("22:00")
  g:expect{ text = "小结 1/1" }
  g:at("2026-03-06 09:00")
  g:expect{ text = { "总榜", "完成1/2" } }
  g:expect_runs(0)
end)

t:case("rolling: one more round is for everybody who has finished theirs", { playbook = book({ days = 2 }) }, function(g)
  days_in_a_row(g, "小美", 2)
  g:says("小王", "打卡")
  g:advance("1d")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "成功 第1天 连续1" }
  g:expect_none{ text = "总榜" }
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

t:case("补卡 that is not possible is said once a day, then silence", function(g)
  g:says("小王", "补卡")
  g:expect{ at = "小王", text = "没有记录" }
  g:says("小美", "打卡")
  g:says("小美", "补卡")
  g:expect{ at = "小美", text = "不用补" }
  g:says("小美", "补卡")
  g:expect{ at = "小美", text = "刚给过" }
  g:says("小美", "补卡")
  g:silent()
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

t:case("打卡榜: the top ten and one's own place below them; twice a day is once too often", function(g)
  for i = 1, 11 do g:says("成员" .. i, "打卡") end
  g:advance("1d")
  for i = 1, 10 do g:says("成员" .. i, "打卡") end
  g:says("成员11", "打卡榜")
  local board = g:expect{ at = "成员11", text = { "2天", "你第11/11" } }
  local _, lines = board.text:gsub("天", "")
  g:equal(lines, 10)
  assert(not board.text:find("成员11 1天", 1, true), board.text)
  g:says("成员11", "打卡榜")
  g:expect{ at = "成员11", text = "刚给过" }
  g:says("成员11", "打卡榜")
  g:silent()
end)

t:case("what is kept of a member is small", { playbook = book({ cards = 5 }) }, function(g)
  g:says("小美", "打卡")
  for day = 2, 28 do
    g:advance("1d")
    if day % 9 ~= 0 then g:says("小美", "打卡") end
    if day % 9 == 1 then g:says("小美", "补卡") end
  end
  g:expect{ text = "证书" }
  local bytes = 2 * #g:id("小美") + #"28028" + 8 -- the list of members, the board
  for name, value in pairs(g:state("member", "小美")) do bytes = bytes + #name + #tostring(value) end
  assert(bytes < 200, bytes)
  for day = -3, -10, -1 do -- and nothing is kept for each day
    g:equal(g:state("group", "in-" .. day), nil)
  end
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

t:case("another ten the next evening", function(g)
  for i = 1, 12 do g:says("成员" .. i, "打卡") end
  g:says("早到", "打卡")
  g:at("2026-03-03 20:30")
  local first = g:expect{ text = "提醒" }
  g:equal(#first.at, 10)
  assert(first.text:find("另外3位", 1, true), first.text)
  local names = {}
  for _, name in ipairs(first.at) do names[name] = true end
  g:at("10:00")
  for i = 1, 12 do g:staff("店长", "补记 @成员" .. i .. " 昨天") end
  g:staff("店长", "补记 @早到 昨天")
  g:at("20:30")
  local second, new = g:expect{ text = "提醒" }, 0
  for _, name in ipairs(second.at) do new = new + (names[name] and 0 or 1) end
  g:equal(new, 3)
end)

t:case("in quiet hours nothing is posted by itself, and answers do not wait", {
  playbook = book({ remind = "22:40", summary = "22:50" }),
}, function(g)
  g:says("小美", "打卡")
  g:at("2026-03-03 23:30")
  g:expect{ at = "小美", text = "成功" }
  g:silent()
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "第2天" }
  g:silent("12h")
end)

t:case("a summary that comes before the reminder", { playbook = book({ summary = "20:00" }) }, function(g)
  g:says("小美", "打卡")
  g:says("小王", "打卡")
  g:at("20:00")
  g:expect{ text = "小结 2/2" }
  g:advance("1d")
  g:says("小王", "打卡")
  g:at("20:30")
  g:expect{ at = "小美", text = "提醒" }
end)

t:case("a campaign that begins late in the evening has missed the reminder, not the summary", { start = "2026-03-02 20:45" }, function(g)
  g:says("小美", "打卡")
  g:at("22:00")
  g:expect{ text = "小结 1/1" }
  g:at("2026-03-03 20:30")
  g:expect{ at = "小美", text = "提醒" }
end)

t:case("after 退订 own commands are answered without an @, until 恢复", function(g)
  g:says("小美", "退订")
  g:says("小美", "打卡")
  g:expect{ plain = true, text = "成功 第1天" }
  g:says("小美", "恢复")
  g:advance("1d")
  g:at("20:30")
  g:expect{ at = "小美", text = "提醒" }
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

t:case("rolling: everybody hears the task of their own tomorrow with their 打卡", {
  playbook = book({ days = 3, tasks = { "喝水", "早睡", "散步" } }),
}, function(g)
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = { "第1天", "明天 早睡" } }
  g:advance("1d")
  g:says("小美", "打卡")
  g:says("小王", "打卡")
  g:expect{ at = "小美", text = "明天 散步" }
  g:expect{ at = "小王", text = "明天 早睡" }
  g:advance("1d")
  g:says("小美", "打卡")
  local last = g:expect{ at = "小美", text = "证书" }
  assert(not last.text:find("明天", 1, true), last.text)
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

t:case("补记 and 撤销 with a date", function(g)
  g:says("小美", "打卡")
  g:advance("3d")
  g:staff("店长", "补记 @小美 3月3日")
  g:expect{ at = "店长", text = "补记 小美 共2" }
  g:staff("店长", "补记 @小美 昨天")
  g:expect{ at = "店长", text = "补记 小美 共3" }
  g:staff("店长", "撤销 @小美 3月2日")
  g:expect{ at = "店长", text = "撤销 小美 剩2" }
  g:staff("店长", "撤销 @小美 3月2日")
  g:expect{ at = "店长", text = "没有可改" }
  g:expect_state("member", "小美", { marks = ".ss" })
end)

t:case("members may use none of the staff commands", function(g)
  g:says("小美", "打卡")
  g:expect{ at = "小美" }
  for _, text in ipairs({ "补记 @小美 昨天", "撤销 @小美", "打卡暂停", "打卡恢复", "打卡名单" }) do g:says("小王", text) end
  g:silent()
  g:expect_state("member", "小美", { marks = "x" })
  g:expect_state("group", { paused = false })
  g:expect_runs(1)
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

t:case("打卡暂停 ends the campaign, nobody is reminded; 打卡恢复 begins it again", function(g)
  g:says("小美", "打卡")
  g:expect_runs(1)
  g:advance("1d")
  g:staff("店长", "打卡暂停")
  g:expect_runs(0)
  g:restart()
  g:at("22:30")
  g:expect_none{ at = "小美", text = "提醒" }
  g:at("2026-03-05 10:00")
  g:staff("店长", "打卡恢复")
  g:expect_runs(1)
  g:restart()
  g:at("20:30")
  g:expect{ at = "小美", text = "提醒" }
  g:silent("1h")
end)

t:case("打卡暂停 and 打卡恢复 in one breath", function(g)
  g:says("小美", "打卡")
  g:advance("1d")
  g:together(function()
    g:staff("店长", "打卡暂停")
    g:staff("店长", "打卡恢复")
  end)
  g:says("小王", "打卡")
  g:at("20:30")
  g:expect{ at = "小美", text = "提醒" }
  g:at("22:00")
  g:expect{ text = "小结 1/2" }
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

t:case("the campaign is one run: begun by the first, the same for all, gone when all have left", function(g)
  g:expect_runs(0)
  for i = 1, 5 do g:says("成员" .. i, "打卡") end
  g:expect_runs(1, { flow = "checkin", on = "run:campaign", waits = "sleep" })
  for i = 1, 5 do g:leave("成员" .. i) end
  g:at("2026-03-04 22:00")
  g:expect_runs(0)
  g:join("成员1")
  g:expect_runs(1)
  g:says("成员1", "打卡")
  g:advance("1d")
  g:at("20:30")
  g:expect{ at = "成员1", text = "提醒" }
end)

for _, how in ipairs({ "restart", "kill" }) do
  t:case("the campaign says the same with a " .. how .. " at every step", {
    playbook = book({ cohort = "fixed", days = 3, tasks = { "喝水", "早睡", "散步" } }),
  }, function(g)
    local function step(moment)
      g[how](g)
      g:at(moment)
    end
    g:says("小美", "打卡")
    g:says("小王", "打卡")
    step("20:30")
    g:expect_none{ text = "提醒" }
    step("22:00")
    g:expect{ text = { "小结 2/2", "明天 早睡" } }
    step("2026-03-03 10:00")
    g:says("小美", "打卡")
    step("20:30")
    g:expect{ at = "小王", text = "提醒" }
    step("22:00")
    g:expect{ text = { "小结 1/2", "明天 散步" } }
    step("2026-03-04 10:00")
    g:says("小美", "打卡")
    step("22:00")
    g:expect{ text = "小结 1/2" }
    step("2026-03-05 09:00")
    g:expect{ text = { "总榜", "1.小美 3天", "完成1/2" } }
    g[how](g)
    g:expect_runs(0)
    g:silent("2d")
  end)
end

t:case("an edited campaign: words at once, script and numbers from the next evening on", function(g)
  g:says("小美", "打卡")
  g:says("小王", "打卡")
  g:at("2026-03-03 12:00")
  g:says("小王", "打卡")
  g:param("checkin.reminder", "别忘了 {names}")
  g:param("checkin.summary", "21:30")
  g:edit("lib/evening.lua", 'c:emit("reminded",', 'c.group.edited = true\n  c:emit("reminded",')
  g:at("20:30")
  g:expect{ at = "小美", text = "别忘了" }
  g:expect_state("group", { edited = true })
  g:edit("lib/evening.lua", "local function sum_up(c)\n", 'local function sum_up(c)\n  c:say("新版")\n')
  g:restart()
  g:at("22:00")
  g:expect{ text = "小结 1/2" }
  g:expect_none{ text = "新版" }
  g:at("2026-03-04 12:00")
  g:says("小王", "打卡")
  g:at("21:31")
  g:expect{ text = "新版" }
  g:expect{ text = "小结 1/2" }
  g:expect_runs(1)
end)

for _, moment in ipairs({ "commit", "send" }) do
  t:case("a kill during " .. moment .. " neither loses nor doubles an evening", function(g)
    g:says("小美", "打卡")
    g:says("小王", "打卡")
    g:at("2026-03-03 10:00")
    g:says("小王", "打卡")
    g:kill{ during = moment }
    g:at("20:31")
    g:expect_count(1, { text = "提醒" })
    g:kill{ during = moment }
    g:at("22:01")
    g:expect_count(1, { text = "小结 1/2" })
    g:equal(#g:events("reminded"), 1)
    g:equal(#g:events("checkin_day"), 2)
    g:kill{ during = moment }
    g:at("2026-03-04 20:31")
    g:expect_count(1, { text = "提醒" })
    g:expect_runs(1)
  end)
end

for _, moment in ipairs({ "input", "commit" }) do
  t:case("a kill during " .. moment .. ": a 打卡 counts once, is answered once, and begins one campaign", function(g)
    g:kill{ during = moment }
    g:says("小美", "打卡")
    g:advance("5s")
    g:expect_count(1, { at = "小美", text = "成功 第1天" })
    g:expect_state("member", "小美", { marks = "x" })
    g:equal(#g:events("checked_in"), 1)
    g:expect_runs(1)
  end)
end

t:case("a kill before the final board", { playbook = book({ cohort = "fixed", days = 2 }) }, function(g)
  days_in_a_row(g, "小美", 2)
  g:at("22:30")
  g:kill()
  g:kill{ during = "commit" }
  g:at("2026-03-04 09:01")
  g:expect_count(1, { text = { "总榜", "完成1/1" } })
  g:expect_runs(0)
end)

t:case("switched off over the reminder, on again soon: late; much later: left out", function(g)
  g:says("小美", "打卡")
  g:advance("1d")
  g:toggle("checkin", "off")
  g:at("20:40")
  g:expect_none{ text = "提醒" }
  g:toggle("checkin", "on")
  g:at("20:50")
  g:expect{ at = "小美", text = "提醒" }
  g:says("小美", "打卡")
  g:toggle("checkin", "off")
  g:at("2026-03-04 22:15")
  g:toggle("checkin", "on")
  g:at("23:00")
  g:expect_none{ text = "提醒" }
  g:says("小美", "打卡")
  g:at("2026-03-05 22:00")
  g:expect{ at = "小美", text = "提醒" }
end)

t:case("what the report counts", function(g)
  g:says("小美", "打卡")
  g:expect_event("enrolled", { who = "小美" })
  g:expect_event("checked_in", { who = "小美", day = 1, total = 1, streak = 1 })
  g:advance("1d")
  g:says("小美", "打卡")
  g:advance("1d")
  g:at("20:30")
  g:equal(g:expect_event("reminded").users, { g:id("小美") })
  g:says("小美", "打卡")
  g:equal(g:events("checked_in")[3].reminded, true)
  g:advance("3d")
  g:says("小美", "打卡")
  local back = g:events("checked_in")[4]
  g:equal({ back.day, back.total, back.streak, back.lost }, { 6, 4, 1, 3 })
  g:says("小美", "补卡")
  g:expect_event("made_up", { who = "小美" })
  g:at("22:00")
  g:expect_event("checkin_day", { count = 1, members = 1 })
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
