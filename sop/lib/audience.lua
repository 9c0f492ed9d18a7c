-- audience.lua -- flows that are meant for some members only: tags that a member must have, and tags that they must not have.
-- A flow has two parameters for it, `only_tags` and `not_tags`, and asks here before it speaks to somebody of its own accord.
local audience = {}

-- Is the flow meant for this member (default: the speaker): has all tags of `only`, and none of `without`?
function audience.fits(c, only, without, user)
  for _, tag in ipairs(only) do
    if not c:has_tag(tag, user) then return false end
  end
  for _, tag in ipairs(without) do
    if c:has_tag(tag, user) then return false end
  end
  return true
end

return audience
