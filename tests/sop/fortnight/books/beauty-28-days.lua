-- beauty-28-days.lua -- habits of the groups of sop/playbooks/beauty-28-days.lua; see fortnight.lua.
local fortnight, common = ...

fortnight("beauty-28-days", {
  most = 280, begun = 30,
  must = {
    checked_in = 2000, made_up = 20, milestone = 100, code_issued = 20, touched = 300, voted = 50, faq_answered = 20, contest_entered = 20,
    contest_won = 3, drawn = 3, draw_claimed = 3,
  },
  day = common{
    { at = "07:40", share = 0.15, within = 7200, shows = { "打卡", "打卡!", "早起打卡" }, gives = "checked_in" },
    { at = "12:20", share = 0.05, says = { "怎么打卡?", "漏了一天怎么办", "敏感肌能用吗?", "防晒多久补一次?" } },
    { at = "20:00", share = 0.4, within = 7000, shows = { "打卡", "今天的打卡", "打卡💪" }, gives = "checked_in" },
    { at = "21:00", share = 0.08, says = { "打卡", "补卡", "我的打卡", "打卡榜" } },
    { at = "14:00", share = 0.1, staff = "店长", says = "核销 {code}" },
    { at = "11:00", on = { 6, 13 }, staff = "店长", says = "发起投票 下周想学什么 | 防晒 | 发型 | 穿搭 | 6小时" },
    { at = "11:05", on = { 6, 13 }, share = 0.3, within = 15000, says = { "投 1", "投 2", "投3", "票数" } },
    { at = "10:00", on = { 3 }, staff = "店长", says = "征集 给群起个名 | 8小时" },
    { at = "10:05", on = { 3 }, share = 0.2, within = 20000, says = { "起名 美丽日记", "起名 素颜小队", "起名 二十八天", "起名 {me}的花园" } },
    { at = "18:30", on = { 3 }, staff = "店长", says = "入围 1 2 3" },
    { at = "18:35", on = { 3 }, share = 0.3, within = 7200, says = { "投 1", "投 2", "投 3" } },
    { at = "19:00", on = { 14 }, staff = "店长", says = "抽奖 正装一份 3份 200元 30分钟" },
    { at = "19:01", on = { 14 }, share = 0.3, within = 1200, says = "参加" },
    { at = "19:31", on = { 14 }, share = 0.5, within = 1000, says = "领取" },
  },
})
