-- appointment.lua -- 预约 3月8日 15:00: confirms, and reminds a day and an hour before.
local flow = sop.flow("appointment", { title = "预约" })

-- The moment that is meant, nil if it cannot be read. Without a year it is the next such day.
local function read(c, text)
  local month, day, clock = sop.match("(\\d{1,2})[月/.-](\\d{1,2})[日号]?\\s*((?:[01]?\\d|2[0-3]):[0-5]\\d)", sop.fold(text))
  if not month then return nil end
  local year = tonumber(c:today():sub(1, 4))
  for y = year, year + 1 do
    local n = c:day(("%d-%02d-%02d"):format(y, tonumber(month), tonumber(day)))
    if n and c:moment(n, clock) > c:now() then return c:moment(n, clock) end
  end
end

local remind = flow:run("remind", function(c, args)
  c:stop_when{ leaves = true }
  local clock = { clock = c:time("%H:%M", args.at) }
  -- A moment that is past returns at once and says how late it is: who books for this afternoon hears no "tomorrow".
  if c:sleep_until(args.at - 24 * 3600) < 600 then c:reply("明天 {clock} 见,位置给你留好啦", clock, { answer = true }) end
  if c:sleep_until(args.at - 3600) < 600 then c:reply("一小时后见({clock}),路上慢点", clock, { answer = true }) end
  c:sleep_until(args.at)
  c:emit("appointment", { user = c.user, at = args.at })
end)

flow:command({ "预约", "改约" }, { args = true, private = false }, function(c)
  local at = read(c, c.args)
  if not at then
    c:reply("想约几点?这样回我:3月8日 15:00")
    local answer = c:ask{ timeout = "10m" }
    if not answer then return end
    at = read(c, answer.text)
    if not at then return c:reply("没看懂时间呢,发「预约 3月8日 15:00」就行") end
  end
  c:cancel{ key = c.user } -- the one of before, if there is one
  c:start(remind, { at = at }, { key = c.user })
  c:reply("约好啦:{when}。有变化发「改约」或「取消预约」", { when = c:time("%m月%d日 %H:%M", at) })
end)

flow:command("取消预约", function(c)
  c:reply(c:cancel{ key = c.user } and "取消好啦,下次再约" or "你现在没有预约哦")
end)

return flow
