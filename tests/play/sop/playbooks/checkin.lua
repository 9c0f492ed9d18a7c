-- checkin.lua -- the check-in challenge as shipped, alone.
return {
  title = "打卡",
  groups = { "playground:*" },
  timezone = "Asia/Shanghai", quiet = { "22:30", "07:30" }, day_cutoff = "04:00",
  language = "zh-CN", persona = { name = "小福", call = "宝子" },
  staff = { ["playground:店长"] = "store" },
  flows = { "switch", "common", "checkin" },
}
