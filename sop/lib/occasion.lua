-- occasion.lua -- on which days a planned post is due. Of the flow calendar. One rule a post:
--   date = "2026-03-08", "03-08" (every year), or a list     weekday = 1 (Monday) to 7, or a list
--   every = 3, from = "2026-03-02"                            group_day = 7 (days after the group was made; 0 = that day), or a list
--   member_day = 3 (days after each member joined)            festival = "中秋" or "农历8-15", days = -1 (the day before)
-- With every rule: from, till (dates); workday = true (only on workdays) or false (only on days off); shift = "before", "after": what
-- falls on a day off moves to the last workday before it, or the first after.
local civil = require("lib.civil")
local holidays = require("lib.holidays")
local lunar = require("lib.lunar")

local occasion = {}

local RULES = { "date", "weekday", "every", "group_day", "member_day", "festival" }
local SHIFT_MOST = 11 -- days: longer than any holiday

-- A value of a rule, or each of a list of them, is as `check` wants it.
local function each(value, check)
  if type(value) ~= "table" then return check(value) end
  for _, one in ipairs(value) do
    if not check(one) then return false end
  end
  return #value > 0
end

local function is_date(value)
  return type(value) == "string" and (civil.number(value) or civil.number("2024-" .. value)) ~= nil -- a leap year: 02-29
end

local function is_weekday(value) return math.type(value) == "integer" and value >= 1 and value <= 7 end
local function is_count(value) return math.type(value) == "integer" and value >= 0 end

local function one_of(wanted, value)
  if type(wanted) ~= "table" then return wanted == value end
  for _, one in ipairs(wanted) do
    if one == value then return true end
  end
  return false
end

-- What is wrong with a post as it stands in the parameters; nil if nothing.
function occasion.problem(post)
  if type(post) ~= "table" then return "no post" end
  local rules = 0
  for _, rule in ipairs(RULES) do
    if post[rule] ~= nil then rules = rules + 1 end
  end
  if rules ~= 1 then return rules == 0 and "no rule" or "several rules" end
  if type(post.at) ~= "string" or not sop.match("^([01]\\d|2[0-3]):[0-5]\\d$", post.at) then return "at" end
  if post.text == nil and not post.image then return "text" end
  for _, name in ipairs({ "from", "till" }) do
    if post[name] and not (type(post[name]) == "string" and civil.number(post[name])) then return name end
  end
  if post.date and not each(post.date, is_date) then return "date" end
  if post.weekday and not each(post.weekday, is_weekday) then return "weekday" end
  if post.group_day and not each(post.group_day, is_count) then return "group_day" end
  if post.member_day and not each(post.member_day, is_count) then return "member_day" end
  if post.every and (math.type(post.every) ~= "integer" or post.every < 1 or not post.from) then return "every" end
  if post.festival and not (type(post.festival) == "string" and lunar.is_festival(post.festival)) then return "festival" end
  if post.days and math.type(post.days) ~= "integer" then return "days" end
  if post.late and not pcall(sop.duration, post.late) then return "late" end
end

-- Is the day one of its rule, before shifts?
local function falls_on(post, day, made)
  local date = civil.date(day)
  if post.from and date < post.from or post.till and date > post.till then return false end
  if post.date then return one_of(post.date, date) or one_of(post.date, date:sub(6)) end
  if post.weekday then return one_of(post.weekday, civil.weekday(day)) end
  if post.every then return (day - civil.number(post.from)) % post.every == 0 end
  if post.group_day then return made ~= nil and one_of(post.group_day, day - made) end
  if post.festival then return lunar.falls_on(post.festival, day - (post.days or 0)) or false end
  return post.member_day ~= nil
end

-- Is a post due on a day? `made`: the day number of the group.
function occasion.on(post, day, made)
  local workday = holidays.workday(day)
  if post.shift then
    if not workday then return false end
    local step = post.shift == "before" and 1 or -1
    if falls_on(post, day, made) then return true end
    for k = 1, SHIFT_MOST do
      local other = day + k * step
      if holidays.workday(other) then return false end
      if falls_on(post, other, made) then return true end
    end
    return false
  end
  if post.workday ~= nil and post.workday ~= workday then return false end
  return falls_on(post, day, made)
end

return occasion
