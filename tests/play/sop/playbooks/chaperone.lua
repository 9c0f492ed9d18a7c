-- chaperone.lua -- company for those who speak, with a small knowledge base; few posts an hour, so that the cap shows.
return {
  title = "陪聊",
  groups = { "playground:*" },
  timezone = "Asia/Shanghai", quiet = { "22:30", "07:30" }, day_cutoff = "04:00",
  language = "zh-CN", persona = { name = "小福", call = "宝子" },
  staff_chat = "playground:staff",
  staff = { ["playground:店长"] = "store" },
  flows = {
    "common",
    {
      "chaperone", posts = 4, duty = { "10001" },
      faq = {
        { ask = { "营业", "几点开" }, answer = { "早 8 点到晚 10 点" } },
        { pattern = "(退|换)(货|吗)", priority = 2, answer = { "24 小时内都可以退换" } },
      },
    },
  },
}
