-- lucky.lua -- a flow with a fault in it or around it.
local flow = sop.flow("lucky", {
  title = "lucky",
  params = {
    prizes = { "table", default = { { name = "牛奶", count = 1, value = 6000 } } },
    announce = { "text", default = { "今晚 8 点前发「想要」抽牛奶,奖品 1 份,到店领取" } },
  },
})

flow:command({ "想要" }, function(c) c:reply(c.params.announce) end)

return flow
