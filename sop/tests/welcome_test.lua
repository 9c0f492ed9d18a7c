-- welcome_test.lua -- greetings and onboarding, sentence by sentence.
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
