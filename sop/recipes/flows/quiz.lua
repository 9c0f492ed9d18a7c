-- quiz.lua -- 开始答题: five questions, the first right answer gets the point, a board at the end.
local flow = sop.flow("quiz", {
  title = "抢答",
  params = {
    time = { "duration", default = "30s", min = "5s", max = "10m", help = "每题多久" },
    questions = { "table", default = {
      { "鸡蛋放哪里保存最久?A 门架 B 冷藏室里层 C 阳台", "B" },
      { "几月的荔枝最当季?A 三月 B 六月 C 十月", "B" },
      { "牛油果软硬适中时,几天内吃最好?A 两天 B 一周 C 半个月", "A" },
      { "哪种水果催熟别的水果最快?A 葡萄 B 草莓 C 香蕉", "C" },
      { "绿叶菜洗好再放冰箱,会更耐放吗?A 会 B 不会", "B" },
    }, help = "题目和答案" },
  },
})

-- The first right answer before the time is over. Everybody has one try for each question.
local function first_right(c, right)
  local tried, deadline = {}, c:now() + sop.duration(c.params.time)
  while c:now() < deadline do
    local answer = c:ask{ from = "anyone", match = "(?i)^[a-d]$", timeout = deadline - c:now() }
    if not answer then return nil end
    if not tried[answer.user] and answer.text:upper() == right then return answer end
    tried[answer.user] = true
  end
end

local game = flow:run("game", function(c)
  local score = c:board("score")
  score:clear()
  c:say("抢答开始!每题只认第一次回答,发字母就行", nil, { answer = true })
  for i, question in ipairs(c.params.questions) do
    c:sleep("5s")
    c:say("第 {i} 题:{text}", { i = i, text = question[1] }, { answer = true })
    local answer = first_right(c, question[2])
    if answer then
      c:member_of(answer.user).name = answer.name -- for c:display below
      score:add(answer.user, 1)
      c:say("答对啦 {who} +1", { who = sop.at(answer.user) })
    else
      c:say("时间到,答案是 {right}", { right = question[2] }, { answer = true })
    end
  end
  local lines = {}
  for i, entry in ipairs(score:top(10)) do
    lines[i] = ("%d. %s %d 分"):format(entry.place, c:display(entry.id), entry.score)
  end
  c:say("答题结束,辛苦大家\n{lines}", { lines = #lines > 0 and table.concat(lines, "\n") or "这轮有点难,下次再来" }, { answer = true })
end)

flow:command("开始答题", { role = "keeper", private = false }, function(c)
  if not c:start(game, nil, { key = "game", user = false }) then c:reply("这一轮还没答完呢") end
end)

return flow
