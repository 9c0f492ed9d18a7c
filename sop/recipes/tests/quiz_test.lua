-- quiz_test.lua -- who is first, one try each, the time, the board.
local t = sop.test("quiz", {
  playbook = { flows = { { "quiz", questions = { { "一?", "A" }, { "二?", "B" }, { "三?", "A" }, { "四?", "B" }, { "五?", "A" } } } } },
  start = "2026-03-02 20:00",
})

local function next_question(g, text)
  g:advance("6s")
  g:expect{ text = text }
end

t:case("five questions and a board", function(g)
  g:says("店长", "开始答题")
  g:expect{ text = "抢答开始" }
  next_question(g, "第 1 题:一?")
  g:says("小美", "B")
  g:says("小美", "A") -- a second try does not count
  g:says("阿强", "a")
  g:expect{ at = "阿强", text = "答对啦" }
  next_question(g, "第 2 题")
  g:restart()
  g:says("小美", "b")
  g:expect{ at = "小美", text = "答对啦" }
  next_question(g, "第 3 题")
  g:says("小王", "我想想")
  g:advance("30s")
  g:expect{ text = "时间到,答案是 A" }
  next_question(g, "第 4 题")
  g:says("小美", "B")
  next_question(g, "第 5 题")
  g:together(function()
    g:says("小美", "A")
    g:says("阿强", "A")
  end)
  g:expect_count(1, { at = "小美", text = "答对啦" })
  g:expect{ text = { "答题结束", "1. 小美 3 分", "2. 阿强 1 分" } }
  g:expect_board("score", { { "小美", 3 }, { "阿强", 1 } })
end)

t:case("nobody knows anything; one round at a time; members cannot begin", function(g)
  g:says("小美", "开始答题")
  g:silent("1m")
  g:says("店长", "开始答题")
  g:says("店长", "开始答题")
  g:expect{ text = "还没答完" }
  g:advance("4m")
  g:expect_count(5, { text = "时间到" })
  g:expect{ text = { "答题结束", "下次再来" } }
  g:says("店长", "开始答题")
  g:expect{ text = "抢答开始" }
end)
