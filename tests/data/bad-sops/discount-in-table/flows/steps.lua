-- steps.lua -- a flow with a fault in it or around it.
local flow = sop.flow("steps", {
  title = "steps",
  params = {
    rungs = { "table", default = {} },
  },
})

flow:command({ "梯子" }, function(c) c:reply(#c.params.rungs) end)

return flow
