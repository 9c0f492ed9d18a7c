local t = sop.test("press", { playbook = { flows = { "press" }, quiet = false }, start = "2026-03-02 10:00" })

t:case("a button with a word is that word, said to the bot", function(g)
  g:says("小美", "菜单")
  g:expect{ text = "今天做什么\n[打卡] [看看我的]" }
  g:press("小美", "打卡")
  g:expect{ at = "小美", text = "第 1 次,按的" }
  g:says("小王", "打卡")
  g:expect{ at = "小王", text = "第 1 次,说的" }
  g:press("小美", "打卡")
  g:expect{ at = "小美", text = "第 2 次" }
  g:press("小美", "看看我的")
  g:expect{ at = "小美", text = "一共 2 次" }
end)

t:case("a button is pressed once, whenever the daemon dies", function(g)
  g:says("小美", "菜单")
  g:restart()
  for _, moment in ipairs({ "input", "commit", "send" }) do
    g:kill{ during = moment }
    g:press("小美", "打卡")
    g:advance("20s")
  end
  g:expect_state("member", "小美", { times = 3 })
end)

t:case("without buttons words are a line of text, and values are refused", function(g)
  g:lacks("buttons")
  g:says("小美", "菜单")
  g:expect{ text = "今天做什么\n想要哪个就发:打卡 / 我的打卡" }
  g:says("小美", "表决")
  g:expect{ text = "不能表决:this gateway has no buttons (buttons)" }
end)

t:case("a button with a value is an event; the flow says which", function(g)
  g:says("小美", "表决")
  g:expect{ text = "[同意] [反对] [先等等]" }
  g:press("小王", "反对")
  g:expect_action('changes the card to {"by":"' .. g:id("小王") .. '","done":true,"n":1,"ratio":0.5,"title":"已表决"}')
  g:expect{ text = "小王 选了 vote:no" }
  g:press("小美", "先等等")
  g:silent("59m")
  g:advance("2m")
  g:expect{ text = "小美 说过先等等" }
  g:expect_state("group", { late = "a card is changed when one of its buttons was pressed, and before anything else is waited for" })
  g:expect_board("votes", { { "vote:no", 1 } })
end)

t:case("a platform without cards", function(g)
  g:says("小美", "卡片")
  g:expect{ text = '[卡片 {"card_type":"text_notice","list":[1,2.5,true],"main_title":{"title":"磁盘 91%"},"off":false}]' }
  g:lacks("cards")
  g:says("小美", "卡片")
  g:expect{ text = "没有卡片:this gateway takes no cards (cards)" }
  g:says("小美", "表决")
  g:press("小美", "同意")
  g:expect{ text = "卡片没变:this gateway cannot do that" }
end)

t:case("a question is answered by a button", function(g)
  g:says("小美", "问")
  g:expect{ text = "几份?\n[1] [2]" }
  g:press("小王", "1")
  g:silent()
  g:press("小美", "2")
  g:expect{ text = "要 2 份" }
end)

t:case("an open question leaves a button alone that has a handler of its own", function(g)
  g:says("小美", "表决")
  g:says("小美", "问")
  g:press("小美", "同意")
  g:expect{ text = "小美 选了 vote:yes" }
  g:says("小美", "3")
  g:expect{ text = "要 3 份" }
end)

t:case("buttons stay with the last piece of a long text", function(g)
  g:says("小美", "长")
  local said = g:seen()
  g:equal(#said, 1)
  assert(said[1].text:find("五\n[打卡]", 1, true))
end)

t:case("what is wrong with buttons is said clearly", function(g)
  g:says("小美", "错")
  for _, why in ipairs({
    "buttons is a list such as",
    "a message has at most 6 buttons, not 7",
    "button 1: its label has 21 characters: at most 20 on one line",
    'button 1: a value does not begin with "say:"',
    "button 1: give either say (it says a word) or value (it raises the event button)",
    "button 2 does the same as button 1",
    'there is no option "valu"; did you mean "value"?',
    "button 1: its value has 101 bytes: at most 100 on one line",
    "button 1 is a word, or",
  }) do
    g:expect{ text = why }
  end
end)

-- What a platform needs to know which event is answered (WeCom: req_id) comes back with every message that answers one.
t:case("answers carry the ref of the newest event, into its own chat only", function(g)
  g:platform("wecom")
  local said = g:says("小美", "@小福 问")
  g:equal(g:expect{ text = "几份?" }.answers, "re:m" .. said)
  local answer = g:says("小美", "@小福 2")
  g:equal(g:expect{ text = "要 2 份" }.answers, "re:m" .. answer)
  g:restart()
  g:advance("4m")
  g:equal(g:expect{ text = "2 份好了" }.answers, "re:m" .. answer)
  g:says("小王", "@小福 要")
  local last = g:says("小李", "@小福 要")
  g:restart()
  g:advance("5m")
  g:equal(g:expect{ text = "2 个人要" }.answers, "re:m" .. last)
  g:equal(g:expect{ text = "几份?" }.answers, "re:m" .. last) -- after c:continue
  g:restart()
  g:advance("3h")
  g:equal(g:expect{ text = "没人答" }.answers, nil) -- hours later that is no answer
end)

t:case("runs that are begun, timers, private messages and the staff chat", function(g)
  g:platform("wecom")
  g:dm("小美", "你好")
  g:says("小美", "@小福 你好", { chat = "staff" })
  local said = g:says("小美", "@小福 开局")
  g:equal(g:expect{ text = "开始" }.answers, "re:m" .. said)
  g:expect_state("group", { dm = "this gateway cannot write to a person directly (dm)" })
  g:equal(g:expect{ chat = "staff", text = "开局了" }.answers, nil)
  g:advance("6m")
  g:equal(g:expect{ text = "提醒" }.answers, nil)
  g:restart()
  g:advance("20m")
  g:equal(g:expect{ text = "结束" }.answers, nil)
  g:equal(g:expect{ text = "欢迎再来" }.answers, "re:m" .. said) -- so the script says
end)

t:case("where nothing may be posted unasked, what still answers an event is said", function(g)
  g:platform("wecom")
  g:lacks("proactive")
  g:says("小美", "@小福 开局")
  g:expect{ text = "开始" }
  g:advance("6m")
  g:expect{ text = "提醒" } -- the script calls it an answer
  g:advance("20m")
  g:expect_none{ text = "结束" }
  g:says("小美", "@小福 问")
  g:says("小美", "@小福 2")
  g:expect{ text = "要 2 份" }
  g:advance("4m")
  g:expect{ text = "2 份好了" }
end)

t:case("a platform without refs keeps none", function(g)
  g:says("小美", "问")
  g:equal(g:expect{ text = "几份?" }.answers, nil)
end)

t:case("a WeCom group hears mentions only, and a private chat is closed until somebody writes", function(g)
  g:platform("wecom")
  g:says("小美", "打卡")
  g:silent()
  g:says("小美", "@小福 打卡")
  g:expect{ text = "第 1 次", plain = true }
end)
