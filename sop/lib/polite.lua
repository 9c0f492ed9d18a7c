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

-- The same for what changes by itself: full again whenever `content` is not what this member was shown last.
function polite.news(c, what, content, again, vars)
  local field, sum = "shown_" .. what, sop.sha256(content):sub(1, 16)
  local shown = c.member[field]
  if not shown or shown.sum ~= sum or shown.day ~= c:today() then
    c.member[field] = { sum = sum, day = c:today(), times = 1 }
    return true
  end
  if shown.times == 1 then
    c.member[field] = { sum = sum, day = shown.day, times = 2 }
    c:reply(again, vars)
  end
  return false
end

return polite
