-- ladder.lua -- a flow with a fault in it or around it.
local flow = sop.flow("ladder", {
  title = "ladder",
  params = {
    rungs = { "table", default = {} },
  },
})

flow:command({ "梯子" }, function(c) c:reply(#c.params.rungs) end)

return flow
