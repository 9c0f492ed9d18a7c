-- mother-baby.lua -- a shop for mothers and babies: newcomers are asked how old the child is, touched on days that matter, and questions
-- about health go to people. For groups with the tag `mother-baby`. Before use: the bands of age that your goods follow, experts on
-- duty, and a notice of what is kept (我的数据 shows it, 删除我的数据 deletes it). No lottery in groups with families: coupons are given, not drawn.
return {
  title = "母婴",
  groups = { { tag = "mother-baby" } },
  timezone = "Asia/Shanghai",
  quiet = { "21:30", "08:00" }, -- children sleep
  day_cutoff = "04:00",
  language = "zh-CN",
  persona = { name = "小贝", emoji = 1, call = "妈妈" },

  staff_chat = "playground:staff",
  staff = { ["playground:店长"] = "store", ["playground:育婴师"] = "keeper" },
  keepers = true,

  flows = {
    "switch",
    "common",
    "report",
    { "orders", cents_per_point = 100 },
    { -- by what mothers ask for; the stage that a newcomer names is a tag of welcome
      "segment",
      rules = {
        { tag = "关注:奶粉", on = "message", words = { "奶粉", "转奶" } },
        { tag = "关注:纸尿裤", on = "message", words = { "尿不湿", "纸尿裤" } },
        { tag = "关注:辅食", on = "message", words = { "辅食", "米粉" } },
        { tag = "夜里醒着", on = "message", from = "00:00", to = "05:00", times = 3 },
      },
      winbacks = 5,
    },
    {
      "voucher",
      store = "baby-1",
      rebate_percent = 5,
      types = {
        { name = "满 199 减 30 券", face = 3000, threshold = 19900, days = 15, gift = "self" },
        { name = "姐妹券", face = 2000, threshold = 9900, days = 30, gift = "other" },
      },
    },
    {
      "redpacket",
      nightly = false,
      organiser = "小贝母婴(示例)",
      contact = "群里 @店长",
      store = "baby-1",
      kind = "coupon",
      coupon = "满 199 减 20 券",
      valid_days = 15,
    },
    {
      "welcome",
      onboarding = true,
      touch_at = "10:00",
      ask = true,
      answers = {
        { words = { "1", "孕期", "还没生", "怀孕" }, tag = "阶段:孕期" },
        { words = { "2", "半岁", "6个月", "六个月" }, tag = "阶段:0-6月" },
        { words = { "3", "一岁", "1岁" }, tag = "阶段:6-12月" },
        { words = { "4", "两岁", "三岁", "2岁", "3岁" }, tag = "阶段:1-3岁" },
      },
      question = {
        "{names} 宝宝多大啦?1 还在孕期,2 半岁内,3 半岁到一岁,4 一到三岁,回个数字,推荐更合适",
        "{names} 想更懂你一点:1 孕期 2 0-6 月 3 6-12 月 4 1-3 岁,回数字就好;不想说也没关系",
      },
      question_again = { "回 1、2、3、4 里的一个就行", "没对上号,发一个数字就好,1 到 4" },
      question_thanks = { "记下啦,以后只给你看用得上的🌿", "收到,谢谢妈妈!有问题随时问" },
      greet = {
        "欢迎 {names}!带娃路上我们搭个伴🍼",
        "{names} 来啦,欢迎!喂养、辅食、出行,有问题就在群里问",
        "欢迎 {names},群里有育婴师值班,9 点到 21 点都在",
      },
      touch1 = { "{names} 群里每天有育婴师值班,问题直接发就行", "{names} 发「菜单」看看群里能做什么" },
      touch2 = { "{names} 昨晚睡得好吗?有想问的,今天育婴师都在", "{names} 第二天见,喂养上有疑问就说一声" },
      touch3 = { "{names} 新人有一张满减券,到店报群名就能领", "{names} 这几天用着还顺手吗?不合适可以换" },
      touch4 = { "{names} 一周啦,谢谢你在这里🌿", "{names} 满一周!想看哪类内容,告诉我们" },
    },
    {
      "handoff",
      roster = { { days = "1-7", from = "09:00", to = "21:00", users = { "育婴师", "店长" } } },
    },
    { -- health: an answer at once, and only the approved one
      "faq",
      faq = {
        {
          ask = { "发烧", "发热", "咳嗽", "拉肚子", "腹泻", "吐奶", "湿疹", "黄疸", "吃药" }, priority = 5,
          answer = { "身体上的事请先问医生,需要就尽快就诊;想找育婴师,发「人工」", "这个别等,先联系医生;也可以发「人工」叫育婴师" },
        },
      },
    },
    {
      "chaperone",
      posts = 8,
      sweep = "21:00",
      duty = { "店长", "育婴师" },
      duty_from = "09:00",
      duty_to = "21:00",
      faq = {
        { ask = { "尿不湿", "纸尿裤", "尺码" }, answer = { "按体重选:5 公斤内 S,5-9 公斤 M,9-12 公斤 L", "看体重最准,拿不准就选大一码" } },
        { ask = { "发货", "几天到", "物流" }, answer = { "下单 24 小时内发出,一般两三天到", "当天 16 点前的单当天发" } },
        { pattern = "(退|换)(货|一下|吗)", priority = 2, answer = { "未拆封 7 天内可退换,联系我们就行", "7 天内没拆封都能退换" } },
        { ask = { "积分" }, answer = { "消费 1 元 1 积分,发「我的积分」查看", "发「我的积分」就能看到" } },
      },
    },
  },
}
