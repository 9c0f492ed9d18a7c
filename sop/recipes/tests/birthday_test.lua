-- birthday_test.lua -- every year, corrected dates, 29 February.
local t = sop.test("birthday", {
  playbook = { flows = { { "birthday", wish = "{at} 生日快乐" } } },
  start = "2026-03-02 10:00",
})

t:case("a wish every year", function(g)
  g:says("小美", "生日 3月5日")
  g:expect{ at = "小美", text = "记住啦,3月5日" }
  for year = 2026, 2029 do
    g:at(year .. "-03-05 08:59")
    g:expect_none()
    g:restart()
    g:at("09:01")
    g:expect{ at = "小美", text = "生日快乐" }
  end
end)

t:case("a date that is over this year is next year's; a correction replaces it", function(g)
  g:says("小美", "生日 3/1")
  g:says("小美", "生日 3.20")
  g:expect_runs(1, { who = "小美" })
  g:at("2026-03-20 09:01")
  g:expect{ at = "小美", text = "生日快乐" }
  g:at("2027-03-19 12:00")
  g:expect_none()
end)

t:case("29 February is kept on the 28th in common years", function(g)
  g:says("小美", "生日 2月29日")
  g:expect{ text = "记住啦" }
  g:at("2027-02-28 09:01")
  g:expect{ at = "小美", text = "生日快乐" }
  g:at("2028-02-29 08:00")
  g:expect_none()
  g:at("09:01")
  g:expect{ at = "小美", text = "生日快乐" }
end)

t:case("what is no date is explained; who has left is not wished", function(g)
  g:says("小美", "生日 2月30日")
  g:expect{ text = "这样告诉我" }
  g:join("小美")
  g:says("小美", "生日 5月1日")
  g:expect{ text = "记住啦" }
  g:leave("小美")
  g:silent("90d")
end)
