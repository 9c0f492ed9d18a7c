-- naps_test.lua -- c:sleep and c:sleep_until: when they wake, and how late they say it is. 2026-03-02 is a Monday.
local t = sop.test("naps", { playbook = { flows = { "naps" }, quiet = false }, start = "2026-03-02 10:00" })

t:case("sleeps as long as it was told", function(g)
  g:says("小美", "睡 2h")
  g:silent("1h59m")
  g:advance("2m")
  g:expect{ text = "slept 03-02 12:00 late 0" }
end)

t:case("a number is seconds; a restart in the middle changes nothing", function(g)
  g:says("小美", "睡 600")
  g:restart()
  g:silent("9m")
  g:kill()
  g:advance("2m")
  g:expect{ text = "slept 03-02 10:10 late 0" }
  g:silent("1d")
end)

t:case("weeks", function(g)
  g:says("小美", "睡 21d")
  g:advance("10d")
  g:restart()
  g:advance("12d")
  g:expect{ text = "slept 03-23 10:00 late 0" }
end)

t:case("the next time the clock shows it", function(g)
  g:says("小美", "睡到 11:30")
  g:silent("1h")
  g:restart()
  g:at("11:31")
  g:expect{ text = "woke 03-02 11:30 late 0" }
  g:says("小美", "睡到 09:00")
  g:at("2026-03-03 09:01")
  g:expect{ text = "woke 03-03 09:00 late 0" }
end)

t:case("days count from the first day", function(g)
  g:says("小美", "每天 09:00")
  for day = 1, 3 do
    g:restart()
    g:at("09:01")
    g:expect{ text = "day " .. day .. " 03-0" .. day + 2 .. " 09:00 late 0" }
  end
  g:silent("2d")
end)

t:case("the first day is the business day", { start = "2026-03-02 01:30" }, function(g)
  g:says("小美", "每天 09:00")
  g:at("09:01")
  g:expect{ text = "day 1 03-02 09:00" }
  g:at("2026-03-04 09:01")
  g:expect{ text = "day 2 03-03 09:00" }
  g:expect{ text = "day 3 03-04 09:00" }
end)

t:case("a date", function(g)
  g:says("小美", "日期 2026-03-08")
  g:advance("5d")
  g:restart()
  g:silent("22h")
  g:at("09:01")
  g:expect{ text = "date 03-08 09:00 late 0" }
end)

t:case("a weekday: the next one, then the one after", function(g)
  g:says("小美", "星期 1")
  g:silent("6d")
  g:at("2026-03-09 09:01")
  g:expect{ text = "weekday 03-09 09:00 late 0" }
  g:restart()
  g:at("2026-03-16 09:01")
  g:expect{ text = "weekday 03-16 09:00 late 0" }
  g:says("小美", "星期 7")
  g:at("2026-03-22 09:01")
  g:expect{ text = "weekday 03-22 09:00" }
end)

t:case("the same weekday, later today", function(g)
  g:at("2026-03-03 08:00")
  g:says("小美", "星期 2")
  g:at("09:01")
  g:expect{ text = "weekday 03-03 09:00" }
end)

t:case("a moment in seconds, and one that is past", function(g)
  g:says("小美", "时刻")
  g:restart()
  g:silent("80s")
  g:advance("15s")
  g:expect{ text = "moment" }
  g:expect{ text = "late 30" }
end)

t:case("a moment that is past returns at once", function(g)
  g:says("小美", "过去")
  g:expect{ text = "no wait" }
  assert(g:state("group", "late") >= 7200 and g:state("group", "late") < 7300)
  assert(g:state("group", "older") >= 86400)
end)

t:case("what is wrong is said at once", function(g)
  g:says("小美", "睡错")
  g:expect{ text = "done" }
  local wanted = {
    'give a moment in seconds, or { at = "09:00" }', "must be given", "at is a clock time", "at is a clock time",
    'no option "day"; did you mean "days"?', "give only one of", "days must be a whole number", "date must look like",
    "from 1 (Monday) to 7", "must be given", "the duration must be", "the duration must be",
  }
  local errors = g:state("group", "errors")
  for i, text in ipairs(wanted) do
    assert(errors[i]:find("false ", 1, true) == 1 and errors[i]:find(text, 1, true), i .. ": " .. tostring(errors[i]))
  end
end)
