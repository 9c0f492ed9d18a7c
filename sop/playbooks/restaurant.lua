-- restaurant.lua -- a restaurant: coupons for the quiet hours of the week, questions about tables answered at once. For groups with the
-- tag `restaurant`. Before use: hours, seats, the coupon that the kitchen can bear, organiser and contact. The afternoon's coupons are
-- for the same week: they fill tables on weekdays, so `valid_days` stays short.
return {
  title = "餐厅",
  groups = { { tag = "restaurant" } },
  timezone = "Asia/Shanghai",
  quiet = { "22:00", "09:30" },
  day_cutoff = "04:00",
  language = "zh-CN",
  persona = { name = "阿味", emoji = 1, call = "老友" },

  staff_chat = "playground:staff",
  staff = { ["playground:店长"] = "store" },
  keepers = true,

  flows = {
    "switch",
    "common",
    "report",
    { "orders", cents_per_point = 500 },
    {
      "redpacket",
      kind = "coupon",
      opens = "16:30",
      lasts = "30m",
      shares = 12,
      coupon = "满 100 减 15 券",
      coupon_value = 1500,
      coupon_cost = 15,
      valid_days = 5,
      packet_max = 200,
      day_max = 200,
      organiser = "好味馆(示例)",
      contact = "群里 @店长,或致电门店",
      store = "restaurant-1",
    },
    { -- tastings and tables for many: 开报名 新菜试吃, with 名额 and 时间
      "signup",
      questions = {
        { key = "name", ask = "怎么称呼你?", type = "text", max = 20 },
        { key = "people", ask = "一共几位?", type = "number", min = 1, max = 12, seats = true },
        { key = "phone", ask = "手机号是多少?只用来联系这次用餐", type = "phone" },
      },
    },
    { "firstorder", coupon = "首次到店送小吃一份", cost = 600, valid_days = 14, coupons = 200 },
    {
      "handoff",
      roster = { { days = "1-7", from = "10:00", to = "21:30", users = { "店长" } } },
    },
    {
      "welcome",
      greet = {
        "欢迎 {names}!每天 16:30 有饭券,手快有🍜",
        "{names} 来啦!订位、外卖、忌口,群里说一声就行",
        "欢迎老友 {names},想吃什么先在群里点名",
      },
    },
    {
      "chaperone",
      duty = { "店长" },
      duty_from = "10:00",
      duty_to = "21:30",
      faq = {
        { ask = { "营业", "几点开", "几点关", "开门", "打烊" }, answer = { "11:00-14:00,17:00-21:30,周一不休", "中午 11 点、晚上 5 点开门,21:30 打烊" } },
        { ask = { "订位", "订座", "包间", "留位" }, priority = 2, answer = { "告诉我日期、时间、人数,店长确认后回你", "写上「几号 几点 几位」,店长马上确认" } },
        { ask = { "排队", "等位", "要等" }, answer = { "18:30 前来基本不用等,周末建议先订", "工作日 18:30 前到不用等位" } },
        { ask = { "停车" }, answer = { "楼下地库停 2 小时免费,结账时盖章", "B1 可停,用餐免 2 小时" } },
        { ask = { "外卖", "送餐", "打包" }, answer = { "三公里内满 60 元送,平台上也有我们", "可以送,满 60 元,群里说地址和菜就行" } },
        { ask = { "过敏", "忌口", "素食", "不吃辣" }, priority = 2, answer = { "下单时写上忌口,厨房会单独做;过敏的食材请当面再说一次", "可以做,点单时告诉我们,过敏一定再确认一遍" } },
      },
    },
  },
}
