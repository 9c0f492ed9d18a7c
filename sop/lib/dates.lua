-- dates.lua -- reads a day as members write it: 昨天, 前天, 3月2日, 三月二号, 3-2, 3/2, 3.2, 2日, 周三, 上周三, 2026-03-02, today, yesterday.
-- What follows the day does not matter ("昨天的", "3月2日 谢谢"), nor do brackets and signs before it.
local dates = {}

-- The longer before the shorter that it begins with.
local WORDS = {
  { "大前天", -3 }, { "前天", -2 }, { "昨天", -1 }, { "昨日", -1 }, { "昨晚", -1 }, { "今天", 0 }, { "今日", 0 }, { "明天", 1 }, { "后天", 2 },
  { "yesterday", -1 }, { "today", 0 }, { "tomorrow", 1 },
}
local DIGITS = {
  ["〇"] = 0, ["零"] = 0, ["一"] = 1, ["二"] = 2, ["两"] = 2, ["三"] = 3, ["四"] = 4, ["五"] = 5, ["六"] = 6, ["七"] = 7, ["八"] = 8, ["九"] = 9,
}
local WEEKDAYS = { ["一"] = 0, ["二"] = 1, ["三"] = 2, ["四"] = 3, ["五"] = 4, ["六"] = 5, ["日"] = 6, ["天"] = 6 }

-- The day number of year-month-day, nil if there is no such day.
local function number_of(c, year, month, day)
  if month < 1 or month > 12 or day < 1 or day > 31 then return nil end
  local text = string.format("%04d-%02d-%02d", year, month, day)
  local number = c:day(text)
  return number and c:date(number) == text and number or nil
end

-- "二十一" -> 21; nil if it is none.
local function numeral(text)
  local tens, ones = text:match("^(.-)十(.*)$")
  if not tens then return DIGITS[text] end
  tens, ones = tens == "" and 1 or DIGITS[tens], ones == "" and 0 or DIGITS[ones]
  return tens and ones and tens * 10 + ones
end

-- Chinese numerals before 月, 日 and 号 in digits.
local function in_digits(text)
  for _, unit in ipairs({ "月", "日", "号" }) do
    local before = sop.match("([〇零一二两三四五六七八九十]+)" .. unit, text)
    local n = before and numeral(before)
    if n then
      local at = text:find(before .. unit, 1, true)
      text = text:sub(1, at - 1) .. n .. text:sub(at + #before)
    end
  end
  return text
end

-- "周三" is the last Wednesday up to today, "上周三" the one of the week before.
local function weekday(today, text)
  local last, name = sop.match("^(上?)(?:个)?(?:周|星期|礼拜)([一二三四五六日天])", text)
  if not name then return nil end
  local monday = today - (today + 3) % 7 -- day 0 was a Thursday
  local number = monday + WEEKDAYS[name]
  if last ~= "" then return number - 7 end
  return number <= today and number or number - 7
end

-- The day number of the business day meant by the beginning of `text`, nil if it cannot be read. A day without a year is the last
-- such day up to today; without a month it is in this month or the one before.
function dates.read(c, text)
  text = sop.fold(text):gsub("%s+", ""):gsub("號", "号"):gsub("^[%p]+", "")
  text = in_digits(text)
  local today = c:day()
  for _, word in ipairs(WORDS) do
    if text:sub(1, #word[1]) == word[1] then return today + word[2] end
  end
  local by_week = weekday(today, text)
  if by_week then return by_week end
  local year, month = c:today():match("^(%d+)-(%d+)")
  year, month = tonumber(year), tonumber(month)

  local y, m, d = text:match("^(%d%d%d%d)[-/.](%d%d?)[-/.](%d%d?)%f[%D]")
  if not y then y, m, d = text:match("^(%d%d%d%d)年(%d%d?)月(%d%d?)%f[%D]") end
  if y then return number_of(c, tonumber(y), tonumber(m), tonumber(d)) end

  m, d = text:match("^(%d%d?)[-/.](%d%d?)%f[%D]")
  if not m then m, d = text:match("^(%d%d?)月(%d%d?)%f[%D]") end
  if m then
    local number = number_of(c, year, tonumber(m), tonumber(d))
    if number and number > today + 180 then number = number_of(c, year - 1, tonumber(m), tonumber(d)) end
    return number
  end

  d = text:match("^(%d%d?)日") or text:match("^(%d%d?)号")
  if not d then return nil end
  local number = number_of(c, year, month, tonumber(d))
  if number and number <= today then return number end
  if month == 1 then year, month = year - 1, 13 end
  return number_of(c, year, month - 1, tonumber(d))
end

return dates
