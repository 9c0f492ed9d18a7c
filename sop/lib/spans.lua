-- spans.lua -- reads how long something is to last, as staff write it: 2小时, 两个半小时, 半小时, 30分钟, 3天, 2h, 1h30m; 到20:00, 到晚上8点半,
-- 到明早, 到明天 9点, until 20:00.
local spans = {}

local DIGITS = {
  ["零"] = 0, ["一"] = 1, ["二"] = 2, ["两"] = 2, ["俩"] = 2, ["三"] = 3, ["四"] = 4, ["五"] = 5, ["六"] = 6, ["七"] = 7, ["八"] = 8, ["九"] = 9,
}
local UNITS = {
  ["分钟"] = 60, ["分"] = 60, ["小时"] = 3600, ["钟头"] = 3600, ["天"] = 86400, ["日"] = 86400, ["周"] = 604800, ["星期"] = 604800,
  m = 60, min = 60, mins = 60, minute = 60, minutes = 60, h = 3600, hour = 3600, hours = 3600, d = 86400, day = 86400, days = 86400,
  w = 604800, week = 604800, weeks = 604800,
}
local LONGEST = 31 * 86400

-- "二十一" -> 21, "2" -> 2; nil if it is none.
local function number(text)
  local n = tonumber(text)
  if n then return n end
  local tens, ones = text:match("^(.-)十(.*)$")
  if not tens then return DIGITS[text] end
  tens, ones = tens == "" and 1 or DIGITS[tens], ones == "" and 0 or DIGITS[ones]
  return tens and ones and tens * 10 + ones
end

-- Seconds of "2小时30分", nil if the text is no length of time.
local function seconds(text)
  local sum = 0
  text = text:gsub("个半小时", ".5小时"):gsub("个半钟头", ".5小时"):gsub("天半", ".5天"):gsub("^半天", "12小时")
  text = text:gsub("半小时", "30分钟"):gsub("半个小时", "30分钟"):gsub("半个钟头", "30分钟")
  text = text:gsub("个", "")
  while text ~= "" do
    local n, point, unit, rest = sop.match("^(\\d+|[零一二两俩三四五六七八九十]+)(\\.5)?(分钟|小时|钟头|星期|[分天日周]|[a-z]+)(.*)$", text)
    local value = n and number(n)
    if not value or not UNITS[unit] then return nil end
    sum, text = sum + (value + (point == ".5" and 0.5 or 0)) * UNITS[unit], rest
  end
  return sum > 0 and math.floor(sum) or nil
end

-- Minutes since midnight of "20:30", "晚上8点半", "9点15"; nil if it is no time of day.
local function clock(text)
  local part, hour, minute = sop.match("^(凌晨|早上|上午|中午|下午|傍晚|晚上|晚)?(\\d{1,2}|[零一二两三四五六七八九十]+)"
    .. "(?:[:点时](\\d{1,2}|半|一刻|三刻|整)?)?(?:分)?$", text)
  if not hour then return nil end
  hour = number(hour)
  local quarters = { ["半"] = 30, ["一刻"] = 15, ["三刻"] = 45, ["整"] = 0, [""] = 0 }
  minute = quarters[minute or ""] or tonumber(minute)
  local later = part == "下午" or part == "傍晚" or part == "晚上" or part == "晚" or part == "中午" and hour and hour < 5
  if not hour or hour > 24 or minute > 59 then return nil end
  if later and hour < 12 then hour = hour + 12 end
  if hour == 12 and (part == "晚上" or part == "晚") then hour = 24 elseif hour == 12 and part == "凌晨" then hour = 0 end
  return hour * 60 + minute
end

local PARTS = { ["明早"] = "早上8点", ["明晚"] = "晚上8点", ["今晚"] = "晚上8点", ["明天"] = "早上8点", ["后天"] = "早上8点" }

-- The moment of "明天9点", "20:00" (the next such time); nil.
local function moment(c, text)
  local midnight = c:moment(c:day(c:time("%Y-%m-%d")), "00:00")
  local days, rest = nil, text
  for word, ahead in pairs({ ["今天"] = 0, ["今晚"] = 0, ["明天"] = 1, ["明早"] = 1, ["明晚"] = 1, ["后天"] = 2, tomorrow = 1 }) do
    if text:sub(1, #word) == word then
      days, rest = ahead, text:sub(#word + 1)
      local part = word == "今晚" and "晚上" or word == "明晚" and "晚上" or ""
      rest = rest == "" and (PARTS[word] or "早上8点") or part .. rest
    end
  end
  local minutes = clock(rest)
  if not minutes then return nil end
  local at = midnight + (days or 0) * 86400 + minutes * 60
  if not days and at <= c:now() then at = at + 86400 end
  return at
end

-- When it is over, in seconds since 1970; nil if the text is no time, or none between a minute and a month from now.
function spans.till(c, text)
  text = sop.fold(text):gsub("%s+", "")
  local at
  local rest = sop.match("^(?:到|至|直到|until|till)(.+)$", text)
  if rest then
    at = moment(c, (rest:gsub("为止$", ""):gsub("^为止", "")))
  else
    local length = seconds(text)
    at = length and c:now() + length
  end
  if at and at >= c:now() + 60 and at <= c:now() + LONGEST then return at end
end

-- Minutes since midnight of a time of day as people write it; nil if it is none.
function spans.clock(text)
  return clock((sop.fold(text):gsub("%s+", "")))
end

return spans
