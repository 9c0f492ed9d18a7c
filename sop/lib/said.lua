-- said.lua -- remarks that mean a command although they are not just its word: "今天打卡啦", "第3天打卡", "早,打卡", "早餐打卡" under a
-- picture. A flow that wants it asks here in its handler of messages; what is a question, a denial or somebody else's affair ("打卡了吗",
-- "忘打卡了", "大家打卡") is none.
local dates = require("lib.dates")

local said = {}

local SIGN = "[^\\p{L}\\p{N}?❓❔]" -- blanks, signs, emoji; not the question mark
local FRONT = "[^\\p{L}\\p{N}?❓❔“‘「『《\"']" -- the same, but for what opens a quotation
local COUNT = "[0-9零〇一二三四五六七八九十百]+"
local DAY = "(?:第\\s*" .. COUNT .. "\\s*天|" .. COUNT .. "\\s*天|day\\s*\\d+|d\\d+)"
local DATE = "(?:\\d{1,2}[./-]\\d{1,2}|" .. COUNT .. "月" .. COUNT .. "[日号號])"
local BEFORE = "(?:今日|今天|今早|今晚|早起|早安|早上好|晚上好|大家早|早|每日|每天|日常|我来|我要|我|来|已|" .. DAY .. ")"
local AFTER = "(?:啦|了|咯|喽|哈|呀|哦|噢|嘞|哟|喔)"
-- Before the word in a caption: "没打卡", "忘打卡", "怎么打卡", "值得打卡", "网红打卡".
local NOT_BEHIND = "(?<![没未不别忘记么何哪去想得合红到])(?<!明天|昨天|等会|一会)"

local function literal(word)
  return "\\Q" .. word:gsub("\\E", "") .. "\\E"
end

local known = setmetatable({}, { __mode = "k" }) -- lists of words as they come from c.params: folded, and as a pattern

local function fold(words)
  local entry = known[words]
  if entry then return entry end
  entry = {}
  local list = {}
  for i, word in ipairs(words) do
    entry[i] = sop.fold(word)
    list[i] = literal(entry[i])
  end
  entry.pattern = "(?:" .. table.concat(list, "|") .. ")"
  known[words] = entry
  return entry
end

-- Does the text contain one of the words at all? Nearly every remark ends here.
function said.has(text, words)
  local list = known[words] or fold(words)
  for i = 1, #list do
    if text:find(list[i], 1, true) then return true end
  end
  return false
end

-- The word with nothing but little words around it, or with them and then something that is set off: "今天打卡,5公里". A date before
-- it must be today's: "3月2日打卡" may mean another day.
function said.plainly(c, text, words)
  local word = fold(words).pattern
  local date, rest = sop.match("(?s)^" .. FRONT .. "*(" .. DATE .. ")?(.*)$", text)
  if date and date ~= "" and dates.read(c, date) ~= c:day() then return false end
  return sop.match("(?s)^(?:" .. FRONT .. "*" .. BEFORE .. "){0,3}" .. FRONT .. "*" .. word .. "(?:" .. SIGN .. "|" .. word .. ")*"
    .. "(?:" .. DAY .. ")?" .. SIGN .. "*" .. AFTER .. "?(?:" .. SIGN .. ".*)?$", rest) ~= nil
end

-- Under a picture: the word at the beginning, or at the end. `glued`: also directly before something ("打卡早餐").
function said.under_picture(text, words, glued)
  if sop.match("[?吗]" .. SIGN .. "*$|[?❓❔]", text) then return false end
  local word = fold(words).pattern
  return sop.match("(?s)^" .. FRONT .. "*" .. word .. (glued and "" or "(?:" .. SIGN .. "|$)"), text) ~= nil
    or sop.match("(?s)" .. NOT_BEHIND .. word .. AFTER .. "?" .. SIGN .. "*$", text) ~= nil
end

return said
