-- points.lua -- points of a member across flows: a whole number in the profile, and an event for every change, which
-- together are the ledger. The sum is made inside the commit, so two groups at once lose nothing.
local points = {}

-- Gives (or, negative, takes back) n points and says why. Returns the new balance.
function points.give(c, user, n, why)
  if user == sop.nobody then return 0 end -- a member who was forgotten: of a packet that is void, say
  local balance = c:add(c:profile_of(user), "points", n)
  c:emit("points", { user = user, n = n, why = why })
  return balance
end

function points.of(c, user)
  return c:profile_of(user).points or 0
end

return points
