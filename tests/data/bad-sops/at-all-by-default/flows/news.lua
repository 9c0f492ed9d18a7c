-- news.lua -- a flow with a fault in it or around it.
local flow = sop.flow("news", {
  title = "news",
  needs = { "at_all" },
  params = {
    text = { "text", default = { "来看看吧" } },
    at_all = { "boolean", default = true },
  },
})

flow:at("20:00", function(c) if not c.params.at_all then return end c:say({ sop.at_all(), c:format(c.params.text) }) end)

return flow
