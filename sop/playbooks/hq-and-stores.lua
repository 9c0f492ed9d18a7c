-- hq-and-stores.lua -- a brand with headquarters, regions and stores. What all groups have in common stands here and is written by
-- headquarters; what a store may choose stands in an overlay of its own in hq-and-stores/, one file a store; what it may not is locked. For
-- groups with the tag `hq-and-stores`, and the tag of their store and region. Before use: staff of each level, organiser, contact.
-- The brand talks of itself the same way everywhere (persona, greetings, answers); hours, prizes of the day and who is on duty are local.
return {
  title = "总部与门店",
  groups = { { tag = "hq-and-stores" } },
  timezone = "Asia/Shanghai",
  quiet = { "22:30", "08:00" },
  day_cutoff = "04:00",
  language = "zh-CN",
  persona = { name = "小福", emoji = 1, call = "邻居" },

  staff_chat = "playground:staff",
  staff = { ["playground:总部"] = "hq", ["playground:店长"] = "store" },
  keepers = true,
  locked = { "redpacket.organiser", "redpacket.keep_days", "redpacket.packet_max", "welcome.greet", "chaperone.llm" },

  flows = {
    "switch",
    "common",
    "report",
    { "orders", cents_per_point = 100 },
    {
      "checkin",
      days = 21,
      join = "signup",
      milestones = { { day = 7, points = 10 }, { day = 14, points = 20 }, { day = 21, points = 50 } },
    },
    {
      "redpacket",
      organiser = "小福连锁总部(示例)",
      contact = "所在门店,或总部客服",
      kind = "points",
      total = 120,
      shares = 30,
      packet_max = 200,
      day_max = 300,
    },
    {
      "welcome",
      greet = {
        "欢迎 {names}!你家门口的小福,有事群里说🌿",
        "{names} 来啦,欢迎!发「菜单」看看群里有什么",
        "欢迎新邻居 {names},常来坐坐",
      },
    },
    { -- the content of headquarters; what says `confirm` is shown to the store before, which may change its words or skip it
      "calendar",
      posts = {
        { id = "早安", weekday = { 1, 2, 3, 4, 5 }, at = "09:00", text = { "早安,今天也顺顺利利", "早上好,新的一天一起加油", "早呀,记得吃早饭" } },
        { id = "周末", weekday = 6, at = "10:00", confirm = true, text = { "周末全场满 99 减 10", "周末来店,满 99 减 10" } },
        { id = "会员日", weekday = 3, at = "12:00", confirm = true, text = { "周三会员日,积分双倍", "会员日到啦,今天积分翻倍" } },
      },
    },
    {
      "handoff",
      roster = { { days = "1-7", from = "09:00", to = "21:00", users = { "店长" } } },
    },
    { -- the words of headquarters, the facts of each store
      "faq",
      values = { hours = "9:00 到 21:00", address = "各门店地址见公众号" },
      faq = {
        { ask = { "营业", "几点开", "几点关", "开门", "关门" }, answer = { "我们每天 {hours}", "营业时间是 {hours}" } },
        { ask = { "地址", "在哪", "怎么走", "位置" }, answer = { "{address}", "在这里:{address}" } },
        { ask = { "会员", "会员卡" }, answer = { "全国门店通用,报手机尾号就行", "一张卡所有门店都能用" } },
        { ask = { "积分" }, answer = { "消费 1 元 1 积分,发「我的积分」查看", "发「我的积分」就能看到" } },
        { pattern = "(退|换)(货|一下|吗)", priority = 2, answer = { "7 天内带小票,任一门店都能退换", "小票在,7 天内哪家店都能办" } },
      },
    },
    {
      "chaperone",
      duty = { "店长" },
    },
  },
  overlays = {
    {
      level = "region",
      name = "华北",
      groups = { { tag = "north" } },
      quiet = { "22:30", "08:30" },
      flows = { redpacket = { opens = "19:30" } },
    },
  },
}
