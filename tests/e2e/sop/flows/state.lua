-- Durable state of every kind, so that the tests can look at it in Redis.
local flow = sop.flow("state", {
  title = "状态",
  params = {
    bonus = { "integer", default = 1, min = 0, max = 100, help = "每次加几分" },
  },
})

flow:command("加分", function(c)
  if not c:once("bonus:" .. c:today()) then
    return c:reply("加过了")
  end
  c.member.points = (c.member.points or 0) + c.params.bonus
  c.group.total = (c.group.total or 0) + c.params.bonus
  c.profile.visits = (c.profile.visits or 0) + 1
  c:board("points"):set(c.user, c.member.points)
  c:days("seen"):mark(c:day())
  c:counter("all"):add(1)
  c:tag("有分")
  c:reply("得 {n} 分", { n = c.params.bonus })
end)

flow:command("累计", function(c)
  c.member.total = (c.member.total or 0) + 1
  c.group.total = (c.group.total or 0) + 1
  c:say("累计 " .. c.group.total)
end)

flow:command("限次", function(c)
  if c:limit("twice", 2, "1h") then
    c:say("可以")
  end
end)

flow:command("存取", function(c)
  c.member.s, c.member.n, c.member.b = "字 1", 12, true
  c.member.t = { a = 1, list = { 1, 2 } }
  c.member.digits = "12"
  c:say("存好了")
end)

flow:command("取出", function(c)
  c:say("{s}|{n}|{b}|{t}|{d}", {
    s = c.member.s,
    n = c.member.n + 1,
    b = tostring(c.member.b),
    t = #c.member.t.list,
    d = math.type(c.member.digits) or type(c.member.digits),
  })
end)

return flow
