-- recruit.lua -- habits of the groups of sop/playbooks/recruit.lua; see fortnight.lua.
local fortnight, common = ...

fortnight("recruit", {
  most = 240, begun = 30, first = 400, quiet = { "20:30", "09:00" },
  must = {
    greeted = 100, newcomer_answered = 50, signup_applied = 40, signup_passed = 10, signup_refused = 3, signup_reminded = 6,
    signup_came = 3, signup_over = 3, handoff_done = 5,
  },
  day = common{
    { at = "10:00", share = 0.5, newcomers = true, once = true, tells = { "1", "2", "3", "100人" } },
    { at = "09:40", on = { 2 }, staff = "店长", says = "开报名 百家企业早餐\n名额 30\n时间 3月12日 8:00\n截止 3月10日 18:00" },
    {
      at = "10:00", on = { 2, 3, 4 }, share = 0.15, once = true,
      talks = { "报名", { "四海科技", "云山设计", "新禾教育", "远望咨询" }, { "60", "120人", "30" }, { "国贸大厦 12 层", "望京 SOHO 3 座" }, "13800006688" },
    },
    { at = "15:30", on = { 3 }, staff = "店长", says = "通过 1 2 3" },
    { at = "15:31", on = { 3 }, staff = "店长", says = "拒绝 8 名额有限" },
    { at = "15:30", on = { 4, 5 }, staff = "店长", says = "通过 4-20" },
    { at = "15:32", on = { 5 }, staff = "店长", says = "报名名单" },
    { at = "07:40", on = { 11 }, share = 0.2, within = 1500, says = "签到" },
    { at = "10:30", share = 0.08, says = { "怎么报名?", "还有名额吗", "几点送?", "要钱吗?", "送到望京吗?" } },
    { at = "15:00", share = 0.02, within = 900, says = { "已经提交了", "人工", "谢谢招募官" } },
    { at = "15:03", staff = "招募官", times = 4, every = 240, says = "我来" },
    { at = "15:05", staff = "招募官", times = 4, every = 240, says = "完成" },
  },
})
