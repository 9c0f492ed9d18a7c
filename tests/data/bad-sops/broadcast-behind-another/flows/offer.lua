-- offer.lua -- a flow with a fault in it or around it.
local flow = sop.flow("offer", {
  title = "offer",
  params = {
    text = { "text", default = { "来看看吧" } },
  },
})

flow:at("20:01", { late = "8m" }, function(c) c:say(c.params.text) end)

return flow
