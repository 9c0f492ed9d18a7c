-- tea.lua -- every Friday at 16:00: who wants afternoon tea? Nobody within 15 minutes: the message is taken back.
local flow = sop.flow("tea", {
  title = "周五下午茶",
  needs = { "recall" },
  params = { offer = { "text", default = { "周五啦,拼单下午茶?想要的发「来一份」,15 分钟后下单", "下午茶时间~发「来一份」就拼上,15 分钟后下单" } } },
})

local tea = flow:run("tea", function(c)
  c:sleep_until{ weekday = 5, at = "16:00" }
  local id, why = c:say(c.params.offer, nil, { wait = true })
  if not id then
    c:staff("下午茶没发出去:{why}", { why = why })
    c:continue()
  end
  local began = c:now()
  local first = c:ask{ from = "anyone", commands = "来一份", timeout = "15m" }
  if not first then
    c:recall(id)
    c:continue()
  end
  local names, seen = { first.name }, { [first.user] = true }
  for _, one in ipairs(c:gather{ events = "message", match = "^来一份", window = math.max(1, began + 900 - c:now()), max = 100 }) do
    if not seen[one.user] then names[#names + 1], seen[one.user] = one.name, true end
  end
  c:say("下单啦,{n} 份:{names}", { n = #names, names = table.concat(names, "、") }, { answer = true })
  c:continue()
end)

flow:command("开启下午茶", { role = "keeper", private = false }, function(c)
  c:reply(c:start(tea, nil, { key = "tea", user = false }) and "好嘞,每周五 16:00 问大家" or "一直开着呢")
end)

flow:command("关闭下午茶", { role = "keeper", private = false }, function(c)
  c:reply(c:cancel{ key = "tea" } and "好的,先停一停" or "本来就没开")
end)

return flow
