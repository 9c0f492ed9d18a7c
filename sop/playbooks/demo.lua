-- demo.lua -- the playbook of the playground: all four headline flows in every playground group, with a persona, staff and a
-- small knowledge base. Copy it, name your own groups, and change words and numbers: docs/lua.md lists what can be set.
return {
  title = "演示",
  groups = { "playground:*" },
  timezone = "Asia/Shanghai",
  quiet = { "22:30", "07:30" },
  day_cutoff = "04:00",
  language = "zh-CN",
  persona = { name = "小福", emoji = 1, call = "宝子" },

  staff_chat = "playground:staff",
  staff = { ["playground:店长"] = "store" },
  keepers = true,

  flows = {
    "switch",
    "common",
    "report",
    "checkin",
    "orders",
    { "redpacket", organiser = "小福生鲜(演示)", contact = "群里 @店长,或到店咨询" },
    { "welcome", onboarding = false },
    {
      "chaperone",
      duty = { "店长" },
      faq = {
        { ask = { "营业", "几点开", "几点关", "开门", "关门" }, answer = { "我们每天 8:00 到 22:00 营业", "早 8 点开门,晚 10 点打烊" } },
        { ask = { "地址", "在哪", "怎么走", "位置" }, answer = { "在幸福路 18 号,地铁 2 号线 A 口出来就是", "幸福路 18 号,到了喊一声我来接" } },
        { ask = { "配送", "送货", "送到家", "起送" }, answer = { "满 38 元免费送到家,三公里内 1 小时到", "满 38 元起送,三公里内都能送" } },
        { pattern = "(退|换)(货|一下|吗)", priority = 2, answer = { "签收 24 小时内不满意都能退换,带上小票就行", "可以退换,24 小时内联系我们就好" } },
        { ask = { "wifi", "无线网" }, answer = "密码是 xiaofu2026" },
      },
    },
  },
}
