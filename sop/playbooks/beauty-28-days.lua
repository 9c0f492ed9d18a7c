-- beauty-28-days.lua -- "28 days of care together": the group's name is the promise. Everybody starts on the same day, shows a photo a day,
-- and is carried by reminder, summary and milestones; answers come from approved texts only. For groups with the tag `beauty-28-days`.
-- Before use: the start date, a task for each day that fits what you sell, the reviewed answers, organiser and contact. What is said
-- about cosmetics is checked by whoever answers for it: no effect is promised here. Nobody is asked to share outside the group.
return {
  title = "28 天一起变美",
  groups = { { tag = "beauty-28-days" } },
  timezone = "Asia/Shanghai",
  quiet = { "22:30", "07:30" },
  day_cutoff = "04:00",
  language = "zh-CN",
  persona = { name = "小美", emoji = 1, call = "宝子" },

  staff_chat = "playground:staff",
  staff = { ["playground:店长"] = "store" },
  keepers = true,

  flows = {
    "switch",
    "common",
    "report",
    "orders",
    {
      "checkin",
      days = 28,
      cohort = "fixed", -- from the first who signs up; or start = "2026-12-01"
      proof = "photo",
      cards = 2,
      remind = "20:30",
      summary = "22:00",
      milestones = {
        { day = 7, points = 10, coupon = "护肤小样一份", coupon_days = 14 },
        { day = 14, points = 20 },
        { day = 21, points = 30 },
        { day = 28, points = 50 },
      },
      finish_tag = "28天完成",
      finish_coupon = "满 200 减 40 券",
      coupon_days = 30,
      tasks = {
        "拍一张素颜照,留给 28 天后的自己", "睡前认真卸妆,再拍照", "喝够 8 杯水", "早上涂好防晒", "温水洗脸,不超过 1 分钟", "敷一次面膜,15 分钟",
        "写下这一周的小变化", "11 点前睡觉", "洗净化妆刷和粉扑", "做 5 分钟面部放松", "少糖一天", "晒一晒今天的早餐", "换一次枕巾", "两周对比照",
        "饭后走 20 分钟", "防晒补涂一次", "手部护理 5 分钟", "少熬夜,早睡半小时", "泡脚 15 分钟", "吃一份深色蔬菜", "写下第三周的心情", "整理护肤台",
        "头皮按摩 5 分钟", "一天不喝含糖饮料", "颈部护理 3 分钟", "给自己拍张笑脸", "写一句给姐妹的鼓励", "28 天对比照,恭喜你",
      },
      done = {
        "第 {day} 天打卡收到,连续 {streak} 天,今天第 {place} 位💄",
        "{day}/{days} 天,照片真好看!连续 {streak} 天",
        "收到第 {day} 张照片,连续 {streak} 天,今天第 {place} 个到",
      },
    },
    { -- codes for the coupons of milestones; nothing opens by itself
      "redpacket",
      nightly = false,
      organiser = "小美护肤(示例)",
      contact = "群里 @店长",
      store = "beauty-1",
      kind = "coupon",
      coupon = "护肤小样一份",
      valid_days = 14,
    },
    {
      "welcome",
      onboarding = true,
      touch_at = "10:00",
      greet = {
        "欢迎 {names}!28 天一起变美,发一张带图的「打卡」就算开始🌿",
        "{names} 来啦!发「报名」或直接带图打卡,我们陪你走完 28 天",
        "欢迎 {names},每天一张照片,28 天后再看自己",
      },
      touch1 = { "{names} 第一天不用复杂,拍张照发「打卡」就好", "{names} 先从一张素颜照开始,只给 28 天后的自己看" },
      touch2 = { "{names} 第二天了,昨天的打卡接上了吗?", "{names} 早呀,今天的小任务在昨晚的小结里" },
      touch3 = { "{names} 三天最容易断,有补卡券,别怕漏", "{names} 漏了一天也没事,发「补卡」就接上" },
      touch4 = { "{names} 一周啦,翻翻第一张照片看看🌿", "{names} 满一周!发「我的打卡」看看你的日历" },
    },
    { -- 征集 给群起个名: entries, a shortlist by staff, a vote
      "contest",
      organiser = "小美护肤(示例)",
      contact = "群里 @店长",
      prize = "正装一份",
      prize_value = 20000,
      consolation = "护肤小样一份",
      batch = "5m", -- the evening belongs to the check-ins: entries and votes are confirmed together
    },
    { "vote", batch = "5m" }, -- 发起投票 本周最想学什么 | ...
    { "draw", batch = "1m", organiser = "小美护肤(示例)", contact = "群里 @店长" }, -- for those who came to the end: 抽奖 正装一份 3份 200元
    {
      "handoff",
      roster = { { days = "1-7", from = "09:30", to = "21:30", users = { "店长" } } },
    },
    {
      "faq",
      faq = { -- approved texts only
        { ask = { "怎么打卡", "怎么参加", "如何打卡" }, answer = { "发一张照片,配上「打卡」两个字就行", "照片加「打卡」,一条消息发出来就算" } },
        { ask = { "补卡", "漏了", "忘了打卡" }, answer = { "发「补卡」能补最近 3 天,每人 2 张补卡券", "3 天内都能补,发「补卡」" } },
        { ask = { "防晒" }, answer = { "出门前 20 分钟涂,两三小时补一次", "阴天也涂,出汗以后记得补" } },
        { ask = { "过敏", "红肿", "刺痛", "起疹" }, priority = 3, answer = { "先停用并用清水洗净,不舒服请尽快看医生;同事也会来联系你", "请先停用,严重的话去医院看看,我们的同事马上联系你" } },
        { ask = { "敏感肌", "孕妇", "能用吗" }, priority = 2, answer = { "这个要看个人情况,先在耳后试用,不确定就问医生", "建议先小范围试用;孕期请先问医生" } },
      },
    },
    {
      "chaperone",
      duty = { "店长" },
    },
  },
}
