-- dates.lua -- reads a day as members write it: 昨天, 前天, 3月2日, 3-2, 3/2, 2日, 2026-03-02, today, yesterday.
local dates = {}

local WORDS = { ["今天"] = 0, ["昨天"] = -1, ["前天"] = -2, ["大前天"] = -3, today = 0, yesterday = -1 }

-- The day number of year-month-day, nil if there is no such day.
local function number_of(c, year, month, day)
  if month < 1 or month > 12 or day < 1 or day > 31 then return nil end
  local text = string.format("%04d-%02d-%02d", year, month, day)
  local number = c:day(text)
  return number and c:date(number) == text and number or nil
end

-- The day number of the business day meant by `text`, nil if it cannot be read. A day without a year is the last such
-- day up to today; without a month it is in this month or the one before.
function dates.read(c, text)
  text = text:lower():gsub("%s+", "")
  local today = c:day()
  if WORDS[text] then return today + WORDS[text] end
  local year, month = c:today():match("^(%d+)-(%d+)")
  year, month = tonumber(year), tonumber(month)

  local y, m, d = text:match("^(%d%d%d%d)[-/.](%d%d?)[-/.](%d%d?)$")
  if not y then y, m, d = text:match("^(%d%d%d%d)年(%d%d?)月(%d%d?)") end
  if y then return number_of(c, tonumber(y), tonumber(m), tonumber(d)) end

  m, d = text:match("^(%d%d?)[-/.](%d%d?)$")
  if not m then m, d = text:match("^(%d%d?)月(%d%d?)") end
  if m then
    local number = number_of(c, year, tonumber(m), tonumber(d))
    if number and number > today then number = number_of(c, year - 1, tonumber(m), tonumber(d)) end
    return number
  end

  d = text:match("^(%d%d?)日$") or text:match("^(%d%d?)号$")
  if not d then return nil end
  local number = number_of(c, year, month, tonumber(d))
  if number and number <= today then return number end
  if month == 1 then year, month = year - 1, 13 end
  return number_of(c, year, month - 1, tonumber(d))
end

return dates
