-- rights.lua -- what a member may ask for: what is kept of them, and that it is forgotten.
local P, S = ...
local next, pairs, ipairs, type = next, pairs, ipairs, type
local fail, M, sop = P.fail, S.methods, S.sop

-- Stands where a forgotten member stood in what is kept for others: nobody has this id, and nobody is @-ed by it.
sop.nobody = "~"

local function values(key)
  local out = {}
  for name, text in pairs(P.read_map("HGETALL", key)) do
    out[name] = P.decode(text)
  end
  return out
end

-- What is kept of a member here: fields of the flows that run in this chat, and what goes with them everywhere.
function M.export(c, user)
  user = S.id(user == nil and S.user(c, "c:export") or user, "c:export: the user")
  local flows = {}
  for _, flow in ipairs(M.flows(c)) do
    local fields = values(P.key("m", flow.name, c.chat, user))
    if next(fields) then
      flows[#flows + 1] = { name = flow.name, title = flow.title, fields = fields }
    end
  end
  return {
    user = user, flows = flows, profile = values(P.key("u", user)), tags = M.tags(c, user), opted_out = P.opted_out(user),
  }
end

function M.forget(c, user)
  if user ~= nil and type(user) ~= "string" and math.type(user) ~= "integer" then
    fail("c:forget: the user is an id, not a " .. type(user))
  end
  P.forget(S.id(user == nil and S.user(c, "c:forget") or user, "c:forget: the user"))
end
