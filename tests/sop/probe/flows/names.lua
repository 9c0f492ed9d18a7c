-- names.lua -- a flow that keeps names, for others to find.
local flow = sop.flow("names", { title = "名字" })

flow:command("我叫", { args = true }, function(c) c.member.name = c.args end)

return flow
