-- talk.lua -- what kind of remark a message is: by simple rules, cheap enough for every line of a busy group.
-- The words are parameters of the flow, so that a brand can add its own. Texts come folded (sop.fold): narrow forms, small letters.
local talk = {}

-- Does the text contain one of the words? Plain comparison, no patterns: it is a member's text.
function talk.has(text, words)
  for _, word in ipairs(words) do
    if word ~= "" and text:find(word:lower(), 1, true) then return true end
  end
  return false
end

-- The first `n` characters, in one line.
function talk.short(text, n)
  text = text:gsub("%s+", " ")
  local cut = utf8.offset(text, n + 1)
  return cut and cut <= #text and text:sub(1, cut - 1) .. "…" or text
end

local function length(text)
  return utf8.len(text) or #text
end

-- How many of an entry's keywords count here: the length of the longest that occurs, 0 if none does.
local function keyword_fit(text, words)
  local best = 0
  for _, word in ipairs(words or {}) do
    if #word > best and text:find(word:lower(), 1, true) then best = #word end
  end
  return best
end

-- The position in `faq` of the entry that answers the text, nil if none does. Patterns always count; keywords only in a
-- remark that is a question, is meant for us, or is short enough to be about nothing else. Higher priority wins, then the longer
-- keyword, then the earlier entry.
function talk.answer(faq, text, asked)
  local best, best_rank, best_fit
  local keywords_count = asked or length(text) <= 12
  for i, entry in ipairs(faq) do
    local fit = 0
    if entry.pattern and sop.match(entry.pattern, text) then fit = 1000 end
    if fit == 0 and keywords_count then fit = keyword_fit(text, entry.ask) end
    local rank = entry.priority or 0
    if fit > 0 and (not best or rank > best_rank or rank == best_rank and fit > best_fit) then
      best, best_rank, best_fit = i, rank, fit
    end
  end
  return best
end

-- Ends it like a question, or does it contain a word that asks?
function talk.is_question(text, ends, words)
  local bare = text:gsub("[%s~!.]+$", ""):gsub("。$", "")
  for _, ending in ipairs(ends) do
    if ending ~= "" and bare:sub(-#ending) == ending then return true end
  end
  return talk.has(text, words)
end

-- The text without any of the words, blanks and signs.
local function without(text, words)
  for _, word in ipairs(words) do
    local at = word ~= "" and text:find(word, 1, true)
    while at do
      text = text:sub(1, at - 1) .. text:sub(at + #word)
      at = text:find(word, 1, true)
    end
  end
  return (text:gsub("[%s%p]", ""))
end

-- Is it nothing but a greeting ("早上好呀", "大家早"), or a short remark that ends in one ("小福早上好")? "大家好热闹" is neither.
function talk.is_greeting(text, words, fill)
  if length(text) > 12 or not talk.has(text, words) then return false end
  if without(without(text, words), fill) == "" then return true end
  for _, word in ipairs(words) do
    if length(word) > 1 and text:sub(-#word) == word:lower() and length(text) - length(word) <= 4 then return true end
  end
  return false
end

-- Only what was typed: c.text also has a mark for every picture and face.
function talk.typed(message)
  local list = {}
  for _, segment in ipairs(message.segments) do
    if segment.type == "text" then list[#list + 1] = segment.text end
  end
  return (table.concat(list):gsub("^%s+", ""):gsub("%s+$", ""))
end

-- Is it spoken to somebody else: does it begin with an @ that is not ours?
function talk.to_another(c)
  for _, segment in ipairs(c.message.segments) do
    if segment.type == "at" and segment.id ~= c.me then return true end
    if segment.type ~= "reply" and segment.type ~= "at" and segment.text:find("%S") then return false end
  end
  return false
end

function talk.has_picture(message)
  for _, segment in ipairs(message.segments) do
    if segment.type == "image" then return true end
  end
  return false
end

return talk
