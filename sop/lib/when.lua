-- when.lua -- reads a day or a moment still to come, as staff and members write it: 今天20:00, 明晚8点, 周六, 下周三 14点, 3月5日 16:00, 3/5,
-- 2026-03-05; and a window of time: 明天 16:00-19:00. (lib/dates.lua reads days that are past.)
local spans = require("lib.spans")

local when = {}

local AHEAD = {
  { "大后天", 3 }, { "后天", 2 }, { "明天", 1 }, { "明日", 1 }, { "明早", 1, "早上" }, { "明晚", 1, "晚上" }, { "今天", 0 }, { "今日", 0 },
  { "今晚", 0, "晚上" }, { "tomorrow", 1 }, { "today", 0 },
}
local WEEKDAYS = { ["一"] = 0, ["二"] = 1, ["三"] = 2, ["四"] = 3, ["五"] = 4, ["六"] = 5, ["日"] = 6, ["天"] = 6 }

-- Folded, without blanks; but the blank behind a date of digits only, which parts it from the time, is a 日.
local function plain(text)
  text = sop.fold(text):gsub("^%s+", "")
  local date, rest = sop.match("^(\\d{1,4}[-/.]\\d{1,2}(?:[-/.]\\d{1,2})?)\\s+(\\S.*)$", text)
  if date then text = date .. "日" .. rest end
  return (text:gsub("%s+", ""):gsub("號", "号"):gsub("：", ":"))
end

local function number_of(c, year, month, day)
  month, day = tonumber(month), tonumber(day)
  if month < 1 or month > 12 or day < 1 or day > 31 then return nil end
  local text = string.format("%04d-%02d-%02d", tonumber(year), month, day)
  local number = c:day(text)
  return number and c:date(number) == text and number or nil
end

-- The day at the beginning of `text` and what stands behind it; nil if there is none. Without a year it is the next such day.
function when.day(c, text)
  text = plain(text)
  local today = c:day()
  for _, word in ipairs(AHEAD) do
    if text:sub(1, #word[1]) == word[1] then return today + word[2], (word[3] or "") .. text:sub(#word[1] + 1) end
  end
  local next_week, name, rest = sop.match("^(下?)(?:个|本|这)?(?:周|星期|礼拜)([一二三四五六日天])(.*)$", text)
  if name then
    local monday = today - (today + 3) % 7 -- day 0 was a Thursday
    local day = monday + WEEKDAYS[name]
    if next_week ~= "" then return day + 7, rest end
    return day < today and day + 7 or day, rest
  end
  local y, m, d
  y, m, d, rest = sop.match("^(\\d{4})[-/.年](\\d{1,2})[-/.月](\\d{1,2})(?:日|号|(?![\\d:]))(.*)$", text)
  if y then
    local day = number_of(c, y, m, d)
    if day then return day, rest end
    return nil
  end
  m, d, rest = sop.match("^(\\d{1,2})月(\\d{1,2})(?:日|号)?(.*)$", text)
  if not m then m, d, rest = sop.match("^(\\d{1,2})[-/.](\\d{1,2})(?:日|号|(?![\\d:点]))(.*)$", text) end
  if not m then return nil end
  local year = tonumber(c:today():sub(1, 4))
  local day = number_of(c, year, m, d)
  if not day or day < today then day = number_of(c, year + 1, m, d) end
  if day then return day, rest end
end

local function clock_text(minutes)
  return string.format("%02d:%02d", minutes // 60 % 24, minutes % 60)
end

local function at(c, day, minutes)
  return c:moment(day + minutes // 1440, clock_text(minutes))
end

-- The day that the calendar shows: between midnight and the cut-off it is not c:day() any more, and who says 今天 then means either.
local function calendar_day(c)
  return c:day(c:time("%Y-%m-%d"))
end

-- The moment that `text` names, in seconds; nil if it cannot be read or is past. `usual` is the clock time of a day without one.
function when.moment(c, text, usual)
  local day, rest = when.day(c, text)
  local minutes = spans.clock(day and (rest ~= "" and rest or usual) or plain(text))
  if not minutes then return nil end
  local moment, midnight = at(c, day or c:day(), minutes), calendar_day(c)
  if moment <= c:now() and (not day or day == c:day() and day < midnight) then moment = at(c, midnight, minutes) end
  if not day and moment <= c:now() then moment = at(c, midnight + 1, minutes) end
  return moment > c:now() and moment or nil
end

-- From when till when: "明天 16:00-19:00", "周六 下午4点到7点", "明天" (then `from` to `till`, clock times); nil if it cannot be read.
function when.window(c, text, from, till)
  local day, rest = when.day(c, text)
  if not day then return nil end
  local first, last = from, till
  if rest ~= "" then
    first, last = sop.match("^(.+?)(?:-|~|—|到|至)(.+)$", rest)
    if not first then first, last = rest, till end
  end
  local a, b = spans.clock(first), spans.clock(last)
  if not a or not b then return nil end
  if b <= a and b + 720 > a and b < 720 then b = b + 720 end -- 下午4点到7点
  if b <= a then return nil end
  if day == c:day() and at(c, day, b) <= c:now() then day = calendar_day(c) end
  return at(c, day, a), at(c, day, b)
end

return when
