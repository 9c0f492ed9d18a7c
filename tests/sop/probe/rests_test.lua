-- rests_test.lua -- what comes due while its flow is switched off: a timer waits, one with `late` until that is past, a time of day not.
local t = sop.test("rests", { playbook = { flows = { "rests" }, quiet = false }, start = "2026-03-02 10:00" })

local function off_until(g, time)
  g:says("小美", "定") -- due at 11:00:01
  g:advance("10m")
  g:toggle("rests", "off")
  g:at(time)
  g:toggle("rests", "on")
  g:advance("1s")
end

t:case("a timer goes on when the flow does", function(g)
  off_until(g, "11:05")
  g:expect{ match = "^结算 晚%d+$" }
  g:expect{ match = "^提醒 晚%d+$" }
end)

t:case("one that is too late by then is left out, one that is never too late is not", function(g)
  off_until(g, "11:12")
  g:expect{ match = "^结算 晚7%d%d$" }
  g:expect_none{ match = "^提醒" }
end)

t:case("a time of day that passes meanwhile is over", { start = "2026-03-02 11:59" }, function(g)
  g:toggle("rests", "off")
  g:at("12:01")
  g:toggle("rests", "on")
  g:advance("5m")
  g:silent()
  g:at("12:00")
  g:expect{ text = "午间" }
end)

t:case("it comes once", function(g)
  off_until(g, "11:05")
  g:expect{ match = "^结算" }
  g:expect{ match = "^提醒" }
  g:advance("20m")
  g:expect_none{ match = "^结算" }
end)

t:case("the group's timer stays when the member who caused it is forgotten", function(g)
  g:says("小美", "轮")
  g:says("小美", "忘")
  g:advance("1h")
  g:expect{ text = "一轮 没有人" }
  g:expect_none{ text = "自己" }
end)

t:case("the moments of a business day", { start = "2026-03-03 01:00" }, function(g)
  g:says("小美", "几点") -- it is still the 2nd
  g:expect{ text = "02 23:30 02 23:30" }
  g:expect{ text = "02 03:59 03 03:59" }
  g:expect{ text = "02 04:00 02 04:00" }
end)

t:case("a name that only another flow knows; the id where none does", {
  playbook = { flows = { "rests", "names" }, quiet = false },
}, function(g)
  g:says("小美", "我叫 美美")
  g:says("大力", "谁是 " .. g:id("小美"))
  g:expect{ text = "叫美美" }
  g:says("小美", "我叫 小美美")
  g:advance("1h")
  g:expect{ text = "叫小美美" }
  g:says("大力", "谁是 12345")
  g:expect{ text = "叫12345" }
end)
