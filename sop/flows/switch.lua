-- switch.lua -- staff steer the bot from the chat: what runs, pauses, who may do what. This flow itself can never be switched off.
--
-- 开关 打卡 关 · 开关 打卡 开 · 开关 打卡 默认 · 开关 打卡 状态 · 开关 (all states, and what decided each); a flow is named by its title, a part of it, or its file
-- name. 暂停 [流程] [2小时 | 到 20:00] lets everything, or one flow, rest (退订 and the menu go on); 恢复 [流程] ends that. 名单 lists who has
-- which role and from where. 帮助 adds the commands that this member of staff may use. 全部暂停 and 全部恢复 do it for all groups in one's
-- scope, after a question.
--
-- All of them work in the group, in private and in the staff chat, as do the staff commands of the other flows: there, the group is the
-- only one that the person looks after, or the one that the command names (开关 福利一群 打卡 关), or the bot asks which. The command then
-- runs in the group's own turn, with the role that the person has there, and is answered where it was given.
-- Who has no role gets no answer, here as there. What is done is in the audit stream with before and after.
-- State: member.shown_* = what somebody was shown last, member.confirming = their last question that wants a yes. Toggles and
-- pauses are where admins edit them (docs/redis.md).
local places = require("lib.places")
local polite = require("lib.polite")
local spans = require("lib.spans")

local flow = sop.flow("switch", {
  title = "开关",
  wants = {
    unmentioned = "staff say the words with a mention of the bot, or in private",
    members = "the roster names staff as they are known here; owners and admins of the platform are not in it",
  },
  params = {
    role = { "choice", default = "keeper", values = { "keeper", "store", "region", "hq", "owner" }, help = "至少什么角色可以操作" },
    role_all = { "choice", default = "region", values = { "region", "hq", "owner" }, help = "至少什么角色可以全部暂停" },
    help_words = { "strings", default = { "帮助", "菜单", "功能", "help", "menu" }, help = "查看管理命令的口令,与菜单相同" },
    ask_for = { "duration", default = "10m", min = "1m", max = "24h", help = "问「哪个群」后等多久" },
    confirm_for = { "duration", default = "2m", min = "30s", max = "30m", help = "问「确认吗」后等多久" },

    usage = { "text", help = "用法" },
    unknown = { "text", help = "没有这个流程" },
    switched_on = { "text", help = "已打开" },
    switched_off = { "text", help = "已关闭" },
    switched_default = { "text", help = "已改回默认" },
    already = { "text", help = "本来就是这样(每天最多说一次)" },
    refused = { "text", help = "不能这样做" },
    state_on = { "text", help = "状态:开着" },
    state_off = { "text", help = "状态:关着" },
    state_paused = { "text", help = "状态:暂停着" },
    state_paused_till = { "text", help = "状态:暂停到几点" },
    state_failing = { "text", help = "状态:出错暂停" },
    states = { "text", help = "全部状态" },
    same = { "text", help = "重复查询(每天最多说一次)" },
    where_playbook = { "text", help = "由谁决定:方案" },
    where_config = { "text", help = "由谁决定:配置文件" },
    where_platform = { "text", help = "由谁决定:平台上的群主或管理员" },
    where_chat = { "text", help = "由谁决定:本群" },
    where_tag = { "text", help = "由谁决定:标签" },
    where_gateway = { "text", help = "由谁决定:这个账号的所有群" },
    where_global = { "text", help = "由谁决定:所有群" },

    paused = { "text", help = "已暂停全部" },
    paused_till = { "text", help = "已暂停全部,到几点" },
    paused_one = { "text", help = "已暂停一个流程" },
    paused_one_till = { "text", help = "已暂停一个流程,到几点" },
    pause_usage = { "text", help = "暂停的用法" },
    resumed = { "text", help = "已恢复全部" },
    resumed_one = { "text", help = "已恢复一个流程" },
    nothing_paused = { "text", help = "没有暂停(每天最多说一次)" },
    still_paused = { "text", help = "别处的暂停还在" },
    still_all = { "text", help = "全部暂停还在" },

    all_none = { "text", help = "全部恢复:没有暂停的群" },
    all_pause_ask = { "text", help = "全部暂停:请确认" },
    all_resume_ask = { "text", help = "全部恢复:请确认" },
    all_paused = { "text", help = "全部暂停:已做" },
    all_resumed = { "text", help = "全部恢复:已做" },
    all_cancelled = { "text", help = "全部暂停、恢复:没有确认" },
    till_clause = { "text", help = "到几点(全部暂停的问题里)" },

    roster = { "text", help = "名单" },
    roster_line = { "text", help = "名单的一行" },
    roster_more = { "text", help = "名单:还有几位" },
    roster_empty = { "text", help = "名单是空的" },
    member = { "text", help = "角色:成员" },
    keeper = { "text", help = "角色:群管理" },
    store = { "text", help = "角色:店员" },
    region = { "text", help = "角色:区域" },
    hq = { "text", help = "角色:总部" },
    owner = { "text", help = "角色:所有者" },

    staff_help = { "text", help = "管理命令" },
    staff_help_line = { "text", help = "管理命令的一行:一个流程" },
    use_switch = { "text", help = "帮助里的写法:开关" },
    use_pause = { "text", help = "帮助里的写法:暂停" },
    use_resume = { "text", help = "帮助里的写法:恢复" },

    which = { "text", help = "哪个群?" },
    which_many = { "text", help = "群太多,请写群名" },
    which_number = { "text", help = "哪个群?编号不对" },
    which_cancelled = { "text", help = "哪个群?不做了" },
    no_group = { "text", help = "没有这个群" },
    flow_off = { "text", help = "那个群里这个流程没开" },
  },
})

local ON = { ["开"] = true, ["打开"] = true, ["开启"] = true, ["启用"] = true, ["開"] = true, ["打開"] = true, on = true }
local OFF = { ["关"] = true, ["关闭"] = true, ["停"] = true, ["停用"] = true, ["關"] = true, ["關閉"] = true, off = true }
local DEFAULT = { ["默认"] = true, ["預設"] = true, ["还原"] = true, default = true }
local STATE = { ["状态"] = true, ["狀態"] = true, state = true, [""] = true }
local STAYS = { switch = true, common = true } -- members may always opt out
local HELP_LINES = 7 -- below the heading: eight lines a message
local ROSTER_LINES = 30
local GROUPS_MAX = 20 -- of a question

-- ---- words ---------------------------------------------------------------------------------------------------------

-- Where something is set, in words.
local function where(c, entry)
  local p = c.params
  if entry.layer == "tag" then return c:format(p.where_tag, { tag = entry.tag }) end
  if entry.layer then return c:format(p["where_" .. entry.layer]) end
  if entry.from == "configuration" then return c:format(p.where_config) end
  if entry.from == "platform" then return c:format(p.where_platform) end
  return c:format(p.where_playbook)
end

-- "20:00", or with the date if that is another day.
local function clock(c, till)
  local day = c:time("%m-%d", till)
  return day == c:time("%m-%d") and c:time("%H:%M", till) or day .. " " .. c:time("%H:%M", till)
end

local function state_line(c, entry)
  local p = c.params
  local text = entry.on and p.state_on or p.state_off
  if entry.why == "paused" then text = entry.till and p.state_paused_till or p.state_paused end
  if entry.why == "failing" then text = p.state_failing end
  return c:format(text, {
    title = entry.title, name = entry.name, where = where(c, entry), till = entry.till and clock(c, entry.till) or "",
  })
end

-- What the audit stream keeps of a flow's state.
local function state_of(entry)
  local rests = entry.why == "paused" or entry.why == "failing"
  return { state = entry.on and "on" or rests and entry.why or "off", why = entry.why, layer = entry.layer, till = entry.till }
end

local function short(c, what, text, vars)
  if c:once(what .. "|" .. c:today(), { ttl = "2d" }) then c:reply(text, vars) end
end

-- ---- 开关 ----------------------------------------------------------------------------------------------------------

local function all_states(c)
  local lines = {}
  for i, entry in ipairs(c:flows()) do lines[i] = state_line(c, entry) end
  local text = table.concat(lines, "\n")
  if polite.news(c, "states", text, c.params.same) then c:reply(c.params.states, { lines = text }) end
  c:audit("staff_looked", { command = "开关" })
end

local function switch(c, entry, state)
  local p = c.params
  local toggled = entry.why == "toggle"
  local same = state == "on" and entry.on or state == "off" and toggled and not entry.on
  if same or state == "default" and entry.on and not (toggled and entry.layer == "chat") then
    return short(c, "already." .. entry.name .. state, p.already, { title = entry.title, line = state_line(c, entry) })
  end
  if not c:toggle(entry.name, state) then return c:reply(p.refused, { title = entry.title }) end
  local text = state == "on" and p.switched_on or state == "off" and p.switched_off or p.switched_default
  local line = c:format(text, { title = entry.title })
  if entry.why == "paused" and state ~= "off" then
    line = line .. "\n" .. c:format(p.still_paused, { title = entry.title, where = where(c, entry) })
  end
  c:reply(sop.text(line))
  c:audit("toggle", { flow = entry.name, before = state_of(entry), after = { state = state, layer = "chat" } })
end

flow:command({ "开关", "開關" }, { private = false, args = true, role = "role", usage = "use_switch" }, function(c)
  local p = c.params
  if c.args == "" then return all_states(c) end
  local word, what = c.args:match("^(%S+)%s*(.-)%s*$")
  what = sop.fold(what)
  local entry = places.flow(c:flows(), word)
  if not entry then return c:reply(p.unknown, { word = word }) end
  if ON[what] then return switch(c, entry, "on") end
  if OFF[what] then
    if STAYS[entry.name] then return c:reply(p.refused, { title = entry.title }) end
    return switch(c, entry, "off")
  end
  if DEFAULT[what] then return switch(c, entry, "default") end
  if not STATE[what] then return c:reply(p.usage) end
  local line = state_line(c, entry)
  if polite.news(c, "state_" .. entry.name, line, p.same) then c:reply(sop.text(line)) end
  c:audit("staff_looked", { command = "开关", flow = entry.name })
end)

-- ---- 暂停 and 恢复 -------------------------------------------------------------------------------------------------

-- The pause of this flow ("*": of all) that the group itself has, or nil.
local function own_pause(c, name)
  for _, pause in ipairs(c:pauses()) do
    if pause.layer == "chat" and pause.flow == name then return pause end
  end
end

-- The flow and the end that "打卡 2小时", "打卡", "2小时" or "" mean: flow nil for all; false if it is neither.
local function pause_args(c, args)
  if args == "" then return nil, nil end
  local till = spans.till(c, args)
  if till then return nil, till end
  local word, rest = args:match("^(%S+)%s*(.-)%s*$")
  local entry = places.flow(c:flows(), word)
  till = rest ~= "" and spans.till(c, rest) or nil
  if not entry and (rest == "" or till) then return false, nil, word end
  if not entry or rest ~= "" and not till then return false end
  return entry, till
end

local function pause_here(c, args)
  local p = c.params
  local entry, till, word = pause_args(c, args)
  if entry == false then return c:reply(word and p.unknown or p.pause_usage, { word = word }) end
  local name, title = entry and entry.name or "*", entry and entry.title
  local before = own_pause(c, name)
  if before and before.till == till then
    return short(c, "paused." .. name, p.already, { title = title or "", line = c:format(p.paused) })
  end
  if STAYS[name] or not c:pause(name, { till = till }) then return c:reply(p.refused, { title = title }) end
  local text = title and (till and p.paused_one_till or p.paused_one) or till and p.paused_till or p.paused
  c:reply(text, { title = title, till = till and clock(c, till) })
  c:audit("paused", { flow = name, before = before and { till = before.till or "yes" } or nil, after = { till = till or "yes" } })
end

flow:command({ "暂停", "暫停" }, { private = false, args = true, role = "role", usage = "use_pause" }, function(c)
  pause_here(c, c.args)
end)

-- "暂停到20:00", with nothing between.
flow:command({ "暂停到", "暫停到" }, { private = false, args = "glued", role = "role", usage = "use_pause" }, function(c)
  local args = "到 " .. c.args
  if pause_args(c, args) == false then return false end
  pause_here(c, args)
end)

-- What keeps the group quiet although its own pauses are gone.
local function others_pause(c)
  for _, pause in ipairs(c:pauses()) do
    if pause.layer ~= "chat" and pause.flow == "*" then return pause end
  end
end

local function resume_one(c, word)
  local p = c.params
  local entry = places.flow(c:flows(), word)
  if not entry then return c:reply(p.unknown, { word = word }) end
  local before = own_pause(c, entry.name)
  if entry.why == "failing" or before then
    c:resume(entry.name)
    local line = c:format(p.resumed_one, { title = entry.title })
    if entry.all then line = line .. "\n" .. c:format(p.still_all, { where = where(c, entry) }) end
    c:reply(sop.text(line))
    return c:audit("resumed", { flow = entry.name, before = before and { till = before.till or "yes" } or state_of(entry) })
  end
  if entry.why ~= "paused" then return short(c, "resume." .. entry.name, p.nothing_paused, { title = entry.title }) end
  c:reply(entry.all and p.still_all or p.still_paused, { title = entry.title, where = where(c, entry) })
end

-- For who has opted out, and for members, 恢复 means opting in again (common.lua): they get to it.
flow:command({ "恢复", "恢復" }, { private = false, args = true, role = "role", usage = "use_resume" }, function(c)
  local p = c.params
  if c.args ~= "" then return resume_one(c, c.args) end
  local flows, before = {}, {}
  for _, pause in ipairs(c:pauses()) do
    if pause.layer == "chat" then
      flows[#flows + 1] = pause.flow
      before[pause.flow] = pause.till or "yes"
    end
  end
  for _, entry in ipairs(c:flows()) do
    if entry.why == "failing" then
      flows[#flows + 1] = entry.name
      before[entry.name] = "failing"
    end
  end
  local other = others_pause(c)
  if #flows == 0 then
    if c:opted_out(c.user) then return false end
    if other then return c:reply(p.still_paused, { title = "", where = where(c, other) }) end
    return short(c, "nothing", p.nothing_paused, { title = "" })
  end
  for _, name in ipairs(flows) do c:resume(name) end
  local line = c:format(p.resumed)
  if other then line = line .. "\n" .. c:format(p.still_paused, { title = "", where = where(c, other) }) end
  c:reply(sop.text(line))
  c:audit("resumed", { flows = flows, before = before })
  if c:opted_out(c.user) then return false end
end)

-- ---- 全部暂停 and 全部恢复 -----------------------------------------------------------------------------------------

local YES = { "确认", "确定", "是", "yes" }
local NO = { "取消", "算了", "不", "no" }

-- True when the speaker says yes to the question. Of two that are open the newer counts; the older one ends without a word.
local function confirmed(c, text, vars)
  local mark = c:secret(4)
  c.member.confirming = mark
  c:reply(text, vars)
  local words = {}
  for _, word in ipairs(YES) do words[#words + 1] = word end
  for _, word in ipairs(NO) do words[#words + 1] = word end
  local answer = c:ask{ from = c.user, commands = words, timeout = c.params.confirm_for }
  for _, word in ipairs(YES) do
    if answer and answer.command == word then return true end
  end
  if answer or c.member.confirming == mark then c:reply(c.params.all_cancelled) end
  return false
end

local function ids_of(groups)
  local ids = {}
  for i, group in ipairs(groups) do ids[i] = group.chat end
  return ids
end

local function pause_all(c)
  local p = c.params
  local count = c:chats{ role = p.role_all, count = true }
  if count == 0 then return end
  local till = c.args ~= "" and spans.till(c, c.args) or nil
  if c.args ~= "" and not till then return c:reply(p.pause_usage) end
  local vars = { count = count, till = till and c:format(p.till_clause, { till = clock(c, till) }) or "" }
  if not confirmed(c, p.all_pause_ask, vars) then return end
  local now, everywhere = c:chats{ role = p.role_all, count = true } -- a role may have been taken meanwhile
  if now == 0 then return end
  local resting = c:chats{ role = p.role_all, resting = true, count = true }
  if everywhere then
    c:pause("*", { gateway = true, till = till })
  else
    c:pause("*", { chat = ids_of((c:chats{ role = p.role_all })), till = till })
  end
  vars.count = now
  c:reply(p.all_paused, vars)
  c:audit("paused_all", {
    groups = now, layer = everywhere and "gateway" or "chat", before = { resting = resting }, after = { till = till or "yes" },
  })
end

-- Is there a pause of all groups of this account, and may this person end it?
local function account_rests(c, everywhere)
  for _, pause in ipairs(everywhere and c:pauses() or {}) do
    if pause.flow == "*" and pause.layer == "gateway" then return true end
  end
  return false
end

local function resume_all(c)
  local p = c.params
  local count, everywhere = c:chats{ role = p.role_all, count = true }
  if count == 0 then return end
  local resting = c:chats{ role = p.role_all, resting = true, count = true }
  local account = account_rests(c, everywhere)
  if resting == 0 and not account then
    local other = others_pause(c)
    if other then return c:reply(p.still_paused, { title = "", where = where(c, other) }) end
    return short(c, "resume_all", p.all_none)
  end
  if not confirmed(c, p.all_resume_ask, { count = account and count or resting }) then return end
  count, everywhere = c:chats{ role = p.role_all, count = true }
  if count == 0 then return end
  local list = c:chats{ role = p.role_all, resting = true }
  account = account_rests(c, everywhere)
  if account then c:resume("*", { gateway = true }) end
  c:resume("*", { chat = ids_of(list) })
  local groups = account and count or #list
  c:reply(p.all_resumed, { count = groups })
  c:audit("resumed_all", { groups = groups, layer = account and "gateway" or "chat", before = { resting = #list } })
end

flow:command({ "全部暂停", "全部暫停" }, { private = false, args = true, role = "role_all" }, pause_all)
flow:command({ "全部暂停", "全部暫停" }, { remote = true, args = true, role = "role_all" }, pause_all)
flow:command({ "全部恢复", "全部恢復" }, { private = false, role = "role_all" }, resume_all)
flow:command({ "全部恢复", "全部恢復" }, { remote = true, role = "role_all" }, resume_all)

-- ---- 名单 ----------------------------------------------------------------------------------------------------------

flow:command({ "名单", "名單" }, { private = false, role = "role" }, function(c)
  local p = c.params
  local lines, list = {}, places.roster(c)
  for i = 1, math.min(#list, ROSTER_LINES) do
    local entry = list[i]
    lines[i] = c:format(p.roster_line, { name = entry.name, role = c:format(p[entry.role]), where = where(c, entry) })
  end
  if #list > ROSTER_LINES then lines[#lines + 1] = c:format(p.roster_more, { rest = #list - ROSTER_LINES }) end
  local text = table.concat(lines, "\n")
  if polite.news(c, "roster", text, p.same) then
    c:reply(#list == 0 and p.roster_empty or p.roster, { lines = text })
  end
  c:audit("staff_looked", { command = "名单" })
end)

-- ---- 帮助 ----------------------------------------------------------------------------------------------------------

-- Adds the commands of a chat by flow, in the playbook's order, each once.
local function add_commands(by_flow, order, commands)
  for _, command in ipairs(commands) do
    local entry = by_flow[command.flow]
    if not entry then
      entry = { title = command.title, uses = {}, known = {} }
      by_flow[command.flow] = entry
      order[#order + 1] = entry
    end
    if not entry.known[command.usage] then
      entry.known[command.usage] = true
      entry.uses[#entry.uses + 1] = command.usage
    end
  end
end

-- Besides the menu of the members, which comes from common.lua.
local function staff_help(c, groups)
  local p, order, by_flow, lines = c.params, {}, {}, {}
  for _, group in ipairs(groups) do add_commands(by_flow, order, c:commands(group)) end
  for i, entry in ipairs(order) do
    lines[i] = c:format(p.staff_help_line, { title = entry.title, commands = table.concat(entry.uses, " · ") })
  end
  c:audit("staff_looked", { command = "帮助" })
  local shown = "staff_help|" .. sop.sha256(table.concat(lines)):sub(1, 12) .. c:today()
  if #lines == 0 or not c:once(shown, { ttl = "2d" }) then return end
  for i = 1, #lines, HELP_LINES do
    c:reply(p.staff_help, { lines = table.concat(lines, "\n", i, math.min(i + HELP_LINES - 1, #lines)) })
  end
end

flow:command("help_words", { private = false, role = "keeper", usage = "帮助" }, function(c)
  staff_help(c, { {} })
  return false
end)

flow:command("help_words", { remote = true, role = "keeper" }, function(c)
  local groups = {}
  for i, group in ipairs(c:chats()) do
    if i <= GROUPS_MAX then groups[i] = { chat = group.chat } end
  end
  staff_help(c, groups)
  return false
end)

-- ---- commands given in private and in the staff chat ---------------------------------------------------------------

-- Gives the command in a group, unless its flow is off there.
local function give(c, group, args, mentions)
  for _, entry in ipairs(c:flows{ chat = group.chat }) do
    if entry.name == group.flow and not entry.on then
      return c:reply(c.params.flow_off, { title = entry.title, group = group.name, line = state_line(c, entry) })
    end
  end
  c:command_in(group.chat, group.command .. (args ~= "" and " " .. args or ""), { mentions = mentions })
end

-- The command goes to the group that is meant, or the question to the speaker which one.
local function dispatch(c, groups)
  local p, first = c.params, groups[1]
  local mentions, args = places.mentioned(c, first.args)
  if first.anywhere then return give(c, first, args, mentions) end -- it finds its group by itself
  local found, rest = places.named(c, groups, args)
  if found then
    groups, args = found, rest
  elseif args ~= "" and not first.takes_args then
    return c:reply(p.no_group, { word = args })
  end
  if #groups == 1 then return give(c, groups[1], args, mentions) end
  local many = function() c:reply(p.which_many, { count = #groups, command = first.command }) end
  if #groups > GROUPS_MAX then return many() end
  local list = {}
  for i, group in ipairs(groups) do list[i] = { group.chat, group.name } end
  local question = { groups = list, command = first.command, flow = first.flow, args = args, mentions = mentions }
  c:cancel{ key = "which." .. c.user }
  if not c:start("which", question, { key = "which." .. c.user }) then many() end -- names without end
end

flow:run("which", function(c, args)
  local p, lines = c.params, {}
  for i, group in ipairs(args.groups) do lines[i] = i .. ". " .. group[2] end
  local command = args.command .. (args.args ~= "" and " " .. args.args or "")
  c:reply(p.which, { command = command, lines = table.concat(lines, "\n") })
  for _ = 1, 3 do
    local answer = c:ask{
      from = c.user, commands = { "取消", "算了", "cancel" }, timeout = p.ask_for,
      match = "^\\s*(?:[0-9]|０|１|２|３|４|５|６|７|８|９){1,2}\\s*[.。]?\\s*$",
    }
    if not answer then return end
    if answer.command then return c:reply(p.which_cancelled) end
    local group = args.groups[tonumber((sop.fold(answer.text):match("%d+")))]
    if group then
      return give(c, { chat = group[1], name = group[2], command = args.command, flow = args.flow }, args.args, args.mentions)
    end
    c:reply(p.which_number, { count = #args.groups })
  end
end)

-- In private and in the staff chat: is it a command for the staff of some group? Nobody else is answered.
flow:on("message", { remote = true, role = "keeper" }, function(c)
  if c.command then return end
  local groups = c:chats{ said = true }
  if #groups == 0 then return end
  dispatch(c, groups)
  return true
end)

-- 恢复 is a member's word, too: it is theirs unless one of their groups rests.
flow:command({ "恢复", "恢復" }, { remote = true, args = true, role = "keeper" }, function(c)
  if c:opted_out(c.user) then return false end
  local groups, resting = c:chats{ said = true }, {}
  if #groups == 0 then return false end
  if c.args ~= "" then return dispatch(c, groups) end
  for _, group in ipairs(groups) do
    local rests = #c:pauses{ chat = group.chat } > 0
    for _, entry in ipairs(rests and {} or c:flows{ chat = group.chat }) do rests = rests or entry.why == "failing" end
    if rests then resting[#resting + 1] = group end
  end
  if #resting == 0 then return false end
  dispatch(c, resting)
end)

return flow
