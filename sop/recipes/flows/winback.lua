-- winback.lua -- a friendly word to members who have been silent for 14 days, and a thank-you when they are back.
local flow = sop.flow("winback", {
  title = "唤醒",
  params = {
    days = { "integer", default = 14, min = 2, max = 180, help = "几天没说话" },
    hello = { "text", default = { "{name},好些天没见啦,最近到了新鲜的草莓,给你留一份?", "{name} 最近忙吗?群里攒了几样你可能喜欢的" } },
    back = { "text", default = { "看到{name}真好,这张回来券到店报名字就能用", "{name} 回来啦,给你留了一张回来券" } },
  },
})

local watch = flow:run("watch", function(c)
  c:stop_when{ leaves = true, opts_out = true }
  local days_left = c.member.seen + c.params.days - c:day()
  if days_left > 0 then
    c:sleep_until{ days = days_left, at = "10:30" }
    c:continue() -- looks again: they may have spoken meanwhile
  end

  if not c:dm(c.user, c.params.hello) then c:reply(c.params.hello) end
  local answer = c:ask{ timeout = "14d", consume = false } -- any word in the group; the other flows hear it, too
  if not answer then return c:tag("沉睡") end
  c.member.seen = c:day()
  c:untag("沉睡")
  c:reply(c.params.back)
  c:emit("won_back", { user = c.user })
  c:continue()
end)

flow:on("message", { private = false }, function(c)
  if c.member.seen == c:day() then return end
  c.member.seen = c:day()
  c:start(watch, nil, { key = c.user }) -- nothing happens if theirs is running
end)

return flow
