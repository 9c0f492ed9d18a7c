-- hello.lua -- a flow with a fault in it or around it.
local flow = sop.flow("hello", {
  title = "hello",
  params = {
    text = { "text", help = "招呼" },
  },
})

flow:command({ "看看" }, function(c) c:reply(c.params.text) end)

return flow
