-- knowledge.lua -- the knowledge base: which entry answers a remark, and with which words. Shared by chaperone and faq.
-- An entry is { ask = { keywords }, pattern = regular expression, answer = text or list of variants, priority = 0, approved = false }.
-- What is not approved yet is never said.
local talk = require("lib.talk")

local knowledge = {}

-- May this entry be said at all?
function knowledge.is_approved(entry)
  return entry.approved ~= false
end

-- The position in `list` of the approved entry that answers the text (folded), nil if none does. `asked`: it is a question or meant for us.
function knowledge.find(list, text, asked)
  local at = talk.answer(list, text, asked)
  if not at or knowledge.is_approved(list[at]) then return at end
  local approved, place = {}, {}
  for i, entry in ipairs(list) do
    if knowledge.is_approved(entry) then
      approved[#approved + 1] = entry
      place[#approved] = i
    end
  end
  at = talk.answer(approved, text, asked)
  return at and place[at]
end

-- The first {variable} of a text that has no value; nil if all have one.
function knowledge.missing(text, values)
  for name in text:gmatch("{([^{}]+)}") do
    if values[name] == nil then return name end
  end
end

-- The text with its variables filled in, nil if one of them has no value here.
function knowledge.fill(text, values)
  if knowledge.missing(text, values) then return nil end
  return (text:gsub("{([^{}]+)}", function(name) return tostring(values[name]) end))
end

-- The variants of an entry's answer that can be said with these values.
function knowledge.answers(entry, values)
  local list = {}
  for _, text in ipairs(type(entry.answer) == "table" and entry.answer or { entry.answer }) do
    list[#list + 1] = knowledge.fill(text, values)
  end
  return list
end

return knowledge
