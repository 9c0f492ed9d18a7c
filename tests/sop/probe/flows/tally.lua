-- tally.lua -- a flow that counts and calls, for tests of what is counted (docs/metrics.md).
local flow = sop.flow("tally", {
  title = "计数",
  tally = true,
  params = { touch_hours = { "integer", default = 2, min = 1, max = 24, help = "发帖后几小时内有人说话算触达" } },
})

flow:command("数", { args = true }, function(c)
  c:count("asked")
  c:count("sum", tonumber(c.args) or 1)
  c:emit("asked", { outcome = "ok", amount = 250 })
  c:reply("好")
end)

flow:command("失败", function(c)
  c:count("failed")
  error("on purpose")
end)

flow:command("等等", function(c)
  c:count("before")
  c:reply("等什么?")
  local word = c:ask{ timeout = "10m" }
  c:count("after")
  c:reply("是{word}", { word = word and word.text or "没有" })
end)

flow:command("发帖", function(c) c:timer("post", { after = "1s" }) end)
flow:timer("post", function(c) c:say("公告") end)

flow:command("喊", { args = true }, function(c)
  local id = c:called("draw", { id = c.args ~= "" and c.args or nil, within = "1h" })
  c:reply("{id} {size}", { id = id or "没有", size = c:size() or "?" })
end)

flow:command("到", { args = true }, function(c)
  c:reply(c:responded("draw", c.args ~= "" and c.args or nil) and "算了" or "不算")
end)

flow:command("看", function(c)
  local today, call = c:tally()[1], c:calls()[1]
  c:reply("{joins} {speakers} {calls} {responders}", {
    joins = today.joins or 0, speakers = today.speakers or 0, calls = today.calls or 0,
    responders = call and call.responders or "-",
  })
end)

flow:on("join", function() end)

return flow
