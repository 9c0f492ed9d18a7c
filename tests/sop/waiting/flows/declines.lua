-- declines.lua -- a question beside commands that decline what is not theirs.
local flow = sop.flow("declines", { title = "让开" })

flow:command("问我", function(c)
  c:reply("说吧")
  local answer = c:ask{ timeout = "10m" }
  c:reply("答案是{said}", { said = answer and answer.text or "无" })
end)

flow:command("问谁都行", function(c)
  local answer = c:ask{ from = "anyone", timeout = "10m" }
  c:say("听到{said}", { said = answer.text })
end)

flow:command("问完", function(c)
  local answer = c:ask{ commands = { "取消" }, timeout = "10m" }
  c:reply(answer.command and "停了" or "?")
end)

flow:command("取消", function(c)
  if c.member.booked then
    c.member.booked = nil
    return c:reply("退订了")
  end
  c:emit("declined")
  return false
end)
flow:command("订", function(c) c.member.booked = true end)
flow:on("message", function(c) if not c.command then c:emit("talked", { text = c.text }) end end)

return flow
