-- duty.lua -- who is on duty when, and whether what staff say is the answer that a member waits for. Shared by chaperone and handoff.
-- A roster is a list of { days = "1-5" or { 6, 7 }, from = "09:00", to = "18:00", users = { ids } }: days of the week from Monday = 1, all
-- if missing; without from and to the whole day; a duty may go past midnight (from "22:00", to "02:00") and belongs to the day on
-- which it begins.
local duty = {}

local DAY = 86400

local function seconds_of(clock)
  local hour, minute = tostring(clock):match("^(%d%d?):(%d%d)$")
  return hour and tonumber(hour) * 3600 + tonumber(minute) * 60 or 0
end

-- Is a clock time like "09:30" inside from..to, which may go past midnight? From a time to the same is the whole day.
function duty.between(now, from, to)
  now, from, to = seconds_of(now), seconds_of(from), seconds_of(to)
  if from < to then return now >= from and now < to end
  return now >= from or now < to
end

-- Midnight of the day of a moment.
local function midnight(c, at)
  return at - seconds_of(c:time("%H:%M", at)) - tonumber(c:time("%S", at))
end

local function on_weekday(days, weekday)
  if not days then return true end
  if type(days) == "table" then
    for _, day in ipairs(days) do
      if day == weekday then return true end
    end
    return false
  end
  local from, to = tostring(days):match("^(%d)%-?(%d?)$")
  from, to = tonumber(from), tonumber(to) or tonumber(from)
  if not from then return false end
  if from <= to then return weekday >= from and weekday <= to end
  return weekday >= from or weekday <= to
end

-- From when to when this entry serves if it begins on the day of that midnight; nil if it does not.
local function span(c, entry, start_of_day)
  if not on_weekday(entry.days, tonumber(c:time("%u", start_of_day))) then return nil end
  local from, to = seconds_of(entry.from or "00:00"), seconds_of(entry.to or "24:00")
  if to <= from then to = to + DAY end
  return start_of_day + from, start_of_day + to
end

-- Adds the users of an entry who are not among them yet.
local function add_users(ids, seen, entry)
  for _, user in ipairs(entry.users or {}) do
    if not seen[user] then
      seen[user] = true
      ids[#ids + 1] = user
    end
  end
end

-- Who is on duty now, in the order of the roster, nobody twice.
function duty.on(c, roster)
  local ids, seen, now = {}, {}, c:now()
  local today = midnight(c, now)
  for _, entry in ipairs(roster) do
    for _, start_of_day in ipairs({ today, today - DAY }) do
      local from, to = span(c, entry, start_of_day)
      if from and now >= from and now < to then
        add_users(ids, seen, entry)
      end
    end
  end
  return ids
end

-- The next moment at which somebody's duty begins, nil if none does within eight days.
function duty.next(c, roster)
  local first, now = nil, c:now()
  local today = midnight(c, now)
  for _, entry in ipairs(roster) do
    for ahead = 0, 8 do
      local from = #(entry.users or {}) > 0 and span(c, entry, today + ahead * DAY)
      if from and from > now then
        if not first or from < first then first = from end
        break
      end
    end
  end
  return first
end

-- Everybody who is in the roster, at whatever hour.
function duty.all(roster)
  local ids, seen = {}, {}
  for _, entry in ipairs(roster) do
    add_users(ids, seen, entry)
  end
  return ids
end

-- Who may answer: these, and staff by configuration and playbook. (Of the platform's owners and admins we learn when they speak.)
function duty.answerers(c, ids)
  local list = table.move(ids, 1, #ids, 1, {})
  for _, entry in ipairs(c:roster()) do list[#list + 1] = entry.user end
  return list
end

-- What staff say is for those whom they @, for the one whose message (`id`) they quote, or without either for everybody who waits.
function duty.is_for(m, user, id)
  for _, mentioned in ipairs(m.mentions) do
    if mentioned == user then return true end
  end
  if m.quoted then return m.quoted == id end
  return #m.mentions == 0
end

return duty
