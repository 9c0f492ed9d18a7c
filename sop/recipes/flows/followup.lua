-- followup.lua -- a word to each newcomer on the days 0, 1, 3 and 7, until they have bought something.
local flow = sop.flow("followup", {
  title = "新人关怀",
  needs = { "join" },
  params = {
    at = { "clock", default = "10:00", help = "第 1、3、7 天几点" },
    stop_tag = { "string", default = "bought", help = "有这个标签就不再打扰" },
    day0 = { "text", default = { "{name} 你好呀,我是{bot}。想找什么直接跟我说", "欢迎{name},我是{bot},有问题随时问我" } },
    day1 = { "text", default = { "{name},昨天逛得怎么样?首单满 39 减 10,今天也有效", "{name} 早,首单满 39 减 10 还给你留着" } },
    day3 = { "text", default = { "{name},大家这周买得最多的是鲜牛奶,要不要试试", "{name} 三天啦,想吃什么水果?我帮你问问到货" } },
    day7 = { "text", default = { "{name} 一周啦,谢谢你在。之后只在有好东西时再找你", "{name} 满一周,有建议也可以直接告诉我" } },
  },
})

-- In private; in the group where that cannot be.
local function touch(c, text)
  if not c:dm(c.user, text) then c:reply(text) end
end

local care = flow:run("care", function(c)
  c:stop_when{ tag = c.params.stop_tag, leaves = true, opts_out = true }
  c:sleep("10m")
  touch(c, c.params.day0)
  for _, day in ipairs{ 1, 3, 7 } do
    c:sleep_until{ days = day, at = c.params.at }
    touch(c, c.params["day" .. day])
  end
  c:emit("followed_up", { user = c.user })
end)

flow:on("join", { private = false }, function(c)
  c:start(care, nil, { key = c.user }) -- platforms report some joins twice: one run for each member
end)

return flow
