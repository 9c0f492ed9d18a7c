-- followup_test.lua -- the days 0, 1, 3 and 7, and everything that ends them.
local t = sop.test("followup", {
  playbook = { flows = { { "followup", day0 = "零 {name}", day1 = "一 {name}", day3 = "三 {name}", day7 = "七 {name}" } } },
  start = "2026-03-02 15:00",
})

t:case("a word on each of the days, then no more", function(g)
  g:join("小美")
  g:join("小美") -- reported twice
  g:advance("10m")
  g:expect_count(1, { dm = "小美", text = "零 小美" })
  for _, day in ipairs{ { "2026-03-03 10:01", "一" }, { "2026-03-05 10:01", "三" }, { "2026-03-09 10:01", "七" } } do
    g:restart()
    g:at(day[1])
    g:expect{ dm = "小美", text = day[2] }
    g:silent("20h")
  end
  g:expect_event("followed_up", { who = "小美" })
  g:silent("30d")
end)

t:case("a purchase ends it", function(g)
  g:join("小美")
  g:advance("10m")
  g:expect{ dm = "小美", text = "零" }
  g:tag("小美", "bought") -- by the shop's own system
  g:silent("30d")
  g:expect_no_event("followed_up")
end)

t:case("leaving ends it; coming back begins it anew", function(g)
  g:join("小美")
  g:advance("10m")
  g:expect{ dm = "小美", text = "零" }
  g:leave("小美")
  g:silent("10d")
  g:join("小美")
  g:advance("10m")
  g:expect{ dm = "小美", text = "零" }
end)

t:case("a corrected text reaches who joined before", function(g)
  g:join("小美")
  g:advance("10m")
  g:expect{ dm = "小美", text = "零" }
  g:param("followup.day1", "第一天改过的话")
  g:at("10:01")
  g:expect{ dm = "小美", text = "改过的话" }
end)
