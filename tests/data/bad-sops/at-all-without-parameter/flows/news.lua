-- news.lua -- a flow with a fault in it or around it.
local flow = sop.flow("news", {
  title = "news",
  needs = { "at_all" },
  params = {
    text = { "text", default = { "来看看吧" } },
  },
})

flow:at("20:00", function(c) c:say({ sop.at_all(), c:format(c.params.text) }) end)

return flow
