-- hello.lua -- a flow with a fault in it or around it.
local flow = sop.flow("hello", {
  title = "hello",
  params = {
    text = { "text", default = { "来看看吧" } },
  },
})

flow:on("join", function(c)
  c:say(c.params.text)
  return true
end)

flow:on("join", { private = false }, function(c) c:emit("came", { user = c.user }) end)

return flow
