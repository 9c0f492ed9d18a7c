-- civil.lua -- dates of the common calendar as numbers and back, without a context: civil.number("2026-03-02") = 20514 (days since
-- 1970-01-01, as c:day counts), civil.date(20514), civil.weekday(20514) = 1 (Monday) to 7. Used by lunar, holidays and occasion.
local civil = {}

-- The number of year, month, day (Gregorian); months begin in March inside, so that the leap day is the last of a year.
function civil.of(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local era = year // 400
  local y = year - era * 400
  local d = (153 * (month - 3) + 2) // 5 + day - 1
  return era * 146097 + y * 365 + y // 4 - y // 100 + d - 719468
end

-- Year, month, day of a number.
function civil.split(number)
  local z = number + 719468
  local era = z // 146097
  local d = z - era * 146097
  local y = (d - d // 1460 + d // 36524 - d // 146096) // 365
  local rest = d - (365 * y + y // 4 - y // 100)
  local m = (5 * rest + 2) // 153
  local year, month = y + era * 400, m < 10 and m + 3 or m - 9
  return month <= 2 and year + 1 or year, month, rest - (153 * m + 2) // 5 + 1
end

function civil.date(number)
  return string.format("%04d-%02d-%02d", civil.split(number))
end

-- The number of a date "2026-03-02"; nil if there is no such day.
function civil.number(text)
  local year, month, day = text:match("^(%d%d%d%d)-(%d%d)-(%d%d)$")
  if not year then return nil end
  local number = civil.of(math.tointeger(year), math.tointeger(month), math.tointeger(day))
  return civil.date(number) == text and number or nil
end

-- 1 = Monday ... 7 = Sunday.
function civil.weekday(number)
  return (number + 3) % 7 + 1
end

return civil
