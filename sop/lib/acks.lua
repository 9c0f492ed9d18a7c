-- acks.lua -- tells members together that their entry or vote has come in: what comes within `batch` is one message that names ten at most.
-- Of the flows contest, vote and draw, which have the parameter `batch`, the texts `acked` and `acked_more`, and a timer "acks".
-- State: list "acks" = { user, name, note }, group.acks_at = when the timer wakes.
local acks = {}

local NAMED = 10

-- Notes that the speaker is to be told. What came in late (from the history) is told with the others.
function acks.add(c, note)
  c:list("acks"):push({ user = c.user, name = c.name, note = note })
  local at = c.group.acks_at
  if at and at > c:now() - 60 then return end -- it is set, and will not be long; an older one was lost while the flow was off
  at = c:now() + sop.duration(c.params.batch)
  c.group.acks_at = at
  c:timer("acks", { at = at, key = "acks", user = false })
end

-- Tells those who have not been told. `vars` are further values of the texts.
function acks.tell(c, vars)
  local list = c:list("acks")
  local told = {}
  for _, entry in ipairs(list:range(1, -1)) do
    if entry.user ~= sop.nobody then told[#told + 1] = entry end -- who was forgotten meanwhile
  end
  list:clear()
  c.group.acks_at = nil
  if #told == 0 or (c.event.late or 0) > 300 then return end -- the flow was off: that is no news any more
  local names = {}
  for i = 1, math.min(#told, NAMED) do
    if i > 1 then names[#names + 1] = sop.text(" · ") end
    names[#names + 1] = c:opted_out(told[i].user) and sop.text(told[i].name) or sop.at(told[i].user)
    if told[i].note then names[#names + 1] = sop.text(" " .. told[i].note) end
  end
  vars = vars or {}
  vars.names, vars.rest = names, #told - NAMED
  c:say(#told > NAMED and c.params.acked_more or c.params.acked, vars, { policy = "drop", late = "5m", answer = true, kind = "game" })
end

return acks
