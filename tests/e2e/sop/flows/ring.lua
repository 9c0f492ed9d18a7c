-- Timers and sleeping runs in crowds: each leaves a business event, so that the stream shows the order in which turns were committed.
local flow = sop.flow("ring", { title = "闹钟" })

local function now_ms() return math.floor(os.clock() * 1000 + 0.5) end

local function rang(c, n, due, late)
  c.group.rung = (c.group.rung or 0) + 1
  c:emit("rang", { n = n, due = due, late = late, rung = c.group.rung })
end

flow:timer("bell", function(c, args)
  rang(c, args.n, args.due, c.event.late)
end)

local sleeper = flow:run("sleeper", function(c, args)
  local due = now_ms() + args.ms
  rang(c, args.n, due, c:sleep(args.ms .. "ms"))
end)

-- "闹钟 timer 100 3000 10 0": 100 of them, the first in 3,000 ms, the others 10 ms after each other, numbered from 0 + 1, set last first.
flow:command("闹钟", { args = true }, function(c)
  local how, count, first, step, from = c.args:match("^(%a+) (%d+) (%d+) (%d+) (%d+)$")
  for i = tonumber(count), 1, -1 do
    local ms, n = tonumber(first) + (i - 1) * tonumber(step), tonumber(from) + i
    if how == "timer" then
      c:timer("bell", { after = ms .. "ms", key = tostring(n), args = { n = n, due = now_ms() + ms } })
    else
      c:start(sleeper, { n = n, ms = ms })
    end
  end
  c:say("{count} 个", { count = count })
end)

-- "改闹钟 7 500": number 7 rings in 500 ms instead; "不响 7": not at all.
flow:command("改闹钟", { args = true }, function(c)
  local n, ms = c.args:match("^(%d+) (%d+)$")
  c:timer("bell", { after = ms .. "ms", key = n, args = { n = tonumber(n), due = now_ms() + tonumber(ms) } })
end)

flow:command("不响", { args = true }, function(c)
  c:cancel_timer("bell", c.args)
end)

flow:command("问好", function(c)
  c:say("你好")
end)

return flow
