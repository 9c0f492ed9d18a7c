-- waits.lua -- a flow that waits in every way there is, in plain Lua of every kind, for the tests of `sopd test` itself.
local flow = sop.flow("waits", {
  title = "等待",
  params = { greeting = { "text", default = "你好 {nick}" } },
})

flow:command("报名", function(c)
  c:reply("昵称?")
  local answer, why = c:ask{ timeout = "10m" }
  if not answer then return c:reply("超时 {why}", { why = why }) end
  c.member.nick = answer.text
  c:reply(c.params.greeting, { nick = answer.text })
end)

flow:command("连载", function(c)
  c:stop_when{ tag = "bought", leaves = true, opts_out = true }
  local luck = {}
  for day = 1, 3 do
    local late = c:sleep_until{ days = day, at = "09:00" }
    luck[#luck + 1] = math.random(1000000)
    c.member.day = day
    c:emit("episode", { day = day, late = late, luck = luck[day], now = c:now(), os = os.date("%F %T") })
    c:dm(c.user, "第{day}集", { day = day })
  end
  c:tag("看完")
  c.member.luck = luck
end)

flow:command("接龙", function(c)
  local names = { c.name }
  local list, why = c:gather{ events = "message", window = "1m", max = 3 }
  for _, one in ipairs(list) do names[#names + 1] = one.name .. "=" .. one.text end
  c:say("{names} ({why})", { names = table.concat(names, " "), why = why })
end)

flow:command("猜", function(c)
  local number = c:random(9)
  local function round(n)
    local guess = c:ask{ match = "^[0-9]$", commands = { "不玩了" }, timeout = "1h" }
    if not guess or guess.command then error({ over = n }) end
    return tonumber(guess.text) == number
  end
  local ok, how = pcall(function()
    for n = 1, 20 do
      if round(n) then return n end
      c:reply("第{n}次不对", { n = n })
    end
  end)
  c:reply(ok and "{n}次猜中" or "{n}次没猜完", { n = ok and how or how.over })
end)

flow:command("表决", function(c)
  local votes = setmetatable({}, { __index = function() return 0 end })
  repeat
    local vote = c:ask{ from = "anyone", commands = { "同意", "反对", "结束" }, timeout = "1d" }
    if vote and vote.command ~= "结束" then votes[vote.command] = votes[vote.command] + 1 end
  until not vote or vote.command == "结束"
  local lines = {}
  for word, n in pairs(votes) do lines[#lines + 1] = word .. n end
  c:say("结果 {lines}", { lines = table.concat(lines, " ") })
end)

flow:command("送达", function(c)
  local id, why = c:say("送出去", nil, { wait = true })
  c:reply(id and "到了" or "没到 {why}", { why = why })
end)

flow:command("退订", function(c) c:opt_out(true) end)

-- Everything a script can see that a computer could make up anew each time, and waiting calls wherever Lua lets one call.
flow:command("考验", function(c)
  local seen = {}
  local function note(...) seen[#seen + 1] = table.concat({ ... }, ",") end
  local function look()
    local t = { z = 1, a = 2, [3] = true, [1.5] = 1, [{}] = 0 and nil, m = {} }
    local keys = {}
    for k in pairs(t) do keys[#keys + 1] = tostring(k) end
    note(table.concat(keys, " "), tostring({}), tostring(print), tostring(look))
    note(os.time(), os.date("%H:%M:%S"), os.clock(), c:now(), c:today(), c:random(1000), math.random(1000), math.random())
    note(table.concat(c:shuffle{ 1, 2, 3, 4, 5 }, " "), c:pick{ "a", "b", "c" }, c:secret(4))
  end
  local asleep = setmetatable({}, {
    __index = function(_, k) return c:sleep(k .. "m") end,
    __call = function(_, n) return c:ask{ timeout = n .. "m", from = "anyone", match = "^答" } end,
    __concat = function(_, n) c:sleep(n) return "睡了" end,
    __lt = function() c:sleep("1m") return true end,
    __close = function() c:sleep("1m") note("closed") end,
  })
  local function steps(n) -- an iterator that waits
    return function(_, i)
      if i >= n then return nil end
      c:sleep("1m")
      return i + 1
    end, nil, 0
  end
  look()
  note(asleep[1], asleep .. "1m", asleep < asleep and "less" or "more")
  look()
  for i in steps(3) do c.member.at = i note(i, c.member.at) end
  local ok, why = xpcall(function()
    local answer = asleep(5)
    note(answer and answer.text or "nothing", answer and answer.name or "")
    do local _ <close> = asleep end
    error({ text = "aus" })
  end, function(e) return e.text end)
  note(tostring(ok), why)
  look()
  local deep = 0
  local function down(n)
    if n == 0 then c:sleep("1m") else down(n - 1) end
    deep = deep + 1
  end
  down(50)
  c.member.deep = deep
  look()
  c:dm(c.user, "{seen}", { seen = table.concat(seen, "\n") })
end)

local lesson = flow:run("lesson", function(c, args)
  c:dm(c.user, "第{day}课", { day = args.day })
  c:sleep("1d")
  if args.day < 3 then c:continue{ day = args.day + 1 } end
  c:dm(c.user, "毕业")
end)

flow:command("开课", function(c)
  local id, why = c:start(lesson, { day = 1 }, { key = c.user })
  c:reply(id and "开了" or "{why}", { why = why })
end)

flow:command("退课", function(c)
  c:cancel{ key = c.user }
  c:reply("退了")
end)

return flow
