-- chaperone_test.lua -- company for those who speak, sentence by sentence.
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

t:case("silent when the message is meant for another person", function(g)
  g:says("小王", "早上好")
  g:advance("1m")
  g:expect{ at = "小王" }
  g:mention("小美", "小王", "你家的花真好看")
  g:silent("1h")
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

t:case("more than 30 messages in the last minute: only direct @s and questions", function(g)
  g:together(function()
    for i = 1, 31 do g:says("路人" .. i, "@小福 报到") end
  end)
  g:advance("30s")
  g:says("小美", "今天真冷")
  g:says("小王", "几点开门呀")
  g:advance("40s")
  g:expect{ at = "小王", text = "早 8 点" }
  g:expect_none{ at = "小美" }
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

t:case("who opted out is left alone", function(g)
  g:says("小美", "退订")
  g:expect_count(1)
  g:says("小美", "今天真冷")
  g:silent("1d")
end)

t:case("a question that nobody can answer is handed to the person on duty, with the quote", function(g)
  g:says("小美", "这款酸奶含糖多少")
  g:expect{ chat = "staff", text = { "待回答", "小美", "这款酸奶含糖多少" } }
  g:advance("30s")
  g:expect{ at = "小美", text = "请同事来答" }
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

t:case("a question that staff answered is closed", function(g)
  g:says("小美", "这款酸奶含糖多少")
  g:advance("1m")
  g:expect{ at = "小美" }
  g:mention("店长", "小美", "每百克 5 克")
  g:silent("1h")
  g:equal(#g:events("question_answered"), 1)
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
  g:expect{ chat = "staff", text = "牛奶坏了" }
  g:advance("30s")
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
