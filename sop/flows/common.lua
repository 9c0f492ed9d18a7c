-- common.lua -- what every group has: opting out of being @-ed, opting in again, and the menu.
--
-- 退订 or 别@我 ends every @ and every private message to that member, at once and for good; 恢复 undoes it. Answers to a member's
-- own commands still come, without @. 帮助 or 菜单 lists what the bot does in this group, a line for each flow that is on.
-- State: the opt-out itself is kept by the engine for all flows.
local polite = require("lib.polite")

local flow = sop.flow("common", {
  title = "基础",
  params = {
    stop_words = { "strings", default = { "退订", "别@我", "别艾特我", "不参加", "取消提醒", "unsubscribe" }, help = "退订口令" },
    resume_words = { "strings", default = { "恢复", "resume" }, help = "取消退订的口令" },
    help_words = { "strings", default = { "帮助", "菜单", "功能", "help", "menu" }, help = "查看菜单的口令" },

    stopped = { "text", help = "已退订" },
    stopped_already = { "text", help = "早已退订(每天最多说一次)" },
    resumed = { "text", help = "已恢复" },
    resumed_already = { "text", help = "本来就没有退订(每天最多说一次)" },
    menu = { "text", help = "菜单" },
    seen = { "text", help = "重复查看菜单(每天最多说一次)" },
    menu_checkin = { "text", help = "菜单里的一行:打卡" },
    menu_redpacket = { "text", help = "菜单里的一行:红包" },
    menu_chaperone = { "text", help = "菜单里的一行:陪聊" },
    menu_common = { "text", help = "菜单里的一行:退订" },
  },
})

flow:command("stop_words", function(c)
  if c:opted_out(c.user) then
    if c:once("stop|" .. c:today(), { ttl = "2d" }) then c:reply(c.params.stopped_already, { word = c.params.resume_words[1] }) end
    return
  end
  c:opt_out(true)
  c:reply(c.params.stopped, { word = c.params.resume_words[1] })
  c:emit("opted_out", { user = c.user })
end)

flow:command("resume_words", function(c)
  if not c:opted_out(c.user) then
    if c:once("resume|" .. c:today(), { ttl = "2d" }) then c:reply(c.params.resumed_already) end
    return
  end
  c:opt_out(false)
  c:reply(c.params.resumed)
  c:emit("opted_in", { user = c.user })
end)

flow:command("help_words", function(c)
  local p, lines = c.params, {}
  local line = { checkin = p.menu_checkin, redpacket = p.menu_redpacket, chaperone = p.menu_chaperone }
  for _, entry in ipairs(c:flows()) do
    if entry.on and line[entry.name] then lines[#lines + 1] = c:format(line[entry.name]) end
  end
  lines[#lines + 1] = c:format(p.menu_common)
  if polite.first(c, "help" .. #lines, p.seen) then
    c:reply(p.menu, { lines = table.concat(lines, "\n"), me = c.persona and c.persona.name or "" })
  end
end)

return flow
