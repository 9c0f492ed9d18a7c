-- hello.lua -- a flow with a fault in it or around it.
local flow = sop.flow("hello", {
  title = "hello",
  params = {
    text = { "text", default = { "来看看吧" } },
  },
})

flow:on("message", function(c) c:say(c.params.text) end)

return flow
