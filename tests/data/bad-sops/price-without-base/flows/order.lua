-- order.lua -- a flow with a fault in it or around it.
local flow = sop.flow("order", {
  title = "order",
  params = {
    items = { "table", default = {} },
  },
})

flow:command({ "接龙" }, function(c) c:reply(#c.params.items) end)

return flow
