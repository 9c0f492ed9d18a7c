-- deep.lua -- for the tests: waiting anywhere in a script, and what the script still holds afterwards.
local flow = sop.flow("deep", {
  params = {
    text = { "text", default = { "variant {n}", "variant {n}" } },
    number = { "integer", default = 1 },
  },
})

flow:command("保护", function(c)
  local fine, got = pcall(function()
    local inner, why = pcall(function()
      c:sleep("1h")
      error("thrown after waiting", 0)
    end)
    c:sleep("1h")
    return tostring(inner) .. " " .. why
  end)
  c:say(tostring(fine) .. ": " .. got)
  local _, traced = xpcall(function()
    c:sleep("1h")
    error("again", 0)
  end, function(why) return "handled " .. why end)
  c:say(traced)
end)

flow:command("元表", function(c)
  local box = setmetatable({}, {
    __index = function(_, name)
      c:sleep("1h")
      return name .. "!"
    end,
    __newindex = function(t, name, value)
      c:sleep("1h")
      rawset(t, name, value)
    end,
    __call = function(_, x)
      return c:ask{ timeout = "1h" }.text .. x
    end,
    __add = function(a, b)
      c:sleep("1h")
      return rawget(a, "n") + b
    end,
    __lt = function()
      c:sleep("1h")
      return true
    end,
    __concat = function(_, b)
      c:sleep("1h")
      return "joined" .. b
    end,
  })
  c:say(box.field)
  box.n = 4
  c:say("sum " .. (box + 3) .. " " .. tostring(box < box))
  c:say(box .. " text")
  c:say(box("?"))
end)

local function every_hour(c, n)
  local i = 0
  return function()
    i = i + 1
    if i <= n then
      c:sleep("1h")
      return i
    end
  end
end

flow:command("迭代", function(c)
  local seen = {}
  for i in every_hour(c, 3) do
    seen[#seen + 1] = i
    c:say("turn " .. i)
  end
  c:say("seen " .. table.concat(seen, " "))
end)

flow:command("协程", function(c)
  local rounds = coroutine.wrap(function(first)
    local text = first
    for i = 1, 3 do
      local _, why = pcall(function()
        c:sleep("1h")
        error("caught " .. i, 0)
      end)
      text = coroutine.yield(why .. " " .. text)
    end
    local inner = coroutine.wrap(function() coroutine.yield(c:ask{ timeout = "1h" }) end)
    return inner().text
  end)
  c:say(rounds("a"))
  c:say(rounds("b"))
  c:say(rounds("c"))
  c:say(rounds("d"))
end)

-- Where Lua cannot wait: said so, and what was done before is not lost.
flow:command("不能等", function(c)
  c.group.before = "kept"
  local lines = {}
  local function try(fn)
    local fine, why = pcall(fn)
    lines[#lines + 1] = tostring(fine) .. " " .. tostring(why)
  end
  try(function() table.sort({ 3, 1, 2 }, function(a, b) c:sleep("1h") return a < b end) end)
  try(function() return (("x"):gsub("x", function() c:ask{} end)) end)
  try(function() return tostring(setmetatable({}, { __tostring = function() c:sleep("1h") return "x" end })) end)
  c.group.errors = lines
  c:sleep("1h")
  c:say("slept after all: " .. c.group.before .. " " .. #c.group.errors)
end)

local function ask_until(c, ok, depth)
  local answer = c:ask{ timeout = "1h" }
  if not answer then return nil, depth end
  if ok(answer.text) then return answer.text, depth end
  c:say("try again")
  return ask_until(c, ok, depth + 1)
end

flow:command("帮手", function(c)
  local text, depth = ask_until(c, function(s) return #s > 3 end, 1)
  c:say(tostring(text) .. " after " .. depth)
end)

flow:command("局部", function(c)
  local n, list, text = 7, { a = { 1, 2 } }, "x"
  local function more() n = n + 1 return n end
  local guard <close> = setmetatable({}, { __close = function() c.group.closed = (c.group.closed or 0) + 1 end })
  local shuffled = c:shuffle({ 1, 2, 3, 4, 5, 6, 7, 8, 9 })
  c:sleep("1h")
  more()
  list.a[3] = c:random(1000000)
  local drawn = { math.random(1000000), c:random(1000000) }
  c:sleep("1h")
  c.group.kept = { n = more(), list = list, text = text, shuffled = table.concat(shuffled, ""), drawn = drawn, after = c:random(1000000) }
  c:say(tostring(guard ~= nil) .. " " .. c:time("%H:%M") .. " " .. os.date("%H:%M"))
end)

flow:command("改", function(c)
  c.group.shared = (c.group.shared or 0) + 1
  c:member_of(c.user).mine = "other"
  c:add(c.profile, "points", 5)
  c:board("b"):add("x", 10)
  c:days("d", "all"):mark(3)
  c:counter("n"):add(1)
  c:list("l"):push("new")
  c:set("s"):add("y")
  c:tag("t")
  c.group.deep = { n = (c.group.deep or { n = 0 }).n + 1 }
  c:say("changed")
end)

-- All that the script knows was read before the wait; then 改 changes it.
flow:command("手里", function(c)
  local group, member, profile, days, s = c.group, c.member, c.profile, c:days("d", "all"), c:set("s")
  local board, counter, list = c:board("b"), c:counter("n"), c:list("l")
  group.own = "before"
  local function look()
    return sop.json({
      tostring(group.shared), tostring(member.mine), tostring(profile.points), board:get("x") or 0, board:count(),
      days:count(), counter:get(), list:len(), s:count(), c:has_tag("t"), group.own, (group.deep or {}).n or 0, c:once("o"),
    })
  end
  local before = look()
  board:add("x", 1)
  counter:add(1)
  list:push("own")
  c:sleep("1h")
  local after = look()
  group.own = "after"
  counter:add(1)
  c:sleep("1h")
  c.group.looks = { before, after, look() }
  c:say("looked")
end)

flow:command("旧表", function(c)
  local deep = c.group.deep
  c:sleep("1h")
  c.group.deep = { n = deep.n + 1 }
  deep.n = -1
  local _, why = pcall(c.sleep, c, "1h")
  c:say(tostring(why))
  deep.n = 1
  c.group.deep.n = c.group.deep.n + 1
  c:sleep("1h")
  c:say("deep " .. c.group.deep.n)
end)

flow:command("等发", { args = true }, function(c)
  local id, why = c:say("{n} sent", { n = 1 }, { wait = true })
  c:say("id " .. tostring(id ~= nil) .. " " .. tostring(why))
  c.group.message = id
end)

flow:command("等私信", function(c)
  local id, why = c:dm(c.user, "secret", nil, { wait = true })
  c:reply("dm " .. type(id) .. " " .. tostring(why), nil, { wait = true })
  c:staff("staff", nil, { wait = true })
  c:say("all three")
end)

flow:command("说错", function(c)
  local fine, why = pcall(c.say, c, "{missing}", {})
  local many = 0
  for _ = 1, 30 do
    if pcall(c.say, c, "x", nil, { chat = "@1" }) then many = many + 1 end
  end
  c:sleep("1h")
  c:say(tostring(fine) .. " " .. many .. " " .. why:gsub("^.-: ", ""))
end)

flow:command("变体", function(c)
  for i = 1, 4 do
    c:say(c.params.text, { n = i })
    local made = c:format(c.params.text, { n = i })
    c:sleep("1h")
    assert(made == "variant " .. i or made == "other " .. i, made)
  end
  c:say("{name} {shared}", c.group)
  c:say("{a}{b}", setmetatable({}, { __index = function(_, name) return name .. c:random(9) .. tostring(c.group.shared) end }))
  c:sleep("1h")
  c:say("end " .. c:random(9) .. tostring(c.group.shared) .. c.params.number)
end)

flow:command("睡着写", function(c)
  c.member.n = 1
  c:sleep("1h")
  c.member.n = c.member.n + 1
  c.member.gone = "x"
  c:sleep("1h")
  c.member.gone = nil
  c:drop(c:hash("h"))
  c:hash("h").a = 1
  c:sleep("1h")
  c:hash("h").b = 2
  c:add(c:hash("h"), "a", 5)
  c:sleep("1h")
  c:say(sop.json({ c.member.n, c.member.gone == nil, c:hash("h").a, c:hash("h").b }))
end)

return flow
