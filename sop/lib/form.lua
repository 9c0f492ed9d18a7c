-- form.lua -- questions to one member, one after the other, in the chat in which the run stands (a private chat, or the group).
--
-- A question is { key = "phone", ask = "手机号?", type = "phone" }, with what its type takes:
--   text    min, max (characters, 1 to 50)            number  min, max; also 三位, 3个
--   phone   a mobile or a landline; with tail = true only the last four digits (what a whole group may read)
--   choice  options = { "上午", "下午" }: by its number, its name, or a part of one name only
--   date    a day to come (lib/when.lua), within `days` (365)
-- Who mistypes is told what is wanted and may try again; 上一步 goes back, 取消 ends it. It waits in c:ask, so it goes on after a restart, a
-- deploy, days later. Commands of the chat stay what they are meanwhile (帮助 is still 帮助).
-- The texts are the flow's: `texts` has question, question_options, more, first, cancelled, timed_out, given_up, and bad_text,
-- bad_number, bad_phone, bad_tail, bad_choice, bad_date.
local when = require("lib.when")

local form = {}

form.BACK = { "上一步", "返回", "back" }
form.STOP = { "取消", "取消报名", "不填了", "退出", "cancel" }

local NUMERAL = "[零一二两俩三四五六七八九十]"
local DIGITS = {
  ["零"] = 0, ["一"] = 1, ["二"] = 2, ["两"] = 2, ["俩"] = 2, ["三"] = 3, ["四"] = 4, ["五"] = 5, ["六"] = 6, ["七"] = 7, ["八"] = 8, ["九"] = 9,
}

-- "三" -> 3, "十二" -> 12, "二十" -> 20; nil if it is no number below 100.
local function counted(text)
  local tens, ones = text:match("^(.-)十(.*)$")
  if not tens then return DIGITS[text] end
  tens, ones = tens == "" and 1 or DIGITS[tens], ones == "" and 0 or DIGITS[ones]
  return tens and ones and tens * 10 + ones
end

local function trimmed(text)
  return (text:gsub("^%s+", ""):gsub("%s+$", ""))
end

local check = {}

function check.text(_, question, text)
  text = trimmed(text):gsub("%s+", " ")
  local length = utf8.len(text) or #text
  if length >= math.max(1, question.min or 1) and length <= (question.max or 50) then return text end
end

function check.number(_, question, text)
  local digits, numeral = sop.match("^\\D{0,3}?(?:(\\d{1,9})|(" .. NUMERAL .. "{1,3}))(?!" .. NUMERAL
    .. "|[百千万亿])\\s*(?:\\p{Han}{0,2})\\W*$", sop.fold(text))
  local n = digits and digits ~= "" and math.tointeger(tonumber(digits)) or numeral and counted(numeral)
  if n and n >= (question.min or 0) and n <= (question.max or 1000000) then return n end
end

function check.phone(_, question, text)
  local digits = sop.fold(text):gsub("[%s%-()]", ""):gsub("^%D+", ""):gsub("%D+$", "")
  digits = digits:gsub("^0*86(1%d%d%d%d%d%d%d%d%d%d)$", "%1")
  if question.tail then
    return digits:match("^%d%d%d%d$") or digits:match("^1[3-9]%d%d%d%d%d(%d%d%d%d)$")
  end
  return digits:match("^1[3-9]%d%d%d%d%d%d%d%d%d$") or sop.match("^0\\d{9,11}$", digits)
end

function check.choice(_, question, text)
  text = sop.fold(trimmed(text)):gsub("^选", "")
  local n = sop.match("^(\\d{1,2})\\W*$", text)
  if n and question.options[math.tointeger(tonumber(n))] then return question.options[math.tointeger(tonumber(n))] end
  local found
  for _, option in ipairs(question.options) do
    local name = sop.fold(option)
    if name == text then return option end
    if text ~= "" and (name:find(text, 1, true) or text:find(name, 1, true)) then
      if found then return nil end
      found = option
    end
  end
  return found
end

function check.date(c, question, text)
  local day, rest = when.day(c, text)
  if day and (utf8.len(rest) or 99) <= 6 and day >= c:day() and day <= c:day() + (question.days or 365) then return c:date(day) end
end

-- The value of an answer, nil if it is none to this question.
function form.value(c, question, text)
  return check[question.type](c, question, text)
end

-- What is wrong with a list of questions, nil if nothing is.
function form.problem(questions)
  local keys = {}
  for i, question in ipairs(questions) do
    local name = "questions[" .. i .. "]"
    if type(question) ~= "table" or type(question.key) ~= "string" or not question.key:find("^[%w_]+$") then return name .. ".key" end
    if keys[question.key] then return name .. ".key" end
    if type(question.ask) ~= "string" or question.ask == "" then return name .. ".ask" end
    if not check[question.type] then return name .. ".type" end
    if question.type == "choice" and (type(question.options) ~= "table" or #question.options < 2) then return name .. ".options" end
    keys[question.key] = true
  end
  if #questions == 0 or #questions > 20 then return "questions" end
end

local function numbered(options)
  local lines = {}
  for i, option in ipairs(options) do lines[i] = i .. ". " .. option end
  return table.concat(lines, "\n")
end

-- What the texts about a question may name.
local function about(questions, i)
  local question = questions[i]
  return {
    n = i, count = #questions, ask = question.ask, back = form.BACK[1], stop = form.STOP[1],
    options = question.options and numbered(question.options) or "",
    min = question.min or (question.type == "text" and 1 or 0), max = question.max or (question.type == "text" and 50 or 1000000),
  }
end

local function hint_of(question)
  return question.type == "phone" and question.tail and "bad_tail" or "bad_" .. question.type
end

-- Asks all of them, each for `timeout`, with `tries` attempts each. Returns the answers by key, or nil and "cancelled", "timeout" or
-- "tries"; of that it has said so.
function form.fill(c, questions, texts, timeout, tries)
  local answers, i, failed, problem = {}, 1, 0, nil
  while i <= #questions do
    local question, vars = questions[i], about(questions, i)
    if problem then
      c:reply(texts[problem], vars, { answer = true })
    else
      c:reply(question.options and texts.question_options or texts.question, vars, { answer = true })
    end
    problem = nil
    local answer = form.ask(c, timeout)
    if not answer then
      c:reply(texts.timed_out, vars)
      return nil, "timeout"
    end
    if answer.stop then
      c:reply(texts.cancelled, vars, { answer = true })
      return nil, "cancelled"
    end
    if answer.back then
      if i == 1 then problem = "first" else i, failed = i - 1, 0 end
    else
      local value = form.value(c, question, answer.text)
      if value ~= nil then
        answers[question.key], i, failed = value, i + 1, 0
      else
        failed = failed + 1
        if failed >= tries then
          c:reply(texts.given_up, vars, { answer = true })
          return nil, "tries"
        end
        problem = hint_of(question)
      end
    end
  end
  return answers
end

local function is(words, text)
  for _, word in ipairs(words) do
    if sop.fold(word) == text then return true end
  end
  return false
end

-- What the texts about a form may name where no question is open.
function form.vars()
  return { n = 0, count = 0, ask = "", back = form.BACK[1], stop = form.STOP[1], options = "", min = 0, max = 0 }
end

-- The next answer: { text, back, stop }; nil if there was none in time.
function form.ask(c, timeout)
  local answer = c:ask{ timeout = timeout }
  if not answer then return nil end
  local word = sop.match("^[\\s\\p{P}\\p{S}]*(.*?)[\\s\\p{P}\\p{S}]*$", sop.fold(answer.text)) or ""
  return { text = answer.text, back = is(form.BACK, word), stop = is(form.STOP, word) }
end

return form
