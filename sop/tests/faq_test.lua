-- faq_test.lua -- answers from the knowledge base, sentence by sentence. What is promised to a group, and the cases that hold it:
--
-- Of every flow
--   quoted, forwarded, to somebody else: nothing              "not for us: ..."
--   one reply per cause, one short answer a day, silence      "the same question again ..."
--   退订: no @, answers still come                            "who opted out ..."
--   staff commands need a role                                "members may use none ..."
--   flows may require or exclude tags                         "only for members with a tag ..."
-- 话术库
--   keyword answers                                           "a keyword in a question ...", "keywords count ..."
--   pattern answers                                           "a pattern ..."
--   priority                                                  "the higher priority wins ..."
--   variables                                                 "variables ...", "an answer whose variable has no value ...", "stores ..."
--   approved texts only                                       "what is not approved ...", "加话术 ..." (3), "two persons ..."
--   before chaperone                                          "what it answers chaperone need not ..."
--   restarts, kills, edits                                    "the book survives ...", "killed ...", "an edited playbook ..."
--   several groups; WeCom; private                            "each group ...", "WeCom ...", "in private ..."
--   metrics                                                   "what is counted", "questions without an answer ..."
local FAQ = {
  { ask = { "营业", "几点开" }, answer = "早 8 点到晚 10 点" },
  { ask = { "停车" }, answer = "停车在{parking}", tag = "有车" },
  { ask = { "会员卡" }, answer = "办卡送{gift}" },
  { ask = { "退" }, answer = "普通退货" },
  { pattern = "(退|换)(货|一下|吗)", priority = 2, answer = "24 小时内都可以退换" },
  { ask = { "药效" }, answer = "还没审过", approved = false },
}

local TEXTS = {
  again = "刚说过", unknown = "问问人工", usage = "写法{word}", added = "待批#{id}", refused = "禁{word}", no_value = "缺{word}", full = "满了",
  approved = "生效#{id} {ask}", own = "别人批", removed = "删了#{id}", no_entry = "没这条", list = "清单 {lines}",
  list_line = "#{id}{ask}:{count}{mark}", mark_waiting = "(待批)", mark_gap = "(缺{word})", missed_list = "缺口 {lines}", empty = "空的",
}

local function book(params, ...)
  local flow = { "faq", faq = FAQ, values = { parking = "地下一层" } }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return { flows = { "switch", "common", flow, ... } }
end

local t = sop.test("faq", { playbook = book(), start = "2026-03-02 10:00" })

local function keeper(g, name)
  g:setting("staff", { chat = "demo" }, name, "keeper")
end

t:case("a keyword in a question is answered with an @, at once", function(g)
  g:says("小美", "周末几点开门呀")
  g:expect{ at = "小美", text = "早 8 点到晚 10 点" }
  g:expect_event("faq_answered", { who = "小美", entry = "p1" })
end)

t:case("keywords count in questions, in what is meant for the bot, and in short remarks", function(g)
  g:says("小美", "停车")
  g:expect{ at = "小美", text = "地下一层" }
  g:says("小王", "@小福 说说你们这边的停车位在什么地方呢我没找到")
  g:expect{ at = "小王", text = "地下一层" }
  g:says("阿强", "昨天我在外面停车的时候遇到一个老同学聊了好久")
  g:silent("10m")
end)

t:case("a pattern counts anywhere", function(g)
  g:says("小美", "上次买的那箱苹果有几个坏的想要退货然后再买一箱新的")
  g:expect{ at = "小美", text = "24 小时内都可以退换" }
end)

t:case("the higher priority wins, then the longer keyword", {
  playbook = book{ faq = { FAQ[4], FAQ[5], { ask = { "会员卡" }, answer = "办卡" } } },
}, function(g)
  g:says("小美", "能退吗")
  g:expect{ at = "小美", text = "24 小时内" }
  g:says("小王", "会员卡能退么?")
  g:expect{ at = "小王", text = "办卡" }
end)

t:case("variables are filled in with the values of this group", function(g)
  g:says("小美", "停车怎么走")
  g:expect{ at = "小美", text = "停车在地下一层" }
  g:expect_tags("小美", { "有车" })
end)

t:case("an answer whose variable has no value here is not said", function(g)
  g:says("小美", "会员卡怎么办")
  g:silent("10m")
  g:expect_event("faq_missed", { who = "小美" })
  g:param("faq.values", '{"gift":"一斤鸡蛋"}')
  g:says("小美", "会员卡怎么办")
  g:expect{ at = "小美", text = "办卡送一斤鸡蛋" }
end)

t:case("an entry whose variable has no value here makes room for the next one that fits", {
  playbook = book{ faq = {
    { ask = { "停车" }, answer = "停车在{nowhere}", priority = 2 }, { ask = { "停车" }, answer = "{none}", priority = 1 },
    { ask = { "停车" }, answer = "停车问门口" }, { ask = { "会员卡" }, answer = "办卡送{gift}" },
  } },
}, function(g)
  g:says("小美", "哪里停车呀")
  g:expect{ at = "小美", text = "停车问门口" }
  g:expect_event("faq_answered", { entry = "p3" })
  g:says("小美", "会员卡怎么办")
  g:silent("1m")
end)

t:case("stores have values of their own", function(g)
  g:param("faq.values", '{"parking":"对面商场"}', { chat = "二店" })
  g:says("小美", "停车怎么走", { chat = "二店" })
  g:expect{ chat = "二店", text = "停车在对面商场" }
  g:says("小美", "停车怎么走")
  g:expect{ text = "停车在地下一层" }
end)

t:case("several answers are variants", { playbook = book{ faq = { { ask = { "停车" }, answer = { "停车一", "停车{none}" } } } } }, function(g)
  for i = 1, 5 do
    g:says("成员" .. i, "停车怎么走")
    g:expect{ at = "成员" .. i, text = "停车一" } -- the other one lacks its value
  end
end)

t:case("a value or an answer is never a template or a mention", {
  playbook = book{ faq = { { ask = { "停车" }, answer = "停车 {parking}" } }, values = { parking = "{at} @小王 {bot}" } },
}, function(g)
  g:says("小美", "停车怎么走")
  local message = g:expect{ at = "小美", text = "停车 {at} @小王 {bot}" }
  g:equal(#message.at, 1)
end)

t:case("what is not approved is never said", function(g)
  g:says("小美", "这个药效怎么样")
  g:says("小美", "@小福 药效")
  g:expect_none{ text = "还没审过" }
end)

t:case("加话术 is said only after somebody else approved it", function(g)
  keeper(g, "小李")
  g:says("小李", "加话术 快递/发货=五点前下单当天发")
  g:expect{ at = "小李", text = "待批#1" }
  g:says("小美", "快递几点发")
  g:silent("1m")
  g:says("小李", "批准话术 1")
  g:silent("1m") -- a keeper may not approve
  g:staff("店长", "批准话术 1")
  g:expect{ at = "店长", text = "生效#1 快递/发货" }
  g:says("小美", "快递几点发")
  g:expect{ at = "小美", text = "五点前下单当天发" }
  g:equal(#g:audit("faq_added"), 1)
  g:equal(g:audit("faq_approved")[1].id, 1)
end)

t:case("two persons: whoever added it may not approve it, unless the playbook says so", function(g)
  g:staff("店长", "加话术 快递＝当天发") -- a sign of full width
  g:expect{ text = "待批#1" }
  g:staff("店长", "批准话术 1")
  g:expect{ at = "店长", text = "别人批" }
  g:param("faq.two_persons", "false")
  g:staff("店长", "批准话术 1")
  g:expect{ text = "生效#1" }
  g:staff("店长", "加话术 发票=柜台开")
  g:expect{ text = "生效#2" }
end)

t:case("加话术 that cannot be read, or with words that must not be said, or a variable without a value, is refused", function(g)
  local refusals = {
    { "加话术", "写法加话术" }, { "加话术 停车", "写法" }, { "加话术 =好", "写法" }, { "加话术 效果=包治百病", "禁包治" },
    { "加话术 电话=打{phone}", "缺phone" },
  }
  for _, one in ipairs(refusals) do
    g:staff("店长", one[1])
    g:expect{ at = "店长", text = one[2] }
  end
  g:equal(g:state("group", "book"), nil)
end)

t:case("加话术 has room for so many", { playbook = book{ most = 1 } }, function(g)
  g:staff("店长", "加话术 快递=当天发")
  g:expect{ text = "待批#1" }
  g:staff("店长", "加话术 发票=柜台开")
  g:expect{ text = "满了" }
end)

t:case("删话术 takes it away; what the playbook says stays", function(g)
  g:param("faq.two_persons", "false")
  g:staff("店长", "加话术 营业=现在装修")
  g:expect{ text = "生效#1" }
  g:says("小美", "还营业吗")
  g:expect{ at = "小美", text = "现在装修" } -- the group's own entry stands before the playbook's
  g:staff("店长", "删话术 1")
  g:expect{ text = "删了#1" }
  g:says("小美", "还营业吗")
  g:expect{ at = "小美", text = "早 8 点" }
  g:staff("店长", "删话术 1")
  g:expect{ text = "没这条" }
  g:equal(#g:audit("faq_removed"), 1)
end)

t:case("话术 lists entries, how often each was said, what waits and what lacks a value", function(g)
  g:says("小美", "停车怎么走")
  g:expect{ at = "小美" }
  g:staff("店长", "加话术 快递=当天发")
  g:expect()
  g:staff("店长", "话术")
  g:expect{ at = "店长", text = { "#1快递:0(待批)", "#p1营业/几点开:0", "#p2停车:1", "#p3会员卡:0(缺gift)", "#p6药效:0(待批)" } }
end)

t:case("members may use none of the staff commands", function(g)
  for _, text in ipairs({ "话术", "加话术 快递=当天发", "批准话术 1", "删话术 1", "话术缺口" }) do g:says("小美", text) end
  g:silent("10m")
  g:equal(g:state("group", "book"), nil)
end)

t:case("the same question again gets one short answer, then silence until the next day", function(g)
  g:says("小美", "几点开门呀")
  g:expect{ at = "小美", text = "早 8 点" }
  g:says("小美", "今天还营业吗")
  g:expect{ at = "小美", text = "刚说过" }
  g:says("小美", "几点开")
  g:silent("10m")
  g:says("小王", "几点开门呀")
  g:expect{ at = "小王", text = "早 8 点" }
  g:at("2026-03-03 09:00")
  g:says("小美", "几点开门呀")
  g:expect{ at = "小美", text = "早 8 点" }
end)

t:case("at most twenty answers an hour", { playbook = book{ posts = 3 } }, function(g)
  for i = 1, 5 do g:says("成员" .. i, "几点开门呀") end
  g:expect_count(3)
end)

t:case("a question for which there was no answer left in the hour is answered in the next one, in full", {
  playbook = book{ posts = 1 },
}, function(g)
  g:says("小王", "几点开门呀")
  g:expect{ at = "小王", text = "早 8 点" }
  g:says("小美", "几点开门呀")
  g:silent("1m")
  g:says("小美", "几点开门呀")
  g:silent("2h")
  g:says("小美", "几点开门呀")
  g:expect{ at = "小美", text = "早 8 点" }
  g:says("小美", "几点开门呀")
  g:expect{ at = "小美", text = "刚说过" }
end)

t:case("not for us: quoting, or to somebody else", function(g)
  g:says("小美", "大家好")
  g:mention("小美", "小王", "几点开门呀")
  local id = g:says("小王", "哈哈")
  g:reply("小美", "几点开门呀", { to = id })
  g:silent("10m")
end)

t:case("what staff say is no question for the bot, unless they mention it", function(g)
  g:staff("店长", "有人问几点开吗")
  g:silent("1m")
  g:staff("店长", "@小福 几点开")
  g:expect{ at = "店长", text = "早 8 点" }
end)

t:case("who opted out is answered without an @", function(g)
  g:says("小美", "退订")
  g:expect()
  g:says("小美", "几点开门呀")
  g:expect{ plain = true, text = "早 8 点" }
end)

t:case("only for members with a tag, not for those with another", {
  playbook = book{ only_tags = { "会员" }, not_tags = { "同行" } },
}, function(g)
  g:says("小美", "几点开门呀")
  g:silent("1m")
  g:tag("小美", "会员")
  g:says("小美", "几点开门呀")
  g:expect{ at = "小美", text = "早 8 点" }
  g:tag("小王", "会员")
  g:tag("小王", "同行")
  g:says("小王", "几点开门呀")
  g:silent("1m")
end)

t:case("what it answers chaperone need not, what it does not chaperone takes", {
  playbook = book(nil, { "chaperone", window = "3s", small_talk = "闲聊", ask = "问同事" }),
}, function(g)
  g:says("小美", "几点开门呀")
  g:expect{ at = "小美", text = "早 8 点" }
  g:silent("1m")
  g:says("小王", "附近有游泳池吗")
  g:advance("4s")
  g:expect{ at = "小王", text = "问同事" }
end)

t:case("questions without an answer are noted; to the bot itself it says so, once a day", {
  playbook = book{ say_unknown = true },
}, function(g)
  g:says("小美", "附近有游泳池吗")
  g:silent("1m")
  g:says("小美", "@小福 附近有游泳池吗")
  g:expect{ at = "小美", text = "问问人工" }
  g:says("小美", "@小福 有网球场吗")
  g:says("小美", "@小福 有滑冰场吗")
  g:silent("1m")
  g:equal(#g:events("faq_missed"), 4)
  g:staff("店长", "话术缺口")
  g:expect{ at = "店长", text = { "小美:附近有游泳池吗", "小美:有滑冰场吗" } }
end)

t:case("nothing is said to what the bot cannot answer, unless the playbook says so", function(g)
  g:says("小美", "@小福 附近有游泳池吗")
  g:says("小美", "@小福 附近有游泳池吗")
  g:silent("1m")
end)

t:case("话术 and 话术缺口 of an empty book", { playbook = book{ faq = {} } }, function(g)
  g:staff("店长", "话术")
  g:expect{ text = "空的" }
  g:staff("店长", "话术缺口")
  g:expect{ text = "空的" }
end)

t:case("the book survives a restart, and an edit of the flow", function(g)
  g:param("faq.two_persons", "false")
  g:staff("店长", "加话术 快递=当天发")
  g:expect()
  g:restart()
  g:edit("flows/faq.lua", 'title = "话术库"', 'title = "问答"')
  g:says("小美", "快递几点发")
  g:expect{ at = "小美", text = "当天发" }
end)

t:case("killed while it answers: one answer, one count", function(g)
  for i, moment in ipairs({ "input", "commit" }) do
    g:kill{ during = moment }
    g:says("成员" .. i, "几点开门呀")
    g:advance("5s")
    g:expect_count(1, { at = "成员" .. i, text = "早 8 点" })
    g:equal(#g:events("faq_answered"), i)
  end
end)

t:case("each group has a book of its own", function(g)
  g:param("faq.two_persons", "false")
  g:staff("店长", "加话术 快递=当天发")
  g:expect()
  g:says("小美", "快递几点发", { chat = "二店" })
  g:silent("1m")
end)

t:case("WeCom: who mentions the bot is answered", function(g)
  g:platform("wecom")
  g:says("小美", "@小福 几点开门呀")
  g:expect{ text = "早 8 点" }
end)

t:case("in private it answers as well", function(g)
  g:dm("小美", "几点开门呀")
  g:expect{ dm = "小美", text = "早 8 点" }
end)

t:case("what came in late is not answered, and does not count as answered", function(g)
  g:missed("5m", function() g:says("小美", "几点开门呀") end)
  g:silent("1m")
  g:says("小美", "几点开门呀")
  g:expect{ at = "小美", text = "早 8 点" }
end)

t:case("what is counted", function(g)
  g:says("小美", "几点开门呀")
  g:says("小美", "几点开门呀")
  g:says("小王", "停车怎么走")
  g:equal(#g:events("faq_answered"), 2)
  g:expect_event("faq_answered", { who = "小王", entry = "p2", ask = "停车" })
  g:says("阿强", "停车怎么走")
  g:expect_board("hits", { { "p2", 2 }, { "p1", 1 } })
end)
