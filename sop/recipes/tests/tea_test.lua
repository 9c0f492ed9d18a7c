-- tea_test.lua -- asked on Fridays, taken back when nobody wants any. 2026-03-02 is a Monday.
local t = sop.test("tea", { playbook = { flows = { { "tea", offer = "拼下午茶?" } } }, start = "2026-03-02 10:00" })

local function friday(g, date)
  g:at(date .. " 16:01")
  return g:expect{ text = "拼下午茶?" }
end

t:case("who wants some is in the order", function(g)
  g:says("店长", "开启下午茶")
  g:expect{ text = "每周五" }
  g:silent("3d")
  friday(g, "2026-03-06")
  g:says("小美", "来一份")
  g:restart()
  g:says("阿强", "来一份")
  g:says("小美", "来一份!")
  g:at("16:16")
  g:expect{ text = "下单啦,2 份:小美、阿强" }
  friday(g, "2026-03-13")
end)

t:case("nobody wants any: the message is taken back", function(g)
  g:says("店长", "开启下午茶")
  g:expect{ text = "每周五" }
  local offer = friday(g, "2026-03-06")
  g:advance("16m")
  g:expect_action("recalls message " .. offer.id)
  friday(g, "2026-03-13")
end)

t:case("a message that could not be sent is told to staff", function(g)
  g:says("店长", "开启下午茶")
  g:expect{ text = "每周五" }
  g:at("2026-03-06 15:59")
  g:fail_sends(1, "failed")
  g:advance("5m")
  g:expect{ chat = "staff", text = "下午茶没发出去" }
  friday(g, "2026-03-13")
end)

t:case("once, and off again", function(g)
  g:says("店长", "开启下午茶")
  g:expect{ text = "每周五" }
  g:says("店长", "开启下午茶")
  g:expect{ text = "一直开着" }
  g:says("店长", "关闭下午茶")
  g:expect{ text = "先停一停" }
  g:silent("14d")
end)
