-- jewellery.lua -- a jeweller's group of the brand kind: bought seldom, much at a time. The bot is quiet and formal, speaks when it is
-- spoken to, and people take over quickly; whoever bought is thanked and left in peace. For groups with the tag `jewellery`. Before use:
-- the persona's way of speaking, services with their true terms, who is on duty. Coupons are opened by staff for occasions, never every
-- night.
return {
  title = "珠宝会员",
  groups = { { tag = "jewellery" } },
  timezone = "Asia/Shanghai",
  quiet = { "21:00", "09:30" },
  day_cutoff = "04:00",
  language = "zh-CN",
  persona = { name = "福小姐", emoji = 0, call = "您" },
  attention = 1, -- at most one message a day that bots begin reaches a member

  staff_chat = "playground:staff",
  staff = { ["playground:店长"] = "store", ["playground:顾问"] = "keeper" },
  keepers = true,

  flows = {
    "switch",
    "common",
    "report",
    "orders", -- whoever bought gets the tag, which ends the onboarding
    { "segment", super_share = 20, winback = false, score_order = 50 }, -- who matters; nobody is called back here
    { -- for those who buy much: vouchers that cannot be used by oneself, and a fifth of what the friend spends comes back as points
      "voucher",
      store = "jewellery-1",
      types = { { name = "亲友券", face = 50000, threshold = 200000, days = 90, gift = "other" } },
      rebate_percent = 20,
      day_max = 50,
    },
    {
      "redpacket",
      nightly = false,
      organiser = "福记珠宝(示例)",
      contact = "群里 @顾问,或致电门店",
      store = "jewellery-1",
      kind = "coupon",
      coupon = "到店免费清洗保养",
      coupon_value = 10000,
      coupon_cost = 10,
      shares = 20,
      valid_days = 60,
      redeem_role = "store",
    },
    {
      "welcome",
      gather = "30s",
      onboarding = true,
      touch_at = "11:00",
      day2 = 3,
      day3 = 14,
      day4 = -1,
      greet = {
        "欢迎 {names}。这里是会员专属群,选款、保养、改圈都可以随时问",
        "{names} 您好,欢迎。有想看的款式,告诉我们就好",
        "欢迎 {names} 到来,顾问每天 10 点到 20 点在群里",
      },
      touch1 = { "{names} 您好,会员可终身免费清洗,到店报手机尾号即可", "{names} 您好,想看实物可以约时间,顾问为您留位" },
      touch2 = { "{names} 您好,最近有需要保养的首饰吗?带来我们看看", "{names} 您好,选款拿不定,发张图给顾问就行" },
      touch3 = { "{names} 您好,本月可以免费检查镶口,路过时进来坐坐", "{names} 您好,有要过的纪念日,可以提前告诉我们" },
    },
    { -- few posts: festivals and the day on which somebody has been here for a month
      "calendar",
      hq_role = "store", -- one house: whoever runs it publishes to all its groups
      posts = {
        { id = "qixi", festival = "七夕", days = -7, at = "11:00", text = { "七夕将近,想刻字的请提前一周告诉我们", "七夕的刻字需要一周,有想法的可以先说" } },
        { id = "spring", festival = "春节", days = -20, at = "11:00", text = { "年前的清洗保养请早些约时间", "年前想保养首饰的,这两周来最从容" } },
        { id = "month", member_day = 30, at = "11:30", text = { "来这里一个月了,谢谢您的信任", "认识一个月,有需要随时说" } },
        { id = "care", weekday = 6, at = "11:00", text = { "周末到店可免费清洗,20 分钟左右", "周末路过,进来把首饰洗一洗", "周六日顾问都在,欢迎来坐坐" } },
      },
    },
    {
      "handoff",
      roster = { { days = "1-7", from = "10:00", to = "20:00", users = { "顾问", "店长" } } },
      called = { "好的,已请顾问过来,{minutes} 分钟内联系您", "收到,顾问 {minutes} 分钟内到,您想说的可以先写在这里" },
      off_duty = { "顾问已经下班,{time} 起第一位联系您", "记下了,{time} 上班后顾问联系您" },
      again = { "已经在请顾问了,请您稍候", "顾问已知道,马上来" },
      delayed = { "{who} 让您久等了,顾问 {minutes} 分钟内到", "{who} 抱歉,已再次请顾问,{minutes} 分钟内联系您" },
      claimed = { "{who} {helper}为您服务,请讲", "{who} {helper}来了,请您直接说" },
      done = { "{who} 已为您处理好,有需要再发「{word}」", "{who} 这件事办好了,随时可以发「{word}」" },
    },
    { -- an answer at once, and only an approved one
      "faq",
      posts = 8,
      again = { "这一条刚回过,麻烦您往上看", "刚才说过的,您看上面一条" },
      faq = {
        { ask = { "清洗", "保养" }, answer = { "会员终身免费清洗,到店约 20 分钟", "到店就能洗,会员免费,20 分钟左右" } },
        { ask = { "改圈", "改大", "改小", "尺寸" }, answer = { "素圈一年内可免费改一次,大约 3 天取", "可以改,一般 3 天,镶嵌款要先看实物" } },
        { ask = { "证书", "鉴定" }, answer = { "每件都配检测证书,证书号可在官网查", "证书随货,丢了可以补查" } },
        { ask = { "以旧换新", "回收" }, answer = { "黄金按当日价换购,带上发票和证书", "可以换购,当日金价为准,到店称重" } },
        { ask = { "金价", "多少一克" }, answer = { "金价每天变,以门店当天挂牌为准,要看哪天我帮您问", "以当天门店挂牌价为准" } },
      },
    },
    {
      "chaperone",
      window = "60s",
      posts = 4,
      sweep = "20:30",
      sweep_posts = 1,
      again = "6h",
      duty = { "顾问", "店长" },
      duty_from = "10:00",
      duty_to = "20:00",
      handoff = "5m",
      promise = 15,
      greeting = { "您好,有需要随时说", "您好,祝您今天顺心", "您好,我在" },
      thanks = { "应该的", "您客气了", "为您服务是应该的" },
      small_talk = {
        "收到您的分享", "谢谢您说给我们听", "说得是", "记下了", "好眼光", "听着就很好", "祝您今天顺心", "您的话我们记着", "很有心意", "这个说法好",
        "谢谢您常来", "您有需要时随时说", "一看就是用心选的", "好的", "您说得对", "替您高兴", "值得好好收着", "岁月都在里面了", "谢谢您的信任", "祝您一切都好",
        "这份心意难得", "您慢慢看",
      },
    },
  },
}
