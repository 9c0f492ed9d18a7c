-- jewellery.lua -- habits of the groups of sop/playbooks/jewellery.lua; see fortnight.lua.
local fortnight, common = ...
local GRABS = { "抢", "抢!", "抢红包", "我要", "拼手气" }

fortnight("jewellery", {
  most = 120, begun = 20, quiet = { "21:00", "09:30" },
  must = {
    greeted = 60, code_issued = 20, touched = 100, planned_post = 20, voucher_given = 5, voucher_rebate = 1, segments = 3, handoff_done = 5,
  },
  day = common{
    { at = "11:00", share = 0.03, says = { "可以清洗吗?", "戒指能改圈吗?", "有证书吗" } },
    { at = "11:05", share = 0.01, says = "今天金价多少?", answer = "今天的金价在柜台牌上,我私信您" },
    { at = "18:30", on = { 3, 10 }, staff = "店长", says = "发红包" },
    { at = "18:30", on = { 3, 10 }, share = 0.2, within = 300, says = GRABS, crowd = true },
    { at = "11:40", on = { 2, 6 }, staff = "店长", share = 0.1, says = "发券 亲友券 {member}" },
    { at = "15:00", on = { 3, 7, 8 }, share = 0.2, says = { "送券 {other}", "我的券" } },
    { at = "16:00", share = 0.1, staff = "店长", says = { "核销 {code} 3600", "核销 {code}" } },
    { at = "14:00", share = 0.01, within = 900, says = { "人工", "人工 想约看戒指" } },
    { at = "14:03", staff = "顾问", times = 4, every = 240, says = "我来" },
    { at = "14:05", staff = "顾问", times = 4, every = 240, says = "完成" },
  },
})
