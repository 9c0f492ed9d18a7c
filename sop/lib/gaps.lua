-- gaps.lua -- questions of members that nobody answered yet, for the report of the evening. Flows that hand questions to people note
-- them here and take them out when somebody answers; report reads them. They stand in the chat's hash "unanswered", by member.
local gaps = {}

local KEPT = 3 * 86400

local function hash(c)
  return c:hash("unanswered", { scope = "chat" })
end

-- A question of `user` that nobody answered in time. question: { text, name, at }.
function gaps.note(c, user, question)
  hash(c)[user] = { text = question.text, name = question.name, at = question.at }
end

function gaps.answered(c, user)
  local all = hash(c)
  if all[user] then all[user] = nil end
end

-- Those that came in since `from`, oldest first; what is older than three days is forgotten.
function gaps.since(c, from)
  local list, all = {}, hash(c)
  for user, one in pairs(all) do
    if one.at < c:now() - KEPT then
      all[user] = nil
    elseif one.at >= from then
      list[#list + 1] = { user = user, text = one.text, name = one.name, at = one.at }
    end
  end
  table.sort(list, function(a, b) return a.at < b.at or a.at == b.at and a.user < b.user end)
  return list
end

-- How long a member waited for somebody of the staff: counted in steps of minutes, for the median of the report.
local STEPS = { 0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 90, 120, 180, 240, 360, 480, 720, 1440 }

function gaps.helped(c, seconds)
  local step = 0
  for _, minutes in ipairs(STEPS) do
    if minutes * 60 <= seconds then step = minutes end
  end
  c:count("helped." .. step)
end

return gaps
