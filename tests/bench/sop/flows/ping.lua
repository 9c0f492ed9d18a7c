-- sop/flows/ping.lua: the flow that scripts/bench measures: a pattern, one state write, one answer; or, for "note", no answer.
local flow = sop.flow("ping", { title = "Ping" })

flow:on("message", function(c)
  local n = c.text:match("^ping (%d+)$")
  if n then
    c.member.n = tonumber(n)
    c:say("pong " .. n)
    return true
  end
  n = c.text:match("^note (%d+)$")
  if not n then return end
  c.member.n = tonumber(n)
  return true
end)

return flow
