-- grocery.lua -- a community grocery: neighbours in the groups of one shop, something every evening, prizes fetched in the shop. For
-- groups with the tag `grocery`. Before use: organiser, contact, address and hours below, prizes that the margin carries, and staff.
-- The evening brings people into the shop: whoever wins comes within three days, since fresh goods do not wait longer.
return {
  title = "社区生鲜",
  groups = { { tag = "grocery" } },
  timezone = "Asia/Shanghai",
  quiet = { "22:30", "07:30" },
  day_cutoff = "04:00",
  language = "zh-CN",
  persona = { name = "小福", emoji = 1, call = "街坊" },

  staff_chat = "playground:staff",
  staff = { ["playground:店长"] = "store" },
  keepers = true,

  flows = {
    "switch",
    "common",
    "report",
    { "orders", cents_per_point = 100 }, -- 1 point a yuan, when the till reports orders
    {
      "redpacket",
      organiser = "小福生鲜幸福路店(示例)",
      contact = "群里 @店长,或到店咨询",
      store = "grocery-1", -- the groups of one shop redeem each other's codes
      kind = "prizes",
      opens = "20:00",
      shares = 80,
      prizes = {
        { name = "一箱牛奶", count = 1, value = 6000, cost = 50 },
        { name = "土鸡蛋 10 枚", count = 3, value = 1500, cost = 12 },
        { name = "满 38 减 5 券", count = 10, value = 500, cost = 5 },
      },
      consolation = 2,
      valid_days = 3,
      packet_max = 350,
      day_max = 400,
    },
    { -- the real prices come by Redis; the boss publishes to all groups of the shop
      "calendar",
      hq_role = "store",
      board = true,
      board_csv = "*,菠菜,2.9 元/斤\n*,土鸡蛋,15.8 元/10 枚\n1,精五花,16.8 元/斤",
    },
    { -- the shop is open until 23:30, and its neighbours know that: the last rungs may be posted in the quiet hours
      "ladder",
      past_quiet = true,
      store = "grocery-1",
      what = "今日鲜品",
      items = { "叶菜", "鲜肉", "豆制品", "面点" },
    },
    { "presale", every = "1h", close = "20:00", pickup_from = "16:00", pickup_till = "20:30" }, -- 接龙 by staff; fetched the next afternoon
    {
      "handoff",
      roster = { { days = "1-7", from = "07:30", to = "22:00", users = { "店长" } } },
    },
    {
      "welcome",
      greet = {
        "欢迎街坊 {names}!每天早上报菜价,晚上 8 点拼手气🧺",
        "{names} 来啦,欢迎!想买什么群里说一声,满 38 元送到家",
        "新街坊 {names} 好呀!发「菜单」看看群里有什么",
        "欢迎 {names} 进群,晚上 8 点记得来拼手气",
      },
    },
    {
      "chaperone",
      duty = { "店长" },
      faq = {
        { ask = { "营业", "几点开", "几点关", "开门", "关门" }, answer = { "我们每天 7:00 到 23:30 营业", "早 7 点开门,晚 11 点半打烊" } },
        { ask = { "地址", "在哪", "怎么走", "位置" }, answer = { "幸福路 18 号,菜场东门出来就是", "在幸福路 18 号,到了喊一声我们来接" } },
        { ask = { "送货", "配送", "送到家", "起送" }, answer = { "满 38 元免费送,三公里内 1 小时到", "满 38 元起送,群里说要什么就行" } },
        { ask = { "新鲜", "几点到货", "什么时候到" }, answer = { "叶菜每天早上 6 点到,肉 7 点到", "当天的菜当天卖,早上 6 点多到货" } },
        { pattern = "(退|换)(货|一下|吗)", priority = 2, answer = { "不新鲜就退,当天拿回来或拍张照都行", "可以退换,24 小时内拍照给我们" } },
        { ask = { "积分" }, answer = { "消费 1 元 1 积分,发「我的积分」查看", "发「我的积分」就能看到余额" } },
      },
    },
  },
}
