-- live-commerce.lua -- groups around a live stream: people meet before it, play during it, and ask about their parcels after it. For
-- groups with the tag `live-commerce`. Before use: the hours of your streams, organiser and contact. Points are grabbed while the stream
-- runs, so that nothing has to be fetched anywhere. Sharing or inviting is never a condition of a prize: platforms forbid it.
return {
  title = "直播间粉丝群",
  groups = { { tag = "live-commerce" } },
  timezone = "Asia/Shanghai",
  quiet = { "23:00", "08:30" },
  day_cutoff = "04:00",
  language = "zh-CN",
  persona = { name = "小播", emoji = 1, call = "家人们" },

  staff_chat = "playground:staff",
  staff = { ["playground:店长"] = "store", ["playground:主播"] = "keeper" },
  keepers = true,

  flows = {
    "switch",
    "common",
    "report",
    { "orders", cents_per_point = 100 },
    {
      "redpacket",
      kind = "points",
      opens = "20:30",
      lasts = "5m",
      total = 300,
      shares = 60,
      packet_max = 500,
      day_max = 1500, -- the host may open more during the stream: 发红包 200 40
      organiser = "小播直播间(示例)",
      contact = "群里 @主播",
    },
    { "live", notify = { "soon" }, minutes = 150 }, -- 直播排期 by staff, or the parameter lives
    { "referral", reward = 10, reward_second = 2, credit = true },
    {
      "handoff",
      roster = { { days = "1-7", from = "10:00", to = "23:00", users = { "店长", "主播" } } },
    },
    {
      "welcome",
      gather = "20s", -- crowds come from the stream
      onboarding = true,
      touch_at = "18:00",
      greet = {
        "欢迎 {names}!晚上 8 点开播(周一休息),8 点半群里红包雨🎬",
        "{names} 从直播间来的吧?欢迎!8 点直播间见",
        "欢迎新家人 {names},想看什么款,先在群里点播",
      },
      touch1 = { "{names} 晚上 8 点开播,周一休息,到点来坐坐", "{names} 想看哪款讲解,群里说一声,主播会念到" },
      touch2 = { "{names} 错过的场次,直播间主页有回放", "{names} 下一场讲什么,群里发「直播预告」就知道" },
      touch3 = { "{names} 收到货了吗?有问题直接群里说", "{names} 三天了,想补的款可以点播" },
      touch4 = { "{names} 一周的家人了,谢谢支持🎉", "{names} 满一周,今晚来抢个红包" },
    },
    {
      "chaperone",
      posts = 20,
      duty = { "店长", "主播" },
      duty_to = "23:00",
      faq = {
        { ask = { "几点直播", "几点开播", "什么时候播", "直播时间" }, answer = { "每晚 8 点到 10 点半,周一休息", "20:00 开播,周一不播" } },
        { ask = { "发货", "什么时候发", "几天到" }, answer = { "48 小时内发出,偏远地区多两天", "拍下后 48 小时内发,单号会更新在订单里" } },
        { ask = { "尺码", "多大码", "穿什么码" }, answer = { "报身高体重,主播帮你选", "写上身高体重,一会儿在直播间回你" } },
        { pattern = "(退|换)(货|一下|吗)", priority = 2, answer = { "7 天无理由,吊牌在就能退", "收到 7 天内可退换,运费险都有" } },
        { ask = { "回放", "没看到", "错过" }, answer = { "回放在直播间主页,当晚 11 点后能看", "点头像进主页就有回放" } },
      },
    },
  },
}
