-- grocery.lua -- habits of the groups of sop/playbooks/grocery.lua; see fortnight.lua.
local fortnight, common = ...
local GRABS = { "抢", "抢!", "抢红包", "我要", "拼手气" }

fortnight("grocery", {
  most = 200, begun = 60, anytime = "今日鲜品",
  must = {
    greeted = 100, grabbed = 1500, code_issued = 300, code_used = 50, order = 100, points = 500, ladder_rung = 300, ladder_sold = 30,
    presale_ordered = 200, presale_picked_up = 60, presale_over = 9, handoff_called = 20, handoff_done = 20, planned_post = 40,
  },
  day = common{
    { at = "11:30", share = 0.04, says = { "几点关门?", "送货吗?", "菜新鲜吗", "积分怎么看?" } },
    { at = "11:40", share = 0.02, says = { "今天有草莓吗?", "鸡蛋多少钱?" }, answer = { "有的,刚到", "店里有,15.8 元一板" } },
    { at = "20:00", share = 0.4, within = 40, says = GRABS, crowd = true },
    { at = "20:15", share = 0.06, says = { "抢", "我的券", "谢谢" } },
    { at = "18:00", share = 0.2, staff = "店长", says = { "核销 {code}", "核销{code}" } },
    { at = "10:30", on = { 2, 4, 6, 9, 11, 13 }, staff = "店长", says = "接龙 奶油草莓\n草莓 25元/盒 限40 每人2" },
    { at = "10:35", on = { 2, 4, 6, 9, 11, 13 }, share = 0.2, within = 20000, says = { "+1", "+2", "+1 草莓", "取消" }, crowd = true },
    { at = "16:30", on = { 3, 5, 7, 10, 12, 14 }, staff = "店长", times = 12, says = "提货 {n}" },
    { at = "21:10", staff = "店长", says = "卖完 叶菜" },
    { at = "21:15", within = 600, share = 0.02, says = { "几折", "人工", "人工 少找了零钱" } },
    { at = "21:18", staff = "店长", times = 6, every = 120, says = "我来" },
    { at = "21:19", staff = "店长", times = 6, every = 120, says = "完成" },
  },
})
