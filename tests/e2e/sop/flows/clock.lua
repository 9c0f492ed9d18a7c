-- Schedules and timers.
local flow = sop.flow("clock", {
  title = "时钟",
  params = {
    at = { "clock", default = "00:00", help = "每天几点" },
    late = { "duration", default = "30m", help = "最多晚多久" },
  },
})

flow:at("at", { late = "30m" }, function(c)
  c.group.rung = (c.group.rung or 0) + 1
  c:say("到点了 {n}", { n = c.group.rung })
end)

flow:command("定时", { args = true }, function(c)
  c:timer("later", { after = c.args, key = c.user, args = { who = c.user } })
end)

flow:command("不定了", function(c)
  c:cancel_timer("later", c.user)
end)

flow:timer("later", function(c, args)
  c.group.timers = (c.group.timers or 0) + 1
  c:say("时间到 {who}", { who = args.who })
end)

return flow
