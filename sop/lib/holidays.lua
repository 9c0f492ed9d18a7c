-- holidays.lua -- public holidays of the mainland and the working weekends that pay for them, as the State Council announced them for 2024,
-- 2025 and 2026. The arrangement of a year is published in the autumn before. Of a year that is not in this table nothing is guessed:
-- Monday to Friday are workdays, and `known` is false, so that whoever shows a plan can say so. A new year is one more entry here.
local civil = require("lib.civil")

local holidays = {}

-- off: name, first and last day; work: Saturdays and Sundays on which people work.
local YEARS = {
  [2024] = {
    off = {
      { "元旦", "01-01", "01-01" }, { "春节", "02-10", "02-17" }, { "清明节", "04-04", "04-06" }, { "劳动节", "05-01", "05-05" },
      { "端午节", "06-08", "06-10" }, { "中秋节", "09-15", "09-17" }, { "国庆节", "10-01", "10-07" },
    },
    work = { "02-04", "02-18", "04-07", "04-28", "05-11", "09-14", "09-29", "10-12" },
  },
  [2025] = {
    off = {
      { "元旦", "01-01", "01-01" }, { "春节", "01-28", "02-04" }, { "清明节", "04-04", "04-06" }, { "劳动节", "05-01", "05-05" },
      { "端午节", "05-31", "06-02" }, { "国庆节、中秋节", "10-01", "10-08" },
    },
    work = { "01-26", "02-08", "04-27", "09-28", "10-11" },
  },
  [2026] = {
    off = {
      { "元旦", "01-01", "01-03" }, { "春节", "02-15", "02-23" }, { "清明节", "04-04", "04-06" }, { "劳动节", "05-01", "05-05" },
      { "端午节", "06-19", "06-21" }, { "中秋节", "09-25", "09-27" }, { "国庆节", "10-01", "10-07" },
    },
    work = { "01-04", "02-14", "02-28", "05-09", "09-20", "10-10" },
  },
}

-- Is the arrangement of the year of this day number known?
function holidays.known(number)
  return YEARS[(civil.split(number))] ~= nil
end

-- Is this day number a workday? Second: the name of the holiday, "调休上班", or nil. Third: is the year's arrangement known?
function holidays.workday(number)
  local year, date = YEARS[(civil.split(number))], civil.date(number):sub(6)
  local weekday = civil.weekday(number) <= 5
  if not year then return weekday, nil, false end
  for _, span in ipairs(year.off) do
    if date >= span[2] and date <= span[3] then return false, span[1], true end
  end
  for _, day in ipairs(year.work) do
    if day == date then return true, "调休上班", true end
  end
  return weekday, nil, true
end

return holidays
