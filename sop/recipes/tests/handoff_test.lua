-- handoff_test.lua -- the roster, the escalation, taking it and finishing it. 2026-03-02 is a Monday.
local t = sop.test("handoff", { playbook = { flows = { "handoff" } }, start = "2026-03-02 10:00" })

-- The roster holds ids, so it is set where they are known.
local function roster(g)
  g:join("小张")
  g:join("小李")
  g:param("handoff.weekdays", ('["%s","%s"]'):format(g:id("小张"), g:id("小李")))
  g:param("handoff.weekend", ('["%s"]'):format(g:id("小李")))
end

t:case("the first on duty takes it", function(g)
  roster(g)
  g:says("小美", "人工")
  g:expect{ at = "小美", text = "这就喊同事来" }
  g:expect{ at = "小张", text = "小美 在找人帮忙" }
  g:says("阿强", "我来") -- not on duty
  g:silent("5m")
  g:says("小张", "我来")
  g:expect{ at = "小美", text = "小张 来啦" }
  g:says("小张", "完成")
  g:expect{ at = "小美", text = "随时再喊" }
  g:expect_event("handoff", { who = "小美", by = g:id("小张") })
end)

t:case("after ten minutes the next one is called, and either may take it", function(g)
  roster(g)
  g:says("小美", "人工")
  g:expect{ at = "小张" }
  g:restart()
  g:advance("10m")
  g:expect{ at = "小李", text = "在找人帮忙" }
  g:says("小美", "人工")
  g:expect{ at = "小美", text = "稍等一下下" }
  g:says("小张", "我来")
  g:expect{ at = "小美", text = "小张 来啦" }
end)

t:case("nobody comes: the member is told, staff are told", function(g)
  roster(g)
  g:says("小美", "人工")
  g:advance("20m")
  g:expect{ at = "小美", text = "今天一定回你" }
  g:expect{ chat = "staff", text = "小美 找人工,没人接" }
  g:expect_event("handoff_missed", { who = "小美" })
  g:expect_runs(0)
end)

t:case("another roster at the weekend", { start = "2026-03-07 10:00" }, function(g)
  roster(g)
  g:says("小美", "客服")
  g:expect{ at = "小李", text = "在找人帮忙" }
  g:expect_none{ at = "小张" }
end)
