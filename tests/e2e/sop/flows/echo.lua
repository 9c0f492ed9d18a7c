-- Commands with which the tests make sopd send and do things.
local flow = sop.flow("echo", { title = "回声" })

flow:command("ping", { args = true }, function(c)
  c.member.pings = (c.member.pings or 0) + 1
  c:say("pong " .. c.args)
end)

flow:command("问", function(c)
  c:reply("答")
end)

flow:command("说", { args = true }, function(c)
  c:say("{text}", { text = c.args })
end)

flow:command("引用", function(c)
  c:reply("看这里", nil, { quote = true })
end)

flow:command("丢弃", { args = true }, function(c)
  c:say("drop " .. c.args, nil, { policy = "drop" })
end)

flow:command("连发", { args = true }, function(c)
  for i = 1, tonumber(c.args) do
    c:say("第 " .. i .. " 条")
  end
end)

flow:command("长文", { args = true }, function(c)
  local lines = {}
  for i = 1, tonumber(c.args) do
    lines[i] = "第" .. i .. "行:" .. ("一二三四五六七八九十"):rep(8)
  end
  c:say(table.concat(lines, "\n"))
end)

flow:command("长句", { args = true }, function(c)
  c:say(("汉😀"):rep(tonumber(c.args)))
end)

flow:command("空的", function(c)
  c:say("")
end)

flow:command("私聊我", function(c)
  c:dm(c.user, "悄悄话")
end)

flow:command("全体", function(c)
  c:say("{who} 开会", { who = sop.at_all() })
end)

flow:command("表情", function(c)
  c:say("{a} {b} {c}", { a = sop.face(14), b = sop.image("https://files.example/b.png"), c = sop.at(c.user) })
end)

flow:command("禁我", function(c)
  c:mute(c.user, "10m")
end)

flow:command("踢我", function(c)
  c:kick(c.user)
end)

flow:command("撤回它", function(c)
  c:recall(c.quoted)
end)

flow:command("成员数", function(c)
  c:say("共 " .. #c:members() .. " 人")
end)

return flow
