-- people.lua -- naming people in a message: mentions in portions, and lists of plain names.
-- Used by every flow that speaks to several members at once.
local people = {}

-- The ids as mentions with blanks between them: a list of segments for a template's {names}.
function people.mentions(ids)
  local list = {}
  for i, id in ipairs(ids) do
    if i > 1 then list[#list + 1] = sop.text(" ") end
    list[#list + 1] = sop.at(id)
  end
  return list
end

-- Cuts a list into lists of at most `size`.
function people.portions(ids, size)
  local portions = {}
  for i, id in ipairs(ids) do
    if (i - 1) % size == 0 then portions[#portions + 1] = {} end
    table.insert(portions[#portions], id)
  end
  return portions
end

-- Display names with " · " between them, at most `max`; "+3" stands for the rest.
function people.names(c, ids, max)
  local names = {}
  for i = 1, math.min(#ids, max) do names[i] = c:display(ids[i]) end
  if #ids > max then names[#names + 1] = "+" .. (#ids - max) end
  return table.concat(names, " · ")
end

-- Lines as one text, as many of them as a message takes; "… +12" stands for the rest.
function people.lines(lines)
  local kept, size = {}, 0
  for i, line in ipairs(lines) do
    size = size + #line + 1
    if size > 40000 then
      kept[i] = "… +" .. (#lines - i + 1)
      break
    end
    kept[i] = line
  end
  return table.concat(kept, "\n")
end

-- Keeps the name under which the speaker is known, for boards and lists: c:display finds it in c.member.name.
function people.remember(c)
  if c.name and c.member.name ~= c.name then c.member.name = c.name end
end

-- "62%" of a whole; "0%" when there is nothing to share.
function people.percent(part, whole)
  if not whole or whole <= 0 then return "0%" end
  return math.floor(part * 100 / whole + 0.5) .. "%"
end

return people
