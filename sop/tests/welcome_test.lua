-- welcome_test.lua -- greetings, onboarding and the newcomer's question, sentence by sentence.
--
-- | what the flow promises                                          | cases                                                      |
-- |------------------------------------------------------------------|------------------------------------------------------------|
-- | joins are the trigger                                            | a newcomer is greeted once ...                             |
-- | a window of 10 s from the first, at most 60 s, one message, @-ed | joins within ...; the window counts ...; a window of 60 s  |
-- | ten names a message                                              | ten names ...; a crowd larger than one turn ...            |
-- | who left again before it closed is not named                     | who left again ...; nobody is greeted ...; left and came   |
-- | back within 30 days: "welcome back"                              | coming back ... (4 cases)                                  |
-- | a join reported twice counts once                                | a join that the platform reports twice ... (2 cases)       |
-- | missed while the line was down: greeted together, if not stale    | who came while the line was down ... (2)                   |
-- | quiet hours: collected, greeted at the end, if still members     | in quiet hours ...; a window that runs into quiet hours    |
-- | onboarding on D0, D1, D3, D7 by DM or @, each with its text      | touches on the days ...; by @ ... (2); newcomers of one day |
-- | ended by opting out, leaving, a tag                              | 退订 / leaving / a tag ends them                            |
-- | onboarding is a durable run                                      | ... restart, kill, edit, switched off                      |
-- | one question, 24 h, tagged by the answer                         | the question ... (15 cases)                                |
-- | a single chat that is opened is greeted within 5 s               | opening the single chat ...                                |
-- | a trial of two greetings                                         | with a trial ...                                           |
-- | metrics                                                          | what is counted ...; by @ where ...; switched off ... late |
local t = sop.test("welcome", {
  playbook = {
    flows = {
      "common",
      { "welcome", greet = "欢迎 {names} 进群", back = "{names} 回来啦" },
    },
  },
  start = "2026-03-02 10:00",
})

t:case("a newcomer is greeted once, after the gather window of ten seconds", function(g)
  g:join("小美")
  g:silent("8s")
  g:advance("2s")
  g:expect{ at = "小美", text = { "欢迎", "进群" } }
  g:silent("1h")
  g:equal(#g:events("joined"), 1)
  g:equal(g:events("greeted")[1].users, { g:id("小美") })
end)

t:case("who came while the line was down is greeted together with the others, not one by one", function(g)
  g:missed("6m", function()
    for i = 1, 9 do g:join("新人" .. i) end
  end)
  g:join("小美")
  g:advance("10s")
  g:expect{ at = { "新人1", "新人9", "小美" } }
  g:silent("1h")
end)

t:case("who came while the line was down for longer than `stale` is not greeted any more", {
  playbook = { flows = { "common", { "welcome", greet = "欢迎 {names} 进群", stale = "30m" } } },
}, function(g)
  g:missed("40m", function() g:join("小美") end)
  g:silent("5m")
  g:equal(#g:events("joined"), 1)
end)

t:case("joins within the window become one message that names all", function(g)
  g:join("小美")
  g:advance("2s")
  g:join("小王")
  g:join("阿强")
  g:advance("10s")
  g:expect{ at = { "小美", "小王", "阿强" } }
  g:silent("1h")
end)

t:case("the window counts from the first: who comes later waits for the next", function(g)
  g:join("小美")
  g:advance("10s")
  g:expect{ at = "小美" }
  g:join("小王")
  g:advance("10s")
  g:expect{ at = "小王" }
  g:silent("1h")
end)

t:case("ten names a message, in the order of coming", function(g)
  g:together(function()
    for i = 1, 23 do g:join("新人" .. i) end
  end)
  g:advance("10s")
  local seen = g:seen()
  g:equal(#seen, 3)
  g:equal({ #seen[1].at, #seen[2].at, #seen[3].at }, { 10, 10, 3 })
end)

t:case("who left again before the window closes is not named", function(g)
  g:join("小美")
  g:join("过客")
  g:leave("过客")
  g:advance("10s")
  g:expect{ at = "小美" }
  g:expect_none{ at = "过客" }
  g:silent("1h")
end)

t:case("nobody is greeted when all have left", function(g)
  g:join("过客")
  g:leave("过客")
  g:silent("1h")
end)

t:case("coming back within 30 days gets the welcome-back text", function(g)
  g:join("小美")
  g:advance("10s")
  g:leave("小美")
  g:advance("29d")
  g:join("小美")
  g:advance("10s")
  g:expect{ at = "小美", text = "回来啦" }
end)

t:case("coming back after more than 30 days is a new beginning", function(g)
  g:join("小美")
  g:advance("10s")
  g:leave("小美")
  g:advance("32d")
  g:join("小美")
  g:advance("10s")
  g:expect{ at = "小美", text = { "欢迎", "进群" } }
end)

t:case("a join that the platform reports twice counts once", function(g)
  g:join("小美")
  g:join("小美")
  g:advance("10s")
  g:expect{ at = "小美" }
  g:join("小美")
  g:silent("1h")
  g:equal(#g:events("joined"), 1)
end)

t:case("in quiet hours joins are collected and greeted at their end, if still members", function(g)
  g:at("23:10")
  g:join("小美")
  g:join("过客")
  g:advance("1h")
  g:join("小王")
  g:leave("过客")
  g:silent("5h")
  g:at("07:30")
  g:advance("1m")
  g:expect{ at = { "小美", "小王" } }
  g:expect_none{ at = "过客" }
end)

t:case("a restart within the window greets all the same", function(g)
  g:join("小美")
  g:restart()
  g:advance("10s")
  g:expect{ at = "小美", text = "欢迎" }
  g:silent("1h")
end)

t:case("who opted out is named without an @", function(g)
  g:dm("小美", "退订")
  g:join("小美")
  g:advance("10s")
  g:expect{ plain = true, text = "欢迎 小美" }
end)

t:case("switched off, nobody is greeted", function(g)
  g:toggle("welcome", "off")
  g:join("小美")
  g:silent("1h")
end)

t:case("switched off, nobody has to greet; on again, newcomers are greeted", function(g)
  g:toggle("welcome", "off")
  g:join("小美")
  g:silent("1h")
  g:toggle("welcome", "on")
  g:join("小王")
  g:advance("10s")
  g:expect{ at = "小王" }
end)

t:case("a window of 60 seconds is the longest", {
  playbook = { flows = { { "welcome", gather = "60s", greet = "欢迎 {names}" } } },
}, function(g)
  g:join("小美")
  g:advance("50s")
  g:join("小王")
  g:silent("8s")
  g:advance("2s")
  g:expect{ at = { "小美", "小王" } }
  g:silent("5m")
end)

t:case("a crowd larger than one turn is greeted in several, nobody twice", {
  playbook = { flows = { { "welcome", names = 3, greet = "欢迎 {names}" } } },
}, function(g)
  g:together(function()
    for i = 1, 70 do g:join("新人" .. i) end
  end)
  g:advance("1m")
  local seen = {}
  for _, message in ipairs(g:seen()) do
    assert(#message.at <= 3)
    for _, who in ipairs(message.at) do
      assert(not seen[who], who .. " was greeted twice")
      seen[who] = true
    end
  end
  for i = 1, 70 do assert(seen["新人" .. i], i) end
end)

t:case("left and came again within the window: named once, as a newcomer", function(g)
  g:join("小美")
  g:join("小王")
  g:leave("小王")
  g:join("小王")
  g:advance("10s")
  g:expect{ at = { "小美", "小王" }, text = "进群" }
  g:silent("1h")
end)

t:case("coming back before anybody said hello is a new beginning, too", function(g)
  g:join("小美")
  g:leave("小美")
  g:advance("1m")
  g:silent()
  g:join("小美")
  g:advance("10s")
  g:expect{ at = "小美", text = { "欢迎", "进群" } }
end)

t:case("new and returned members of one window each get their text", function(g)
  g:join("小美")
  g:advance("10s")
  g:leave("小美")
  g:advance("1d")
  g:join("小王")
  g:join("小美")
  g:advance("10s")
  g:expect{ at = "小王", text = "进群" }
  g:expect{ at = "小美", text = "回来啦" }
  g:silent("1h")
end)

t:case("a join that is reported again minutes later counts once, a day later it is another", function(g)
  g:join("小美")
  g:advance("10s")
  g:expect{ at = "小美" }
  g:advance("5m")
  g:join("小美")
  g:silent("1d")
  g:join("小美")
  g:advance("10s")
  g:expect{ at = "小美" }
  g:equal(#g:events("joined"), 2)
end)

t:case("in quiet hours a join that is reported twice counts once, and a restart changes nothing", function(g)
  g:at("23:10")
  g:join("小美")
  g:advance("1h")
  g:join("小美")
  g:restart()
  g:at("07:30")
  g:advance("1m")
  g:expect{ at = "小美" }
  g:silent("1h")
  g:equal(#g:events("joined"), 1)
end)

t:case("a window that runs into quiet hours waits for the morning", function(g)
  g:at("22:29:55")
  g:join("小美")
  g:silent("8h")
  g:at("07:30")
  g:advance("1m")
  g:expect{ at = "小美", text = "欢迎" }
  g:silent("1h")
end)

t:case("a crowd that came at night is greeted in the morning, ten names a message", {
  playbook = { flows = { { "welcome", names = 2, greet = "欢迎 {names}" } } },
}, function(g)
  g:at("23:10")
  g:together(function()
    for i = 1, 40 do g:join("新人" .. i) end
  end)
  g:at("07:30")
  g:advance("2m")
  g:expect_count(20)
  g:expect_runs(0)
end)

t:case("who waited too long to be greeted is not named any more", {
  playbook = { flows = { { "welcome", stale = "5h", greet = "欢迎 {names}" } } },
}, function(g)
  g:at("23:10")
  g:join("小美")
  g:at("05:00")
  g:join("小王")
  g:at("07:31")
  g:expect{ at = "小王" }
  g:expect_none{ at = "小美" }
end)

t:case("a kill within the window, or in the commit that opens or closes it, greets once", function(g)
  for i, moment in ipairs({ "input", "commit" }) do
    g:kill{ during = moment }
    g:join("新人" .. i)
    g:join("同伴" .. i)
    g:kill()
    g:advance("1m")
    g:expect_count(1, { at = { "新人" .. i, "同伴" .. i } })
    g:expect_runs(0)
    g:advance("1h")
    g:silent()
  end
  g:equal(#g:events("joined"), 4)
end)

t:case("a death before the greeting is confirmed: rather twice than never", function(g)
  g:join("小美")
  g:kill{ during = "send" }
  g:advance("1m")
  local n = #g:seen({ at = "小美" })
  assert(n == 1 or n == 2, n)
  g:equal(#g:events("greeted"), 1)
end)

t:case("a death while the window closes greets once", function(g)
  g:join("小美")
  g:kill{ during = "commit" }
  g:advance("1m")
  g:expect_count(1, { at = "小美" })
  g:equal(#g:events("greeted"), 1)
end)

t:case("switched off within the window: greeted when it is on again", function(g)
  g:join("小美")
  g:toggle("welcome", "off")
  g:silent("10m")
  g:toggle("welcome", "on")
  g:advance("6m")
  g:expect{ at = "小美" }
end)

t:case("opening the single chat is greeted within five seconds, by night as well", {
  playbook = { flows = { { "welcome", enter = "你好,我在" } } },
}, function(g)
  g:enter("小美")
  local hello = g:expect{ dm = "小美", text = "你好,我在" }
  g:equal(hello.time, g:time())
  g:at("23:50")
  g:enter("小王")
  g:expect{ dm = "小王", text = "你好,我在" }
end)

t:case("what is counted: joins, greeted with their seconds, who left after how many days", function(g)
  g:join("小美", { by = "店长" })
  g:advance("3s")
  g:join("小王")
  g:advance("10s")
  g:equal(g:expect_event("joined", { who = "小美" }).inviter, g:id("店长"))
  g:expect_event("joined", { who = "小王", back = false })
  g:equal(g:expect_event("greeted").seconds, { 10, 6 })
  g:advance("3d")
  g:leave("小王")
  g:expect_event("left", { who = "小王", days = 3 })
  g:join("小王")
  g:advance("10s")
  g:expect_event("joined", { who = "小王", back = true })
end)

-- ---- onboarding ----------------------------------------------------------------------------------------------------

local o = sop.test("welcome", {
  playbook = {
    flows = {
      "common",
      {
        "welcome", onboarding = true, greet = "欢迎 {names}",
        touch1 = "第零天 {names}", touch2 = "第一天 {names}", touch3 = "第三天 {names}", touch4 = "第七天 {names}",
      },
    },
  },
  start = "2026-03-02 10:00",
})

o:case("touches on the days 0, 1, 3 and 7, in private, and none after", function(g)
  g:join("小美")
  g:advance("10s")
  g:expect{ at = "小美" }
  g:advance("10m")
  g:expect{ dm = "小美", text = "第零天" }
  g:at("10:01")
  g:expect{ dm = "小美", text = "第一天" }
  g:silent("23h")
  g:advance("25h")
  g:expect{ dm = "小美", text = "第三天" }
  g:silent("90h")
  g:advance("6h")
  g:expect{ dm = "小美", text = "第七天" }
  g:silent("30d")
end)

o:case("by @ where the playbook asks for it", {
  playbook = { flows = { { "welcome", onboarding = true, touch_by = "at", touch1 = "第零天 {names}" } } },
}, function(g)
  g:join("小美")
  g:advance("1m")
  g:expect{ at = "小美" }
  g:advance("10m")
  g:expect{ at = "小美", text = "第零天" }
end)

local function touched_once(g)
  g:join("小美")
  g:advance("15m")
  g:expect{ dm = "小美", text = "第零天" }
end

o:case("退订 ends them", function(g)
  touched_once(g)
  g:says("小美", "退订")
  g:expect_count(1)
  g:silent("30d")
end)

o:case("leaving ends them", function(g)
  touched_once(g)
  g:leave("小美")
  g:silent("30d")
end)

o:case("a tag ends them", function(g)
  touched_once(g)
  g:tag("小美", "bought")
  g:silent("30d")
end)

o:case("touches go on after a restart", function(g)
  touched_once(g)
  g:restart()
  g:advance("1d")
  g:expect{ dm = "小美", text = "第一天" }
end)

o:case("newcomers of one day share the message when they are @-ed, ten names each", {
  playbook = { flows = { { "welcome", onboarding = true, touch_by = "at", touch1 = "第零天 {names}", touch2 = "第一天 {names}" } } },
}, function(g)
  g:together(function()
    for i = 1, 13 do g:join("新人" .. i) end
  end)
  g:advance("1m")
  g:expect_count(2)
  g:advance("10m")
  local seen = g:seen({ text = "第零天" })
  g:equal({ #seen, #seen[1].at, #seen[2].at }, { 2, 10, 3 })
  g:at("10:01")
  g:expect_count(2, { text = "第一天" })
end)

o:case("the days are those of the playbook; -1 leaves one out", {
  playbook = { flows = { { "welcome", onboarding = true, day1 = -1, day2 = 2, day3 = -1, day4 = 1, touch2 = "第二次", touch4 = "第四次" } } },
}, function(g)
  g:join("小美")
  g:advance("1h")
  g:expect_none{ dm = "小美" }
  g:at("2026-03-03 10:01")
  g:expect{ dm = "小美", text = "第四次" }
  g:at("2026-03-04 10:01")
  g:expect{ dm = "小美", text = "第二次" }
  g:silent("30d")
  g:expect_runs(0)
end)

o:case("who came by night is touched when quiet hours are over", { start = "2026-03-02 23:00" }, function(g)
  g:join("小美")
  g:at("07:31")
  g:expect{ at = "小美" }
  g:advance("10m")
  g:expect{ dm = "小美", text = "第零天" }
  g:at("10:01")
  g:expect{ dm = "小美", text = "第一天" }
end)

o:case("a touch of the first day that falls into quiet hours waits for the morning", { start = "2026-03-02 22:25" }, function(g)
  g:join("小美")
  g:advance("10s")
  g:expect{ at = "小美" }
  g:silent("8h")
  g:at("07:31")
  g:expect{ dm = "小美", text = "第零天" }
end)

o:case("who comes back is not touched again", function(g)
  touched_once(g)
  g:leave("小美")
  g:advance("1d")
  g:join("小美")
  g:advance("1m")
  g:expect{ at = "小美" }
  g:silent("30d")
end)

o:case("one run for each newcomer, none for those who left; it is over when all is said", function(g)
  g:join("小美")
  g:join("小王")
  g:advance("1m")
  g:expect_runs(2, { on = "run:onboard", waits = "sleep" })
  g:expect_runs(1, { on = "run:onboard", who = "小王" })
  g:leave("小王")
  g:expect_runs(0, { who = "小王" })
  g:advance("8d")
  g:expect_runs(0)
end)

o:case("restarts and kills in the middle: every touch comes once", function(g)
  g:join("小美")
  g:advance("1m")
  g:expect{ at = "小美" }
  for i, when in ipairs({ "2026-03-02 10:11:30", "2026-03-03 10:00:30", "2026-03-05 10:00:30", "2026-03-09 10:00:30" }) do
    if i % 2 == 0 then g:kill() else g:restart() end
    g:kill{ during = "commit" }
    g:at(when)
    g:advance("1m")
    g:expect_count(1, { dm = "小美", text = ({ "第零天", "第一天", "第三天", "第七天" })[i] })
  end
  g:silent("30d")
  g:equal(#g:events("touched"), 4)
end)

o:case("by @ where one cannot write to members; every touch is counted", function(g)
  g:lacks("dm")
  g:join("小美")
  g:at("2026-03-03 10:01")
  g:expect{ at = "小美", text = "第零天" }
  g:expect{ at = "小美", text = "第一天" }
  for step = 1, 2 do g:equal(g:expect_event("touched", { step = step }).users, { g:id("小美") }) end
end)

o:case("switched off, the run sleeps on; a touch that is hours late is left out, the next one comes", function(g)
  touched_once(g)
  g:toggle("welcome", "off")
  g:at("2026-03-03 21:00")
  g:toggle("welcome", "on")
  g:advance("10m")
  g:expect_none{ dm = "小美" }
  g:expect_event("touch_missed", { who = "小美", step = 2 })
  g:at("2026-03-05 10:01")
  g:expect{ dm = "小美", text = "第三天" }
end)

o:case("switched off for an hour, the touch comes late", function(g)
  touched_once(g)
  g:toggle("welcome", "off")
  g:at("2026-03-03 11:00")
  g:toggle("welcome", "on")
  g:advance("10m")
  g:expect{ dm = "小美", text = "第一天" }
end)

o:case("the flow is edited in the middle: who is on the way goes on, a corrected text reaches them", function(g)
  touched_once(g)
  g:edit("flows/welcome.lua", 'local TOUCHES = 4', 'local TOUCHES = 2')
  g:param("welcome.touch3", "改好的第三天")
  g:at("2026-03-03 10:01")
  g:expect{ dm = "小美", text = "第一天" }
  g:join("小王")
  g:at("2026-03-05 10:01")
  g:expect{ dm = "小美", text = "改好的第三天" }
  g:at("2026-03-09 10:01")
  g:expect{ dm = "小美", text = "第七天" }
  g:expect_none{ dm = "小王", text = "第三天" }
end)

-- ---- the newcomer's question ---------------------------------------------------------------------------------------

local answers = { { words = { "1", "朋友" }, tag = "来源:朋友" }, { words = { "2", "门店" }, tag = "来源:门店" } }

local function asking(params)
  local flow = {
    "welcome", ask = true, answers = answers, greet = "欢迎 {names}", question = "{names} 怎么来的?1 朋友 2 门店",
    question_again = "没看懂,回 1 或 2", question_thanks = "记下啦",
  }
  for name, value in pairs(params or {}) do flow[name] = value end
  return { flows = { "common", flow } }
end

local q = sop.test("welcome", { playbook = asking(), start = "2026-03-02 10:00" })

local function asked(g)
  g:join("小美")
  g:advance("10s")
  g:expect{ at = "小美" }
  g:advance("1m")
  g:expect{ dm = "小美", text = "小美 怎么来的" }
end

q:case("the question is off unless the playbook asks for it", { playbook = { flows = { "welcome" } } }, function(g)
  g:join("小美")
  g:advance("10s")
  g:expect{ at = "小美" }
  g:silent("2d")
end)

q:case("the question comes in private, the answer gives a tag and thanks", function(g)
  asked(g)
  g:dm("小美", "1")
  g:expect{ dm = "小美", text = "记下啦" }
  g:expect_tags("小美", { "来源:朋友" })
  g:expect_event("newcomer_answered", { who = "小美", tag = "来源:朋友" })
  g:expect_runs(0)
  g:dm("小美", "2")
  g:silent("2d")
end)

q:case("the question takes an answer in other words", function(g)
  asked(g)
  g:dm("小美", "路过你们门店看到的。")
  g:expect{ dm = "小美", text = "记下啦" }
  g:expect_tags("小美", { "来源:门店" })
end)

q:case("the question is put a second time when the answer does not fit, not a third time", function(g)
  asked(g)
  g:dm("小美", "嗯?")
  g:expect{ dm = "小美", text = "没看懂" }
  g:dm("小美", "随便逛逛")
  g:expect{ dm = "小美", text = "记下啦" }
  g:expect_tags("小美", {})
  g:expect_event("newcomer_answered", { who = "小美", text = "随便逛逛" })
  g:silent("2d")
end)

q:case("the question is put a second time, and nobody says thanks for nothing a day later", function(g)
  asked(g)
  g:dm("小美", "嗯?")
  g:expect{ dm = "小美", text = "没看懂" }
  g:silent("2d")
  g:expect_event("newcomer_answered", { who = "小美", text = "嗯?" })
end)

q:case("the question may be an open one: whatever they say is the answer", { playbook = asking({ answers = {} }) }, function(g)
  asked(g)
  g:dm("小美", "孩子喜欢吃草莓")
  g:expect{ dm = "小美", text = "记下啦" }
  g:expect_event("newcomer_answered", { who = "小美", text = "孩子喜欢吃草莓" })
  g:silent("1d")
end)

q:case("a death in the commit of the answer to the question: one tag, one thanks", function(g)
  asked(g)
  g:kill{ during = "commit" }
  g:dm("小美", "1")
  g:advance("10s")
  g:expect_count(1, { dm = "小美", text = "记下啦" })
  g:equal(#g:events("newcomer_answered"), 1)
  g:expect_tags("小美", { "来源:朋友" })
  g:expect_runs(0)
end)

q:case("the question is not asked of those who come back", function(g)
  asked(g)
  g:dm("小美", "1")
  g:expect{ dm = "小美", text = "记下啦" }
  g:leave("小美")
  g:advance("1d")
  g:join("小美")
  g:advance("10s")
  g:expect{ at = "小美" }
  g:silent("2d")
end)

q:case("the second try counts", function(g)
  asked(g)
  g:dm("小美", "嗯?")
  g:expect{ dm = "小美", text = "没看懂" }
  g:restart()
  g:dm("小美", "2")
  g:expect{ dm = "小美", text = "记下啦" }
  g:expect_tags("小美", { "来源:门店" })
end)

q:case("the question waits for 24 hours, over restarts and kills", function(g)
  asked(g)
  g:restart()
  g:advance("12h")
  g:kill()
  g:advance("11h")
  g:dm("小美", "1")
  g:expect{ dm = "小美", text = "记下啦" }
end)

q:case("the question is over after 24 hours", function(g)
  asked(g)
  g:silent("25h")
  g:expect_event("question_ignored", { who = "小美" })
  g:expect_runs(0)
  g:dm("小美", "1")
  g:expect_none{ text = "记下啦" }
  g:expect_tags("小美", {})
end)

q:case("a command is no answer to the question", function(g)
  asked(g)
  g:dm("小美", "帮助")
  g:expect{ dm = "小美" }
  g:expect_none{ text = "没看懂" }
  g:dm("小美", "1")
  g:expect{ dm = "小美", text = "记下啦" }
end)

q:case("the question ends when they leave, and with 退订", function(g)
  asked(g)
  g:leave("小美")
  g:expect_runs(0)
  g:dm("小美", "1")
  g:silent("2d")
  g:join("小王")
  g:advance("2m")
  g:expect{ dm = "小王" }
  g:expect{ at = "小王" }
  g:dm("小王", "退订")
  g:expect{ dm = "小王" }
  g:silent("2d")
  g:expect_runs(0)
end)

q:case("the question is asked in the group where the playbook says so; what does not fit is conversation", {
  playbook = asking({ ask_by = "at" }),
}, function(g)
  g:join("小美")
  g:join("小王")
  g:advance("12s")
  g:expect{ at = { "小美", "小王" }, text = "欢迎" }
  g:advance("2m")
  g:expect{ at = { "小美", "小王" }, text = "怎么来的" }
  g:says("小美", "大家好,今天天气不错")
  g:silent("1m")
  g:says("小美", "1")
  g:expect{ text = "记下啦" }
  g:expect_tags("小美", { "来源:朋友" })
  g:says("小王", "朋友介绍来的")
  g:expect{ text = "记下啦" }
  g:expect_tags("小王", { "来源:朋友" })
end)

q:case("the question is asked in the group when the private message does not arrive", function(g)
  g:join("小美")
  g:advance("10s")
  g:expect{ at = "小美", text = "欢迎" }
  g:fail_sends(1, "failed")
  g:advance("5m")
  g:expect{ at = "小美", text = "怎么来的" }
  g:says("小美", "2")
  g:expect{ text = "记下啦" }
  g:expect_tags("小美", { "来源:门店" })
end)

t:case("with a trial a group has one of the greetings, and it is told which", {
  playbook = { flows = { "common", { "welcome", greet = "一号 {names}", greet_b = "二号 {names}", trial = true } } },
}, function(g)
  g:join("小美")
  g:advance("10s")
  local text = g:expect{ at = "小美", any = { "一号", "二号" } }.text
  local told = g:expect_event("exposed", { experiment = "welcome_greet", by = "group" })
  g:equal(text:find("一号", 1, true) ~= nil, told.variant == "A")
  g:restart()
  g:join("小王")
  g:advance("10s")
  g:expect{ at = "小王", text = told.variant == "A" and "一号" or "二号" }
  g:equal(#g:events("exposed"), 1)
  g:leave("小王")
  g:join("小王") -- who comes back is no newcomer: another text, and no trial
  g:advance("10s")
  g:expect{ at = "小王" }
  g:equal(#g:events("exposed"), 1)
end)

t:case("without a trial nobody is part of one", function(g)
  g:join("小美")
  g:advance("10s")
  g:expect{ at = "小美", text = "欢迎" }
  g:expect_no_event("exposed")
end)
