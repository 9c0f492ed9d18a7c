-- contest_test.lua -- naming contests, sentence by sentence. What is promised to a group, and the cases that hold it:
--
-- Of every flow
--   command words match tolerantly                             "起名 in many spellings ..."
--   one reply per cause, one short answer a day, silence       "one entry per member ...", "票数 ..."
--   at most ten are @-ed in one message                        "entries are told in batches ..."
--   退订: no @, no private message                             "after 退订 ..."
--   quiet hours                                                "an end in the quiet hours ..."
--   points, coupons: sums are conserved                        "everybody else has a consolation coupon ...", "作废征集 ..."
--   staff commands need a role                                 "members may not ..."
-- 征集
--   起名 <名字>                                                "from 征集 to the winner's prize", "起名 in many spellings ..."
--   one entry per member                                       "one entry per member ..."
--   duplicates refused                                         "a name that is there already ..."
--   sensitive words refused                                    "what is not fit to be shown is refused, and not repeated"
--   shortlist by staff                                         "from ...", "入围 takes ...", "征集删除 ...", "staff are reminded ..."
--   vote `投 2`                                                "from ...", "one voice each ...", "a vote of another flow ..."
--   deadline                                                   "from ...", "what came in late ...", "an end may be given ..."
--   winner's prize                                             "from ...", "of equal ones ...", "the winner has left ..."
--   everybody else's consolation coupon                        "everybody else ...", "without a consolation ..."
--   states                                                     "from ...", "nobody entered", "作废征集 ..."
--   the rules on lotteries                                     "from ...", "without an organiser ..."
--   restarts, deaths, repeats, leaving, switching off          "a restart ...", "a death ...", "who leaves ...", "switched off ..."
--   several groups, WeCom                                      "two groups ...", "on WeCom ..."
--   metrics, records                                           "what the report counts"
local TEXTS = {
  organiser = "幸福路店", contact = "电话八八", prize = "大奖", prize_value = 20000, consolation = "小券",
  announce = "征 {title} {word} {till} {prize}{worth}{consoling}", worth = "值{yuan}元", consoling = " 安慰{coupon}",
  rules = "{least}到{most}字 券{days}天 主办{organiser} 联系{contact}", acked = "收到 {names} 共{count}",
  acked_more = "收到 {names} 另{rest} 共{count}",
  entry = "{no}号{text}", voted = "投{no}", how = "写名字", already = "有了{no}号{text}", taken = "重了", short = "太短{least}", long = "太长{most}",
  unfit = "不合适", full = "满了", no_staff = "工作人员不参加", ending = "快截止 {till}", closed = "截止 {count}个",
  closed_nobody = "没人起名",
  voting = "入围 {lines} {word} {till}", vote_wrong = "没这号 到{count}", vote_already = "投过了", line = "{place}.{text}={votes}",
  standing = "现在{count}人 {lines}", seen = "没变", vote_ending = "快投完 {till}", won = "中选 {who} {name} {votes}票 {prize} {code}{rest} {lines}",
  won_console = " 其他{count}位{coupon}", nobody_won = "没有中选", voided = "作废 {title}", code_dm = "你的{what} 券码 {code} 到{till}",
  staff_how = "这样写", staff_organiser = "没有主办方", staff_open = "{title}没完", staff_list = "名单{count} {lines} 最多{max}",
  staff_waiting = "{title}等入围", staff_which = "号码不对{no}", staff_removed = "拿掉{no}", staff_nothing = "没什么可做", staff_done = "办好{title}",
  staff_void = "收回{taken} 已用{used}",
}

local function book(params, ...)
  local flow = { "contest" }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return {
    flows = { "switch", "common", flow, { "redpacket", nightly = false, organiser = "幸福路店" }, ... },
    staff = { ["playground:店长"] = "store", ["playground:群管"] = "keeper" },
  }
end

local t = sop.test("contest", { playbook = book{ lasts = "2h", vote_lasts = "2h", remind = "0s" }, start = "2026-03-02 10:00" })

local NAMES = { ["小美"] = "幸福鲜", ["小王"] = "鲜到家", ["阿强"] = "好邻居" }

local function open(g)
  g:staff("店长", "征集 给新店起名")
  g:expect{ text = "征 给新店起名" }
end

local function enter(g)
  for _, who in ipairs({ "小美", "小王", "阿强" }) do g:says(who, "起名 " .. NAMES[who]) end
end

-- Open, three entries, closed.
local function collected(g)
  open(g)
  enter(g)
  g:staff("店长", "截止征集")
  g:expect{ text = "截止 3个" }
  g:expect{ chat = "staff", text = "名单3" }
end

t:case("from 征集 to the winner's prize", { playbook = book{ lasts = "2h", vote_lasts = "2h" } }, function(g)
  g:staff("店长", "征集 给新店起名")
  g:expect{ text = { "征 给新店起名 起名 03-02 12:00 大奖值200元 安慰小券", "2到12字 券14天 主办幸福路店 联系电话八八" }, plain = true }
  enter(g)
  g:advance("10s")
  g:expect{ at = { "小美", "小王", "阿强" }, text = { "1号幸福鲜", "3号好邻居", "共3" } }
  g:at("11:00:05")
  g:expect{ text = "快截止 12:00" }
  g:at("12:00:05")
  g:expect{ text = "截止 3个" }
  g:expect{ chat = "staff", text = { "1. 幸福鲜 — 小美", "3. 好邻居 — 阿强", "最多10" } }
  g:equal(g:state("group", "contest").state, "closed")
  g:staff("店长", "入围 1 3")
  g:expect{ text = "入围 1. 幸福鲜\n2. 好邻居 投 03-02 14:00" }
  g:says("小丽", "投 2")
  g:says("小美", "投2")
  g:says("小王", "选 1")
  g:advance("10s")
  g:expect{ at = { "小丽", "小美", "小王" }, text = "共3" }
  g:at("13:00:10")
  g:expect{ text = "快投完 14:00" }
  g:at("14:00:30")
  g:expect{ at = "阿强", text = "中选 @阿强 好邻居 2票 大奖 " }
  g:expect{ dm = "阿强", text = "你的大奖 券码 " }
  g:equal(g:state("group", "contest").state, "done")
  g:expect{ dm = "小美", text = "你的小券 券码" }
  g:expect{ dm = "小王", text = "你的小券 券码" }
  g:silent("1d")
end)

t:case("one entry per member; the second try hears so once", function(g)
  open(g)
  g:says("小美", "起名 幸福鲜")
  g:says("小美", "起名 另一个")
  g:expect{ at = "小美", text = "有了1号幸福鲜" }
  g:says("小美", "起名 第三个")
  g:advance("15s")
  g:expect_none{ text = "有了" }
  g:equal(#g:events("contest_entered"), 1)
end)

t:case("a name that is there already is refused, however it is written", function(g)
  open(g)
  g:says("小美", "起名 幸福Fresh")
  for i, text in ipairs({ "幸福Fresh", "幸 福 fresh", "幸福·FRESH!", "「幸福Fresh」", "幸福Fresh" }) do
    g:says("成员" .. i, "起名 " .. text)
    g:expect{ at = "成员" .. i, text = "重了" }
  end
  g:says("成员1", "起名 幸福小铺")
  g:equal(#g:events("contest_entered"), 2)
end)

t:case("what is not fit to be shown is refused, and not repeated", { playbook = book{ forbidden = { "赌博", "Bad" } } }, function(g)
  open(g)
  for i, text in ipairs({ "赌博之家", "赌 博", "赌-博-屋", "b.a.d店", "加我13800001111", "t.me/abc", "www.x.com", "http://x.cn" }) do
    g:says("成员" .. i, "起名 " .. text)
    local answer = g:expect{ at = "成员" .. i, text = "不合适" }
    assert(not answer.text:find(text, 1, true))
  end
  g:mention("小丽", "小美", "起名 好名字")
  g:equal(#g:events("contest_entered"), 0)
  g:says("成员1", "起名 幸福小铺") -- another try is welcome
  g:equal(#g:events("contest_entered"), 1)
end)

t:case("a name has its length", function(g)
  open(g)
  g:says("小美", "起名 鲜")
  g:expect{ at = "小美", text = "太短2" }
  g:says("小美", "起名 一二三四五六七八九十一二三")
  g:expect{ at = "小美", text = "太长12" }
  g:says("小美", "起名")
  g:expect{ at = "小美", text = "写名字" }
  g:says("小美", "起名 !!!")
  g:advance("10s")
  g:equal(#g:events("contest_entered"), 0)
end)

t:case("起名 in many spellings; a remark or a question is none, nor is what is quoted", function(g)
  g:says("小美", "起名 幸福鲜")
  g:silent()
  open(g)
  local lines = { "起名 甲甲甲", "取名:乙乙乙", "/投稿 丙丙丙", "@小福 起名 丁丁丁", "起名 「戊戊戊」", " 起名 己己己 " }
  for i, text in ipairs(lines) do g:says("成员" .. i, text) end
  g:equal(#g:events("contest_entered"), #lines)
  g:equal(g:events("contest_entered")[5].text, "戊戊戊")
  g:advance("10s")
  g:expect{ text = "共6" }
  for i, text in ipairs({ "起名字好难啊", "起名有奖吗", "起名 有奖吗?", "我也想起名 哈哈" }) do g:says("旁人" .. i, text) end
  local id = g:says("小丽", "早")
  g:reply("小丽", "哈哈", { to = id })
  g:silent()
end)

t:case("entries are told in batches; ten are named", function(g)
  open(g)
  g:together(function()
    for i = 1, 14 do g:says("成员" .. i, "起名 名字" .. ("甲"):rep(i)) end
  end)
  g:advance("10s")
  local message = g:expect{ text = "收到" }
  assert(#message.at <= 10)
end)

t:case("it is full at the number that is set", { playbook = book{ entries_max = 2 } }, function(g)
  open(g)
  enter(g)
  g:expect{ at = "阿强", text = "满了" }
end)

t:case("a name of few letters and much decoration is too long; so is one of several lines", function(g)
  open(g)
  for i, text in ipairs({ "幸福鲜" .. ("🎉"):rep(300), "幸福" .. ("\u{308}"):rep(40), "幸福\u{2028}鲜", "\u{202E}鲜福幸" }) do
    g:says("成员" .. i, "起名 " .. text)
    g:expect{ at = "成员" .. i, text = "太长" }
  end
  g:says("小美", "起名 🎉幸 福 鲜🎉")
  g:equal(#g:events("contest_entered"), 1)
end)

t:case("入围 takes numbers of the list, as many as may be", { playbook = book{ short_max = 2 } }, function(g)
  g:staff("店长", "入围 1")
  g:expect{ at = "店长", text = "没什么可做" }
  collected(g)
  g:staff("店长", "入围 1 9")
  g:expect{ at = "店长", text = "号码不对9" }
  g:staff("店长", "入围 1 2 3")
  g:expect{ at = "店长", text = "号码不对" }
  g:staff("店长", "入围")
  g:expect{ at = "店长", text = "号码不对" }
  g:staff("店长", "入围 3、2")
  g:expect{ text = "入围 1. 鲜到家\n2. 好邻居" }
end)

t:case("入围 全部 takes all", function(g)
  collected(g)
  g:staff("店长", "入围 全部")
  g:expect{ text = "入围 1. 幸福鲜\n2. 鲜到家\n3. 好邻居" }
end)

t:case("from the staff chat: the list and the shortlist", function(g)
  collected(g)
  g:says("店长", "征集名单", { chat = "staff" })
  g:expect{ chat = "staff", text = "2. 鲜到家 — 小王" }
  g:says("店长", "入围 1 2", { chat = "staff" })
  g:expect{ text = "入围 1. 幸福鲜" }
  g:expect{ chat = "staff", text = "办好给新店起名" }
end)

t:case("征集名单 goes to the staff chat, not to the group; 征集删除 takes one out", function(g)
  open(g)
  enter(g)
  g:advance("10s")
  g:expect{ text = "共3" }
  g:staff("店长", "征集删除 2")
  g:expect{ at = "店长", text = "拿掉2" }
  g:staff("店长", "征集名单")
  local list = g:expect{ chat = "staff", text = "名单2" }
  assert(not list.text:find("鲜到家", 1, true))
  g:staff("店长", "截止征集")
  g:expect{ text = "截止 2个" }
  g:staff("店长", "入围 2")
  g:expect{ at = "店长", text = "号码不对2" }
end)

t:case("staff are reminded of the shortlist once", function(g)
  collected(g)
  g:advance("23h")
  g:silent()
  g:advance("2h")
  g:expect{ chat = "staff", text = "给新店起名等入围" }
  g:silent("3d")
  g:staff("店长", "入围 1 2")
  g:expect{ text = "入围" }
end)

t:case("one voice each, which may be changed; a number that is none", function(g)
  collected(g)
  g:staff("店长", "入围 1 2")
  g:says("小丽", "投 1")
  g:says("小丽", "投 2")
  g:says("小丽", "投 2")
  g:expect{ at = "小丽", text = "投过了" }
  g:says("小丽", "投 7")
  g:expect{ at = "小丽", text = "没这号 到2" }
  g:staff("店长", "揭晓")
  g:expect{ at = "小王", text = "鲜到家 1票" }
end)

t:case("票数 tells how it stands", function(g)
  g:says("小丽", "票数")
  g:silent()
  collected(g)
  g:staff("店长", "入围 1 2")
  g:says("小丽", "投 1")
  g:says("小丽", "票数")
  g:expect{ at = "小丽", text = "现在1人 1.幸福鲜=1" }
  g:says("小丽", "票数")
  g:expect{ at = "小丽", text = "没变" }
end)

t:case("of equal ones the earlier entry wins; nobody needs to have voted", function(g)
  collected(g)
  g:staff("店长", "入围 3 2 1")
  g:staff("店长", "揭晓")
  g:expect{ at = "小美", text = "中选 @小美 幸福鲜 0票" }
end)

t:case("a vote of another flow must end first", {
  playbook = book({}, { "vote", voided = "票废", opened = "投票 {title}" }),
}, function(g)
  collected(g)
  g:staff("店长", "发起投票 吃什么 | 火锅 | 粥")
  g:expect{ text = "投票 吃什么" }
  g:staff("店长", "入围 1 2")
  g:expect{ at = "店长", text = "吃什么没完" }
  g:says("小丽", "投 2")
  g:equal({ #g:events("voted"), #g:events("contest_voted") }, { 1, 0 })
  g:staff("店长", "作废投票")
  g:staff("店长", "入围 1 2")
  g:expect{ text = "入围 1. 幸福鲜" }
  g:says("小丽", "投 2")
  g:equal({ #g:events("voted"), #g:events("contest_voted") }, { 1, 1 })
  g:staff("店长", "发起投票 吃什么 | 火锅 | 粥")
  g:equal(#g:events("vote_opened"), 1)
end)

t:case("everybody else has a consolation coupon, once, however many they are", {
  playbook = book{ lasts = "2h", remind = "0s" },
}, function(g)
  open(g)
  for i = 1, 40 do g:says("成员" .. i, "起名 名字" .. i .. "号店") end
  g:staff("店长", "截止征集")
  g:staff("店长", "入围 7")
  g:staff("店长", "揭晓")
  g:advance("25s")
  g:restart()
  g:advance("5m")
  local got = {}
  for _, event in ipairs(g:events("code_issued")) do got[event.user] = (got[event.user] or "") .. event.what end
  for i = 1, 40 do g:equal(got[g:id("成员" .. i)], i == 7 and "大奖" or "小券", "成员" .. i) end
  g:equal(#g:events("code_issued"), 40)
end)

t:case("without a consolation only the winner has something", { playbook = book{ consolation = "" } }, function(g)
  collected(g)
  g:staff("店长", "入围 1")
  g:staff("店长", "揭晓")
  g:expect{ at = "小美", text = "中选" }
  g:advance("5m")
  g:equal(#g:events("code_issued"), 1)
end)

t:case("who leaves takes the entry along; who comes back has it again; a winner who has left has not won", function(g)
  collected(g)
  g:leave("小王")
  g:staff("店长", "入围 2")
  g:expect{ at = "店长", text = "号码不对2" }
  g:join("小王")
  g:staff("店长", "入围 2 1")
  g:expect{ text = "入围 1. 幸福鲜\n2. 鲜到家" }
  g:says("小丽", "投 2")
  g:leave("小王")
  g:staff("店长", "揭晓")
  g:expect{ at = "小美", text = "中选 @小美 幸福鲜 0票" }
  g:advance("2m")
  g:equal(#g:events("code_issued"), 2) -- none for who left
end)

t:case("all of the shortlist have left", function(g)
  collected(g)
  g:staff("店长", "入围 1")
  g:leave("小美")
  g:staff("店长", "揭晓")
  g:expect{ text = "没有中选" }
  g:advance("2m")
  local got = {}
  for _, event in ipairs(g:events("code_issued")) do got[#got + 1] = event.user end
  g:equal(got, { g:id("小王"), g:id("阿强") }) -- who entered was promised a coupon
end)

t:case("nobody entered", function(g)
  open(g)
  g:at("12:00:05")
  g:expect{ text = "没人起名" }
  g:silent("2d")
  g:expect_runs(0, { flow = "contest" })
  open(g)
end)

t:case("作废征集 takes back what was given, from any state", function(g)
  g:staff("店长", "作废征集")
  g:expect{ at = "店长", text = "没什么可做" }
  open(g)
  g:says("小美", "起名 幸福鲜")
  g:staff("店长", "作废征集")
  g:expect{ text = "作废 给新店起名" }
  collected(g)
  g:staff("店长", "入围 1 2")
  g:staff("店长", "揭晓")
  g:advance("2m")
  g:equal(#g:events("code_issued"), 3)
  g:staff("店长", "作废征集")
  g:expect{ at = "店长", text = "收回3 已用0" }
  g:equal(#g:events("code_void"), 3)
  g:equal(g:state("group", "contest").state, "void")
  g:equal(#g:state("list", "contests"), 2)
end)

t:case("what was announced holds, whatever the parameters say later", function(g)
  collected(g)
  g:param("contest.prize", "别的奖")
  g:param("contest.consolation", "别的券")
  g:param("contest.valid_days", "3")
  g:staff("店长", "入围 1 2")
  g:staff("店长", "揭晓")
  g:expect{ at = "小美", text = { "大奖", "其他2位小券" } }
  g:expect{ dm = "小王", text = "你的小券 券码" }
  g:advance("2m")
  g:staff("店长", "作废征集")
  g:expect{ at = "店长", text = "收回3 已用0" }
end)

t:case("征集删除 during the vote: the name is not shown again, and has not won", function(g)
  collected(g)
  g:staff("店长", "入围 1 2")
  g:expect{ text = "入围" }
  g:says("小丽", "投 1")
  g:staff("店长", "征集删除 1")
  g:says("小丽", "票数")
  g:expect{ at = "小丽", text = "1.—=1" }
  g:staff("店长", "揭晓")
  g:expect{ at = "小王", text = { "鲜到家 0票", "1.—=1" } }
  g:expect_none{ text = "幸福鲜=" }
end)

t:case("who was forgotten is no entry any more", function(g)
  open(g)
  enter(g)
  g:command{ op = "forget", user = "小美" }
  g:advance("15s")
  g:expect{ text = "共3", at = { "小王", "阿强" } }
  g:staff("店长", "截止征集")
  g:expect{ text = "截止 2个" }
  g:staff("店长", "入围 2")
  g:staff("店长", "揭晓")
  g:expect{ at = "小王", text = "其他1位小券" }
  g:advance("2m")
  g:equal(#g:events("code_issued"), 2)
end)

t:case("without an organiser nothing opens; what is no contest is explained; one at a time", function(g)
  g:staff("店长", "征集")
  g:expect{ at = "店长", text = "这样写" }
  g:staff("店长", "征集 店名 | 随便多久")
  g:expect{ at = "店长", text = "这样写" }
  open(g)
  g:staff("店长", "征集 别的")
  g:expect{ at = "店长", text = "给新店起名没完" }
  g:staff("店长", "作废征集")
  g:param("contest.organiser", " ")
  g:staff("店长", "征集 别的")
  g:expect{ at = "店长", text = "没有主办方" }
end)

t:case("an end may be given", function(g)
  g:staff("店长", "征集 给新店起名 | 到20:00")
  g:expect{ text = "征 给新店起名 起名 03-02 20:00" }
end)

t:case("members may not open, close, choose, remove, decide or void; staff do not take part", function(g)
  g:says("小美", "征集 店名")
  g:silent()
  open(g)
  g:says("店长", "起名 店长的店")
  g:expect{ at = "店长", text = "工作人员不参加" }
  g:says("小丽", "起名 幸福鲜")
  g:advance("10s")
  g:expect{ text = "共1" }
  for _, text in ipairs({ "截止征集", "征集名单", "入围 1", "征集删除 1", "揭晓", "作废征集" }) do g:says("小美", text) end
  g:silent()
end)

t:case("after 退订 a winner is named without @, and the code is not sent", function(g)
  g:says("小美", "退订")
  collected(g)
  g:staff("店长", "入围 1")
  g:staff("店长", "揭晓")
  g:expect{ plain = true, text = "中选 小美 幸福鲜" }
  g:expect_none{ dm = "小美" }
end)

t:case("an end in the quiet hours: no list and no winner at night", {
  playbook = book{ lasts = "13h", vote_lasts = "13h", remind = "0s" },
}, function(g)
  open(g)
  enter(g)
  g:at("23:01")
  g:expect_none{ text = "截止" }
  g:at("07:31")
  g:expect{ text = "截止 3个" }
  g:at("11:00")
  g:staff("店长", "入围 1 2")
  g:at("00:05")
  g:expect_none{ text = "中选" }
  g:at("07:31")
  g:expect{ text = "中选" }
end)

t:case("what came in late counts by when it was said", function(g)
  open(g)
  g:advance("1h59m")
  g:missed("3h", function() g:says("早鸟", "起名 早早早") end)
  g:missed("5m", function() g:says("小美", "起名 幸福鲜") end)
  g:equal(#g:events("contest_entered"), 1)
end)

t:case("a restart in any state goes on", function(g)
  open(g)
  enter(g)
  g:restart()
  g:at("12:00:05")
  g:expect{ text = "截止 3个" }
  g:restart()
  g:staff("店长", "入围 1 2")
  g:restart()
  g:says("小丽", "投 2")
  g:restart()
  g:at("14:05")
  g:expect_count(1, { text = "中选 @小王" })
  g:equal(#g:events("code_issued"), 3)
end)

t:case("a death in the middle: one entry, one winner, one prize", function(g)
  open(g)
  g:kill{ during = "commit" }
  g:says("小美", "起名 幸福鲜")
  g:kill{ during = "input" }
  g:says("小王", "起名 鲜到家")
  g:staff("店长", "截止征集")
  g:staff("店长", "入围 1 2")
  g:kill{ during = "commit" }
  g:staff("店长", "揭晓")
  g:advance("3m")
  g:equal({ #g:events("contest_entered"), #g:events("contest_won"), #g:events("code_issued") }, { 2, 1, 2 })
end)

t:case("switched off at its end it goes on when it is on again", function(g)
  open(g)
  enter(g)
  g:advance("15s")
  g:toggle("contest", "off")
  g:advance("3h")
  g:equal(#g:events("contest_closed"), 0)
  g:toggle("contest", "on")
  g:advance("10m")
  g:expect{ text = "截止 3个" }
end)

t:case("two groups have contests of their own", function(g)
  open(g)
  g:says("店长", "征集 乙店", { chat = "二群" })
  g:says("小美", "起名 同一个", { chat = "二群" })
  g:says("小美", "起名 同一个")
  g:equal(#g:events("contest_entered"), 2)
end)

t:case("on WeCom members enter and vote with a mention of the bot", function(g)
  g:platform("wecom")
  g:says("店长", "@小福 征集 店名")
  g:expect{ text = "征 店名" }
  g:says("小美", "@小福 起名 幸福鲜")
  g:says("店长", "@小福 截止征集")
  g:says("店长", "@小福 入围 1")
  g:expect{ text = "入围 1. 幸福鲜" }
  g:says("小王", "@小福 投 1")
  g:says("店长", "@小福 揭晓")
  g:expect{ text = "中选" }
end)

t:case("what the report counts", function(g)
  collected(g)
  g:staff("店长", "入围 1 2")
  g:says("小丽", "投 2")
  g:staff("店长", "揭晓")
  g:expect_event("contest_opened", { id = 1, title = "给新店起名" })
  g:expect_event("contest_entered", { who = "小美", no = 1, text = "幸福鲜" })
  g:expect_event("contest_closed", { id = 1, entries = 3 })
  g:expect_event("contest_vote", { id = 1, options = 2 })
  g:expect_event("contest_voted", { who = "小丽", option = 2 })
  g:expect_event("contest_won", { who = "小王", name = "鲜到家", votes = 1, voters = 1 })
  g:equal(#g:audit("contest_short"), 1)
  g:equal(g:state("list", "contests")[1].winner, 2)
end)
