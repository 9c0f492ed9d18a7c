-- known.lua -- who had what there is once in a lifetime (an invite that counts, the coupon of a first order), also when they had themselves
-- forgotten since: else that would be the way to have it again. What is kept is a mark, a digest with a secret, which names nobody.
-- State: hash "known-<what>", of this flow in this chat or (scope "gateway") of the gateway: salt = the secret, mark -> day.
local known = {}

local function book(c, what, scope)
  return c:hash("known-" .. what, { scope = scope or "flow" })
end

local function mark_of(fields, c, user)
  if not fields.salt then fields.salt = c:secret(16) end
  return sop.sha256(fields.salt .. user):sub(1, 24)
end

-- Had this member it before?
function known.is(c, what, user, scope)
  local fields = book(c, what, scope)
  return fields[mark_of(fields, c, user)] ~= nil
end

-- They have it now.
function known.note(c, what, user, scope)
  local fields = book(c, what, scope)
  fields[mark_of(fields, c, user)] = c:day()
end

return known
