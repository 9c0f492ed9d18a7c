-- segments.lua -- levels by growth, stages by days, and tags of which a member has one at a time ("等级:老友"). Of the flow segment.
local segments = {}

-- The level that `growth` is in, and the one after it; nil where there is none. Levels are { from, name }, lowest first.
function segments.level(levels, growth)
  local level, following
  for _, entry in ipairs(levels) do
    if growth >= entry.from then
      level = entry
    else
      following = entry
      break
    end
  end
  return level, following
end

-- The stage of somebody who came `days` ago and has been quiet for `quiet` days. `p` has growing, mature, sleeping, awake in days.
function segments.stage(p, days, quiet)
  if days < p.growing then return "新人" end
  if days < p.mature then return "成长" end
  if days < p.sleeping then return "成熟" end
  return p.awake > 0 and quiet < p.awake and "成熟" or "沉睡"
end

-- Of the tags that begin with `prefix` the member has this one, or none (nil).
function segments.retag(c, user, prefix, name)
  local wanted = name and prefix .. name
  local has = false
  for _, tag in ipairs(c:tags(user)) do
    if tag == wanted then
      has = true
    elseif tag:sub(1, #prefix) == prefix then
      c:untag(tag, user)
    end
  end
  if wanted and not has then c:tag(wanted, user) end
end

function segments.count(counts, tag)
  counts[tag] = (counts[tag] or 0) + 1
end

return segments
