-- coupon.lua -- coupons for the quickest, and newcomers who are touched in the group instead of in private.
return {
  title = "抢券",
  groups = { "playground:*" },
  timezone = "Asia/Shanghai", quiet = { "22:30", "07:30" }, day_cutoff = "04:00",
  language = "zh-CN", persona = { name = "小福", call = "宝子" },
  staff_chat = "playground:staff",
  staff = { ["playground:店长"] = "store" },
  flows = {
    "switch", "common",
    {
      "redpacket",
      organiser = "幸福路店", kind = "coupon", opens = "23:00", shares = 3, coupon = "早餐券", valid_days = 1, results_names = 2,
      exclude_staff = false,
    },
    { "welcome", onboarding = true, touch_by = "at", day2 = -1, names = 3 },
  },
}
