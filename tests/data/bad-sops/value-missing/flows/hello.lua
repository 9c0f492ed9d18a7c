-- hello.lua -- a flow with a fault in it or around it.
local flow = sop.flow("hello", {
  title = "hello",
  params = {
    place = { "string", help = "店名" },
  },
})

flow:command({ "在哪" }, function(c) c:reply("在{place}", { place = c.params.place }) end)

return flow
