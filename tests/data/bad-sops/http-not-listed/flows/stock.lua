-- stock.lua -- asks the shop what is left.
local flow = sop.flow("stock", { title = "库存" })

flow:command("库存", { args = true }, function(c)
  local r, why = c:http{ url = "https://shop.example.com/stock", query = { item = c.args } }
  c:reply("{answer}", { answer = r and r.body or why })
end)

return flow
