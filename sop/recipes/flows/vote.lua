-- vote.lua -- 投票 周末吃什么 火锅 烧烤 日料: everybody sends a number, the deadline counts.
local flow = sop.flow("vote", {
  title = "投票",
  params = { window = { "duration", default = "30m", min = "1m", max = "12h", help = "投多久" } },
})

-- What each member chose last, until the deadline. A gathering holds 500 messages; if it is full, another one follows.
local function collect(c, options, deadline)
  local choice = {}
  repeat
    local list, why = c:gather{ events = "message", match = "^[1-" .. options .. "]$", window = math.max(1, deadline - c:now()), max = 500 }
    for _, one in ipairs(list) do choice[one.user] = tonumber(one.text) end
  until why == "window"
  return choice
end

local vote = flow:run("vote", function(c, args)
  local deadline = c:now() + sop.duration(c.params.window)
  local lines = {}
  for i, option in ipairs(args.options) do lines[i] = i .. ". " .. option end
  c:say("投票:{title}\n{lines}\n发序号就行,改主意再发一次,{till} 截止", {
    title = args.title, lines = table.concat(lines, "\n"), till = c:time("%H:%M", deadline),
  })

  local count, total = {}, 0
  for _, i in pairs(collect(c, #args.options, deadline)) do
    count[i], total = (count[i] or 0) + 1, total + 1
  end
  local best = 1
  for i, option in ipairs(args.options) do
    lines[i] = ("%s %d 票"):format(option, count[i] or 0)
    if (count[i] or 0) > (count[best] or 0) then best = i end
  end
  c:say("投票结束,{total} 人参加\n{lines}\n那就「{best}」啦", {
    total = total, lines = table.concat(lines, "\n"), best = total > 0 and args.options[best] or "下次再说",
  }, { answer = true })
end)

flow:command("投票", { role = "keeper", args = true, private = false }, function(c)
  local words = {}
  for word in c.args:gmatch("%S+") do words[#words + 1] = word end
  local title = table.remove(words, 1)
  if #words < 2 or #words > 9 then return c:reply("这样发起:投票 周末吃什么 火锅 烧烤 日料") end
  if not c:start(vote, { title = title, options = words }, { key = "vote", user = false }) then c:reply("上一个投票还没结束呢") end
end)

return flow
