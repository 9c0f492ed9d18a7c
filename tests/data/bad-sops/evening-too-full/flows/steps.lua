-- steps.lua -- a flow with a fault in it or around it.
local flow = sop.flow("steps", {
  title = "steps",
  params = {
    rungs = {
      "table",
      default = {
        { at = "19:00", text = "今晚的菜还有" },
        { at = "19:30", text = "今晚的菜还有" },
        { at = "20:00", text = "今晚的菜还有" },
        { at = "20:30", text = "今晚的菜还有" },
        { at = "21:00", text = "今晚的菜还有" },
        { at = "21:30", text = "今晚的菜还有" },
        { at = "22:00", text = "今晚的菜还有" },
      },
    },
  },
})

flow:command({ "梯子" }, function(c) c:reply(#c.params.rungs) end)

return flow
