-- news.lua -- a flow with a fault in it or around it.
local flow = sop.flow("news", {
  title = "news",
  params = {
    text = { "text", default = { "来看看吧" } },
  },
})

flow:at("06:30", function(c) c:say(c.params.text) end)

return flow
