-- packet.lua -- the packet of points as shipped: every night at 20:00.
return {
  title = "手气",
  groups = { "playground:demo" },
  timezone = "Asia/Shanghai", quiet = { "22:30", "07:30" }, day_cutoff = "04:00",
  language = "zh-CN", persona = { name = "小福", call = "宝子" },
  staff_chat = "playground:staff",
  staff = { ["playground:店长"] = "store" },
  flows = { "switch", "common", { "redpacket", organiser = "幸福路店", shares = 15, results_lines = 12 } },
}
