-- aside.lua -- a flow that shares a word with declines and always declines it.
local flow = sop.flow("aside", { title = "旁边" })

flow:command("取消", function() return false end)

return flow
