-- One chat has had too much (WeCom: 30 a minute, 1000 an hour), or takes nothing: the others go on, and the account is not judged.
local t = sop.test("press", { playbook = { flows = { "press" }, quiet = false }, start = "2026-03-02 10:00" })

t:case("a crowded chat waits for half a minute, others do not", function(g)
  g:fail_sends(1, "crowded")
  g:says("小美", "打卡")
  g:expect_none{ text = "第 1 次" }
  g:says("小美", "打卡", { chat = "二店" })
  g:expect{ chat = "二店", text = "第 1 次" }
  g:says("小王", "打卡")
  g:expect_none{ text = "次" }
  g:advance("31s")
  g:expect{ at = "小美", text = "第 1 次" }
  g:expect{ at = "小王", text = "第 1 次" }
end)

t:case("a chat that is full for a quarter of an hour: answers do not wait so long", function(g)
  g:fail_sends(1, "crowded", "15m")
  g:says("小美", "打卡")
  g:advance("14m")
  g:expect_none{ text = "第 1 次" } -- an answer waits for two minutes
  g:says("小王", "打卡")
  g:advance("1m")
  g:expect{ at = "小王", text = "第 1 次" }
end)

t:case("a closed chat says nothing about the account", function(g)
  g:fail_sends(9, "closed")
  for _ = 1, 9 do g:says("小美", "打卡") end
  g:says("小美", "打卡")
  g:expect_count(1, { text = "第 10 次" })
end)
