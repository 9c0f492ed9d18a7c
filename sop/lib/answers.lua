-- answers.lua -- which of the expected answers a reply is. A list of expected answers is { words = { "1", "朋友" }, tag = "..." }
-- each: a word of one character must be the whole reply (signs around it do not matter), a longer one may stand anywhere in a
-- short one.
local answers = {}

local LONGEST = 30 -- characters of a reply in which a word counts

local function is_short(word)
  return (utf8.len(word) or #word) == 1
end

-- The entry that fits, nil if none does. The earliest in the list wins.
function answers.fitting(list, text)
  text = sop.fold(text)
  local bare = text:gsub("[%s%p]", "")
  local length = utf8.len(text) or #text
  for _, entry in ipairs(list) do
    for _, word in ipairs(entry.words or {}) do
      word = sop.fold(word)
      if bare == word or length <= LONGEST and not is_short(word) and text:find(word, 1, true) then return entry end
    end
  end
end

local function literal(word)
  return "\\Q" .. word:gsub("\\E", "") .. "\\E"
end

-- The same as a pattern for c:ask{ match = ... }; nil without any word.
function answers.pattern(list)
  local whole, parts = {}, {}
  for _, entry in ipairs(list) do
    for _, word in ipairs(entry.words or {}) do
      whole[#whole + 1] = literal(word)
      if not is_short(word) then parts[#parts + 1] = literal(word) end
    end
  end
  if #whole == 0 then return nil end
  local pattern = "(?i)^\\W*(?:" .. table.concat(whole, "|") .. ")\\W*$"
  if #parts == 0 then return pattern end
  return pattern .. "|^(?=.{1," .. LONGEST .. "}$).*(?:" .. table.concat(parts, "|") .. ")"
end

return answers
