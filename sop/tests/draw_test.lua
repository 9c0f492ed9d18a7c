-- draw_test.lua -- prize draws, sentence by sentence. What is promised to a group, and the cases that hold it:
--
-- Of every flow
--   command words match tolerantly                             "参加 in many spellings ...", "抽奖 with its parts in any order"
--   one reply per cause, one short answer a day, silence       "one number each ..."
--   at most ten are @-ed in one message                        "entries are told in batches ...", "more than ten winners ..."
--   退订: no @, no private message                             "after 退订 ..."
--   quiet hours                                                "an end in the quiet hours ..."
--   staff commands need a role                                 "members may not ...", "staff do not take part ..."
-- 抽奖
--   states open, closed, drawn, claimed                        "from 抽奖 to the last claim"
--   expired                                                    "who does not claim ...", "nobody took part"
--   void                                                       "作废抽奖 ..."
--   redraw excludes past winners                               "who does not claim ...", "重抽 ...", "when everybody was drawn ..."
--   draws can be recomputed                                    "the seed's hash ..."; lib/fair.lua
--   the rules on lotteries                                     "from 抽奖 ...", "without an organiser ...", "worth more than ..."
--   leaving                                                    "who left the group is passed over"
--   restarts, deaths, repeats, switching off                   "a restart ...", "a death ...", "switched off ..."
--   several groups, WeCom                                      "two groups ...", "on WeCom ..."
--   metrics, records                                           "what the report counts", "records are kept"
local TEXTS = {
  organiser = "幸福路店", contact = "电话八八", announce = "抽 {prize}×{count}{worth} {word} {till}", worth = "值{yuan}元",
  rules = "{claim}{minutes}分 券{days}天 主办{organiser} 联系{contact}", sealed = "公平码 {hash}", acked = "进来 {names} 共{count}",
  acked_more = "进来 {names} 另{rest} 共{count}", number = "{no}号", already = "已有{no}号", full = "满了", no_staff = "工作人员不参加",
  drawn = "中奖 {names} {till} {word} 共{count} {seed}", drawn_more = "也中 {names}", redrawn = "补抽 {names} {till}",
  unsealed = "种子 {seed} 第{id}期",
  nobody = "没人参加 {prize}", claimed = "领到{prize} 看私信", claimed_group = "领到{prize} {code}", ended = "领完{count}",
  ended_left = "剩{left} 领{count}",
  voided = "作废 {prize}", code_dm = "你的{what} 券码 {code} 到{till}", staff_how = "这样写", staff_organiser = "没有主办方", staff_open = "{prize}没完",
  staff_nothing = "没什么可做", staff_left = "{prize}没人领{left}", staff_void = "收回{taken} 已用{used}", staff_done = "办好{prize}",
}

local function book(params)
  local flow = { "draw" }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return {
    flows = { "switch", "common", flow, { "redpacket", nightly = false, organiser = "幸福路店" } },
    staff = { ["playground:店长"] = "store", ["playground:群管"] = "keeper" },
  }
end

local t = sop.test("draw", { playbook = book(), start = "2026-03-02 10:00" })

local function open(g, text, ...)
  g:staff("店长", text or "抽奖 草莓 1份")
  g:expect{ text = "抽 " }
  for _, who in ipairs({ ... }) do g:says(who, "参加") end
end

-- Whom a message names, by its first mention.
local function winner(message)
  return message.at[1]
end

t:case("from 抽奖 to the last claim", function(g)
  g:staff("店长", "抽奖 草莓一盒 1份 59.90元 20分钟")
  g:expect{ text = { "抽 草莓一盒×1值59.90元 参加 03-02 10:20", "领取30分 券7天 主办幸福路店 联系电话八八", "公平码 " }, plain = true }
  for _, who in ipairs({ "小美", "小王", "阿强" }) do g:says(who, "参加") end
  g:advance("10s")
  g:expect{ at = { "小美", "小王", "阿强" }, text = { "1号", "2号", "3号", "共3" } }
  g:equal(g:state("group", "draw").state, "open")
  g:at("10:20:05")
  local who = winner(g:expect{ text = "中奖 " })
  g:equal(g:state("group", "draw").state, "drawn")
  for _, other in ipairs({ "小美", "小王", "阿强" }) do
    if other ~= who then g:says(other, "领取") end
  end
  g:silent()
  g:says(who, "领取")
  g:expect{ at = who, text = "领到草莓一盒 看私信" }
  g:expect{ dm = who, text = "你的草莓一盒 券码 " }
  g:expect{ text = "领完1" }
  g:equal(g:state("group", "draw").state, "claimed")
  g:says(who, "领取")
  g:silent("1h")
  g:equal(#g:events("code_issued"), 1)
end)

t:case("who does not claim makes room, and is never drawn again", { playbook = book{ redraws = 5 } }, function(g)
  open(g, nil, "小美", "小王", "阿强")
  g:at("10:11")
  local drawn = { [winner(g:expect{ text = "中奖 " })] = true }
  for i = 1, 2 do
    g:advance("30m")
    local who = winner(g:expect{ text = "补抽 " })
    g:equal(drawn[who], nil, "round " .. i)
    drawn[who] = true
  end
  g:advance("30m")
  g:expect{ text = "剩1 领0" }
  g:expect{ chat = "staff", text = "草莓没人领1" }
  g:equal(g:state("group", "draw").state, "expired")
  g:expect_runs(0, { flow = "draw" })
end)

t:case("重抽 takes the place from who has not claimed, excluding past winners", { playbook = book{ redraws = 0 } }, function(g)
  open(g, "抽奖 草莓 2份", "小美", "小王", "阿强", "小丽")
  g:at("10:11")
  local first = g:expect{ text = "中奖 " }.at
  g:equal(#first, 2)
  g:says(first[1], "领取")
  g:expect{ at = first[1], text = "领到" }
  g:staff("店长", "重抽")
  local second = g:expect{ text = "补抽 " }.at
  g:equal(#second, 1)
  assert(second[1] ~= first[1] and second[1] ~= first[2])
  g:says(first[2], "领取") -- too late
  g:expect_none{ text = "领到" }
  g:at("12:00")
  g:expect{ text = "剩1 领1" }
  g:staff("店长", "重抽") -- also after its end
  local third = winner(g:expect{ text = "补抽 " })
  assert(third ~= second[1] and third ~= first[1] and third ~= first[2])
  g:says(third, "领取")
  g:expect{ text = "领完2" }
  g:staff("店长", "重抽")
  g:expect{ at = "店长", text = "没什么可做" }
  g:equal(#g:events("code_issued"), 2)
  g:equal(#g:state("list", "draws"), 1)
end)

t:case("重抽 fills a free place before it takes one from who may still claim", { playbook = book{ redraws = 0 } }, function(g)
  open(g, "抽奖 草莓 3份", "小美", "小王", "阿强", "小丽", "大壮")
  g:at("10:11")
  g:expect{ text = "中奖 " }
  g:at("10:45")
  g:expect{ text = "剩3 领0" }
  local drawn = {}
  for i = 1, 2 do
    g:staff("店长", "重抽 1")
    drawn[i] = winner(g:expect{ text = "补抽 " })
  end
  for i = 1, 2 do
    g:says(drawn[i], "领取")
    g:expect{ at = drawn[i], text = "领到" }
  end
  g:equal(#g:events("code_issued"), 2)
end)

t:case("重抽 in the quiet hours waits for the morning; who was drawn before may claim meanwhile", {
  playbook = book{ redraws = 0, claim = "3h" },
}, function(g)
  g:at("21:00")
  open(g, "抽奖 草莓 2份", "小美", "小王", "阿强", "小丽")
  g:staff("店长", "开奖")
  local first = g:expect{ text = "中奖 " }.at
  g:at("22:40")
  g:staff("店长", "重抽 1")
  g:says(first[2], "领取") -- has lost the place
  g:says(first[1], "领取")
  g:expect{ at = first[1], text = "领到" }
  g:expect_none{ at = first[2] }
  g:at("07:31")
  g:equal(#g:expect{ text = "补抽 " }.at, 1)
end)

t:case("the time to claim is the announced one, whatever the parameter says later", { playbook = book{ redraws = 0 } }, function(g)
  open(g, nil, "小美")
  g:param("draw.claim", "1m")
  g:at("10:15")
  g:says("小美", "领取")
  g:expect{ at = "小美", text = "领到" }
  g:expect_event("draw_claimed", { seconds = 300 })
end)

t:case("an end of claiming on another day has its date", { playbook = book{ claim = "2d" } }, function(g)
  open(g, nil, "小美")
  g:at("10:11")
  g:expect{ at = "小美", text = "1号 03-04 10:10" }
end)

t:case("when everybody was drawn there is nobody left", { playbook = book{ redraws = 0 } }, function(g)
  open(g, nil, "小美")
  g:at("10:11")
  g:expect{ at = "小美", text = "中奖" }
  g:staff("店长", "重抽")
  g:expect{ at = "店长", text = "没什么可做" }
  g:says("小美", "领取")
  g:expect{ at = "小美", text = "领到" }
end)

t:case("nobody took part", function(g)
  open(g)
  g:at("10:11")
  g:expect{ text = "没人参加 草莓" }
  g:equal(g:state("group", "draw").state, "expired")
  g:silent("2h")
end)

t:case("fewer took part than there are prizes", function(g)
  open(g, "抽奖 草莓 5份", "小美", "小王")
  g:at("10:11")
  g:equal(#g:expect{ text = "中奖 " }.at, 2)
  g:says("小美", "领取")
  g:says("小王", "领取")
  g:at("10:45")
  g:expect{ text = "剩3 领2" }
end)

-- Whoever draws again has only what the group has seen, and SHA-256.
t:case("the seed's hash at the opening, the seed with the result: the winners can be drawn again", function(g)
  g:staff("店长", "抽奖 草莓 3份")
  local seal = g:expect{ text = "公平码" }.text:match("公平码 (%x+)")
  local names = {}
  for i = 1, 9 do
    names[i] = "成员" .. i
    g:says(names[i], "参加")
  end
  g:at("10:11")
  local result = g:expect{ text = "种子 " }
  local seed = result.text:match("种子 (%x+)")
  g:equal(sop.sha256(seed), seal)
  local left = { 1, 2, 3, 4, 5, 6, 7, 8, 9 }
  local function again(i)
    return names[table.remove(left, tonumber(sop.sha256(seed .. ":" .. i):sub(1, 15), 16) % #left + 1)]
  end
  g:equal(result.at, { again(1), again(2), again(3) })
  g:advance("30m")
  g:equal(g:expect{ text = "补抽" }.at, { again(4), again(5), again(6) })
end)

t:case("without an organiser nothing opens", { playbook = book{ organiser = " " } }, function(g)
  g:staff("店长", "抽奖 草莓")
  g:expect{ at = "店长", text = "没有主办方" }
  g:equal(#g:events("draw_opened"), 0)
end)

t:case("worth more than 50,000 yuan, too many, or nothing at all is no draw", function(g)
  for _, text in ipairs({ "抽奖 汽车 50001元", "抽奖 草莓 101份", "抽奖 草莓 0份", "抽奖" }) do
    g:staff("店长", text)
    g:expect{ at = "店长", text = "这样写" }
  end
  g:staff("店长", "抽奖 金条 50000元")
  g:expect{ text = "抽 金条×1值50000元" }
end)

t:case("抽奖 with its parts in any order", function(g)
  for _, text in ipairs({ "抽奖 有机 草莓 20分钟 x3 30元", "抽奖 有机 草莓 价值30元 3人 20分钟", "/抽奖 有机 草莓 3 30元 20m" }) do
    g:staff("店长", text)
    g:expect{ text = "抽 有机 草莓×3值30元 参加" }
    g:staff("店长", "作废抽奖")
    g:expect{ text = "作废 有机 草莓" }
  end
end)

t:case("a part that is given twice belongs to the name", function(g)
  g:staff("店长", "抽奖 iPhone 15 1份 5000元")
  g:expect{ text = "抽 iPhone 15×1值5000元" }
  g:staff("店长", "作废抽奖")
  g:staff("店长", "抽奖 满 30元 减 3元 券 2份 3元")
  g:expect{ text = "抽 满 30元 减 3元 券×2值3元" }
end)

t:case("参加 in many spellings; not inside a sentence, not quoted, not without a draw", function(g)
  g:says("小美", "参加")
  g:silent()
  open(g)
  for i, text in ipairs({ "参加", "/参加", " 参加! ", "@小福 参加", "我要参加", "參加", "参加抽奖", "JOIN" }) do g:says("成员" .. i, text) end
  local id = g:says("小丽", "参加")
  g:reply("小王", "哈哈", { to = id })
  g:says("小王", "我也想参加可以吗")
  g:equal(#g:events("draw_entered"), 9)
end)

t:case("one number each; the second try hears so once", function(g)
  open(g, nil, "小美", "小王")
  g:says("小王", "参加")
  g:expect{ at = "小王", text = "已有2号" }
  g:says("小王", "我要参加")
  g:advance("10s")
  g:expect_none{ text = "已有" }
  g:equal(#g:events("draw_entered"), 2)
end)

t:case("entries are told in batches; ten are named", function(g)
  open(g)
  g:together(function()
    for i = 1, 30 do g:says("成员" .. i, "参加") end
  end)
  g:silent("8s")
  g:advance("2s")
  g:equal(#g:expect{ text = "另20 共30" }.at, 10)
end)

t:case("more than ten winners are told in portions of ten", function(g)
  open(g, "抽奖 草莓 12份")
  g:together(function()
    for i = 1, 15 do g:says("成员" .. i, "参加") end
  end)
  g:at("10:11")
  g:equal(#g:expect{ text = "中奖 " }.at, 10)
  g:equal(#g:expect{ text = "也中 " }.at, 2)
end)

t:case("it is full at the number that is set", { playbook = book{ entrants_max = 2 } }, function(g)
  open(g, nil, "小美", "小王", "阿强")
  g:expect{ at = "阿强", text = "满了" }
end)

t:case("staff do not take part, unless they may", function(g)
  open(g)
  g:says("店长", "参加")
  g:expect{ at = "店长", text = "工作人员不参加" }
  g:param("draw.exclude_staff", "false")
  g:says("店长", "参加")
  g:equal(#g:events("draw_entered"), 1)
end)

t:case("members may not open, draw, draw again or void", function(g)
  g:says("小美", "抽奖 草莓")
  g:silent()
  open(g, nil, "小美")
  g:advance("10s")
  g:expect{ text = "共1" }
  for _, text in ipairs({ "开奖", "重抽", "作废抽奖" }) do g:says("小美", text) end
  g:silent()
end)

t:case("开奖 draws at once; one draw at a time", function(g)
  g:staff("店长", "开奖")
  g:expect{ at = "店长", text = "没什么可做" }
  open(g, nil, "小美")
  g:staff("店长", "抽奖 蓝莓")
  g:expect{ at = "店长", text = "草莓没完" }
  g:staff("店长", "开奖")
  g:expect{ at = "小美", text = "中奖" }
  g:says("小王", "参加")
  g:advance("11m")
  g:expect_none{ text = "中奖" }
  g:equal(#g:events("draw_entered"), 1)
end)

t:case("作废抽奖 takes back what was claimed, unless it was redeemed", function(g)
  open(g, "抽奖 草莓 2份", "小美", "小王")
  g:staff("店长", "开奖")
  g:expect{ text = "中奖" }
  g:says("小美", "领取")
  local code = g:expect{ dm = "小美", text = "券码" }.text:match("券码 (%w+)")
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = code }
  g:says("小王", "领取")
  g:expect{ dm = "小王", text = "券码" }
  g:staff("店长", "作废抽奖")
  g:expect{ text = "作废 草莓" }
  g:expect{ at = "店长", text = "收回1 已用1" }
  g:equal(g:state("group", "draw").state, "void")
  g:staff("店长", "作废抽奖")
  g:expect{ at = "店长", text = "没什么可做" }
  g:staff("店长", "重抽")
  g:expect{ at = "店长", text = "没什么可做" }
end)

t:case("作废抽奖 of an open one: nothing is drawn, and another may open", function(g)
  open(g, nil, "小美")
  g:staff("店长", "作废抽奖")
  g:expect{ text = "作废 草莓" }
  g:silent("1h")
  open(g, "抽奖 蓝莓", "小美")
  g:expect_event("draw_entered", { id = 2, no = 1 })
end)

t:case("who left the group is passed over; who came back is not", function(g)
  open(g, "抽奖 草莓 3份", "小美", "小王", "阿强")
  g:leave("小王")
  g:leave("阿强")
  g:join("阿强")
  g:at("10:11")
  local at = g:expect{ text = "中奖 " }.at
  table.sort(at)
  local wanted = { "小美", "阿强" }
  table.sort(wanted)
  g:equal(at, wanted)
end)

t:case("after 退订 a winner is named without @ and can claim; the code is not sent", function(g)
  g:says("小美", "退订")
  open(g, nil, "小美")
  g:at("10:11")
  g:expect{ plain = true, text = "中奖 小美 1号" }
  g:says("小美", "领取")
  g:expect{ plain = true, text = "领到草莓" }
  g:expect_none{ dm = "小美" }
end)

t:case("where one cannot write to members the code waits in 我的券", function(g)
  g:lacks("dm")
  open(g, nil, "小美")
  g:at("10:11")
  g:expect{ at = "小美", text = "中奖" }
  g:says("小美", "领取")
  g:expect{ at = "小美", text = "领到草莓", match = "••••" }
end)

t:case("an end in the quiet hours waits for the morning", function(g)
  g:at("22:20")
  open(g, "抽奖 草莓 30分钟", "小美")
  g:at("07:29")
  g:expect_none{ text = "中奖" }
  g:equal(g:state("group", "draw").state, "closed")
  g:says("小王", "参加")
  g:at("07:31")
  g:expect{ at = "小美", text = "中奖" }
  g:equal(#g:events("draw_entered"), 1)
end)

t:case("what came in late counts by when it was said", function(g)
  open(g)
  g:advance("9m")
  g:missed("30m", function() g:says("早鸟", "参加") end)
  g:missed("2m", function() g:says("小美", "参加") end)
  g:equal(#g:events("draw_entered"), 1)
end)

t:case("a restart in any state goes on", function(g)
  open(g, nil, "小美", "小王")
  g:restart()
  g:at("10:09:59")
  g:restart()
  g:at("10:10:05")
  local first = winner(g:expect{ text = "中奖 " })
  g:restart()
  g:advance("30m")
  local second = winner(g:expect{ text = "补抽 " })
  assert(first ~= second)
  g:restart()
  g:says(second, "领取")
  g:expect{ at = second, text = "领到" }
  g:silent("2h")
end)

t:case("a death in the middle: one number, one winner, one code", function(g)
  open(g)
  g:kill{ during = "commit" }
  g:says("小美", "参加")
  g:at("10:09:55")
  g:kill{ during = "commit" }
  g:advance("30s")
  g:expect_count(1, { text = "中奖" })
  g:kill{ during = "commit" }
  g:says("小美", "领取")
  g:advance("10s")
  g:equal({ #g:events("draw_entered"), #g:events("drawn"), #g:events("code_issued") }, { 1, 1, 1 })
end)

t:case("switched off at its end it is drawn when it is on again", function(g)
  open(g, nil, "小美")
  g:advance("15s")
  g:toggle("draw", "off")
  g:advance("1h")
  g:equal(#g:events("drawn"), 0)
  g:toggle("draw", "on")
  g:advance("10m")
  g:expect{ at = "小美", text = "中奖" }
end)

t:case("from the staff chat", function(g)
  g:says("小美", "早")
  g:says("店长", "抽奖 草莓", { chat = "staff" })
  g:expect{ text = "抽 草莓" }
  g:expect{ chat = "staff", text = "办好草莓" }
end)

t:case("two groups draw apart", function(g)
  open(g, nil, "小美")
  g:says("店长", "抽奖 蓝莓", { chat = "二群" })
  g:expect{ chat = "二群", text = "抽 蓝莓" }
  g:says("小王", "参加", { chat = "二群" })
  g:at("10:11")
  g:expect{ at = "小美", text = "中奖" }
  g:expect{ chat = "二群", at = "小王", text = "中奖" }
  g:says("小王", "领取") -- in the wrong group
  g:expect_none{ text = "领到" }
end)

t:case("on WeCom members take part with a mention of the bot", function(g)
  g:platform("wecom")
  g:says("店长", "@小福 抽奖 草莓 10分钟")
  g:expect{ text = "抽 草莓" }
  g:says("小美", "@小福 参加")
  g:at("10:11")
  g:expect{ text = "中奖 " }
  g:says("小美", "@小福 领取")
  g:expect{ text = "领到草莓" }
end)

t:case("what the report counts", function(g)
  open(g, nil, "小美")
  g:staff("店长", "开奖")
  g:says("小美", "领取")
  g:expect_event("draw_opened", { id = 1, prize = "草莓", count = 1 })
  g:expect_event("draw_entered", { who = "小美", id = 1, no = 1 })
  g:expect_event("drawn", { id = 1, entrants = 1, again = false })
  g:expect_event("draw_claimed", { who = "小美", id = 1 })
  g:expect_event("draw_ended", { id = 1, state = "claimed", claimed = 1, left = 0 })
  g:equal(#g:audit("draw_opened"), 1)
  g:equal(#g:audit("draw_closed"), 1)
end)

t:case("records are kept, and forgotten after their time", { playbook = book{ keep_days = 30, redraws = 0 } }, function(g)
  open(g, nil, "小美")
  g:at("10:45")
  local record = g:state("list", "draws")[1]
  g:equal({ record.id, record.state, record.entrants, #record.seed }, { 1, "expired", 1, 32 })
  g:advance("31d")
  open(g, nil, "小王")
  g:advance("1h")
  local list = g:state("list", "draws")
  g:equal({ #list, list[1].id }, { 1, 2 })
end)
