-- naps.lua -- for the tests: c:sleep and c:sleep_until.
local flow = sop.flow("naps", {})

local function said(c, what, late)
  c:say("{what} {time} late {late}", { what = what, time = c:time("%m-%d %H:%M"), late = late })
end

flow:command("睡", { args = true }, function(c)
  said(c, "slept", c:sleep(tonumber(c.args) or c.args))
end)

flow:command("睡到", { args = true }, function(c)
  said(c, "woke", c:sleep_until{ at = c.args })
end)

flow:command("每天", { args = true }, function(c)
  for day = 1, 3 do
    said(c, "day " .. day, c:sleep_until{ days = day, at = c.args })
  end
end)

flow:command("日期", { args = true }, function(c)
  said(c, "date", c:sleep_until{ date = c.args, at = "09:00" })
end)

flow:command("星期", { args = true }, function(c)
  for _ = 1, 2 do
    said(c, "weekday", c:sleep_until{ weekday = math.tointeger(tonumber(c.args)), at = "09:00" })
  end
end)

flow:command("时刻", function(c)
  said(c, "moment", c:sleep_until(c:now() + 90))
  said(c, "past", c:sleep_until(c:now() - 30))
end)

flow:command("过去", function(c)
  c.group.late = c:sleep_until{ days = 0, at = "08:00" }
  c.group.older = c:sleep_until{ date = "2026-03-01", at = "10:00" }
  c:say("no wait")
end)

flow:command("睡错", function(c)
  local lines = {}
  for i, when in ipairs({
    "09:00", {}, { at = "25:00" }, { at = "9 Uhr" }, { at = "09:00", day = 1 }, { at = "09:00", days = 1, weekday = 2 },
    { at = "09:00", days = 1.5 }, { at = "09:00", date = "March" }, { at = "09:00", weekday = 8 }, { days = 1 },
  }) do
    local fine, why = pcall(c.sleep_until, c, when)
    lines[i] = tostring(fine) .. " " .. tostring(why)
  end
  local fine, why = pcall(c.sleep, c, "a while")
  lines[#lines + 1] = tostring(fine) .. " " .. why
  fine, why = pcall(c.sleep, c)
  lines[#lines + 1] = tostring(fine) .. " " .. why
  c.group.errors = lines
  c:say("done")
end)

return flow
