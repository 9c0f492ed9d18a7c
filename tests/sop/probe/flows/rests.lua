-- rests.lua -- a flow that is switched off and on again, with timers and a time of day that come due meanwhile; whose timers are; moments.
local flow = sop.flow("rests", { title = "停" })

flow:command("定", function(c)
  c:timer("settle", { after = "1h" })
  c:timer("remind", { after = "1h" })
end)

flow:timer("settle", function(c) c:say("结算 晚{n}", { n = c.event.late }, { anytime = true }) end)
flow:timer("remind", { late = "10m" }, function(c) c:say("提醒 晚{n}", { n = c.event.late }, { anytime = true }) end)
flow:command("轮", function(c)
  c:timer("round", { after = "1h", user = false })
  c:timer("own", { after = "1h" })
end)
flow:timer("round", function(c) c:say("一轮 {who}", { who = c.user or "没有人" }, { anytime = true }) end)
flow:timer("own", function(c) c:say("自己", nil, { anytime = true }) end)
flow:command("忘", function(c) c:forget() end)
flow:command("几点", function(c)
  local day = c:day()
  for _, clock in ipairs{ "23:30", "03:59", "04:00" } do
    c:say("{plain} {business}", { plain = c:time("%d %H:%M", c:moment(day, clock)),
      business = c:time("%d %H:%M", c:moment(day, clock, { business = true })) })
  end
end)

flow:command("谁是", { args = true }, function(c)
  c:say("叫{plain}", { plain = c:display(c.args) }, { anytime = true })
  c:sleep("1h") -- the text and the call are what they were, also by replay
  c:say("叫{who}", { who = c:display(c.args) }, { anytime = true })
end)

flow:at("12:00", function(c) c:say("午间", nil, { anytime = true }) end)

return flow
