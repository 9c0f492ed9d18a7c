-- firstorder_test.lua -- a newcomer's way to the first order, sentence by sentence. What is promised, and the cases that hold it:
--
-- Of every flow
--   at most ten are @-ed in one message                       "without private messages ..."
--   退订 ends it at once                                      "it ends: ..."
--   quiet hours hold posts                                    "who joins at night ..."
--   sums: one coupon a member                                 "one coupon ...", "killed ..."
--   flows may require or exclude tags                         "only for members ..."
-- 新客首单
--   greeting DM                                               "a greeting in private ...", "the same join twice ..."
--   first-order coupon                                        "a greeting in private ...", "it ends: the coupon ...", "no more ..."
--   follow-ups D1/D3/D7                                       "follow-ups ..." (3)
--   stops at the bought tag                                   "it ends: ..." (4), "who has bought already ..."
--   restarts, kills, edits                                    "a restart ...", "killed ...", "an edited flow ..."
--   leaving, coming back                                      "it ends: ...", "who comes back ..."
--   several groups; WeCom                                     "one coupon ...", "WeCom ...", "without private messages ..."
--   metrics                                                   "what is counted"
local TEXTS = {
  greet = "见面礼 {name} {what} {code} {till}", greet_plain = "你好 {name}", greet_group = "{names} 群里见面礼{what}",
  greet_group_plain = "{names} 群里你好", touch1 = "跟进一 {code}", touch2 = "跟进二 {code} {till}", touch3 = "跟进三", touch_plain = "没券跟进",
  touch_group = "{names} 群里跟进", thanks = "谢谢首单",
}

local function book(params)
  local flow = { "firstorder" }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return { flows = { "switch", "common", "orders", { "redpacket", organiser = "店", contact = "店长", nightly = false }, flow } }
end

local t = sop.test("firstorder", { playbook = book(), start = "2026-03-02 10:00" })

local function greeted(g, who)
  g:advance("2m")
  return g:expect{ dm = who, text = "见面礼" }
end

t:case("a greeting in private, with a coupon for the first order", function(g)
  g:join("小美")
  g:silent("1m50s")
  g:advance("15s")
  local message = g:expect{ dm = "小美", text = { "见面礼 小美 首单 5 元券", "2026-03-09" } }
  assert(message.text:find("%w%w%w%w%w%w%w%w"))
  g:expect_event("code_issued", { who = "小美", from = "firstorder", cost = 500 })
  g:expect_event("firstorder_touched", { who = "小美", step = 0, by = "dm", coupon = true })
  g:silent("1h")
end)

t:case("the same join twice counts once", function(g)
  g:join("小美")
  g:join("小美")
  greeted(g, "小美")
  g:join("小美")
  g:silent("1h")
  g:equal(#g:events("code_issued"), 1)
  g:expect_runs(1, { on = "run:sequence" })
end)

t:case("follow-ups come on the days 1, 3 and 7, and then no more", function(g)
  g:join("小美")
  greeted(g, "小美")
  g:at("2026-03-03 10:31")
  g:expect{ dm = "小美", text = "跟进一" }
  g:at("2026-03-05 10:31")
  g:expect{ dm = "小美", text = { "跟进二", "2026-03-09" } }
  g:at("2026-03-09 10:31")
  g:expect{ dm = "小美", text = "跟进三" }
  g:at("2026-03-25 12:00")
  g:expect_none{ dm = "小美", text = "跟进" }
  g:expect_runs(0, { on = "run:sequence" })
end)

t:case("follow-ups whose coupon is over say so in other words", { playbook = book{ valid_days = 2 } }, function(g)
  g:join("小美")
  greeted(g, "小美")
  g:at("2026-03-03 10:31")
  g:expect{ dm = "小美", text = "跟进一" }
  g:at("2026-03-05 10:31")
  g:expect{ dm = "小美", text = "没券跟进" }
end)

t:case("follow-ups may be left out", { playbook = book{ day1 = -1, day3 = -1 } }, function(g)
  g:join("小美")
  greeted(g, "小美")
  g:at("2026-03-20 10:31")
  g:expect_count(1, { dm = "小美", text = "跟进" })
end)

t:case("a follow-up whose time was before the greeting is left out", { playbook = book{ day1 = 0 } }, function(g)
  g:at("2026-03-02 15:00")
  g:join("小美")
  g:advance("1d")
  g:expect_count(1, { dm = "小美" })
  g:at("2026-03-05 10:31")
  g:expect{ dm = "小美", text = "跟进二" }
end)

t:case("it ends: the tag bought", function(g)
  g:join("小美")
  greeted(g, "小美")
  g:tag("小美", "bought")
  g:at("2026-03-12 12:00")
  g:expect_none{ dm = "小美", text = "跟进" }
  g:expect_runs(0, { on = "run:sequence" })
end)

t:case("it ends: an order, which is counted and thanked for once", function(g)
  g:join("小美")
  greeted(g, "小美")
  g:at("2026-03-03 10:31")
  g:expect{ dm = "小美", text = "跟进一" }
  g:order("小美", { id = "A1", amount = 3900 })
  g:expect{ dm = "小美", text = "谢谢首单" }
  g:expect_event("first_order", { who = "小美", days = 1, amount = 3900 })
  g:order("小美", { id = "A1", amount = 3900 })
  g:order("小美", { id = "A2", amount = 100 })
  g:at("2026-03-12 12:00")
  g:expect_none{ dm = "小美", text = "跟进" }
  g:equal(#g:events("first_order"), 1)
end)

t:case("it ends: 退订, and leaving", function(g)
  g:join("小美")
  g:join("小王")
  g:advance("2m")
  g:expect{ dm = "小美" }
  g:expect{ dm = "小王" }
  g:says("小美", "退订")
  g:expect()
  g:leave("小王")
  g:at("2026-03-12 12:00")
  g:expect_none{ dm = "小美", text = "跟进" }
  g:expect_runs(0, { on = "run:sequence" })
end)

t:case("it ends: the coupon is redeemed in the store, which is an order, too", function(g)
  g:join("小美")
  local code = greeted(g, "小美").text:match("券 (%w+)")
  g:staff("店长", "核销 " .. code)
  g:expect()
  g:at("2026-03-12 12:00")
  g:expect_none{ dm = "小美", text = "跟进" }
  g:expect_event("first_order", { who = "小美", days = 1 })
  g:expect_tags("小美", { "bought" })
end)

t:case("who leaves before the greeting gets none, and no coupon", function(g)
  g:join("小美")
  g:leave("小美")
  g:silent("1d")
  g:equal(#g:events("code_issued"), 0)
  g:join("小美") -- and is a newcomer when they come back
  greeted(g, "小美")
  g:equal(#g:events("code_issued"), 1)
  g:at("2026-03-04 10:31")
  g:expect{ dm = "小美", text = "跟进一" }
end)

t:case("who comes back goes on where they were, without another coupon", function(g)
  g:join("小美")
  greeted(g, "小美")
  g:leave("小美")
  g:advance("1d")
  g:join("小美")
  g:at("2026-03-05 10:31")
  g:expect{ dm = "小美", text = "跟进二" }
  g:equal(#g:events("code_issued"), 1)
  g:at("2026-03-20 10:00")
  g:leave("小美")
  g:join("小美")
  g:advance("1d")
  g:expect_count(1, { dm = "小美", text = "跟进三" })
  g:equal(#g:events("code_issued"), 1)
end)

t:case("who has bought already, opted out, or is staff, is no newcomer", function(g)
  g:tag("小美", "bought")
  g:says("小王", "退订")
  g:expect()
  for _, who in ipairs({ "小美", "小王", "店长" }) do g:join(who) end
  g:silent("1d")
end)

t:case("only for members with a tag, not for those with another", {
  playbook = book{ only_tags = { "社区" }, not_tags = { "同行" } },
}, function(g)
  g:tag("小美", "社区")
  g:tag("小王", "社区")
  g:tag("小王", "同行")
  for _, who in ipairs({ "小美", "小王", "阿强" }) do g:join(who) end
  g:advance("3m")
  g:expect{ dm = "小美", text = "见面礼" }
  g:silent("1h")
end)

t:case("who joins at night is greeted in the morning", function(g)
  g:at("2026-03-02 23:30")
  g:join("小美")
  g:silent("7h")
  g:at("07:31")
  g:expect{ dm = "小美", text = "见面礼" }
end)

t:case("one coupon a member on this gateway, however many groups", function(g)
  g:join("小美")
  greeted(g, "小美")
  g:says("小王", "大家好", { chat = "二店" })
  g:join("小美", { chat = "二店" })
  g:advance("3m")
  g:expect{ dm = "小美", text = "你好" }
  g:equal(#g:events("code_issued"), 1)
end)

t:case("two groups: one follow-up each day, with the coupon; one first order", function(g)
  g:says("小王", "大家好", { chat = "二店" })
  g:together(function()
    g:join("小美")
    g:join("小美", { chat = "二店" })
  end)
  g:advance("3m")
  g:expect{ dm = "小美", text = "见面礼" }
  g:equal(#g:events("code_issued"), 1)
  for _, date in ipairs({ "2026-03-03", "2026-03-05" }) do
    g:at(date .. " 10:40")
    local seen = g:seen{ dm = "小美", text = "跟进" }
    g:equal(#seen, 1)
    assert(not seen[1].text:find("没券", 1, true))
    g:expect{ dm = "小美", text = "跟进" }
  end
  g:order("小美", { id = "A1", amount = 3900 })
  g:order("小美", { id = "A2", amount = 3900, chat = "二店" })
  g:equal(#g:events("first_order"), 1)
  g:expect_count(1, { dm = "小美", text = "谢谢" })
  g:at("2026-03-12 12:00")
  g:expect_none{ dm = "小美", text = "跟进" }
end)

t:case("two groups: who left the one is followed up by the other, with the coupon of the first", function(g)
  g:says("小王", "大家好", { chat = "二店" })
  g:join("小美")
  greeted(g, "小美")
  g:join("小美", { chat = "二店" })
  g:advance("3m")
  g:leave("小美")
  g:at("2026-03-03 10:40")
  g:expect_count(1, { dm = "小美", text = "跟进一" })
end)

t:case("two groups: who redeemed the coupon of the first is not followed up in the other", function(g)
  g:says("小王", "大家好", { chat = "二店" })
  g:join("小美")
  local code = greeted(g, "小美").text:match("券 (%w+)")
  g:join("小美", { chat = "二店" })
  g:advance("3m")
  g:staff("店长", "核销 " .. code)
  g:expect()
  g:leave("小美")
  g:at("2026-03-12 12:00")
  g:expect_none{ dm = "小美", text = "跟进" }
  g:expect_event("first_order", { who = "小美" })
  g:expect_tags("小美", { "bought" })
end)

t:case("no more coupons than the day's budget, the others are greeted", { playbook = book{ coupons = 1 } }, function(g)
  g:join("小美")
  g:join("小王")
  g:advance("3m")
  g:expect{ dm = "小美", text = "见面礼" }
  g:expect{ dm = "小王", text = "你好" }
end)

t:case("without a coupon there is a greeting only", { playbook = book{ coupon = "" } }, function(g)
  g:join("小美")
  g:advance("3m")
  g:expect{ dm = "小美", text = "你好 小美" }
  g:at("2026-03-03 10:31")
  g:expect{ dm = "小美", text = "没券跟进" }
  g:equal(#g:events("code_issued"), 0)
end)

t:case("without private messages several are @-ed in one message, ten each, and the code stays out of the group", function(g)
  g:lacks("dm")
  for i = 1, 12 do g:join("成员" .. i) end
  g:advance("3m")
  local named = 0
  for _, message in ipairs(g:seen({ text = "群里见面礼" })) do
    assert(#message.at <= 10)
    named = named + #message.at
  end
  g:equal(named, 12)
  assert(#g:seen({ text = "群里见面礼" }) <= 3)
  g:says("成员1", "我的券")
  g:at("2026-03-03 10:31")
  assert(#g:seen({ text = "群里跟进" }) <= 3)
end)

t:case("WeCom: there are no joins, a member's first word begins it", function(g)
  g:platform("wecom")
  g:says("小美", "@小福 你好")
  g:advance("3m")
  g:expect{ text = "群里见面礼" }
  g:says("小美", "@小福 再见")
  g:silent("1h")
end)

t:case("with joins, a first word of old members begins it only if the playbook says so", function(g)
  g:says("小美", "你好")
  g:silent("1h")
  g:param("firstorder.first_word", "true")
  g:says("小美", "你好")
  greeted(g, "小美")
end)

t:case("a restart changes nothing", function(g)
  g:join("小美")
  g:restart()
  greeted(g, "小美")
  g:restart()
  g:at("2026-03-03 10:31")
  g:expect{ dm = "小美", text = "跟进一" }
  g:silent("1h")
end)

t:case("killed in the middle: one coupon, one greeting", function(g)
  g:kill{ during = "commit" }
  g:join("小美")
  g:kill{ during = "commit" }
  g:advance("2m")
  g:advance("10s")
  g:equal(#g:events("code_issued"), 1)
  g:equal(#g:events("firstorder_touched"), 1)
end)

t:case("an edited flow: a sequence goes on as it began, a corrected text reaches it", function(g)
  g:join("小美")
  greeted(g, "小美")
  g:edit("flows/firstorder.lua", "local TOUCHES = 3", "local TOUCHES = 2")
  g:param("firstorder.touch1", "改好的跟进")
  g:at("2026-03-03 10:31")
  g:expect{ dm = "小美", text = "改好的跟进" }
  g:at("2026-03-09 10:31")
  g:expect{ dm = "小美", text = "跟进三" }
end)

t:case("a follow-up that would be much too late is left out", function(g)
  g:join("小美")
  greeted(g, "小美")
  g:toggle("firstorder", "off")
  g:at("2026-03-03 22:00")
  g:toggle("firstorder", "on")
  g:at("2026-03-04 10:31")
  g:expect_none{ dm = "小美", text = "跟进一" }
end)

t:case("what is counted", function(g)
  g:join("小美")
  greeted(g, "小美")
  g:at("2026-03-03 10:31")
  g:order("小美", { id = "A1", amount = 3900 })
  g:equal(#g:events("firstorder_touched"), 2)
  g:expect_event("firstorder_touched", { who = "小美", step = 1, by = "dm", coupon = true })
  g:expect_event("first_order", { who = "小美", days = 1 })
  g:expect_state("member", "小美", { name = "小美" })
end)
