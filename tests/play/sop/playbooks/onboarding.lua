-- onboarding.lua -- newcomers are greeted and then touched on the days 0, 1, 3 and 7, in private.
return {
  title = "入群关怀",
  groups = { "playground:*" },
  timezone = "Asia/Shanghai", quiet = { "22:30", "07:30" }, day_cutoff = "04:00",
  language = "zh-CN", persona = { name = "小福", call = "宝子" },
  flows = { "common", { "welcome", onboarding = true } },
}
