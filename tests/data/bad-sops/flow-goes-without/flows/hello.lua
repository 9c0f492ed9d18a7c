-- hello.lua -- a flow with a fault in it or around it.
local flow = sop.flow("hello", {
  title = "hello",
  wants = { "join", cards = "a line of text instead", buttons = "words instead" },
  params = {
    text = { "text", default = { "来看看吧" } },
  },
})

flow:on("button", function(c) c:say(c.params.text) end)

return flow
