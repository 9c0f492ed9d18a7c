-- notice.lua -- posts of the soak: one to every group, an @all by staff, a private message on request, a round of a game.
local flow = sop.flow("notice", { title = "公告" })

flow:trigger("notice", function(c, args)
  c:say(sop.text("【公告】" .. args.text .. " " .. c.chat), nil, { policy = "drop", late = "20m" })
end)

flow:command("全员通知", { role = "store", args = true, private = false }, function(c)
  c:say({ sop.at_all(), sop.text(" 【全员】" .. c.args .. " " .. c.chat) }, nil, { policy = "drop", late = "30s" })
end)

flow:command("私信我", { args = true }, function(c)
  c:dm(c.user, sop.text("【私信】" .. c.args))
end)

return flow
