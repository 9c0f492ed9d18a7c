-- grouporder_test.lua -- orders, changes, how often the list comes, the end.
local t = sop.test("grouporder", { playbook = { flows = { "grouporder" } }, start = "2026-03-02 18:00" })

t:case("orders are gathered, the list comes three minutes after the first", function(g)
  g:says("小美", "+1") -- before it is open
  g:says("店长", "接龙 鲜鸡蛋一板 29.9 元")
  g:expect{ text = { "接龙开始:鲜鸡蛋一板 29.9 元", "20:00 截止" } }
  g:says("小美", "+2")
  g:says("阿强", "+1")
  g:restart()
  g:says("小王", "+1")
  g:says("阿强", "取消")
  g:silent("2m")
  g:advance("1m")
  g:expect{ text = "接龙:鲜鸡蛋一板 29.9 元\n1. 小美 +2\n2. 小王 +1\n" }
  g:silent("30m")
  g:says("阿强", "＋3")
  g:advance("3m")
  g:expect{ text = { "小美 +2", "小王 +1", "阿强 +3" } }
  g:at("20:01")
  g:expect{ text = "一共 6 份" }
  g:expect{ chat = "staff", text = { "一共 6 份", "阿强 +3" } }
  g:says("晚到", "+1")
  g:silent("1d")
end)

t:case("a death in the middle of an order counts it once", function(g)
  g:says("店长", "接龙 草莓")
  for _, during in ipairs{ "input", "commit" } do
    g:kill{ during = during }
    g:says("小美", "+1")
    g:kill{ during = during }
    g:says("阿强", "+2")
    g:advance("3m")
    g:expect{ text = "1. 小美 +1\n2. 阿强 +2\n" }
  end
  g:equal(g:deaths(), 4)
end)

t:case("it closes on time, also when orders have just come", function(g)
  g:says("店长", "接龙 草莓")
  g:expect{ text = "接龙开始" }
  g:at("19:59")
  g:says("小美", "+1")
  g:at("20:00")
  g:advance("5s")
  g:expect_none{ text = "接龙:草莓" }
  g:expect{ text = { "接龙结束:草莓", "1. 小美 +1" } }
  g:expect_runs(0)
end)

t:case("begun after closing time it is for tomorrow; one at a time", { start = "2026-03-02 21:00" }, function(g)
  g:says("店长", "接龙 草莓")
  g:says("店长", "接龙 蓝莓")
  g:expect{ text = "还没结束" }
  g:says("小美", "+1")
  g:advance("10m")
  g:expect{ text = "1. 小美 +1" }
  g:at("2026-03-03 20:01")
  g:expect{ text = "接龙结束:草莓,一共 1 份" }
end)

t:case("a long evening stays small", function(g)
  g:says("店长", "接龙 草莓")
  for i = 1, 30 do
    g:says("团友" .. i, "+1")
    g:advance("2m")
  end
  g:expect{ text = "30. 团友" }
  g:at("20:01")
  g:expect{ text = "一共 30 份" }
end)
