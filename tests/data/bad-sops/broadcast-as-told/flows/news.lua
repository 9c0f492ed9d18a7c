-- news.lua -- a flow with a fault in it or around it.
local flow = sop.flow("news", {
  title = "news",
  params = {
    text = { "text", default = { "来看看吧" } },
    opens = { "clock", default = "19:00" },
  },
})

flow:at("opens", { late = "5m" }, function(c) c:say(c.params.text) end)

return flow
