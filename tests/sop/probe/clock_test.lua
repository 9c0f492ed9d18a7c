-- clock_test.lua -- the clock of a test is the only one: what expires does so by it.
local t = sop.test("probe", { playbook = { flows = { "probe" } } })

t:case("what lives for ten minutes is forgotten after ten minutes", function(g)
  g:says("小美", "一次") -- at 10:00:01
  g:expect{ text = "新的" }
  g:at("10:09:59")
  g:says("小美", "一次")
  g:expect{ text = "旧的" }
  g:says("小美", "一次")
  g:expect{ text = "新的" }
end)

t:case("also over a restart and when days pass at once", function(g)
  g:says("小美", "一次")
  g:restart()
  g:says("小美", "一次")
  g:expect{ text = "旧的" }
  g:advance("3d")
  g:says("小美", "一次")
  g:expect{ text = "新的" }
end)

t:case("a key that is deleted and made anew lives from then on", function(g)
  g:says("小美", "一次")
  g:advance("20m")
  g:says("小美", "一次")
  g:advance("9m")
  g:says("小美", "一次")
  g:expect_count(2, { text = "新的" })
  g:expect_count(1, { text = "旧的" })
end)

t:case("at a time of day, at a date", { start = "2026-03-02 23:00" }, function(g)
  g:at("20:30")
  g:equal(g:time(), "2026-03-03 20:30:00")
  g:at("2026-03-05 09:00")
  g:equal(g:time(), "2026-03-05 09:00:00")
  g:at("2026-03-06")
  g:equal(g:time(), "2026-03-06 00:00:00")
end)
