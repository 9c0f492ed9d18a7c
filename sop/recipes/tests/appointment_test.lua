-- appointment_test.lua -- booking, both reminders, changing and cancelling. 2026-03-02 is a Monday.
local t = sop.test("appointment", { playbook = { flows = { "appointment" } }, start = "2026-03-02 10:00" })

t:case("reminded a day and an hour before", function(g)
  g:says("小美", "预约 3月8日 15:00")
  g:expect{ at = "小美", text = "约好啦:03月08日 15:00" }
  g:silent("5d")
  g:restart()
  g:at("2026-03-07 15:01")
  g:expect{ at = "小美", text = "明天 15:00 见" }
  g:at("2026-03-08 14:01")
  g:expect{ at = "小美", text = "一小时后见(15:00)" }
  g:at("15:01")
  g:expect_event("appointment", { who = "小美" })
  g:silent("30d")
end)

t:case("who books for this afternoon hears no 明天", function(g)
  g:says("小美", "预约 3月2日 15:30")
  g:expect{ text = "约好啦" }
  g:at("15:00")
  g:expect{ at = "小美", text = "一小时后见" }
  g:expect_count(1)
end)

t:case("asked for the time, also across New Year", { start = "2026-12-30 10:00" }, function(g)
  g:says("小美", "预约")
  g:expect{ at = "小美", text = "想约几点" }
  g:says("小美", "1/2 9:30")
  g:expect{ at = "小美", text = "约好啦:01月02日 09:30" }
  g:at("2027-01-01 09:31")
  g:expect{ at = "小美", text = "明天 09:30 见" }
end)

t:case("no such day, no answer", function(g)
  g:says("小美", "预约 2月30日 15:00")
  g:expect{ text = "想约几点" }
  g:says("小美", "下周吧")
  g:expect{ text = "没看懂" }
  g:says("小美", "预约")
  g:expect{ text = "想约几点" }
  g:silent("1h") -- no answer: it is left at that
end)

t:case("改约 replaces it, 取消预约 ends it", function(g)
  g:says("小美", "预约 3月8日 15:00")
  g:says("小美", "改约 3月9日 15:00")
  g:expect_runs(1, { who = "小美" })
  g:at("2026-03-08 15:01")
  g:expect{ text = "明天 15:00 见" }
  g:says("小美", "取消预约")
  g:expect{ text = "取消好啦" }
  g:silent("2d")
  g:says("小美", "取消预约")
  g:expect{ text = "没有预约" }
end)
