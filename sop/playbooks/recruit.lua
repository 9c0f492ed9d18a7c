-- recruit.lua -- the campaign of a hundred: offices apply for a week of free breakfasts, a hundred are taken, their people in charge sit
-- in one group. The group answers questions of the applicants, tells them apart by the size of their office, and hands the rest to the
-- organisers. For groups with the tag `recruit`. Before use: dates, places, area, organiser, contact. What is asked is kept as short as
-- the purpose allows, and 删除我的数据 deletes it.
return {
  title = "百家企业早餐招募",
  groups = { { tag = "recruit" } },
  timezone = "Asia/Shanghai",
  quiet = { "20:30", "09:00" }, -- office people
  day_cutoff = "04:00",
  language = "zh-CN",
  persona = { name = "早餐君", emoji = 1, call = "伙伴" },

  staff_chat = "playground:staff",
  staff = { ["playground:店长"] = "store", ["playground:招募官"] = "keeper" },
  keepers = true,

  flows = {
    "switch",
    "common",
    "report",
    { -- 开报名 百家企业早餐 by the organisers; who applies is reviewed: 通过 3, 拒绝 3 原因
      "signup",
      review = true,
      places = 100,
      remind_before = { "1d", "12h" },
      questions = {
        { key = "company", ask = "公司名称是?", type = "text", min = 2, max = 30 },
        { key = "people", ask = "大概多少人用餐?", type = "number", min = 10, max = 2000 },
        { key = "address", ask = "办公地址(楼名和楼层)?", type = "text", min = 4, max = 50 },
        { key = "phone", ask = "前台或负责人电话?只用来送餐", type = "phone" },
      },
    },
    {
      "welcome",
      ask = true,
      answers = {
        { words = { "1", "50人以下", "小公司" }, tag = "规模:50以下" },
        { words = { "2", "50到100", "100人", "一百" }, tag = "规模:50-100" },
        { words = { "3", "100人以上", "200人", "几百" }, tag = "规模:100以上" },
      },
      question = {
        "{names} 公司大概多少人用餐?1 50 人以下,2 50-100 人,3 100 人以上,回数字就行",
        "{names} 方便备餐,想问下人数:1 不到 50,2 50 到 100,3 超过 100",
      },
      question_again = { "回 1、2 或 3 就好", "没对上,发一个数字:1、2、3" },
      question_thanks = { "记下了,有名额第一时间通知你", "收到,谢谢伙伴" },
      greet = {
        "欢迎 {names}!100 家企业免费早餐,招募进行中🥛",
        "{names} 你好,这里是早餐招募群,有问题直接问",
        "欢迎 {names},送餐范围和时间,群里问一句就有",
      },
      enter = { "你好,这里是早餐君。想了解送餐时间、范围或名额,直接发给我", "你好呀,早餐招募的问题都可以问我" },
    },
    {
      "handoff",
      roster = { { days = "1-7", from = "09:00", to = "18:30", users = { "招募官", "店长" } } },
    },
    { -- an answer at once, and only an approved one
      "faq",
      faq = {
        { ask = { "怎么报名", "如何报名", "怎么参加" }, priority = 2, answer = { "发「报名」两个字,按提示填公司、人数和地址,一个工作日内回复", "发「报名」就开始,四个问题,审核后通知你" } },
        { ask = { "名额", "还有吗", "几家" }, answer = { "一共 100 家,按人数和路线审核,满了会公布", "100 家名额,审核中的先排候补" } },
        { ask = { "几点送", "送餐时间", "什么时候送" }, answer = { "工作日 7:50 到 8:40 送到前台", "早上 8:40 前送到,到了打前台电话" } },
        { ask = { "收费", "免费", "要钱吗", "多少钱" }, answer = { "一周免费,不收任何费用,也不用转发", "全程免费,每家一周" } },
        { ask = { "范围", "送到", "哪些区" }, answer = { "三环内写字楼优先,其他地址帮你问路线", "目前送三环内的写字楼" } },
        { ask = { "过敏", "清真", "素" }, priority = 2, answer = { "报名时备注,我们分开备餐", "可以备注,清真和素食都有" } },
      },
    },
    {
      "chaperone",
      posts = 6,
      sweep = "18:00",
      again = "4h",
      duty = { "招募官", "店长" },
      duty_from = "09:00",
      duty_to = "18:30",
    },
  },
}
