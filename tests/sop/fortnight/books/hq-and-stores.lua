-- hq-and-stores.lua -- habits of the groups of sop/playbooks/hq-and-stores.lua; see fortnight.lua.
local fortnight, common = ...
local GRABS = { "抢", "抢!", "抢红包", "我要", "拼手气" }

fortnight("hq-and-stores", {
  most = 200, begun = 30, quiet = { "22:30", "08:00" },
  must = { greeted = 100, grabbed = 1000, checked_in = 300, planned_post = 20, faq_answered = 50 },
  tags = { "store-018", "store-019,north", "" },
  skipped = 2, planned = 13, -- after the first day: nine mornings, two weekends, two days for members
  day = common{
    { at = "10:30", on = { 3 }, group = 1, staff = "店长", says = "确认 会员日" },
    { at = "10:31", on = { 3 }, group = 2, staff = "店长", says = "改 会员日 会员日到啦,今天积分双倍,学府路店送酸奶一杯" },
    { at = "10:32", on = { 3 }, group = 3, staff = "店长", says = "跳过 会员日 今天盘点" },
    { at = "09:00", on = { 6 }, group = 1, staff = "店长", says = "确认 周末" },
    { at = "09:01", on = { 6 }, group = 2, staff = "店长", says = "跳过 周末 店庆另有活动" },
    { at = "18:10", on = { 3, 10 }, staff = "店长", says = "日历结果" },
    { at = "09:30", share = 0.3, newcomers = true, once = true, says = "报名" },
    { at = "19:00", group = 1, share = 0.3, within = 5000, says = { "打卡", "签到", "打卡!" } },
    { at = "19:00", group = 3, share = 0.3, within = 5000, says = { "打卡", "签到", "打卡!" } },
    { at = "19:30", group = 2, share = 0.3, within = 60, says = GRABS, crowd = true },
    { at = "20:00", group = 1, share = 0.3, within = 60, says = GRABS, crowd = true },
    { at = "20:00", group = 3, share = 0.3, within = 60, says = GRABS, crowd = true },
    { at = "18:00", share = 0.1, staff = "店长", says = "核销 {code}" },
    { at = "11:30", share = 0.04, says = { "几点关门?", "会员卡通用吗?", "在哪", "积分怎么看" } },
  },
})
