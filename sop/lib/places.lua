-- places.lua -- what staff mean when they steer from the chat: flows and groups by name, people by number, and who has a role.
-- Used by switch.
local spans = require("lib.spans")

local places = {}

-- The flow that a word means: its name or title, else the only one whose title holds the word.
function places.flow(list, word)
  local found, several
  word = sop.fold(word)
  for _, entry in ipairs(list) do
    local title = sop.fold(entry.title)
    if entry.name == word or title == word then return entry end
    if word ~= "" and title:find(word, 1, true) then
      several, found = found ~= nil, entry
    end
  end
  return not several and found or nil
end

-- The groups that a text begins or ends with the name of, and the rest of it; nil if it names none. A part of a name will do, unless it is
-- a number or, for this flow's own commands, a flow.
function places.named(c, groups, args)
  for _, group in ipairs(groups) do
    for _, name in ipairs({ group.name, group.chat }) do
      local behind = args:sub(#name + 1, #name + 1)
      if args:sub(1, #name) == name and (behind == "" or behind == " ") then return { group }, args:sub(#name + 2) end
    end
  end
  local words = {}
  for word in args:gmatch("%S+") do words[#words + 1] = word end
  for _, i in ipairs({ 1, #words }) do
    local word, found = sop.fold(words[i] or ""), {}
    local taken = groups[1].flow == "switch" and (places.flow(c:flows{ chat = groups[1].chat }, word) or spans.till(c, word))
    if not taken and (utf8.len(word) or 0) >= 2 and not word:find("^%d+$") then
      for _, group in ipairs(groups) do
        if sop.fold(group.name):find(word, 1, true) then found[#found + 1] = group end
      end
    end
    if #found > 0 then
      table.remove(words, i)
      return found, table.concat(words, " ")
    end
  end
end

-- People who are @-ed, and those whom a text names by number: in private nobody can be @-ed.
function places.mentioned(c, args)
  local list = {}
  for i, user in ipairs(c.mentions) do list[i] = user end
  args = args:gsub("@(%w%w%w%w%w+)", function(id)
    list[#list + 1] = id
    return ""
  end)
  return list, (args:gsub("^%s+", ""):gsub("%s+$", ""))
end

local RANK = { keeper = 1, store = 2, region = 3, hq = 4, owner = 5 }

-- Everybody with a role, once, with the highest; the highest first.
function places.roster(c)
  local names, by_user, list = {}, {}, {}
  local known, keepers = c:roster()
  local members = c:can("members") and c:members() or {}
  for _, member in ipairs(members) do
    names[member.user] = member.name ~= "" and member.name or nil
    if keepers and (member.role == "owner" or member.role == "admin") then
      known[#known + 1] = { user = member.user, role = "keeper", from = "platform" }
    end
  end
  for _, entry in ipairs(known) do
    local before = by_user[entry.user]
    if RANK[entry.role] and (not before or RANK[entry.role] > RANK[before.role]) then by_user[entry.user] = entry end
  end
  for user, entry in pairs(by_user) do
    entry.name = names[user] or c:display(user)
    list[#list + 1] = entry
  end
  table.sort(list, function(a, b)
    if a.role ~= b.role then return RANK[a.role] > RANK[b.role] end
    return a.user < b.user
  end)
  return list
end

return places
