-- probe.lua -- a flow that does a little of everything, for the tests of `sopd test` itself.
local flow = sop.flow("probe", { title = "测试" })

flow:command("数", function(c)
  local n = c:counter("said"):add(1)
  c.member.said = (c.member.said or 0) + 1
  c:board("said"):add(c.user, 1)
  c:list("log"):push(c.name)
  c:set("who"):add(c.user)
  c:hash("last").name = c.name
  c:emit("said", { n = n, name = c.name })
  c:reply("第{n}次", { n = n })
end)

flow:command("群发", function(c) -- an answer to nobody: not repeated when its outcome is unknown
  c:timer("broadcast", { after = "1s" })
end)

flow:timer("broadcast", function(c) c:say("广播") end)

flow:command("一次", function(c)
  c:reply(c:once("short", { ttl = "10m" }) and "新的" or "旧的")
end)

flow:command("定时", function(c) c:timer("bell", { after = "10m", key = c.user, args = { user = c.user } }) end)

flow:timer("bell", function(c, args) c:say("{who} 时间到", { who = sop.at(args.user) }, { answer = true }) end)

flow:command("两句", function(c)
  c:say("一")
  c:say("二")
end)

flow:on("join", function(c) c:say("{who} 来了", { who = c.name }) end)

flow:on("leave", function(c) c:say("{who} 走了", { who = c.name }) end)

return flow
