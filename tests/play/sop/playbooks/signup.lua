-- signup.lua -- a challenge that one signs up for, with a picture every day, of three days.
return {
  title = "带图打卡",
  groups = { "playground:*" },
  timezone = "Asia/Shanghai", quiet = { "22:30", "07:30" }, day_cutoff = "04:00",
  language = "zh-CN", persona = { name = "小福", call = "宝子" },
  staff = { ["playground:店长"] = "store" },
  flows = { "common", { "checkin", join = "signup", proof = "photo", days = 3, milestones = {}, finish_tag = "带图" } },
}
