-- prizes.lua -- a packet of prizes with codes, opened by staff; small budgets.
return {
  title = "奖品",
  groups = { "playground:*" },
  timezone = "Asia/Shanghai", quiet = { "22:30", "07:30" }, day_cutoff = "04:00",
  language = "zh-CN", persona = { name = "小福", call = "宝子" },
  staff_chat = "playground:staff",
  staff = { ["playground:店长"] = "store", ["playground:群管"] = "keeper" },
  flows = {
    "switch", "common",
    {
      "redpacket", nightly = false, kind = "prizes", shares = 8, valid_days = 2, consolation = 1, day_max = 100,
      prizes = { { name = "一箱牛奶", count = 1, value = 6000, cost = 50 }, { name = "满减券", count = 2, value = 500, cost = 5 } },
      organiser = "幸福路店", contact = "店长",
    },
  },
}
