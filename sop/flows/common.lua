-- common.lua -- what every group has: opting out of being @-ed, opting in again, and the menu.
--
-- 退订 or 别@我 ends every @ and every private message to that member, at once and for good; 恢复 undoes it. Answers to a member's
-- own commands still come, without @. 帮助 or 菜单 lists what the bot does in this group: of each flow that is on the line that it
-- declares (`menu` of sop.flow), in the order of the playbook, and this flow's own last.
-- State: the opt-out itself is kept by the engine for all flows.
--
-- 我的数据 tells in private what is kept of the member; 删除我的数据 says what is lost, asks, and then forgets the member everywhere.
local codes = require("lib.codes")
local polite = require("lib.polite")

local flow = sop.flow("common", {
  title = "基础",
  menu = "menu_common",
  moved = { -- each flow has its own line now
    menu_checkin = "checkin.menu_line",
    menu_redpacket = "redpacket.menu_line",
    menu_chaperone = "chaperone.menu_line",
  },
  wants = {
    unmentioned = "members say the words with a mention of the bot",
    dm = "what is kept of a member is told in the group",
  },
  params = {
    stop_words = {
      "strings", help = "退订口令",
      default = {
        "退订", "我要退订", "TD", "别@我", "别@我了", "别再@我", "别再@我了", "不要@我", "不要再@我", "不要再@我了", "请不要@我", "别艾特我", "别艾特我了",
        "不参加", "取消提醒", "取消订阅", "退訂", "別@我", "不參加", "unsubscribe",
      },
    },
    resume_words = { "strings", default = { "恢复", "恢复提醒", "取消退订", "恢復", "resume" }, help = "取消退订的口令" },
    help_words = {
      "strings", default = { "帮助", "菜单", "功能", "指令", "使用说明", "幫助", "菜單", "選單", "help", "menu" }, help = "查看菜单的口令",
    },

    stopped = { "text", help = "已退订" },
    stopped_already = { "text", help = "早已退订(每天最多说一次)" },
    resumed = { "text", help = "已恢复" },
    resumed_already = { "text", help = "本来就没有退订(每天最多说一次)" },
    menu = { "text", help = "菜单" },
    seen = { "text", help = "重复查看菜单(每天最多说一次)" },
    menu_common = { "text", help = "菜单里的一行:退订" },

    data_words = { "strings", default = { "我的数据", "我的资料", "個人資料", "my data" }, help = "查看自己数据的口令" },
    forget_words = { "strings", default = { "删除我的数据", "删除我的资料", "注销", "刪除我的資料", "delete my data" }, help = "删除自己数据的口令" },
    forget_confirm = { "strings", default = { "确认删除", "確認刪除", "yes delete" }, help = "确认删除的口令" },
    data = { "text", help = "我的数据" },
    data_none = { "text", help = "我的数据:没有" },
    data_sent = { "text", help = "我的数据:已私信" },
    data_seen = { "text", help = "重复查看我的数据(每天最多说一次)" },
    data_points = { "text", help = "数据的一行:积分" },
    data_codes = { "text", help = "数据的一行:没用的券" },
    data_tags = { "text", help = "数据的一行:标签" },
    data_flow = { "text", help = "数据的一行:某个活动的记录" },
    forget_ask = { "text", help = "删除之前:会失去什么,怎样确认" },
    forget_none = { "text", help = "删除:没有可删的" },
    forgotten = { "text", help = "已删除" },
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
  local p, lines, seen = c.params, {}, {}
  for _, entry in ipairs(c:flows()) do
    local line = entry.on and entry.name ~= c.flow and entry.menu and c:format(entry.menu)
    if line and line ~= "" and not seen[line] then lines[#lines + 1], seen[line] = line, true end
  end
  lines[#lines + 1] = c:format(p.menu_common)
  if polite.first(c, "help" .. #lines, p.seen) then
    c:reply(p.menu, { lines = table.concat(lines, "\n"), me = c.persona and c.persona.name or "" })
  end
end)

-- ---- what is kept of a member --------------------------------------------------------------------------------------

-- A line for each kind of thing; an empty list if nothing is kept.
local function kept_lines(c)
  local p, kept, lines = c.params, c:export(), {}
  local coupons = #codes.of(c, c.user)
  if (kept.profile.points or 0) ~= 0 then lines[#lines + 1] = c:format(p.data_points, { count = kept.profile.points }) end
  if coupons > 0 then lines[#lines + 1] = c:format(p.data_codes, { count = coupons }) end
  if #kept.tags > 0 then lines[#lines + 1] = c:format(p.data_tags, { count = #kept.tags }) end
  for _, entry in ipairs(kept.flows) do lines[#lines + 1] = c:format(p.data_flow, { title = entry.title }) end
  return lines
end

flow:command("data_words", function(c)
  local p, lines = c.params, kept_lines(c)
  if not polite.first(c, "data" .. #lines, p.data_seen) then return end
  if #lines == 0 then return c:reply(p.data_none) end
  local text = c:format(p.data, { lines = table.concat(lines, "\n"), word = p.forget_words[1] })
  if c.private then return c:say(sop.text(text)) end
  if c:can("dm") and not c:opted_out(c.user) and c:dm(c.user, sop.text(text)) then return c:reply(p.data_sent) end
  c:reply(sop.text(text))
end)

flow:command("forget_words", function(c)
  local p, lines = c.params, kept_lines(c)
  if not c:limit("forget", 3, "1h") then return end
  if #lines == 0 and not c.private then return c:reply(p.forget_none) end
  c:reply(p.forget_ask, { lines = #lines > 0 and table.concat(lines, "\n") or "-", word = p.forget_confirm[1] })
  if not c:ask{ commands = p.forget_confirm, timeout = "5m" } then return end
  c:forget()
  c:reply(p.forgotten)
end)

return flow
