-- draw.lua -- every evening: who says 想要 between 20:00 and 20:30 may win. Who does not claim it in time loses it to the next.
local flow = sop.flow("draw", {
  title = "晚间抽奖",
  params = {
    open = { "clock", default = "20:00", help = "几点开始报名" },
    at = { "clock", default = "20:30", help = "几点开奖" },
    prize = { "string", default = "鲜牛奶一箱", help = "奖品" },
    count = { "integer", default = 2, min = 1, max = 10, help = "几份" },
    claim = { "integer", default = 10, min = 1, max = 60, help = "中奖后几分钟内领取" },
    organiser = { "string", default = "本店", help = "谁主办" },
    contact = { "string", default = "群里 @店长", help = "有问题找谁" },
    rules = { "text", default = "今晚抽 {count} 份{prize}!{at} 前发「想要」就算报名,人人机会一样\n"
      .. "抽中后 {claim} 分钟内回「领取」,到店报名字就能拿,没回就补抽下一位\n{organiser}主办,有问题{contact}" },
  },
})

-- Everybody who said the word until the deadline, each once, in the order of saying it.
local function pool(c, deadline)
  local list, seen = {}, {}
  repeat
    local said, why = c:gather{ events = "message", match = "^想要", window = math.max(1, deadline - c:now()), max = 500 }
    for _, one in ipairs(said) do
      if not seen[one.user] then list[#list + 1], seen[one.user] = one, true end
    end
  until why == "window"
  return list
end

flow:at("open", { late = "20m" }, function(c)
  local p, deadline = c.params, c:moment(c:day(), c.params.at)
  c:say(p.rules, { count = p.count, prize = p.prize, at = p.at, claim = p.claim, organiser = p.organiser, contact = p.contact })
  local list, left = pool(c, deadline), p.count
  for _, one in ipairs(c:shuffle(list)) do
    if left == 0 or c:quiet_until() then break end -- nobody is woken for a prize
    c:say("恭喜 {who} 抽中{prize}!{claim} 分钟内回「领取」就留给你", { who = sop.at(one.user), prize = p.prize, claim = p.claim }, { answer = true })
    if c:ask{ from = one.user, commands = "领取", timeout = p.claim * 60 } then
      left = left - 1
      c:say("{who} 领到啦,到店报名字就行", { who = one.name })
      c:emit("won", { user = one.user, prize = p.prize })
    end
  end
  c:say("今晚 {n} 人参加,送出 {given} 份,明晚继续", { n = #list, given = p.count - left }, { answer = true })
end)

return flow
