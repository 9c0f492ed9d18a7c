local flow = sop.flow("hello", {})

flow:on("message", function(c)
  local x = = 1
end)

return flow
