-- fixed.lua -- a challenge of five days that begins for everybody on 3 March, with daily tasks and a coupon at day 2.
return {
  title = "五日挑战",
  groups = { "playground:*" },
  timezone = "Asia/Shanghai", quiet = { "22:30", "07:30" }, day_cutoff = "04:00",
  language = "zh-CN", persona = { name = "小福", call = "宝子" },
  staff_chat = "playground:staff",
  staff = { ["playground:店长"] = "store" },
  flows = {
    "common",
    {
      "checkin", cohort = "fixed", start = "2026-03-03", days = 5, card_streak = 3, cards = 1,
      milestones = { { day = 2, points = 3, coupon = "豆浆券", text = "两天啦" }, { day = 5, tag = "全勤" } },
      tasks = { "早起喝一杯水", "走六千步", "早睡", "吃早餐", "写总结" },
    },
    { "redpacket", organiser = "幸福路店", nightly = false },
  },
}
