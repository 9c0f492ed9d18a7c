-- declines_test.lua -- a command that all its handlers decline is an answer to the open question, and no news for others then.
local t = sop.test("declines", { playbook = { flows = { "aside", "declines" } } })

t:case("what everybody declines answers the question", function(g)
  g:says("小美", "问我")
  g:says("小美", "取消")
  g:expect{ text = "答案是取消" }
  g:expect_no_event("talked")
  g:expect_event("declined")
  g:says("小美", "取消") -- nobody asks any more: it is talk
  g:expect_event("talked", { text = "取消" })
  g:expect_none{ match = "答案" }
end)

t:case("what somebody takes does not, nor what others say", function(g)
  g:says("小美", "订")
  g:says("小美", "问我")
  g:says("大力", "取消")
  g:says("小美", "取消")
  g:expect{ text = "退订了" }
  g:expect_none{ match = "答案" }
  g:says("小美", "取消")
  g:expect{ text = "答案是取消" }
end)

t:case("a word of the question itself is its own", function(g)
  g:says("小美", "问我")
  g:says("小美", "好")
  g:expect{ text = "答案是好" }
  g:says("小美", "问完")
  g:says("小美", "取消")
  g:expect{ text = "停了" }
  g:expect_no_event("declined")
end)

t:case("anybody's, where anybody is asked", function(g)
  g:says("小美", "问谁都行")
  g:says("大力", "取消")
  g:expect_count(1, { text = "听到取消" })
end)

t:case("of two questions the newer is answered", function(g)
  g:says("小美", "问谁都行")
  g:says("小美", "问我")
  g:says("小美", "取消")
  g:expect{ text = "答案是取消" }
  g:expect_none{ match = "听到" }
end)
