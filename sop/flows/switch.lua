-- switch.lua -- staff turn flows on and off from inside the group. This flow itself can never be switched off.
--
-- 开关 打卡 关 · 开关 打卡 开 · 开关 打卡 状态 · 开关 (all states); a flow is named by its title, a part of it, or its file name.
-- 暂停 switches everything else off in this group except for 退订 and the menu, 恢复 brings back what was on. 名单 lists who
-- has which role. Members without the role get no answer. What is done here is in the audit stream.
-- State: group.paused = names of the flows that 暂停 switched off.
local flow = sop.flow("switch", {
  title = "开关",
  params = {
    role = { "choice", default = "keeper", values = { "keeper", "store", "region", "hq", "owner" }, help = "至少什么角色可以操作" },
    usage = { "text", help = "用法" },
    unknown = { "text", help = "没有这个流程" },
    switched_on = { "text", help = "已打开" },
    switched_off = { "text", help = "已关闭" },
    refused = { "text", help = "不能这样做" },
    state_on = { "text", help = "状态:开着" },
    state_off = { "text", help = "状态:关着" },
    states = { "text", help = "全部状态" },
    paused = { "text", help = "已暂停全部" },
    resumed = { "text", help = "已恢复全部" },
    roster = { "text", help = "名单" },
    roster_empty = { "text", help = "名单是空的" },
    member = { "text", help = "角色:成员" },
    keeper = { "text", help = "角色:群管理" },
    store = { "text", help = "角色:店员" },
    region = { "text", help = "角色:区域" },
    hq = { "text", help = "角色:总部" },
    owner = { "text", help = "角色:所有者" },
  },
})

local ON = { ["开"] = true, ["打开"] = true, ["开启"] = true, on = true }
local OFF = { ["关"] = true, ["关闭"] = true, ["停"] = true, off = true }
local STATE = { ["状态"] = true, state = true, [""] = true }

-- The flow that a word means: its name or title, else the only one whose title holds the word.
local function find(c, word)
  local found, several
  for _, entry in ipairs(c:flows()) do
    if entry.name == word or entry.title == word then return entry end
    if word ~= "" and entry.title:find(word, 1, true) then
      several, found = found ~= nil, entry
    end
  end
  return not several and found or nil
end

local function state_line(c, entry)
  return c:format(entry.on and c.params.state_on or c.params.state_off, { title = entry.title, name = entry.name })
end

local function all_states(c)
  local lines = {}
  for i, entry in ipairs(c:flows()) do lines[i] = state_line(c, entry) end
  c:reply(c.params.states, { lines = table.concat(lines, "\n") })
end

local function switch(c, entry, state)
  local done = c:toggle(entry.name, state)
  if not done then return c:reply(c.params.refused, { title = entry.title }) end
  c:reply(state == "on" and c.params.switched_on or c.params.switched_off, { title = entry.title })
  c:audit("toggle", { flow = entry.name, state = state, by = c.user })
end

flow:command({ "开关" }, { private = false, args = true, role = "keeper" }, function(c)
  local p = c.params
  if not c:has_role(p.role) then return end
  if c.args == "" then return all_states(c) end
  local word, what = c.args:lower():match("^(%S+)%s*(%S*)$")
  local entry = word and find(c, word)
  if not word then return c:reply(p.usage) end
  if not entry then return c:reply(p.unknown, { word = word }) end
  if ON[what] then return switch(c, entry, "on") end
  if OFF[what] then return switch(c, entry, "off") end
  if STATE[what] then return c:reply(sop.text(state_line(c, entry))) end
  c:reply(p.usage)
end)

flow:command({ "暂停" }, { private = false, role = "keeper" }, function(c)
  if not c:has_role(c.params.role) then return end
  local names = c.group.paused or {}
  for _, entry in ipairs(c:flows()) do
    local stays = entry.name == "switch" or entry.name == "common"
    if entry.on and not stays and c:toggle(entry.name, "off") then names[#names + 1] = entry.name end
  end
  c.group.paused = names
  c:reply(c.params.paused)
  c:audit("paused", { flows = names, by = c.user })
end)

-- Ends the chain only when there was something to resume: for others 恢复 means opting in again (common.lua).
flow:command({ "恢复" }, { private = false, role = "keeper" }, function(c)
  local names = c.group.paused
  if not names or not c:has_role(c.params.role) then return false end
  for _, name in ipairs(names) do c:toggle(name, "on") end
  c.group.paused = nil
  c:reply(c.params.resumed)
  c:audit("resumed", { flows = names, by = c.user })
  return true
end)

flow:command({ "名单" }, { private = false, role = "keeper" }, function(c)
  if not c:has_role(c.params.role) then return end
  local lines = {}
  for i, entry in ipairs(c:roster()) do lines[i] = c:display(entry.user) .. " · " .. c:format(c.params[entry.role]) end
  if #lines == 0 then return c:reply(c.params.roster_empty) end
  c:reply(c.params.roster, { lines = table.concat(lines, "\n") })
end)

return flow
