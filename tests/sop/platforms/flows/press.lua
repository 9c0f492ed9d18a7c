-- press.lua -- buttons, cards, and answers to what came last: what only some platforms have.
local flow = sop.flow("press", { wants = { buttons = "词语按钮变成一行文字" } })

flow:command("菜单", function(c)
  c:say("今天做什么", nil, { buttons = { "打卡", { "看看我的", say = "我的打卡" } } })
end)

flow:command("打卡", function(c)
  c.member.times = (c.member.times or 0) + 1
  c:reply("第 {n} 次,{how}", { n = c.member.times, how = c.event.sub == "button" and "按的" or "说的" })
end)

flow:command("我的打卡", function(c)
  c:reply("一共 {n} 次", { n = c.member.times or 0 })
end)

flow:command("表决", { args = true }, function(c)
  local sent, why = c:say("同意吗", nil, {
    buttons = { { "同意", value = "vote:yes" }, { "反对", value = "vote:no" }, { "先等等", value = "later" } },
  })
  if not sent then c:say("不能表决:{why}", { why = why }) end
end)

flow:on("button", { value = "vote:*" }, function(c)
  c:board("votes"):add(c.text, 1)
  local done, why = c:update_card({ title = "已表决", by = c.user, n = 1, ratio = 0.5, done = true })
  c:say("{name} 选了 {what}", { name = c.name, what = c.text })
  if not done then c:say("卡片没变:{why}", { why = why }) end
end)

flow:on("button", { value = { "later", "never" } }, function(c)
  c:sleep("1h")
  c:say("{name} 说过先等等", { name = c.name })
  local _, why = c:update_card{ title = "太晚了" }
  c:log(why)
  c.group.late = why
end)

flow:command("问", function(c)
  c:say("几份?", nil, { buttons = { "1", "2" } })
  local answer = c:ask{ timeout = "2h" }
  if not answer then return c:say("没人答") end
  c:say("要 {n} 份", { n = answer.text })
  c:sleep("3m")
  c:say("{n} 份好了", { n = answer.text })
  local list = c:gather{ events = "message", window = "4m", max = 3, match = "^要$" }
  c:say("{n} 个人要", { n = #list })
  c:continue{ again = true }
end)

flow:command("卡片", function(c)
  local card = { card_type = "text_notice", main_title = { title = "磁盘 91%" }, list = { 1, 2.5, true }, off = false }
  local sent, why = c:say(nil, nil, { card = card })
  if not sent then c:say("没有卡片:{why}", { why = why }) end
end)

flow:command("开局", function(c)
  c:start("game", { n = 1 })
  c:timer("later", { after = "5m" })
  local _, why = c:dm(c.user, "私下说")
  c.group.dm = why
  c:staff("{name} 开局了", { name = c.name })
end)

flow:run("game", function(c)
  c:say("开始")
  c:sleep("20m")
  c:say("结束")
  c:say("欢迎再来", nil, { answer = true })
end)

flow:timer("later", function(c) c:say("提醒", nil, { answer = true }) end)

flow:on("message", function(c)
  if c.command then return end
  if c.text == "长" then c:say(("一二三四五"):rep(300), nil, { buttons = { "打卡" } }) end
  if c.text == "错" then
    local function try(buttons)
      local _, why = pcall(c.say, c, "错", nil, { buttons = buttons })
      c:say(tostring(why))
    end
    try({})
    try({ "1", "2", "3", "4", "5", "6", "7" })
    try({ "一二三四五六七八九十一二三四五六七八九十长" })
    try({ { "好", value = "say:好" } })
    try({ { "好", value = "a", say = "b" } })
    try({ "好", "好" })
    try({ { "好", valu = "x" } })
    try({ { "好", value = ("x"):rep(101) } })
    try({ 3 })
  end
end)

return flow
