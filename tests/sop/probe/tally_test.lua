-- tally_test.lua -- what is counted of a chat (docs/metrics.md), as a flow and a test see it.
local t = sop.test("tally", { playbook = { quiet = false, flows = { "tally" } } })

t:case("who comes, goes, speaks and is answered", function(g)
  g:join("小美")
  g:join("小王")
  g:says("小美", "大家好")
  g:advance("40s")
  g:says("小美", "有人吗")
  g:says("小王", "数")
  g:expect{ text = "好" }
  g:leave("小王")
  g:says("小美", "数 5")
  g:expect{ text = "好" }
  g:expect_tally{
    joins = 2, leaves = 1, messages = 4, speakers = 2, answers = 2, answered = 2, posts = false,
    ["count.asked"] = 2, ["count.sum"] = 6, ["emit.asked"] = 2, ["emit.asked.ok"] = 2, ["amount.asked"] = 500,
    ["reply.0"] = 1, ["reply.44"] = 1, members = 1,
  }
end)

t:case("a handler that waits counts once", function(g)
  g:says("小美", "等等")
  g:expect{ text = "等什么" }
  g:expect_tally{ ["count.before"] = 1, ["count.after"] = false, messages = 1 }
  g:says("小美", "苹果")
  g:expect{ text = "是苹果" }
  g:expect_tally{ ["count.before"] = 1, ["count.after"] = 1, messages = 2, speakers = 1 }
end)

t:case("a post reaches the group when somebody speaks soon", function(g)
  g:says("小美", "发帖")
  g:advance("2s")
  g:expect{ text = "公告" }
  g:expect_tally{ posts = 1, touched = false }
  g:advance("1h")
  g:says("小王", "看到了")
  g:expect_tally{ posts = 1, touched = 1 }
  g:says("小王", "发帖")
  g:advance("2s")
  g:expect{ text = "公告" }
  g:advance("2h1m")
  g:says("小美", "刚看到")
  g:expect_tally{ posts = 2, touched = 1 }
end)

t:case("calls: who responds counts once, to the day of the call", function(g)
  for _, who in ipairs{ "小美", "小王", "阿强", "店长" } do
    g:join(who)
  end
  g:says("店长", "喊 1")
  g:expect{ text = "1 4" }
  g:says("小美", "到 1")
  g:expect{ text = "算了" }
  g:says("小美", "到 1")
  g:expect{ text = "不算" }
  g:says("小王", "到")
  g:expect{ text = "算了" }
  g:says("小王", "到 2")
  g:expect{ text = "不算" }
  g:expect_tally{ calls = 1, called = 4, responders = 2, ["emit.called"] = 1, ["emit.responded"] = 2 }
  g:expect_event("called", { what = "draw", id = "1", members = 4 })
  g:says("阿强", "看")
  g:expect{ text = "4 3 1 2" }
  g:advance("1h")
  g:says("阿强", "到 1")
  g:expect{ text = "不算" }
  g:says("店长", "喊 2")
  g:expect{ text = "2 4" }
  g:says("阿强", "到")
  g:expect{ text = "算了" }
  g:expect_tally{ calls = 2, called = 8, responders = 3 }
end)
