-- winback_test.lua -- 14 silent days, the thank-you, and peace for who does not want it.
local t = sop.test("winback", {
  playbook = { flows = { { "winback", hello = "{name} 好久不见", back = "{name} 回来啦" } } },
  start = "2026-03-02 15:00",
})

t:case("after 14 silent days a word in private; the first word after it is thanked", function(g)
  g:says("小美", "到货了吗")
  g:silent("13d")
  g:restart()
  g:at("2026-03-16 10:31")
  g:expect{ dm = "小美", text = "小美 好久不见" }
  g:silent("2d")
  g:says("小美", "最近忙")
  g:expect{ at = "小美", text = "小美 回来啦" }
  g:expect_event("won_back", { who = "小美" })
  g:silent("10d")
  g:at("2026-04-01 10:31") -- and again 14 days later
  g:expect{ dm = "小美", text = "好久不见" }
end)

t:case("who speaks is left in peace", function(g)
  for _ = 1, 5 do
    g:says("小美", "早")
    g:says("小美", "早呀")
    g:silent("10d")
    g:expect_runs(1, { who = "小美" })
  end
end)

t:case("no answer within 14 days: tagged, and asleep until they speak", function(g)
  g:says("小美", "在")
  g:advance("14d")
  g:expect{ dm = "小美" }
  g:advance("14d")
  g:expect_tags("小美", { "沉睡" })
  g:silent("60d")
  g:says("小美", "我又来了")
  g:expect_runs(1, { who = "小美" })
end)

t:case("who has left is not written to", function(g)
  g:join("小美")
  g:says("小美", "在")
  g:leave("小美")
  g:silent("30d")
end)
