-- polite.lua -- one reply per cause: the full answer the first time a member asks on a day, one short line the
-- second time, then silence until the next day.
local polite = {}

-- True: answer in full. False: it was a repetition, and `again` has been said if that was due.
-- `what` names the question; put whatever changes the answer into it, so that news is never withheld.
function polite.first(c, what, again, vars)
  local key = what .. "|" .. c:today()
  if c:once(key, { ttl = "2d" }) then return true end
  if c:once("again|" .. key, { ttl = "2d" }) then c:reply(again, vars) end
  return false
end

return polite
