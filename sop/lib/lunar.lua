-- lunar.lua -- the Chinese lunar calendar from 2024 to 2040 by table, and the festivals that hang on it.
--
-- The table was computed from new moons and solar terms at 120° east (a month begins on the day of the new moon; in a year of thirteen
-- months the first without a major term is the leap month). A year: its first day, which month is followed by a leap month (0: none),
-- and its months in order, the leap month among them: L has 30 days, s has 29. Days before 2024-02-10 and after 2041-01-31 have no
-- lunar date.
local civil = require("lib.civil")

local lunar = {}

local YEARS = {
  [2024] = { "2024-02-10", 0, "sLssLsLLsLLs" },
  [2025] = { "2025-01-29", 6, "LsLssLsLsLLLs" },
  [2026] = { "2026-02-17", 0, "LsLssLssLLLs" },
  [2027] = { "2027-02-06", 0, "LLsLssLssLLs" },
  [2028] = { "2028-01-26", 5, "LLLsLssLssLLs" },
  [2029] = { "2029-02-13", 0, "LLsLsLsLssLL" },
  [2030] = { "2030-02-03", 0, "sLsLLsLsLsLs" },
  [2031] = { "2031-01-23", 3, "sLLsLsLLsLsLs" },
  [2032] = { "2032-02-11", 0, "LssLsLLsLLsL" },
  [2033] = { "2033-01-31", 11, "sLssLsLsLLLsL" },
  [2034] = { "2034-02-19", 0, "sLssLsLsLLsL" },
  [2035] = { "2035-02-08", 0, "LsLssLssLLsL" },
  [2036] = { "2036-01-28", 6, "LLsLssLssLsLL" },
  [2037] = { "2037-02-15", 0, "LLsLssLssLsL" },
  [2038] = { "2038-02-04", 0, "LLsLsLsLssLs" },
  [2039] = { "2039-01-24", 5, "LLsLLsLsLsLss" },
  [2040] = { "2040-02-12", 0, "LsLLsLsLLsLs" },
}

-- Festivals: by lunar month and day (negative: counted from the end of the month), or by month and day, or the nth Sunday of a month.
local FESTIVALS = {
  ["春节"] = { lunar = { 1, 1 } }, ["元宵"] = { lunar = { 1, 15 } }, ["龙抬头"] = { lunar = { 2, 2 } }, ["端午"] = { lunar = { 5, 5 } },
  ["七夕"] = { lunar = { 7, 7 } }, ["中元"] = { lunar = { 7, 15 } }, ["中秋"] = { lunar = { 8, 15 } }, ["重阳"] = { lunar = { 9, 9 } },
  ["腊八"] = { lunar = { 12, 8 } }, ["小年"] = { lunar = { 12, 23 } }, ["除夕"] = { lunar = { 12, -1 } },
  ["元旦"] = { solar = "01-01" }, ["情人节"] = { solar = "02-14" }, ["妇女节"] = { solar = "03-08" }, ["劳动节"] = { solar = "05-01" },
  ["青年节"] = { solar = "05-04" }, ["儿童节"] = { solar = "06-01" }, ["教师节"] = { solar = "09-10" }, ["国庆"] = { solar = "10-01" },
  ["双十一"] = { solar = "11-11" }, ["双十二"] = { solar = "12-12" }, ["平安夜"] = { solar = "12-24" }, ["圣诞"] = { solar = "12-25" },
  ["母亲节"] = { sunday = { 5, 2 } }, ["父亲节"] = { sunday = { 6, 3 } },
}
-- Days on which the sun reaches 15° and 270°: in the years of the table a day later in each third and fourth year.
local TERMS = { ["清明"] = { month = 4, day = 4 }, ["冬至"] = { month = 12, day = 21 } }
local OTHER_NAMES = {
  ["过年"] = "春节", ["元宵节"] = "元宵", ["端午节"] = "端午", ["七夕节"] = "七夕", ["中元节"] = "中元", ["中秋节"] = "中秋", ["重阳节"] = "重阳",
  ["腊八节"] = "腊八", ["大年三十"] = "除夕", ["国庆节"] = "国庆", ["圣诞节"] = "圣诞", ["清明节"] = "清明", ["三八"] = "妇女节",
  ["五一"] = "劳动节", ["六一"] = "儿童节", ["十一"] = "国庆",
}
local MONTHS = { "正", "二", "三", "四", "五", "六", "七", "八", "九", "十", "冬", "腊" }
local ONES = { "一", "二", "三", "四", "五", "六", "七", "八", "九" }

local function days_of(months, i)
  return months:sub(i, i) == "L" and 30 or 29
end

-- The lunar year, month and day of a day number, and whether it is the leap month; nil outside the table.
function lunar.of(number)
  local year = civil.split(number)
  local entry = YEARS[year]
  if not entry or number < civil.number(entry[1]) then
    year = year - 1
    entry = YEARS[year]
  end
  if not entry then return nil end
  local rest = number - civil.number(entry[1])
  local leap, months = entry[2], entry[3]
  for i = 1, #months do
    local length = days_of(months, i)
    if rest < length then
      local behind = leap > 0 and i > leap
      return year, behind and i - 1 or i, rest + 1, behind and i == leap + 1, length
    end
    rest = rest - length
  end
end

-- The day number of a lunar date, of the plain month unless `leap`; nil if there is none in the table.
function lunar.day(year, month, day, leap)
  local entry = YEARS[year]
  if not entry or month < 1 or month > 12 or leap and entry[2] ~= month then return nil end
  local months = entry[3]
  local place = (leap or entry[2] > 0 and month > entry[2]) and month + 1 or month
  local number = civil.number(entry[1])
  for i = 1, place - 1 do number = number + days_of(months, i) end
  local length = days_of(months, place)
  if day < 0 then day = length + 1 + day end
  return day >= 1 and day <= length and number + day - 1 or nil
end

-- "正月初一", "闰六月廿三"; nil outside the table.
function lunar.name(number)
  local _, month, day, leap = lunar.of(number)
  if not month then return nil end
  local text
  if day <= 10 then text = "初" .. (day == 10 and "十" or ONES[day])
  elseif day < 20 then text = "十" .. ONES[day - 10]
  elseif day == 20 then text = "二十"
  elseif day < 30 then text = "廿" .. ONES[day - 20]
  else text = "三十" end
  return (leap and "闰" or "") .. MONTHS[month] .. "月" .. text
end

-- "8-15" of "农历8-15", "农历8月15"; nil if the word is no lunar date.
local function lunar_words(word)
  local month, day = word:match("^农历%s*(%d+)%D+(%d+)%D*$")
  month, day = math.tointeger(tonumber(month)), math.tointeger(tonumber(day))
  return month and month >= 1 and month <= 12 and day >= 1 and day <= 30 and { month, day } or nil
end

-- Is there such a festival?
function lunar.is_festival(name)
  name = OTHER_NAMES[name] or name
  return FESTIVALS[name] ~= nil or TERMS[name] ~= nil or lunar_words(name) ~= nil
end

-- Does the festival fall on this day number? nil: the table does not reach there.
function lunar.falls_on(name, number)
  name = OTHER_NAMES[name] or name
  local festival, term = FESTIVALS[name], TERMS[name]
  local year, month, day = civil.split(number)
  if term then
    if not YEARS[year] then return nil end
    return month == term.month and day == term.day + (year % 4 >= 2 and 1 or 0)
  end
  if festival and festival.solar then return civil.date(number):sub(6) == festival.solar end
  if festival and festival.sunday then
    return month == festival.sunday[1] and civil.weekday(number) == 7 and (day + 6) // 7 == festival.sunday[2]
  end
  local wanted = festival and festival.lunar or lunar_words(name)
  if not wanted then return false end
  local _, m, d, leap, length = lunar.of(number)
  if not m then return nil end
  if leap or m ~= wanted[1] then return false end
  return d == (wanted[2] < 0 and length + 1 + wanted[2] or wanted[2])
end

-- The names of the festivals of a day number, in a fixed order.
function lunar.festivals(number)
  local list = {}
  for name in pairs(FESTIVALS) do
    if lunar.falls_on(name, number) then list[#list + 1] = name end
  end
  for name in pairs(TERMS) do
    if lunar.falls_on(name, number) then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

-- Does the table reach this day?
function lunar.known(number)
  return lunar.of(number) ~= nil
end

return lunar
