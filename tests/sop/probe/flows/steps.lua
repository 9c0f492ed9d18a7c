-- steps.lua -- says who and what a step reached: for the tests of the steps of `sopd test`.
local flow = sop.flow("steps", { title = "步骤" })

flow:command("看", function(c)
  local price, said = c:hash("prices")["菠菜"], c.member.said
  c:reply("价格 {price},{said}", { price = type(price) == "table" and price.yuan or price or "没有", said = said or "没说过" })
end)

flow:command("问候", { args = true }, function(c)
  local whom = c.mentions[1]
  c:say(whom and "{who} 好" or "谁好?{text}", { who = whom and sop.at(whom), text = sop.text(c.args) })
  if whom then c:emit("greeted", { user = whom }) end
end)

flow:command("悄悄", function(c) c:dm(c.user, "只有你看见") end)

flow:command("睡", function(c)
  c:sleep("10m")
  c:say("睡醒了")
end)

flow:command("封", function(c) c:reply(sop.sha256("封"):sub(1, 8)) end)

return flow
