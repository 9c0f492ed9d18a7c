-- runs.lua -- for the tests: c:start, c:continue, c:cancel, c:running, c:stop_when.
local flow = sop.flow("runs", {
  params = {
    steps = { "integer", default = 3 },
    line = { "text", default = "round {n}" },
  },
})

local steps = flow:run("steps", function(c, args)
  c:stop_when{ tag = { "bought", "gone" }, leaves = true, opts_out = true }
  for i = args.from or 1, c.params.steps do
    c:sleep("1h")
    c:say("step " .. i .. " for " .. (args.who or "?"))
  end
  c:say("steps over")
end)

flow:run("nobody", function(c, args)
  c:sleep("1h")
  c:say("user " .. tostring(c.user) .. ", type " .. c.event.type .. ", text [" .. c.text .. "], args " .. sop.json(args))
end)

flow:command("开始", function(c)
  local id, why = c:start(steps, { who = c.name }, { key = c.user })
  c:say(id and "started" or "not started: " .. why)
end)

local greet = flow:run("greet", function(c)
  c:say("hello " .. c.name)
  c:sleep("10m")
  c:say("still here, " .. c.name)
  c:sleep("1s")
  c:continue()
end)

flow:command("招呼", { args = true }, function(c)
  c:start(greet, nil, { user = c.mentions[1] })
end)

flow:command("按名", function(c)
  c:start("steps", { who = "name", from = 3 })
  c:start("runs.steps", { who = "flow.name", from = 3 })
  c:start("nobody", nil, { user = false })
  c:start("nobody", { 1, 2 })
end)

flow:command("两次", function(c)
  local first, second = c:start(steps, nil, { key = "x" }), nil
  local _, why = c:start(steps, nil, { key = "x" })
  c:say(tostring(first ~= nil) .. tostring(second) .. why .. tostring(c:running("x") == first))
end)

flow:command("别处", { args = true }, function(c)
  c:start(steps, { who = "elsewhere", from = 3 }, { chat = c.args })
end)

flow:command("重来", function(c)
  c:cancel{ key = c.user }
  c:say(c:start(steps, { who = "again" }, { key = c.user }) and "started again" or "not started")
end)

flow:command("在吗", function(c)
  c:say(c:running(c.user) and "running" or "not running")
end)

flow:command("停", function(c)
  c:say(c:cancel{ key = c.user } and "cancelled" or "nothing to cancel")
end)

flow:command("记住", function(c) c.group.id = c:start(steps, { who = "id" }) end)
flow:command("停它", function(c) c:say(tostring(c:cancel(c.group.id))) end)

flow:command("自停", function(c)
  c.member.before = "kept"
  local fine = pcall(function()
    c:sleep("1h")
    c.member.after = "kept as well"
    c:say("the end")
    c:cancel()
  end)
  c:say("never said " .. tostring(fine))
end)

flow:command("循环", function(c, args)
  local n = args.n or 1
  c.group.rounds = (c.group.rounds or 0) + 1
  c:say(c.params.line, { n = n })
  c:sleep("1d")
  pcall(function()
    if n < 3 then c:continue{ n = n + 1 } end
  end)
  c:say("loop over after " .. c.group.rounds)
end)

flow:command("立刻循环", function(c, args)
  if not args.again then c:continue{ again = true } end
  c:say("again " .. c.text)
end)

flow:command("打标", { args = true }, function(c)
  c:tag(c.args)
end)

flow:command("别理我", function(c) c:opt_out(true) end)

flow:command("等人", function(c)
  c:stop_when{ leaves = true }
  c:ask{ from = "anyone" }
  c:say("answered")
end)

flow:command("开错", function(c)
  local lines = {}
  local function try(...)
    local fine, why = pcall(...)
    lines[#lines + 1] = tostring(fine) .. " " .. tostring(why)
  end
  try(c.start, c, function() end)
  try(c.start, c, "stepps")
  try(c.start, c, 7)
  try(c.start, c, steps, "text")
  try(c.start, c, steps, {}, { kee = 1 })
  try(c.start, c, steps, { f = print })
  try(c.continue, c, "text")
  try(c.stop_when, c, {})
  try(c.stop_when, c, { leave = true })
  try(c.cancel, c, { kex = 1 })
  c.group.errors = lines
  c:say("done")
end)

return flow
