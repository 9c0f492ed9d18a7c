-- guard.lua -- a flow with a fault in it or around it.
local flow = sop.flow("guard", {
  title = "guard",
  params = {
    text = { "text", default = { "来看看吧" } },
  },
})

flow:on("message", function(c)
  if c.text == "" then
    return true
  end
  c:log("seen")
  return true
end)

return flow
