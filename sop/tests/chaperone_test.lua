-- chaperone_test.lua -- company for those who speak, sentence by sentence.
--
-- | what the flow promises                                        | cases                                                        |
-- |-----------------------------------------------------------------|--------------------------------------------------------------|
-- | who speaks is answered with an @ at least once a day, 95 %      | who speaks ...; everybody who speaks once in a day ...       |
-- | one message for the window of 30 s, @-s each, a fitting line    | remarks of several members ...; members who share ...        |
-- | the window is durable                                           | the window survives ... (restart, kill, edit); switched off  |
-- | the knowledge base first: patterns, keywords, priority          | the knowledge base is tried first ...                        |
-- | then greetings, thanks, photos, complaints                      | remarks of several members ...; a complaint ...              |
-- | then small talk, no line twice in 20                            | small talk never repeats itself ...                          |
-- | optionally an LLM (OpenAI-compatible endpoint), off by default  | the language model is off ...; ... writes the line ...       |
-- | ... after the knowledge base and the rules                      | the language model is asked for small talk only              |
-- | ... timeout 8 s, falls back to the pool                         | the language model takes longer ...; ... fails ...           |
-- | ... daily budget in calls and tokens                            | the group's day of calls ...; of tokens ...; of the daemon ..|
-- | ... answers checked against the sensitive-word list             | an answer of the model with a word ...                       |
-- | ... labelled as machine text where the playbook asks            | ... labelled ...                                             |
-- | silent: it quotes or @-s another person, not us                 | silent when the message ... (2); an @ of the bot ...         |
-- | silent: a command for staff by somebody who is none             | a staff command by a member is met with silence ...          |
-- | silent: staff answered within the window                        | silent when staff answered ... (4 cases)                     |
-- | silent: more than 30 messages in the last minute                | more than 30 messages ... (2 cases)                          |
-- | silent: the hourly cap of 12 posts                              | the hourly cap ... (2 cases)                                 |
-- | silent: answered within 30 min, direct @s and questions excepted| answered within 30 minutes ...; after 30 minutes ...         |
-- | silent: opted out                                               | who opted out ...                                            |
-- | what a question is                                              | every form of a question ...                                 |
-- | handed to the person on duty: @ in the staff chat, with quote   | a question that nobody can answer ... (5 cases)              |
-- | ... by weekday and hour, where there is a roster                | a question goes to whoever is on duty ...                    |
-- | nobody within 10 min: tells the member when someone will        | nobody answered within 10 minutes ... (6 cases)              |
-- | unanswered questions are in the daily report                    | an unanswered question is kept ... (2 cases)                 |
-- | metrics                                                         | what is counted ...                                          |
local faq = {
  { ask = { "营业", "几点开" }, answer = "早 8 点到晚 10 点" },
  { pattern = "(退|换)(货|吗)", priority = 2, answer = "24 小时内都可以退换" },
}

local function book(params)
  local flow = {
    "chaperone", faq = faq, duty = { "10001" },
    greeting = "你也好", thanks = "不客气", photo = "好照片", sorry = "抱歉", ask = "请同事来答",
    evening = "{names} 晚上好", to_staff = "{duty} 待回答 {name}:{quote}",
    later_today = "{who} {minutes} 分钟内回你", later_time = "{who} {time} 上班后回你",
  }
  for name, value in pairs(params or {}) do flow[name] = value end
  return { flows = { "common", flow } }
end

local t = sop.test("chaperone", { playbook = book(), start = "2026-03-02 10:00" })

t:case("who speaks is answered with an @, after the coalesce window of 30 seconds", function(g)
  g:says("小美", "今天做了红烧肉")
  g:silent("29s")
  g:advance("2s")
  g:expect{ at = "小美" }
  g:silent("1h")
  g:equal(g:events("answered")[1].users, { g:id("小美") })
end)

t:case("what was said while the line was down is heard, not answered, @ or no @", function(g)
  g:missed("5m", function()
    g:says("小美", "@小福 几点开门")
    g:says("小王", "早上好")
  end)
  g:silent("10m")
  g:equal(#g:events("spoke"), 2)
  g:says("小王", "今天做了红烧肉")
  g:advance("30s")
  g:expect{ at = "小王" }
end)

t:case("the window survives a restart, and what was said in it", function(g)
  g:says("小美", "早上好")
  g:restart()
  g:says("小王", "谢谢大家")
  g:restart()
  g:image("阿强")
  g:advance("30s")
  g:expect{ at = { "小美", "小王", "阿强" }, text = { "你也好", "不客气", "好照片" } }
  g:silent("1h")
  g:expect_runs(0)
end)

t:case("the window survives a kill, also in the commits that open it, add to it and close it", function(g)
  for i, moment in ipairs({ "input", "commit" }) do
    g:kill{ during = moment }
    g:says("小美" .. i, "早上好")
    g:kill{ during = moment }
    g:says("小王" .. i, "谢谢大家")
    g:kill()
    g:kill{ during = "commit" }
    g:advance("1m")
    g:expect_count(1, { at = { "小美" .. i, "小王" .. i }, text = { "你也好", "不客气" } })
    g:advance("1h")
    g:silent()
  end
  g:equal(#g:events("answered"), 2)
  g:equal(#g:events("spoke"), 4)
end)

t:case("the flow is edited while a window is open: it closes as it began, the next one is new", function(g)
  g:says("小美", "早上好")
  g:edit("flows/chaperone.lua", 'return "greeting"', 'return "thanks"')
  g:param("chaperone.greeting", "改好的问候")
  g:says("小王", "早")
  g:advance("30s")
  g:expect{ at = { "小美", "小王" }, text = "改好的问候" }
  g:says("阿强", "早上好")
  g:advance("30s")
  g:expect{ at = "阿强", text = "不客气" }
end)

t:case("switched off, nobody is answered; a window of long ago is not answered late, but in the evening", function(g)
  g:says("小美", "早上好")
  g:toggle("chaperone", "off")
  g:says("小王", "早上好")
  g:silent("1h")
  g:toggle("chaperone", "on")
  g:silent("10m")
  g:at("21:40")
  g:advance("1m")
  g:expect{ at = "小美", text = "晚上好" }
end)

t:case("a window that holds many messages closes early", function(g)
  g:together(function()
    for i = 1, 120 do g:says("路人" .. (i % 4), "@小福 你们好 " .. i) end
  end)
  g:advance("1s")
  g:expect{ at = { "路人0", "路人1", "路人2", "路人3" } }
end)

t:case("remarks of several members within the window get one message that names each", function(g)
  g:says("小美", "早上好")
  g:says("小王", "谢谢大家")
  g:image("阿强")
  g:advance("30s")
  g:expect{ at = { "小美", "小王", "阿强" }, text = { "你也好", "不客气", "好照片" } }
  g:silent("1h")
end)

t:case("members who share a kind of remark share a line", function(g)
  g:says("小美", "早上好")
  g:says("小王", "早")
  g:advance("30s")
  g:expect{ text = "@小美 @小王 你也好" }
end)

t:case("at most ten are named in one message; the others get theirs later that day", function(g)
  g:together(function()
    for i = 1, 13 do g:says("成员" .. i, "早上好") end
  end)
  g:advance("31s")
  g:equal(#g:expect().at, 10)
  g:says("小美", "早")
  g:advance("31s")
  g:expect{ at = { "小美", "成员11", "成员12", "成员13" } }
end)

t:case("the knowledge base is tried first, the higher priority before the lower", function(g)
  g:says("小美", "你们几点开门,可以退货吗")
  g:says("小王", "几点开门呀")
  g:advance("30s")
  g:expect{ at = { "小美", "小王" }, text = { "24 小时内都可以退换", "早 8 点到晚 10 点" } }
  g:expect_none{ chat = "staff" }
end)

t:case("small talk never repeats itself within 20 lines", function(g)
  local used = {}
  for i = 1, 20 do
    g:says("成员" .. i, "今天做了第 " .. i .. " 道菜")
    g:advance("10m")
    local line = g:expect{ at = "成员" .. i }.text:gsub("^@%S+ ", "")
    assert(not used[line], "said twice: " .. line)
    used[line] = true
  end
end)

t:case("a staff command by a member is met with silence, also while a window is open", {
  playbook = { flows = { "switch", "common", { "chaperone", small_talk = "嗯嗯" } } },
}, function(g)
  for _, text in ipairs({ "开关", "开关 基础 关", "暂停", "名单" }) do
    g:says("小美", text)
    g:silent("2m")
  end
  g:says("小王", "今天做了红烧肉")
  g:says("小美", "开关 基础 关")
  g:advance("1m")
  local message = g:expect{ at = "小王", text = "嗯嗯" }
  assert(not message.text:find("小美", 1, true))
  g:silent("1h")
  g:says("小美", "名单贴在门口了,我明天早点来看看")
  g:advance("1m")
  g:expect{ at = "小美", text = "嗯嗯" }
end)

t:case("silent when the message is meant for another person", function(g)
  g:says("小王", "早上好")
  g:advance("1m")
  g:expect{ at = "小王" }
  g:mention("小美", "小王", "你家的花真好看")
  g:silent("1h")
end)

t:case("silent when the message quotes another person; a quote of the bot with an @ is answered", function(g)
  local said = g:says("小王", "早上好")
  g:advance("1m")
  g:expect{ at = "小王" }
  g:reply("小美", "你也早", { to = said })
  g:silent("10m")
  g:reply("小美", "@小福 你也早")
  g:advance("30s")
  g:expect{ at = "小美" }
end)

t:case("an @ of the bot is answered even so", function(g)
  g:says("小王", "早上好")
  g:advance("1m")
  g:says("小美", "@小福 @小王 你们好")
  g:advance("30s")
  g:expect{ at = "小美" }
end)

t:case("silent when staff answered within the window", function(g)
  g:says("小美", "今天有点累")
  g:says("店长", "辛苦啦,早点休息")
  g:silent("1h")
end)

t:case("silent when staff answered within the window: a question is not handed over any more", function(g)
  g:says("小美", "这款酸奶含糖多少")
  g:mention("店长", "小美", "每百克 5 克")
  g:silent("1h")
  g:expect_no_event("handed_off")
end)

t:case("silent when staff answered within the window, by quoting", function(g)
  local said = g:says("小美", "今天有点累")
  g:says("小王", "今天真冷")
  g:reply("店长", "辛苦啦,早点休息", { to = said })
  g:advance("30s")
  g:expect{ at = "小王" }
  g:expect_none{ at = "小美" }
end)

t:case("what is said after the staff's answer is answered", function(g)
  g:says("小美", "今天有点累")
  g:says("店长", "辛苦啦,早点休息")
  g:says("小王", "今天真冷")
  g:advance("30s")
  g:expect{ at = "小王" }
  g:expect_none{ at = "小美" }
end)

t:case("staff who @ one member answer that one only", function(g)
  g:says("小美", "早上好")
  g:says("小王", "早")
  g:mention("店长", "小美", "早呀")
  g:advance("30s")
  g:expect{ at = "小王" }
  g:expect_none{ at = "小美" }
end)

t:case("answered within 30 minutes: no second answer, except to a direct @ or a question", function(g)
  g:says("小美", "早上好")
  g:advance("30s")
  g:expect{ at = "小美" }
  g:says("小美", "今天真冷")
  g:silent("5m")
  g:says("小美", "@小福 在干嘛呀")
  g:advance("30s")
  g:expect{ at = "小美" }
  g:says("小美", "几点开门呀")
  g:advance("30s")
  g:expect{ at = "小美", text = "早 8 点" }
end)

t:case("after 30 minutes a remark is answered again", function(g)
  g:says("小美", "早上好")
  g:advance("30s")
  g:advance("31m")
  g:says("小美", "今天真冷")
  g:advance("30s")
  g:expect{ at = "小美" }
end)

-- Within one window: the messages of a window are remembered over a restart, traffic is not.
local function crowd(g)
  g:says("路人0", "@小福 大家好")
  g:together(function()
    for i = 1, 32 do g:says("路人" .. (i % 4), "今天好热闹 " .. i) end
  end)
end

t:case("more than 30 messages in the last minute: only direct @s and questions", function(g)
  crowd(g)
  g:says("小美", "今天真冷")
  g:says("小王", "几点开门呀")
  g:says("阿强", "@小福 在干嘛呀")
  g:advance("30s")
  g:equal(g:expect{ text = "早 8 点" }.at, { "路人0", "小王", "阿强" })
  g:silent("2m")
end)

t:case("who went without an answer because the group was busy gets one with the next message that has room", function(g)
  crowd(g)
  g:says("小美", "今天真冷")
  g:advance("30s")
  g:equal(g:expect().at, { "路人0" })
  local seen = {}
  g:advance("5m")
  g:says("小王", "几点开门呀")
  g:advance("30s")
  for _, message in ipairs(g:seen()) do
    for _, who in ipairs(message.at) do seen[who] = true end
  end
  assert(seen["小美"] and seen["小王"])
end)

t:case("the hourly cap of posts holds, and who went without is answered in the evening", {
  playbook = book({ posts = 2 }),
}, function(g)
  for i = 1, 3 do
    g:says("成员" .. i, "今天做了第 " .. i .. " 道菜")
    g:advance("1m")
  end
  g:expect_none{ at = "成员3" }
  g:at("21:40")
  g:expect{ at = "成员3", text = "晚上好" }
end)

t:case("the hourly cap holds for questions, too: what the knowledge base says comes in the evening, never small talk", {
  playbook = book({ posts = 1 }),
}, function(g)
  g:says("阿强", "今天做了红烧肉")
  g:advance("1m")
  g:expect{ at = "阿强" }
  g:says("小美", "几点开门呀")
  g:says("小王", "东西坏了")
  g:says("小李", "谁家的狗丢了呢")
  g:says("小赵", "今天真冷")
  g:advance("1m")
  g:expect_none{ at = { "小美" } }
  g:expect_none{ at = { "小赵" } }
  g:staff("店长", "@小王 马上换")
  g:staff("店长", "@小李 我问问")
  g:at("21:41")
  g:expect_none{ at = "小美", text = "晚上好" }
  g:expect{ at = "小美", text = "早 8 点到晚 10 点" }
  g:expect_none{ at = "小王", text = "晚上好" }
  g:expect_none{ at = "小李", text = "晚上好" }
end)

t:case("the hourly cap: who was answered in the morning is still owed the answer to a question", {
  playbook = book({ posts = 1, sweep_posts = 2 }),
}, function(g)
  g:says("小美", "今天做了红烧肉")
  g:advance("1m")
  g:expect{ at = "小美" }
  g:says("小美", "几点开门呀")
  g:says("小李", "能退货吗")
  g:silent("1m")
  g:restart()
  g:at("11:05")
  g:says("小赵", "今天真冷")
  g:advance("31s")
  local message = g:expect{ at = { "小美", "小李", "小赵" }, text = { "早 8 点到晚 10 点", "24 小时内" } }
  assert(not message.text:find("晚上好", 1, true))
  g:at("21:41")
  g:expect_none{ at = "小美" }
end)

t:case("the eleventh of a window with a question gets the answer with the next message", function(g)
  g:together(function()
    for i = 1, 10 do g:says("成员" .. i, "早上好") end
    g:says("成员11", "几点开门呀")
  end)
  g:advance("31s")
  g:equal(#g:expect().at, 10)
  g:says("小美", "早")
  g:advance("31s")
  g:expect{ at = { "小美", "成员11" }, text = "早 8 点到晚 10 点" }
end)

t:case("yesterday's question is not answered today", { playbook = book({ posts = 1 }) }, function(g)
  g:at("22:00")
  g:says("阿强", "今天做了红烧肉")
  g:advance("31s")
  g:expect{ at = "阿强" }
  g:says("小美", "几点开门呀")
  g:advance("31s")
  g:at("2026-03-03 10:00")
  g:says("阿强", "今天又做了红烧肉")
  g:advance("31s")
  g:expect{ at = "阿强" }
  g:says("小美", "今天真冷")
  g:silent("31s")
  g:at("21:41")
  g:expect{ at = "小美", text = "晚上好" }
  g:expect_none{ at = "小美", text = "早 8 点到晚 10 点" }
end)

t:case("who was answered after midnight was answered the day before", { playbook = book({ posts = 1 }) }, function(g)
  g:at("2026-03-03 00:30")
  g:says("小美", "@小福 几点开门")
  g:advance("31s")
  g:expect{ at = "小美" }
  g:at("10:00")
  g:says("阿强", "今天做了红烧肉")
  g:advance("31s")
  g:expect{ at = "阿强" }
  g:says("小美", "今天真冷")
  g:silent("31s")
  g:at("21:41")
  g:expect{ at = "小美", text = "晚上好" }
end)

t:case("at night nobody is named along with who asks", { playbook = book({ posts = 1 }) }, function(g)
  g:at("21:50")
  g:says("阿强", "今天做了红烧肉")
  g:advance("31s")
  g:expect{ at = "阿强" }
  g:says("小美", "今天真冷")
  g:advance("31s")
  g:at("23:00")
  g:says("小王", "几点开门呀")
  g:advance("31s")
  g:equal(g:expect{ at = "小王" }.at, { "小王" })
end)

t:case("a bare number is no occasion for small talk, unless the knowledge base has it", {
  playbook = book({ faq = { { pattern = "^8$", answer = "选八号套餐" } } }),
}, function(g)
  for i, text in ipairs({ "2", "+1", "+1", "1.", "666", "+2", "1 2 3", "@小福 3" }) do g:says("成员" .. i, text) end
  g:silent("2m")
  g:at("21:41")
  g:silent("1m")
  g:at("2026-03-03 10:00")
  g:says("小美", "8")
  g:advance("31s")
  g:expect{ at = "小美", text = "选八号套餐" }
  g:says("小王", "2 斤排骨炖好啦")
  g:advance("31s")
  g:expect{ at = "小王" }
end)

t:case("the hourly cap is 12 posts, and begins anew with the hour", {
  playbook = book({ window = "3s", again = "0s" }),
}, function(g)
  for i = 1, 14 do
    g:says("成员" .. i, "今天做了第 " .. i .. " 道菜")
    g:advance("10s")
  end
  g:expect_count(12)
  g:at("11:00")
  g:says("小美", "今天真冷")
  g:advance("10s")
  g:expect{ at = { "小美", "成员13", "成员14" } }
end)

t:case("who opted out is left alone", function(g)
  g:says("小美", "退订")
  g:expect_count(1)
  g:says("小美", "今天真冷")
  g:silent("1d")
end)

t:case("a question that nobody can answer is handed to the person on duty, with the quote", function(g)
  g:says("小美", "这款酸奶含糖多少")
  g:advance("30s")
  g:expect{ chat = "staff", text = { "@10001", "待回答", "小美", "这款酸奶含糖多少" } }
  g:expect{ at = "小美", text = "请同事来答" }
  g:expect_event("handed_off", { who = "小美" })
  g:expect_runs(1, { on = "run:follow_up", who = "小美", waits = "ask" })
end)

t:case("a question that nobody can answer is handed over once: until it is answered the member is not told again", function(g)
  g:says("小美", "这款酸奶含糖多少")
  g:says("小美", "那款饼干呢,多少钱")
  g:advance("30s")
  g:expect{ chat = "staff", text = { "这款酸奶含糖多少", "那款饼干呢" } }
  g:expect{ at = "小美", text = "请同事来答" }
  g:says("小美", "有人吗?")
  g:silent("2m")
end)

t:case("a question that nobody can answer: who asked something else as well gets both", function(g)
  g:says("小美", "几点开门呀")
  g:says("小美", "附近停车方便吗")
  g:advance("30s")
  g:expect{ at = "小美", text = "早 8 点" }
  g:expect{ chat = "staff", text = "附近停车方便吗" }
end)

t:case("a question that nobody can answer gets small talk where nobody can be told", {
  playbook = { flows = { { "chaperone", handoffs = 0, small_talk = "嗯嗯", ask = "请同事来答" } } },
}, function(g)
  g:says("小美", "这款酸奶含糖多少")
  g:advance("30s")
  g:expect{ at = "小美", text = "嗯嗯" }
  g:silent("1h")
  g:expect_runs(0)
end)

t:case("every form of a question is handed over", function(g)
  local forms = {
    "可以带宠物?", "有鲜虾?", "今天有活动吗", "小票怎么弄", "那个呢", "停车多少钱", "洗手间在哪里", "什么时候到货",
    "请问今天有虾", "周末开门吗~", "几点到货",
  }
  for i, text in ipairs(forms) do
    g:says("成员" .. i, text)
    g:advance("31s")
    g:expect{ chat = "staff", text = text }
    g:advance("1h")
  end
end)

t:case("nobody answered within 10 minutes: the member hears when someone will", function(g)
  g:says("小美", "这款酸奶含糖多少")
  g:advance("9m")
  g:expect_none{ text = "分钟内回你" }
  g:advance("1m")
  g:expect{ at = "小美", text = "30 分钟内回你" }
  g:silent("1h")
  g:equal(#g:events("question_unanswered"), 1)
end)

t:case("outside duty hours it names the time at which duty begins", { start = "2026-03-02 21:45" }, function(g)
  g:says("小美", "这款酸奶含糖多少")
  g:advance("11m")
  g:expect{ at = "小美", text = "09:00 上班后回你" }
end)

local shifts = {
  { days = "1-5", from = "09:00", to = "12:00", users = { "10001" } }, { days = "1-5", from = "12:00", to = "18:00", users = { "10002" } },
}

t:case("a question goes to whoever is on duty by the roster; afterwards it names when duty begins", {
  playbook = book({ roster = shifts }),
}, function(g)
  g:says("小美", "这款酸奶含糖多少")
  g:advance("30s")
  g:expect{ chat = "staff", text = { "@10001", "这款酸奶含糖多少" } }
  g:advance("10m")
  g:expect{ at = "小美", text = "30 分钟内回你" }
  g:at("2026-03-02 12:00")
  g:says("小王", "附近停车方便吗")
  g:advance("30s")
  g:expect{ chat = "staff", text = "@10002" }
  g:at("2026-03-02 19:00")
  g:says("阿强", "周末有活动吗")
  g:advance("11m")
  g:expect{ at = "阿强", text = "09:00 上班后回你" }
end)

t:case("what the knowledge base says but nobody has approved is not said", {
  playbook = book({ faq = { { ask = { "药效" }, answer = "没审过", approved = false } } }),
}, function(g)
  g:says("小美", "药效怎么样")
  g:advance("31s")
  g:expect_none{ text = "没审过" }
  g:expect{ chat = "staff", text = "药效怎么样" }
end)

t:case("nobody answered within 10 minutes counts from the question, and restarts and kills do not matter", function(g)
  g:says("小美", "这款酸奶含糖多少")
  g:advance("1m")
  g:expect{ at = "小美", text = "请同事来答" }
  g:restart()
  g:advance("4m")
  g:kill()
  g:kill{ during = "commit" }
  g:advance("5m")
  g:advance("10s")
  g:expect_count(1, { at = "小美", text = "30 分钟内回你" })
  g:silent("1h")
  g:equal(#g:events("question_unanswered"), 1)
  g:expect_runs(0)
end)

t:case("a question that staff answered is closed: by an @", function(g)
  g:says("小美", "这款酸奶含糖多少")
  g:advance("1m")
  g:expect{ at = "小美" }
  g:mention("店长", "小美", "每百克 5 克")
  g:expect_event("question_answered", { who = "小美", by = g:id("店长"), late = false })
  g:expect_runs(0)
  g:silent("1h")
  g:expect_no_event("question_unanswered")
  g:equal(g:state("hash", "questions", g:id("小美")), nil)
end)

t:case("a question that staff answered is closed: by quoting it, or to everybody", function(g)
  local asked = g:says("小美", "这款酸奶含糖多少")
  g:says("小王", "附近停车方便吗")
  g:says("阿强", "周末有活动吗")
  g:advance("1m")
  g:expect{ at = { "小美", "小王", "阿强" } }
  g:reply("店长", "每百克 5 克", { to = asked })
  g:expect_event("question_answered", { who = "小美" })
  g:expect_runs(2, { on = "run:follow_up" })
  g:says("店长", "停车在地下一层,周末有试吃")
  g:expect_event("question_answered", { who = "小王" })
  g:expect_event("question_answered", { who = "阿强" })
  g:silent("1h")
end)

t:case("a question is not closed by what staff say to somebody else, or by members", function(g)
  g:says("小美", "这款酸奶含糖多少")
  g:advance("1m")
  g:expect{ at = "小美" }
  g:mention("店长", "小王", "你的快递到了")
  g:mention("小王", "小美", "我也想知道")
  g:advance("10m")
  g:expect{ at = "小美", text = "30 分钟内回你" }
end)

t:case("a question stays open while staff talk of other things, however much", function(g)
  g:says("小美", "这款酸奶含糖多少")
  g:advance("1m")
  g:expect{ at = "小美" }
  g:together(function()
    for i = 1, 230 do g:mention("店长", "小王", "第 " .. i .. " 句") end
  end)
  g:expect_runs(1, { on = "run:follow_up", who = "小美" })
  g:advance("9m")
  g:expect{ at = "小美", text = "30 分钟内回你" }
end)

t:case("a question is closed by the group's admins, where the playbook says that they are staff", {
  playbook = (function()
    local b = book()
    b.keepers = true
    return b
  end)(),
}, function(g)
  g:role("群管", "admin")
  g:says("小美", "这款酸奶含糖多少")
  g:advance("1m")
  g:expect{ at = "小美" }
  g:mention("群管", "小美", "每百克 5 克")
  g:expect_event("question_answered", { who = "小美" })
  g:says("阿强", "周末有活动吗")
  g:says("群管", "周末有试吃")
  g:silent("1h")
end)

t:case("an unanswered question is kept for the report until staff answer it by name", function(g)
  g:says("小美", "这款酸奶含糖多少")
  g:advance("11m")
  g:expect{ at = "小美", text = "30 分钟内回你" }
  g:expect_event("question_unanswered", { who = "小美" })
  g:equal(g:state("hash", "questions", g:id("小美")).text, "这款酸奶含糖多少")
  g:says("店长", "大家下午好")
  g:equal(g:state("hash", "questions", g:id("小美")).told, true)
  g:mention("店长", "小美", "每百克 5 克")
  g:equal(g:state("hash", "questions", g:id("小美")), nil)
  g:expect_event("question_answered", { who = "小美", late = true })
end)

t:case("an unanswered question is kept for two days", function(g)
  g:says("小美", "这款酸奶含糖多少")
  g:at("2026-03-03 22:00")
  g:equal(g:state("hash", "questions", g:id("小美")).text, "这款酸奶含糖多少")
  g:at("2026-03-05 22:00")
  g:equal(g:state("hash", "questions", g:id("小美")), nil)
end)

t:case("nobody answered within 10 minutes: who left, or opted out, is not told", function(g)
  g:join("小美")
  g:says("小美", "这款酸奶含糖多少")
  g:says("小王", "附近停车方便吗")
  g:advance("1m")
  g:expect{ at = { "小美", "小王" } }
  g:leave("小美")
  g:says("小王", "退订")
  g:expect()
  g:silent("1h")
end)

t:case("nobody answered within 10 minutes: switched off meanwhile, the run sleeps on", function(g)
  g:says("小美", "这款酸奶含糖多少")
  g:advance("1m")
  g:expect{ at = "小美" }
  g:toggle("chaperone", "off")
  g:silent("20m")
  g:toggle("chaperone", "on")
  g:advance("6m")
  g:expect{ at = "小美", text = "30 分钟内回你" }
end)

t:case("the hand-off survives a restart", function(g)
  g:says("小美", "这款酸奶含糖多少")
  g:advance("1m")
  g:restart()
  g:advance("10m")
  g:expect{ at = "小美", text = "分钟内回你" }
end)

t:case("a complaint is answered with an apology, and staff hear of it", function(g)
  g:says("小美", "牛奶坏了,太失望了")
  g:advance("30s")
  g:expect{ chat = "staff", text = "牛奶坏了" }
  g:expect{ at = "小美", text = "抱歉" }
end)

t:case("in quiet hours only direct remarks are answered", function(g)
  g:at("23:00")
  g:says("小美", "睡不着")
  g:silent("10m")
  g:says("小王", "@小福 睡不着")
  g:advance("30s")
  g:expect{ at = "小王" }
end)

t:case("everybody who speaks once in a day is answered that day", function(g)
  for i = 1, 40 do
    g:says("成员" .. i, "今天做了第 " .. i .. " 道菜")
    g:advance("10m")
  end
  g:at("22:00")
  local answered = {}
  for _, e in ipairs(g:events("answered")) do
    for _, user in ipairs(e.users) do answered[user] = true end
  end
  local n = 0
  for _ in pairs(answered) do n = n + 1 end
  assert(n >= 38, "only " .. n .. " of 40 were answered")
end)

t:case("what is counted: who spoke, once a day, staff not; who was answered and after how many seconds", function(g)
  g:says("小美", "早上好")
  g:advance("10s")
  g:says("小王", "早")
  g:says("小王", "今天真冷")
  g:mention("阿强", "小王", "你家的花真好看")
  g:says("店长", "@阿强 是啊")
  g:advance("1m")
  g:equal(#g:events("spoke"), 3)
  g:equal(g:expect_event("answered").seconds, { 30, 19 })
  g:at("2026-03-03 09:00")
  g:says("小美", "早上好")
  g:equal(#g:events("spoke"), 4)
end)

-- ---- optionally an LLM (OpenAI-compatible endpoint, timeout 8 s, daily budget in calls and tokens, falls back to the pool, answers
-- checked against the sensitive-word list, labelled as machine text where the playbook asks) ----

local POOL = "池子里的话"

local function writes(params)
  local all = { llm = true, small_talk = POOL, llm_prompt = "你是{me},{length} 字以内" }
  for name, value in pairs(params or {}) do all[name] = value end
  return { playbook = book(all) }
end

local plain = { playbook = book{ small_talk = POOL } }

t:case("the language model is off by default, and off without an endpoint: the pool speaks", plain, function(g)
  g:llm("模型的话")
  g:says("小美", "今天做了红烧肉")
  g:advance("31s")
  g:expect{ at = "小美", text = POOL }
  g:equal(#g:requests(), 0)
  g:llm(nil)
  g:param("chaperone.llm", "true")
  g:says("小王", "今天做了糖醋鱼")
  g:advance("31s")
  g:expect{ at = "小王", text = POOL }
  g:equal(#g:requests(), 0)
  g:expect_event("llm", { ok = false, reason = "off" })
end)

t:case("switched on, the language model writes the line: it knows who it is and what was said, not who said it", writes(),
  function(g)
    g:llm(function(request)
      g:equal(request.json.messages[1].content, "你是小福,60 字以内")
      g:equal(request.json.messages[2].content, "今天做了红烧肉\n晚霞真美")
      assert(not request.body:find("小美"))
      return "红烧肉配晚霞,日子真美"
    end)
    g:says("小美", "今天做了红烧肉")
    g:says("小王", "晚霞真美")
    g:advance("31s")
    g:expect{ at = { "小美", "小王" }, text = "红烧肉配晚霞,日子真美" }
    g:silent("1h")
    g:equal(#g:requests(), 1)
    g:expect_event("llm", { ok = true })
  end)

t:case("the language model is asked for small talk only: knowledge base, then rules, come first", writes(), function(g)
  g:llm("模型的话")
  g:says("小美", "几点开门")
  g:says("小王", "早上好")
  g:image("阿强")
  g:says("丽丽", "牛奶坏了")
  g:advance("31s")
  g:expect{ text = { "早 8 点到晚 10 点", "你也好", "好照片", "抱歉" } }
  g:equal(#g:requests(), 0)
  g:says("阿芳", "今天做了红烧肉")
  g:says("阿明", "几点开门")
  g:advance("31s")
  g:expect{ at = { "阿芳", "阿明" }, text = { "模型的话", "早 8 点到晚 10 点" } }
  g:equal(#g:requests(), 1)
end)

t:case("what the language model has written already within 20 lines is not said again: the pool speaks", writes(), function(g)
  g:llm("模型的话")
  for i = 1, 2 do
    g:says("成员" .. i, "今天做了第 " .. i .. " 道菜")
    g:advance("1m")
    g:expect{ at = "成员" .. i, text = i < 2 and "模型的话" or POOL }
  end
end)

t:case("the language model takes longer than 8 seconds: the pool speaks, and late words are not said", writes(), function(g)
  g:llm{ text = "模型的话", delay = "9s" }
  g:says("小美", "今天做了红烧肉")
  g:silent("37s")
  g:advance("2s")
  g:expect{ at = "小美", text = POOL }
  g:expect_event("llm", { ok = false, reason = "timeout" })
  g:silent("1h")
end)

t:case("within the 8 seconds the group goes on: who speaks meanwhile has a window of their own", writes(), function(g)
  g:llm{ text = "模型的话", delay = "5s" }
  g:says("小美", "今天做了红烧肉")
  g:advance("31s")
  g:says("小王", "早上好")
  g:advance("6s")
  g:expect{ at = "小美", text = "模型的话" }
  g:advance("30s")
  g:expect{ at = "小王", text = "你也好" }
end)

for _, why in ipairs({ "status 500", "no connection", "refused" }) do
  t:case("the language model fails (" .. why .. "): the pool speaks", writes(), function(g)
    g:llm{ error = why }
    g:says("小美", "今天做了红烧肉")
    g:advance("31s")
    g:expect{ at = "小美", text = POOL }
    g:expect_event("llm", { ok = false, reason = why })
  end)
end

-- A new line at every call.
local function fresh(words)
  local n = 0
  return function()
    n = n + 1
    return { text = "模型的话" .. n, tokens = words }
  end
end

t:case("the group's day of calls to the language model is used up: the pool speaks, till tomorrow", writes{ llm_calls = 2 }, function(g)
  g:llm(fresh(50))
  for i = 1, 3 do
    g:says("成员" .. i, "今天做了第 " .. i .. " 道菜")
    g:advance("1m")
    g:expect{ at = "成员" .. i, text = i < 3 and "模型的话" or POOL }
  end
  g:equal(#g:requests(), 2)
  g:at("2026-03-03 10:00")
  g:says("小美", "又是新的一天")
  g:advance("1m")
  g:expect{ at = "小美", text = "模型的话" }
end)

t:case("the group's day of tokens is used up: the pool speaks", writes{ llm_tokens = 100 }, function(g)
  g:llm(fresh(60))
  for i = 1, 3 do
    g:says("成员" .. i, "今天做了第 " .. i .. " 道菜")
    g:advance("1m")
    g:expect{ at = "成员" .. i, text = i < 3 and "模型的话" or POOL }
  end
end)

t:case("the budget of the daemon for the language model is used up: the pool speaks", writes(), function(g)
  g:llm("模型的话", { calls_per_day = 1 })
  for i = 1, 2 do
    g:says("成员" .. i, "今天做了第 " .. i .. " 道菜")
    g:advance("1m")
    g:expect{ at = "成员" .. i, text = i < 2 and "模型的话" or POOL }
  end
  g:expect_event("llm", { reason = "budget" })
end)

local strict = writes{ llm_words = { "保证", "ABC" }, llm_length = 10 }

t:case("an answer of the model with a word of the list, too long, or empty is not said", strict, function(g)
  for i, text in ipairs({ "我保证好吃", "试试ABC吧", "这句话写得太长太长太长了", "" }) do
    g:llm(text)
    g:says("成员" .. i, "今天做了第 " .. i .. " 道菜")
    g:advance("1m")
    g:expect{ at = "成员" .. i, text = POOL }
  end
  g:llm("“真香”\n第二行")
  g:says("小美", "今天做了红烧肉")
  g:advance("1m")
  g:equal(g:expect{ at = "小美" }.text:match("真香.*$"), "真香")
end)

t:case("what the model writes cannot @ anybody, and is no template", writes{ llm_words = {} }, function(g)
  g:llm("@全体成员 {at}{name}")
  g:says("小美", "今天做了红烧肉")
  g:advance("1m")
  local line = g:expect{ at = "小美", text = "{at}{name}" }
  g:equal(line.at, { "小美" })
end)

local labelled = writes{ llm_label = "(AI 生成)" }

t:case("what the model wrote is labelled as machine text where the playbook asks; the pool is not", labelled, function(g)
  g:llm("模型的话")
  g:says("小美", "今天做了红烧肉")
  g:advance("31s")
  g:expect{ at = "小美", text = "模型的话(AI 生成)" }
  g:llm(500)
  g:says("小王", "今天做了糖醋鱼")
  g:advance("31s")
  local line = g:expect{ at = "小王", text = POOL }
  assert(not line.text:find("AI", 1, true))
end)

t:case("killed while the language model is asked: it is asked again, one answer comes", writes(), function(g)
  g:llm{ text = "模型的话", delay = "4s" }
  g:says("小美", "今天做了红烧肉")
  g:advance("31s")
  g:kill()
  g:advance("8s")
  g:expect_count(1, { at = "小美", text = "模型的话" })
  g:silent("1h")
  g:equal(#g:events("answered"), 1)
end)

t:case("killed in the commit after which the language model is asked: one answer comes", writes(), function(g)
  g:llm("模型的话")
  g:says("小美", "今天做了红烧肉")
  g:kill{ during = "commit" }
  g:advance("31s")
  g:advance("1m")
  g:expect_count(1, { at = "小美", text = "模型的话" })
  g:equal(#g:events("answered"), 1)
end)

t:case("who opts out while the language model writes is not answered", writes(), function(g)
  g:llm{ text = "模型的话", delay = "5s" }
  g:says("小美", "今天做了红烧肉")
  g:says("小王", "晚霞真美")
  g:advance("31s")
  g:says("小美", "退订")
  g:advance("6s")
  local line = g:expect{ text = "模型的话" }
  g:equal(line.at, { "小王" })
end)
