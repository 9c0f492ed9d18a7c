-- mother-baby.lua -- habits of the groups of sop/playbooks/mother-baby.lua; see fortnight.lua.
local fortnight, common = ...
local GRABS = { "抢", "抢!", "抢红包", "我要", "拼手气" }

fortnight("mother-baby", {
  most = 160, begun = 30, first = 400, quiet = { "21:30", "08:00" },
  must = {
    greeted = 100, touched = 300, newcomer_answered = 50, segment_tagged = 50, voucher_given = 5, voucher_rebate = 1, code_used = 10,
    handoff_claimed = 20, handoff_done = 20, winback = 20, faq_answered = 20,
  },
  day = common{
    { at = "10:20", share = 0.5, newcomers = true, once = true, tells = { "1", "2", "3", "4", "两岁" } },
    { at = "10:40", share = 0.06, says = { "尿不湿买几码?", "宝宝发烧怎么办?", "几天发货?", "能退货吗" } },
    { at = "16:00", share = 0.05, shows = { "", "看我家宝宝" } },
    { at = "19:00", on = { 5, 12 }, staff = "店长", says = "发红包" },
    { at = "19:00", on = { 5, 12 }, share = 0.2, within = 300, says = GRABS, crowd = true },
    { at = "14:00", on = { 3, 8 }, staff = "店长", share = 0.1, says = { "发券 姐妹券 {member}", "发券 满 199 减 30 券 {member}" } },
    { at = "16:00", on = { 4, 9 }, share = 0.2, says = { "送券 {other}", "送券 姐妹券 {other}", "我的券" } },
    { at = "17:00", share = 0.15, staff = "店长", says = { "核销 {code} 260", "核销 {code}" } },
    { at = "10:50", share = 0.02, within = 900, says = { "人工", "人工 奶粉罐凹了" } },
    { at = "10:52", staff = "育婴师", times = 6, every = 180, says = "我来" },
    { at = "10:53", staff = "育婴师", times = 6, every = 180, says = "完成" },
  },
})
