-- hello.lua -- a flow with a fault in it or around it.
local flow = sop.flow("hello", {
  title = "hello",
  needs = { "buttons" },
  params = {
    text = { "text", default = { "来看看吧" } },
  },
})

flow:command({ "看看" }, function(c) c:reply(c.params.text) end)

return flow
