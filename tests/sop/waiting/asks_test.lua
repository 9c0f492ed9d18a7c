-- asks_test.lua -- c:ask: who may answer, with what, how long; what other handlers see of it.
local t = sop.test("asks", { playbook = { flows = { "asks" } }, start = "2026-03-02 10:00" })

t:case("the speaker's next message is the answer, nobody else's", function(g)
  g:says("小美", "问我")
  g:expect{ text = "说吧" }
  g:says("阿强", "听我说")
  g:expect{ text = "heard 听我说" }
  g:says("小美", "听好")
  g:expect{ text = "小美 said [听好]" }
  g:expect_none{ text = "heard" }
  g:says("小美", "听好")
  g:expect{ text = "heard 听好" }
end)

t:case("it outlives a restart and a crash", function(g)
  g:says("小美", "问我")
  g:restart()
  g:advance("20h")
  g:kill()
  g:says("小美", "到")
  g:expect{ text = "小美 said [到]" }
  g:silent("2d")
end)

t:case("24 hours are the default", function(g)
  g:says("小美", "问我")
  g:expect{ text = "说吧" }
  g:advance("23h")
  g:silent("30m")
  g:advance("31m")
  g:expect{ text = "nothing: timeout" }
  g:says("小美", "太晚")
  g:silent("1h")
end)

t:case("till a moment", function(g)
  g:says("小美", "问到点")
  g:says("小美", "来了")
  g:expect{ text = "小美 said [来了]" }
  g:says("小美", "问到点")
  g:at("11:59")
  g:silent("30s")
  g:restart()
  g:advance("2m")
  g:expect{ text = "nothing: timeout" }
  g:says("小美", "问过点")
  g:expect{ text = "nothing: timeout" }
  g:says("小美", "问错点")
  g:expect{ text = "give either timeout or till" }
end)

t:case("the timeout ends it, also across a restart", function(g)
  g:says("小美", "快问")
  g:restart()
  g:silent("9m")
  g:advance("2m")
  g:expect{ text = "nothing: timeout" }
  g:says("小美", "太晚")
  g:silent("1h")
end)

t:case("anyone may answer", function(g)
  g:says("小美", "问大家")
  g:restart()
  g:says("阿强", "我来")
  g:expect{ text = "阿强 said [我来]" }
  g:says("小王", "我也")
  g:silent("2h")
end)

t:case("several may answer, others may not", function(g)
  g:says("阿强", "嗯")
  g:says("小王", "嗯")
  g:says("小美", "问他们 @阿强 @小王")
  g:says("小美", "不是我")
  g:says("路人", "我?")
  g:silent("1s")
  g:restart()
  g:says("小王", "是我")
  g:expect{ text = "小王 said [是我]" }
  g:says("阿强", "还有我")
  g:silent("2h")
end)

t:case("only what fits the pattern; the rest goes on to the others", function(g)
  g:says("小美", "问数字")
  g:says("小美", "听说")
  g:expect{ text = "heard 听说" }
  g:restart()
  g:says("小美", "42")
  g:expect{ text = "小美 said [42]" }
end)

t:case("only these words, matched like commands", function(g)
  g:says("小美", "问词")
  g:says("小美", "一般")
  g:silent("1s")
  g:restart()
  g:says("小美", " 不好 !")
  g:expect{ text = { "小美 said", "command 不好()" } }
  g:says("小美", "问词")
  g:says("小美", "好")
  g:expect{ text = "command 好()" }
end)

t:case("the word is the script's, whatever the capitals", function(g)
  g:says("小美", "问单词")
  g:says("阿强", "jA")
  g:expect{ text = { "阿强 said [jA]", "command Ja()" } }
end)

t:case("words and a pattern: one or the other", function(g)
  g:says("小美", "问词或数字")
  g:says("小美", "也许")
  g:silent("1s")
  g:says("小美", "7")
  g:expect{ text = "小美 said [7]" }
  g:says("小美", "问词或数字")
  g:says("小美", "取消")
  g:expect{ text = "command 取消()" }
end)

t:case("consume = false: the others hear it, too", function(g)
  g:says("小美", "旁听")
  g:says("小美", "听着")
  g:expect{ text = "小美 said [听着]" }
  g:expect{ text = "heard 听着" }
  g:says("小美", "听着")
  g:expect{ text = "heard 听着" }
  g:expect_none{ text = "said" }
end)

t:case("a command is no answer", function(g)
  g:says("小美", "问我")
  g:expect{ text = "说吧" }
  g:says("小美", "问错")
  g:expect{ text = "done" }
  g:says("小美", "好的")
  g:expect{ text = "小美 said [好的]" }
end)

t:case("of two questions the newer gets the answer", function(g)
  g:says("小美", "问大家")
  g:says("小美", "问我")
  g:expect{ text = "说吧" }
  g:says("小美", "第一")
  g:expect{ text = "小美 said [第一]" }
  g:expect_count(1)
  g:restart()
  g:says("小美", "第二")
  g:expect{ text = "小美 said [第二]" }
end)

t:case("answers have pictures, mentions and quotes; c keeps the first message", function(g)
  g:says("小美", "问我")
  g:expect{ text = "说吧" }
  g:reply("小美", "谁呀")
  g:expect{ text = { "[谁呀]", "quoting" } }
  g:says("小美", "问我")
  g:image("小美")
  g:expect{ text = "picture" }
  g:says("阿强", "嗯")
  g:says("小美", "问我")
  g:says("小美", "@阿强 你说")
  g:expect{ text = "mentioning 1" }
  g:says("小美", "问我")
  g:says("小美", "@小福 你说")
  g:expect{ text = { "[你说]", "to me" } }
  g:says("小美", "问两次")
  g:says("小美", "一")
  g:restart()
  g:says("小美", "二")
  g:expect{ text = "一二 问两次" }
end)

t:case("in private", function(g)
  g:dm("小美", "问我")
  g:expect{ dm = "小美", text = "说吧" }
  g:restart()
  g:says("小美", "不是这里")
  g:dm("小美", "这里")
  g:expect{ dm = "小美", text = "小美 said [这里]" }
end)

t:case("a short wait after a long one that was answered early", function(g)
  g:says("小美", "问了再睡")
  g:says("小美", "答")
  g:restart()
  g:advance("11m")
  g:says("小美", "嗯")
  g:advance("2m")
  g:expect{ text = "woke 10:11 late 0" }
end)

t:case("who leaves is asked no more than others; nothing breaks", function(g)
  g:says("小美", "快问")
  g:leave("小美")
  g:advance("11m")
  g:expect{ text = "nothing: timeout" }
end)

t:case("what is wrong is said at once", function(g)
  g:says("小美", "问错")
  g:expect{ text = "done" }
  local wanted = {
    'there is no option "form"; did you mean "from"?', "an empty list", "a user must be a string", "must be a duration",
    "must be a duration", "is wrong at byte", "match is a pattern", "commands is a list of words", "not blank", "must be a boolean",
  }
  local errors = g:state("group", "errors")
  for i, text in ipairs(wanted) do
    assert(errors[i]:find("false ", 1, true) == 1 and errors[i]:find(text, 1, true), i .. ": " .. tostring(errors[i]))
  end
end)
