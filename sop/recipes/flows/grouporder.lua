-- grouporder.lua -- 接龙 鲜鸡蛋一板 29.9 元: members send +2 or 取消; the list comes at most every three minutes, until it closes.
local flow = sop.flow("grouporder", {
  title = "接龙",
  params = {
    close = { "clock", default = "20:00", help = "几点截止" },
    every = { "duration", default = "3m", min = "10s", max = "1h", help = "接龙表最多多久发一次" },
  },
})

local WORD = "^(?:[+＋][1-9]\\d?|取消)$"

local function note(c, one)
  local orders, count = c:hash("orders"), tonumber((sop.match("\\d+", one.text)))
  local place = orders[one.user] and orders[one.user].place or c:counter("place"):add(1)
  orders[one.user] = count and { name = one.name, count = count, place = place } or nil
end

local function post(c, title, text)
  local list, lines, total = {}, {}, 0
  for _, order in pairs(c:hash("orders")) do list[#list + 1] = order end
  table.sort(list, function(a, b) return a.place < b.place end)
  for i, order in ipairs(list) do
    lines[i], total = ("%d. %s +%d"):format(i, order.name, order.count), total + order.count
  end
  local vars = { title = title, lines = table.concat(lines, "\n"), total = total }
  c:say(text, vars, { answer = true })
  return vars
end

-- One round: the first order wakes it, those of the next minutes are gathered, then the list. A fresh run for each round
-- keeps its journal short, however long the list gets.
local round = flow:run("round", function(c, args)
  local first = c:now() < args.close and c:ask{ from = "anyone", match = WORD, timeout = args.close - c:now() }
  if first then
    note(c, first)
    local window = math.min(sop.duration(c.params.every), args.close - c:now())
    for _, one in ipairs(c:gather{ events = "message", match = WORD, window = math.max(1, window), max = 500 }) do note(c, one) end
    if c:now() < args.close then post(c, args.title, "接龙:{title}\n{lines}\n要的发 +1,不要了发「取消」") end
    c:continue(args)
  end
  c:staff("{title} 一共 {total} 份\n{lines}", post(c, args.title, "接龙结束:{title},一共 {total} 份\n{lines}"))
end)

flow:command("接龙", { role = "keeper", args = true, private = false }, function(c)
  if c.args == "" then return c:reply("这样开始:接龙 鲜鸡蛋一板 29.9 元") end
  local today = c:moment(c:day(), c.params.close)
  local close = today > c:now() and today or c:moment(c:day() + 1, c.params.close)
  if not c:start(round, { title = c.args, close = close }, { key = "order", user = false }) then return c:reply("上一个接龙还没结束呢") end
  c:drop(c:hash("orders"))
  c:say("接龙开始:{title}\n要的发 +1(几份就加几),不要了发「取消」,{close} 截止", { title = c.args, close = c:time("%H:%M", close) })
end)

return flow
