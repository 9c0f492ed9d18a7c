-- restaurant.lua -- habits of the groups of sop/playbooks/restaurant.lua; see fortnight.lua.
local fortnight, common = ...
local GRABS = { "抢", "抢!", "抢红包", "我要", "拼手气" }

fortnight("restaurant", {
  most = 180, begun = 20, quiet = { "22:00", "09:30" },
  must = {
    greeted = 100, code_issued = 300, code_used = 50, first_order = 50, firstorder_touched = 50, signup_applied = 30, signup_reminded = 3,
    signup_came = 10, signup_over = 3,
  },
  day = common{
    { at = "11:10", share = 0.04, says = { "几点打烊?", "停车方便吗?", "可以送餐吗", "要等位吗" } },
    { at = "11:15", share = 0.01, says = "今晚有位吗?", answer = { "有的,几位?", "给您留窗边" } },
    { at = "16:30", share = 0.25, within = 200, says = GRABS, crowd = true },
    { at = "10:00", on = { 3 }, staff = "店长", says = "开报名 新菜试吃\n名额 20\n时间 周六18:00\n地点 好味馆" },
    { at = "10:10", on = { 3, 4 }, share = 0.1, once = true, talks = { "报名", { "小张", "李姐", "阿明" }, { "2", "3位", "四" }, "13800006688" } },
    { at = "17:30", on = { 6 }, share = 0.3, within = 1500, says = "签到" },
    { at = "19:00", share = 0.1, staff = "店长", says = "核销 {code}" },
  },
})
