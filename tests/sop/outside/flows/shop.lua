-- shop.lua -- shows what outside systems asked for.
local flow = sop.flow("shop", { title = "外部系统" })

flow:on("order", function(c)
  c:add(c.profile, "orders")
  c:add(c.profile, "spent", c.order.amount)
  local first = c.order.items[1]
  c:say("{who} 下单 {id}:{amount} 分{what}", {
    who = sop.at(c.user), id = c.order.id, amount = c.order.amount, what = first and "," .. first.name or "",
  })
  c:emit("shown", { order = c.order, text = c.text, number = c.event.number })
end)

flow:trigger("evening", function(c, args)
  c:say("晚上好,今晚 {what}", { what = args.what or "没有活动" })
  c:emit("triggered", { args = args, type = c.event.type, sub = c.event.sub })
end)

flow:trigger("slow", function(c, args)
  c:say("{n} 秒后见", { n = args.seconds })
  c:sleep(args.seconds)
  c:say("到点了,{user} 要 {what}", { user = c.user or "没人", what = args.what })
end)

flow:trigger("broken", function(c)
  c:say("这句不会发出去")
  c:add(c.group, "broken")
  error("坏了")
end)

flow:trigger("late_error", function(c)
  c:sleep("1s")
  error("坏得晚: later")
end)

-- One message for all orders of ten minutes.
flow:command("收单", function(c)
  local orders = c:gather{ events = { "order" }, window = "10m", from = "anyone" }
  c:say("{n} 单", { n = #orders })
end)

return flow
