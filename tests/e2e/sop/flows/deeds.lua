-- What a flow can do besides speaking: moderation, requests, announcements.
local flow = sop.flow("deeds", { title = "动作" })

flow:on("request", function(c)
  if c.event.text:find("通过", 1, true) then c:answer_request(true) end
  if c.event.text:find("拒绝", 1, true) then c:answer_request(false, "人满了") end
end)

flow:command("全员禁言", function(c) c:mute_all(true) end)
flow:command("全员解禁", function(c) c:mute_all(false) end)
flow:command("改名", { args = true }, function(c) c:rename(c.user, c.args) end)
flow:command("公告", { args = true }, function(c) c:notice(c.args) end)
flow:command("点赞", function(c) c:react("76") end)
flow:command("拍我", function(c) c:poke() end)
flow:command("解禁我", function(c) c:mute(c.user, 0) end)

return flow
