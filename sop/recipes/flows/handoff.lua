-- handoff.lua -- 人工: calls whoever is on duty; after ten minutes the next one as well; who says 我来 has it.
local flow = sop.flow("handoff", {
  title = "人工",
  params = {
    weekdays = { "table", default = { "10001", "10002" }, help = "周一到周五谁值班,按先后" },
    weekend = { "table", default = { "10002", "10001" }, help = "周末谁值班,按先后" },
    wait = { "duration", default = "10m", min = "1m", max = "2h", help = "多久没人接就再喊一位" },
  },
})

-- Calls one after the other. Those who were called first may still take it. Nil: nobody did.
local function find(c, roster)
  local called = {}
  for i, user in ipairs(roster) do
    called[i] = user
    c:say("{who} {name} 在找人帮忙,回「我来」接一下", { who = sop.at(user) }, { answer = true })
    local taken = c:ask{ from = called, commands = "我来", timeout = c.params.wait }
    if taken then return taken end
  end
end

local call = flow:run("call", function(c)
  c:stop_when{ leaves = true }
  c:reply("好的,这就喊同事来")
  local began = c:now()
  local weekend = c:time("%u") >= "6"
  local taken = find(c, weekend and c.params.weekend or c.params.weekdays)
  if not taken then
    c:reply("同事都在忙,我记下了,今天一定回你", nil, { answer = true })
    c:staff("{name} 找人工,没人接", { name = c.name })
    return c:emit("handoff_missed", { user = c.user })
  end
  c:reply("{helper} 来啦,直接说就好", { helper = taken.name })
  local done = c:ask{ from = taken.user, commands = "完成", timeout = "4h" }
  if done then c:reply("有需要随时再喊「人工」") end
  c:emit("handoff", { user = c.user, by = taken.user, seconds = taken.time - began })
end)

flow:command({ "人工", "客服" }, { private = false }, function(c)
  if not c:start(call, nil, { key = c.user }) then c:reply("已经在喊啦,稍等一下下") end
end)

return flow
