-- trial.lua -- a flow for the torture: every waiting call there is, for minutes and for weeks, and state after each, so that a wait
-- that is lost, doubled, or brought back wrongly shows.
local flow = sop.flow("trial", {
  title = "试炼",
  params = {
    weeks = { "integer", default = 4, min = 1, max = 52, help = "几周" },
    at = { "clock", default = "09:20", help = "每天几点" },
    day_text = { "text", default = "试炼第 {week} 周第 {day} 天 {who} {lucky}", help = "每天一句" },
  },
})

-- One more on a counter of the member, and on one of the group.
local function count(c, what)
  c.member[what] = (c.member[what] or 0) + 1
  c:counter(what):add(1)
end

-- Asks until the answer is a number, three times at most. Waits inside a helper, inside pcall, inside a loop.
local function ask_number(c, text)
  for i = 1, 3 do
    c:reply(text, { i = i })
    local ok, answer = pcall(function() return c:ask{ timeout = "10m" } end)
    assert(ok, answer)
    if not answer then return nil end
    local number = tonumber(answer.text:match("%d+"))
    if number then return number end
    count(c, "vague")
  end
end

-- A day a line: an iterator that waits.
local function days(c, from)
  return function(_, day)
    if day >= 7 then return nil end
    c:sleep_until{ days = day + 1 - from, at = c.params.at }
    return day + 1
  end, nil, from
end

local week = flow:run("week", function(c, args)
  c:stop_when{ leaves = true, opts_out = true }
  local lucky, sum = c:random(1, 1000), 0
  for day in days(c, 0) do
    sum = sum + c:random(1, 6)
    c.member.week, c.member.day, c.member.sum = args.week, day, sum
    count(c, "mornings")
    c:board("mornings"):set(c.user, (args.week - 1) * 7 + day)
    c:say(c.params.day_text, { week = args.week, day = day, who = c.user, lucky = lucky }, { policy = "resend" })
  end
  if args.week < c.params.weeks then c:continue{ week = args.week + 1 } end
  c.member.done = true
  c:say("试炼完成 {who}", { who = c.user }, { policy = "resend" })
end)

flow:command({ "试炼" }, { private = false }, function(c)
  if c:running(c.user) then return c:reply("试炼已经开始了") end
  local size = ask_number(c, "试炼问题:几公里?(第 {i} 次)")
  if not size then return c:reply("试炼没有等到数字") end
  c.member.size = size
  c:sleep("90s")
  local id, running = c:start(week, { week = 1 }, { key = c.user })
  c.member.began = id and true or running
  c:emit("trial", { size = size, began = c.member.began })
  -- Last, for when one learns that it was sent, and whether one learns it, hangs on what happens to the daemon.
  local sent, why = c:reply("试炼记下 {size}", { size = size }, { wait = true })
  c.member.told = (sent or why) ~= nil
end)

flow:command({ "放弃试炼" }, { private = false }, function(c)
  local key = c.user
  if c:running(key) then
    c:cancel{ key = key }
    c:reply("试炼已放弃")
  else
    c:reply("没有试炼可放弃")
  end
end)

-- Who comes within a minute of the first one; a crowd of five is enough. A join that is reported twice is one.
flow:on("join", { private = false }, function(c)
  local list, why = c:gather{ events = "join", window = "1m", max = 5 }
  local names, known = { c.user }, { [c.user] = true }
  for _, one in ipairs(list) do
    if not known[one.user] then names[#names + 1] = one.user end
    known[one.user] = true
  end
  c.group.crowds = (c.group.crowds or 0) + 1
  c:list("crowd"):push({ users = names, why = why, at = c:now() })
  c:say("试炼见到 {n} 位:{names} ({why})", { n = #names, names = table.concat(names, " "), why = why }, { policy = "resend" })
end)

-- The first who answers gets it; several of these may be open in a group, the newest is asked first.
flow:command({ "试炼抢答" }, { private = false }, function(c)
  local left = {}
  for i = 1, 3 do left[i] = "第" .. i .. "名" end
  while #left > 0 do
    local answer, why = c:ask{ from = "anyone", commands = { "抢" }, timeout = "5m" }
    if not answer then return c:say("试炼抢答结束 {n} {why}", { n = #left, why = why }, { policy = "resend" }) end
    local place = table.remove(left, 1)
    c:member_of(answer.user).places = (c:member_of(answer.user).places or 0) + 1
    c:counter("places"):add(1)
    c:say("试炼抢答 {who} {place}", { who = answer.user, place = place }, { policy = "resend" })
  end
  c:say("试炼抢答满了", nil, { policy = "resend" })
end)

return flow
