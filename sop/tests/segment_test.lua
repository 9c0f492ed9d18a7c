-- segment_test.lua -- who is who in a group, sentence by sentence. What is promised, and the cases that hold it:
--
-- Of every flow
--   one reply per cause, one short answer a day, silence      "我的等级 ..."
--   at most ten are @-ed in one message                       "without private messages ..."
--   退订                                                      "who opted out ..."
--   quiet hours hold posts                                    "at night ..."
--   points are whole numbers and sums are conserved           "points ..."
--   staff commands need a role                                "members may use none ..."
-- 分层
--   tags by rule: keyword                                     "a rule: keyword ..."
--   ... behaviour                                             "a rule: photo ...", "a rule: order ..."
--   ... join channel                                          "a rule: the inviter ..."
--   ... time slot                                             "a rule: time slot ..."
--   points and levels                                         "growth ..." (3), "points ...", "我的等级 ..."
--   super users (top 20 % by score)                           "super users ..." (2)
--   stages 0-7, 7-30, 30-90, 90+                              "stages ..." (2)
--   silence scan 7/14/30 d                                    "silent for ..." (2)
--   that starts a win-back run                                "win-back ..." (5)
--   flows may require or exclude tags                         "win-back only for ..."; faq_test, firstorder_test
--   restarts, kills, edits                                    "a restart ...", "killed ...", "an edited flow ..."
--   leaving                                                   "who left ..."
--   several groups; WeCom; big groups                         "two groups ...", "WeCom ...", "a group of 250 ..."
--   metrics                                                   "分层 ...", "what is counted"
local TEXTS = {
  level_up = "升到{level}", mine = "{level} {growth} 差{need}到{next}", mine_top = "{level} {growth} 顶", seen = "刚看过",
  back1 = "唤醒一 {name}", back2 = "唤醒二", back3 = "唤醒三", back_group = "{names} 群里唤醒", returned = "欢迎回来",
  counts = "统计 {lines}", counts_line = "{tag}={count}", no_counts = "还没有 {time}", tag_usage = "写法{word}", tagged = "{name}打{tag}",
  untagged = "{name}去{tag}",
}

local function book(params)
  local flow = { "segment" }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return { flows = { "switch", "common", flow } }
end

local function rule(entry)
  return { playbook = book{ rules = { entry }, winback = false } }
end

local t = sop.test("segment", { playbook = book(), start = "2026-03-02 10:00" })

local function has(g, who, tag)
  for _, one in ipairs(g:tags(who)) do
    if one == tag then return true end
  end
  return false
end

t:case("a rule: keyword, on so many days", rule{ tag = "宝妈", words = { "奶粉", "尿不湿" }, times = 2 }, function(g)
  g:says("小美", "家里奶粉快没了")
  g:says("小美", "奶粉奶粉")
  g:equal(has(g, "小美", "宝妈"), false)
  g:advance("1d")
  g:says("小美", "尿不湿哪种好")
  g:equal(has(g, "小美", "宝妈"), true)
  g:expect_event("segment_tagged", { who = "小美", tag = "宝妈" })
  g:advance("1d")
  g:says("小美", "奶粉")
  g:equal(#g:events("segment_tagged"), 1)
  g:silent("1m")
end)

t:case("a rule: pattern, and tags that it takes away", rule{ tag = "大宝", pattern = "[3-6]岁", drop = { "小宝" } }, function(g)
  g:tag("小美", "小宝")
  g:says("小美", "我家 4岁了")
  g:equal(has(g, "小美", "大宝"), true)
  g:equal(has(g, "小美", "小宝"), false)
end)

t:case("a rule: photo", rule{ tag = "爱晒图", on = "photo" }, function(g)
  g:says("小美", "没有图")
  g:equal(has(g, "小美", "爱晒图"), false)
  g:image("小美", "看我做的菜")
  g:equal(has(g, "小美", "爱晒图"), true)
end)

t:case("a rule: order, of at least an amount", rule{ tag = "大单", on = "order", amount = 10000 }, function(g)
  g:says("小美", "你好")
  g:order("小美", { id = "A1", amount = 9900 })
  g:equal(has(g, "小美", "大单"), false)
  g:advance("1d")
  g:order("小美", { id = "A2", amount = 10000 })
  g:equal(has(g, "小美", "大单"), true)
end)

t:case("a rule: the inviter of who joins", rule{ tag = "老带新", on = "join", inviter = "any" }, function(g)
  g:join("小美")
  g:join("小王", { by = "小美" })
  g:equal(has(g, "小美", "老带新"), false)
  g:equal(has(g, "小王", "老带新"), true)
end)

t:case("a rule: time slot, past midnight", rule{ tag = "夜猫子", from = "22:00", to = "02:00", times = 2 }, function(g)
  g:says("小美", "白天")
  g:at("2026-03-02 23:00")
  g:says("小美", "睡不着")
  g:at("2026-03-03 01:00")
  g:says("小美", "还是睡不着") -- the same business day
  g:equal(has(g, "小美", "夜猫子"), false)
  g:at("2026-03-03 23:30")
  g:says("小美", "又是我")
  g:equal(has(g, "小美", "夜猫子"), true)
end)

t:case("a rule: time slot, written with one digit", rule{ tag = "早起", from = "6:00", to = "9:00" }, function(g)
  g:says("小美", "十点")
  g:equal(has(g, "小美", "早起"), false)
  g:at("2026-03-03 08:00")
  g:says("小美", "八点")
  g:equal(has(g, "小美", "早起"), true)
end)

t:case("growth: words, pictures and orders; at most five a day; orders by amount", function(g)
  for i = 1, 8 do g:says("小美", "第 " .. i .. " 句") end
  g:expect_state("profile", "小美", { growth = 5 })
  g:advance("1d")
  g:image("小美")
  g:expect_state("profile", "小美", { growth = 7 })
  g:order("小美", { id = "A1", amount = 3900 })
  g:expect_state("profile", "小美", { growth = 20 })
end)

t:case("growth leads to levels: a tag and a word, once", {
  playbook = book{ levels = { { from = 0, name = "新芽" }, { from = 3, name = "常客" } } },
}, function(g)
  g:says("小美", "一")
  g:equal(has(g, "小美", "等级:新芽"), true)
  g:says("小美", "二")
  g:silent("1s")
  g:says("小美", "三")
  g:expect{ at = "小美", text = "升到常客" }
  g:expect_event("level_up", { who = "小美", level = "常客", growth = 3 })
  g:equal(has(g, "小美", "等级:常客"), true)
  g:equal(has(g, "小美", "等级:新芽"), false)
  g:says("小美", "四")
  g:silent("1m")
end)

t:case("growth at night is counted, the level is not told", {
  playbook = book{ levels = { { from = 0, name = "新芽" }, { from = 2, name = "常客" } } },
}, function(g)
  g:at("2026-03-02 23:00")
  g:says("小美", "一")
  g:says("小美", "二")
  g:silent("10m")
  g:equal(has(g, "小美", "等级:常客"), true)
end)

t:case("points for the first word of a day: the ledger adds up", { playbook = book{ points_day = 2 } }, function(g)
  for _ = 1, 3 do
    g:says("小美", "早")
    g:says("小美", "再说一句")
    g:advance("1d")
  end
  local sum = 0
  for _, entry in ipairs(g:events("points")) do sum = sum + entry.n end
  g:equal(sum, 6)
  g:expect_state("profile", "小美", { points = 6 })
end)

t:case("我的等级 tells level and what is missing; again one short answer, then silence", function(g)
  g:says("小美", "你好")
  g:says("小美", "我的等级")
  g:expect{ at = "小美", text = "新芽 1 差49到常客" }
  g:says("小美", "我的等级")
  g:expect{ at = "小美", text = "刚看过" }
  g:says("小美", "我的等级")
  g:silent("1m")
end)

t:case("我的等级 at the top", { playbook = book{ levels = { { from = 0, name = "铁粉" } } } }, function(g)
  g:says("小美", "我的等级")
  g:expect{ at = "小美", text = "铁粉 0 顶" }
end)

t:case("super users: the best fifth by score", function(g)
  for i = 1, 10 do
    for _ = 1, i > 8 and 4 or 1 do g:says("成员" .. i, "你好") end
  end
  g:at("2026-03-03 10:21")
  g:equal(has(g, "成员9", "超级用户"), true)
  g:equal(has(g, "成员10", "超级用户"), true)
  g:equal(has(g, "成员1", "超级用户"), false)
  -- Others are more active now: the tag goes to them.
  for _ = 1, 4 do
    for _ = 1, 5 do
      g:says("成员1", "你好")
      g:says("成员2", "你好")
    end
    g:advance("1d")
  end
  g:equal(has(g, "成员1", "超级用户"), true)
  g:equal(has(g, "成员9", "超级用户"), false)
end)

t:case("super users: none in a group of a few", function(g)
  for i = 1, 4 do g:says("成员" .. i, "你好") end
  g:at("2026-03-03 10:21")
  for i = 1, 4 do g:equal(has(g, "成员" .. i, "超级用户"), false) end
end)

t:case("stages: new, growing from day 7, mature from day 30, sleeping from day 90", { playbook = book{ winback = false } }, function(g)
  g:join("小美")
  g:equal(has(g, "小美", "阶段:新人"), true)
  local stages = {
    { "2026-03-08", "新人" }, { "2026-03-09", "成长" }, { "2026-03-31", "成长" }, { "2026-04-01", "成熟" }, { "2026-05-30", "成熟" },
    { "2026-05-31", "沉睡" },
  }
  for _, at in ipairs(stages) do
    g:at(at[1] .. " 10:21")
    g:equal(has(g, "小美", "阶段:" .. at[2]), true, at[1])
  end
  g:equal(has(g, "小美", "阶段:新人"), false)
end)

t:case("stages: who speaks is not asleep, however long they have been here", { playbook = book{ winback = false } }, function(g)
  g:join("小美")
  g:at("2026-05-20 10:00")
  g:says("小美", "我还在")
  g:at("2026-06-02 10:21")
  g:equal(has(g, "小美", "阶段:成熟"), true)
  g:at("2026-06-20 10:21")
  g:equal(has(g, "小美", "阶段:沉睡"), true)
end)

t:case("silent for 7, 14, 30 days: one tag at a time, told once each", { playbook = book{ winback = false } }, function(g)
  g:says("小美", "你好")
  g:at("2026-03-08 10:21")
  g:equal(#g:events("silent"), 0)
  g:at("2026-03-09 10:21")
  g:equal(has(g, "小美", "沉默:7"), true)
  g:expect_event("silent", { who = "小美", days = 7 })
  g:at("2026-03-16 10:21")
  g:equal(has(g, "小美", "沉默:14"), true)
  g:equal(has(g, "小美", "沉默:7"), false)
  g:at("2026-04-01 10:21")
  g:equal(has(g, "小美", "沉默:30"), true)
  g:at("2026-04-20 10:21")
  g:equal(#g:events("silent"), 3)
  g:silent("1m")
end)

t:case("silent, and back without having been written to: the tag goes, nothing is said", { playbook = book{ winback = false } }, function(g)
  g:says("小美", "你好")
  g:at("2026-03-10 10:00")
  g:says("小美", "我来啦")
  g:equal(has(g, "小美", "沉默:7"), false)
  g:expect_event("returned", { who = "小美", days = 7, won = false })
  g:silent("1m")
end)

t:case("win-back: a word in private at 7, 14 and 30 days", function(g)
  g:says("小美", "你好")
  g:at("2026-03-09 10:21")
  g:expect{ dm = "小美", text = "唤醒一 小美" }
  g:expect_event("winback", { who = "小美", step = 1, by = "dm" })
  g:at("2026-03-12 10:30")
  g:expect_event("winback_failed", { who = "小美", step = 1 })
  g:at("2026-03-16 10:21")
  g:expect{ dm = "小美", text = "唤醒二" }
  g:at("2026-04-01 10:21")
  g:expect{ dm = "小美", text = "唤醒三" }
  g:at("2026-05-01 10:21")
  g:expect_none{ dm = "小美" }
end)

t:case("win-back: who speaks again within three days is welcomed", { playbook = book{ back_points = 5 } }, function(g)
  g:says("小美", "你好")
  g:at("2026-03-09 10:21")
  g:expect{ dm = "小美", text = "唤醒一" }
  g:says("小美", "我来啦")
  g:expect{ at = "小美", text = "欢迎回来" }
  g:expect_event("returned", { who = "小美", days = 7, won = true })
  g:expect_state("profile", "小美", { points = 5 })
  g:expect_runs(0)
  g:says("小美", "大家好")
  g:silent("1m")
end)

t:case("win-back: not more than so many a day, the others the day after", { playbook = book{ winbacks = 2 } }, function(g)
  for i = 1, 3 do g:says("成员" .. i, "你好") end
  g:at("2026-03-09 10:30")
  g:equal(#g:events("winback"), 2)
  g:at("2026-03-10 10:30")
  g:equal(#g:events("winback"), 3)
  g:equal(#g:events("silent"), 3)
end)

t:case("win-back only for members with a tag, not for those with another", {
  playbook = book{ only_tags = { "会员" }, not_tags = { "同行" } },
}, function(g)
  for _, who in ipairs({ "小美", "小王", "阿强" }) do g:says(who, "你好") end
  g:tag("小美", "会员")
  g:tag("小王", "会员")
  g:tag("小王", "同行")
  g:at("2026-03-09 10:21")
  g:expect{ dm = "小美", text = "唤醒一" }
  g:equal(#g:events("winback"), 1)
end)

t:case("win-back: who opted out is left alone", function(g)
  g:says("小美", "退订")
  g:expect()
  g:silent("40d")
  g:equal(#g:events("winback"), 0)
end)

t:case("without private messages silent members share one message", function(g)
  g:lacks("dm")
  for i = 1, 4 do g:says("成员" .. i, "你好") end
  g:at("2026-03-09 10:21")
  local message = g:expect{ text = "群里唤醒" }
  g:equal(#message.at, 4)
  g:silent("1h")
end)

t:case("at night nobody is woken", { playbook = book{ scan = "23:00" } }, function(g)
  g:says("小美", "你好")
  g:at("2026-03-10 00:30")
  g:expect_none{ dm = "小美" }
  g:at("07:31")
  g:expect{ dm = "小美", text = "唤醒一" }
end)

t:case("who left is no longer looked at; who comes back is", function(g)
  g:join("小美")
  g:says("小美", "你好")
  g:leave("小美")
  g:at("2026-03-20 10:21")
  g:equal(#g:events("silent"), 0)
  g:join("小美")
  g:at("2026-03-27 10:21")
  g:equal(#g:events("silent"), 1)
end)

t:case("分层 counts the last scan", function(g)
  g:staff("店长", "分层")
  g:expect{ at = "店长", text = "还没有 10:20" }
  g:says("小美", "你好")
  g:says("小王", "你好")
  g:at("2026-03-09 10:21")
  g:staff("店长", "分层")
  g:expect{ at = "店长", text = { "沉默:7=2", "等级:新芽=2", "阶段:成长=2", "超级用户=0" } }
end)

t:case("打标签 and 去标签 by staff", function(g)
  g:says("小美", "你好")
  g:staff("店长", "打标签 @小美 老客")
  g:expect{ at = "店长", text = "小美打老客" }
  g:equal(has(g, "小美", "老客"), true)
  g:staff("店长", "去标签 @小美 老客")
  g:expect{ at = "店长", text = "小美去老客" }
  g:equal(has(g, "小美", "老客"), false)
  g:staff("店长", "打标签 老客")
  g:expect{ at = "店长", text = "写法打标签" }
  g:equal(#g:audit("tagged"), 1)
  g:equal(#g:audit("untagged"), 1)
end)

t:case("members may use none of the staff commands", function(g)
  g:says("小王", "你好")
  for _, text in ipairs({ "分层", "打标签 @小王 老客", "去标签 @小王 老客" }) do g:says("小美", text) end
  g:silent("1m")
  g:equal(has(g, "小王", "老客"), false)
end)

t:case("staff are not segmented, and not written to", function(g)
  g:staff("店长", "大家好")
  g:says("小李", "你好")
  g:setting("staff", { chat = "demo" }, "小李", "keeper")
  g:at("2026-03-09 10:21")
  g:equal(#g:tags("店长"), 0)
  g:equal(#g:events("winback"), 0)
  g:equal(#g:events("silent"), 0)
  g:equal(#g:board("score"), 0)
end)

t:case("two groups: silent is who is silent in both", function(g)
  g:says("小美", "你好")
  g:says("小美", "你好", { chat = "二店" })
  g:param("segment.scan", "10:25", { chat = "二店" })
  g:at("2026-03-08 12:00")
  g:says("小美", "我在这边", { chat = "二店" })
  g:at("2026-03-09 10:26")
  g:equal(#g:events("silent"), 0)
end)

t:case("two groups: who is silent in both is written to once, and welcomed once", { playbook = book{ back_points = 5 } }, function(g)
  g:says("小美", "你好")
  g:says("小美", "你好", { chat = "二店" })
  g:at("2026-03-09 10:30")
  g:equal(#g:events("winback"), 1)
  g:equal(#g:seen{ dm = "小美" }, 1)
  g:says("小美", "我来啦")
  g:says("小美", "这边也来", { chat = "二店" })
  g:advance("1m")
  g:equal(g:state("profile", "小美", "points"), 5)
  g:equal(#g:seen{ text = "欢迎回来", anywhere = true }, 1)
  g:at("2026-03-16 10:30") -- silent once more: another time
  g:equal(#g:events("winback"), 2)
end)

t:case("two groups: who was written to for the one is welcomed in the other, where they come back", {
  playbook = book{ back_points = 5 },
}, function(g)
  g:says("小美", "你好")
  g:says("小美", "你好", { chat = "二店" })
  g:param("segment.scan", "10:25", { chat = "二店" })
  g:at("2026-03-09 10:30")
  g:expect{ dm = "小美", text = "唤醒一" }
  g:says("小美", "我来啦", { chat = "二店" })
  g:expect{ chat = "二店", at = "小美", text = "欢迎回来" }
  g:expect_event("returned", { who = "小美", won = true })
  g:advance("5h")
  g:says("小美", "这边也来")
  g:silent("1m")
  g:equal(g:state("profile", "小美", "points"), 5)
  g:at("2026-03-16 09:00")
  g:equal(#g:events("winback_failed"), 0)
  g:expect_runs(0)
end)

t:case("two groups: who spoke in the other one has not been won back in vain, and is found again", function(g)
  g:says("小美", "你好")
  g:says("阿强", "你好", { chat = "二店" })
  g:at("2026-03-09 10:30")
  g:expect{ dm = "小美", text = "唤醒一" }
  g:says("小美", "我在这边", { chat = "二店" })
  g:at("2026-03-13 10:30")
  g:expect_no_event("winback_failed", { who = "小美" })
  g:leave("小美", { chat = "二店" })
  g:at("2026-03-16 10:30")
  g:equal(has(g, "小美", "沉默:7"), true)
  g:expect{ dm = "小美", text = "唤醒一" }
end)

t:case("two groups: a super user of one stays one, whatever the other finds", { playbook = book{ super_least = 1 } }, function(g)
  g:says("小美", "你好")
  g:says("小美", "你好", { chat = "二店" })
  g:says("小美", "你们好", { chat = "二店" })
  g:at("2026-03-03 10:30")
  g:equal(has(g, "小美", "超级用户"), true)
  for i = 1, 5 do g:says("阿强", "第 " .. i .. " 句") end
  g:at("2026-03-05 10:30")
  g:equal(has(g, "小美", "超级用户"), true)
  g:equal(has(g, "阿强", "超级用户"), true)
end)

t:case("who leaves is no super user any more; whose score begins anew when they return", { playbook = book{ super_least = 1 } }, function(g)
  g:says("小美", "你好")
  g:at("2026-03-03 10:30")
  g:equal(has(g, "小美", "超级用户"), true)
  g:leave("小美")
  g:equal(has(g, "小美", "超级用户"), false)
  g:join("小美")
  g:expect_state("profile", "小美", { growth = 1 })
  g:says("小美", "我回来啦")
  g:equal(g:board("score")[1][2], 1)
end)

t:case("silent members have their tag at once, however few are written to", { playbook = book{ winbacks = 0 } }, function(g)
  for i = 1, 3 do g:says("成员" .. i, "你好") end
  g:at("2026-03-09 10:30")
  for i = 1, 3 do g:equal(has(g, "成员" .. i, "沉默:7"), true) end
  g:equal(#g:events("silent"), 3)
  g:equal(#g:events("winback"), 0)
  g:param("segment.winbacks", "1")
  g:at("2026-03-11 10:30")
  g:equal(#g:events("winback"), 2)
  g:equal(#g:events("silent"), 3)
end)

t:case("who opted out grows without a word", {
  playbook = book{ levels = { { from = 0, name = "新芽" }, { from = 2, name = "常客" } } },
}, function(g)
  g:says("小美", "退订")
  g:expect()
  g:says("小美", "一")
  g:says("小美", "二")
  g:says("小美", "三")
  g:silent("1m")
  g:equal(has(g, "小美", "等级:常客"), true)
end)

t:case("a group of 250: the scan takes it in portions", { playbook = book{ winback = false } }, function(g)
  g:together(function()
    for i = 1, 250 do g:says("成员" .. i, "你好") end
  end)
  g:at("2026-03-03 10:22")
  g:equal(g:events("segments")[1].counts["阶段:新人"], 250)
  g:equal(g:events("segments")[1].counts["超级用户"], 50)
  g:expect_runs(0)
end)

t:case("a restart changes nothing", function(g)
  g:says("小美", "你好")
  g:restart()
  g:at("2026-03-09 10:21")
  g:expect{ dm = "小美", text = "唤醒一" }
  g:restart()
  g:says("小美", "我来啦")
  g:expect{ at = "小美", text = "欢迎回来" }
end)

t:case("killed in the middle: grows once, is written to once", function(g)
  for _, moment in ipairs({ "input", "commit" }) do
    g:kill{ during = moment }
    g:says("小美", "你好")
    g:advance("5s")
  end
  g:expect_state("profile", "小美", { growth = 2 })
  g:at("2026-03-09 10:19")
  g:kill{ during = "commit" }
  g:advance("2m")
  g:equal(#g:events("winback"), 1)
  g:equal(#g:events("silent"), 1)
end)

t:case("an edited flow: a win-back goes on", function(g)
  g:says("小美", "你好")
  g:at("2026-03-09 10:21")
  g:expect{ dm = "小美" }
  g:edit("flows/segment.lua", "local PORTION = 100", "local PORTION = 50")
  g:at("2026-03-12 11:00")
  g:expect_event("winback_failed", { who = "小美" })
end)

t:case("WeCom: what mentions the bot counts", function(g)
  g:platform("wecom")
  g:says("小美", "@小福 你好")
  g:expect_state("profile", "小美", { growth = 1 })
  g:at("2026-03-09 10:21")
  g:expect{ text = "群里唤醒" }
end)

t:case("what is counted", function(g)
  g:says("小美", "你好")
  g:at("2026-03-09 10:21")
  g:expect_event("silent", { who = "小美", days = 7 })
  g:expect_event("winback", { who = "小美", step = 1 })
  g:equal(#g:events("segments"), 8)
end)
