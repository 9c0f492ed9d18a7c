-- first.lua -- a flow with a fault in it or around it.
local flow = sop.flow("first", {
  title = "first",
  params = {
    text = { "text", default = { "来看看吧" } },
  },
})

flow:command({ "盘点" }, { role = "keeper" }, function(c) c:reply(c.params.text) end)

return flow
