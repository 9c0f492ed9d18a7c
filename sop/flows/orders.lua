-- orders.lua -- what a shop system reports (docs/operations.md, "Other systems"): whoever bought something gets a tag, which ends the
-- onboarding of the flow welcome, and points for what they paid, where the playbook gives some. An order counts once in its group, however
-- often it is reported within 90 days. Says nothing.
local points = require("lib.points")

local flow = sop.flow("orders", {
  title = "订单",
  params = {
    tag = { "string", default = "bought", help = "下过单的人得到的标签, 留空不打标签" },
    cents_per_point = { "integer", default = 0, min = 0, max = 1000000, help = "每消费多少分钱得 1 积分, 0 为不送" },
  },
})

-- For reports: how many orders, how much in all (cents), and the days of the first and of the last one.
local function count(c, order)
  local profile, today = c.profile, c:day()
  c:add(profile, "orders")
  c:add(profile, "spent", order.amount)
  if not profile.first_order then profile.first_order = today end
  profile.last_order = today
end

flow:on("order", function(c)
  local p, order = c.params, c.order
  if not c:once("order|" .. order.id, { scope = "group", ttl = "90d" }) then return end -- the stream knows ids for some days only
  count(c, order)
  if p.tag ~= "" then c:tag(p.tag) end
  local n = p.cents_per_point > 0 and order.amount // p.cents_per_point or 0
  if n > 0 then points.give(c, c.user, n, "order." .. order.id) end
end)

return flow
