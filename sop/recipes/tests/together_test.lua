-- together_test.lua -- all recipes in one group: which of several open questions a message answers.
local t = sop.test("form", { playbook = "demo", start = "2026-03-02 19:00" })

t:case("a number goes to the newest question that wants it; other members still vote", function(g)
  g:says("店长", "投票 周末吃什么 火锅 烧烤 日料")
  g:expect{ text = "投票:周末吃什么" }
  for _, text in ipairs{ "报名", "美美", "6688" } do g:says("小美", text) end
  g:expect{ at = "小美", text = "几位" }
  g:restart()
  g:says("小美", "2") -- the last answer of her form, no vote
  g:expect{ at = "小美", text = "收到!美美 2 位" }
  g:says("阿强", "1")
  g:says("小美", "3")
  g:advance("30m")
  g:expect{ text = { "2 人参加", "火锅 1 票", "烧烤 0 票", "日料 1 票" } }
end)

t:case("a command stays a command while a question is open", function(g)
  g:says("小美", "报名")
  g:expect{ at = "小美", text = "怎么称呼" }
  g:says("小美", "生日 3月8日")
  g:expect{ at = "小美", text = "记住啦" }
  g:says("小美", "美美")
  g:expect{ at = "小美", text = "尾号" }
end)
