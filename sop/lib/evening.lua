-- evening.lua -- what a check-in challenge says by itself in the evening: the reminder, the day in figures; and when it is over.
-- Of the flow checkin, whose run `campaign` calls it.
local challenge = require("lib.challenge")
local people = require("lib.people")

local evening = {}

-- Who checked in yesterday and not yet today: numbers of members, those who are excused left out.
local function with_streak_to_lose(c, today)
  local n = c.group.members or 0
  if n == 0 then return {} end
  local yesterday, now = challenge.present(c, today - 1):range(1, n), challenge.present(c, today):range(1, n)
  local free = challenge.excused(c, today):range(1, n)
  local numbers = {}
  for i = 1, n do
    if yesterday[i] == 1 and now[i] == 0 and free[i] == 0 then numbers[#numbers + 1] = i end
  end
  return numbers
end

local function remind(c)
  if c.group.paused or c:quiet_until() then return end
  local p, today = c.params, challenge.clock(c)
  local numbers = with_streak_to_lose(c, today)
  if #numbers == 0 or p.remind_names == 0 then return end

  -- With more than can be named, another ten each evening.
  local ids, from = {}, #numbers > p.remind_names and (today * p.remind_names) % #numbers or 0
  for k = 0, #numbers - 1 do
    local n = numbers[(from + k) % #numbers + 1]
    local user = #ids < p.remind_names and c:list("members"):range(n, n)[1]
    if user and not c:opted_out(user) then ids[#ids + 1] = user end
  end
  local rest = #numbers - #ids
  if #ids == 0 then return end
  local vars = { names = people.mentions(ids), rest = rest, word = p.commands[1] }
  c:say(rest > 0 and p.reminder_more or p.reminder, vars, { policy = "drop" })
  c.group.reminded = { day = today, users = ids }
  c:emit("reminded", { users = ids, rest = rest })
  c:called("checkin", { id = c:today() })
end

local function sum_up(c)
  local members = c.group.active or 0
  if c.group.paused or c:quiet_until() or members == 0 then return end
  local p, today = c.params, challenge.clock(c)
  local start = p.cohort == "fixed" and c.group.start
  if start and (today < start or today >= start + p.days) then return end

  local count = challenge.present(c, today):count()
  c:count("checkin_in", count)
  c:count("checkin_of", members)
  local lines, feats = {}, {}
  local list = c:list("feats")
  for i, feat in ipairs(list:range(1, p.top)) do feats[i] = c:display(feat.user) .. " " .. feat.day end
  list:clear()
  if #feats > 0 then lines[1] = c:format(p.summary_feats, { feats = table.concat(feats, " · ") }) end
  local task = start and p.tasks[today - start + 2] -- where all are on the same day
  if task then lines[#lines + 1] = c:format(p.summary_task, { task = task }) end
  if count == 0 and #lines == 0 then return end -- nothing to tell, and nobody is scolded

  local text = c:format(p.day_summary, { count = count, members = members, share = people.percent(count, members) })
  c:say(challenge.with_lines(text, lines), nil, { policy = "drop" })
  c:emit("checkin_day", { day = start and today - start + 1 or nil, count = count, members = members })
end

-- Takes those out whose challenge is over, and forgets days that nobody asks about any more.
function evening.settle(c)
  local today, ends = challenge.clock(c), c:hash("ends")
  for day = today - 9, today - 3 do
    challenge.present(c, day):clear()
    challenge.excused(c, day):clear()
  end
  for day, n in pairs(ends) do
    if tonumber(day) <= today then
      c.group.active = math.max(0, (c.group.active or 0) - n)
      ends[day] = nil
    end
  end
end

-- Will it be over for everybody on that day of the challenge?
function evening.over_by(c, day)
  if c.params.cohort == "fixed" then return day - (c.group.start or day) >= c.params.days end
  local left = c.group.active or 0
  for last, n in pairs(c:hash("ends")) do
    if tonumber(last) <= day then left = left - n end
  end
  return left <= 0
end

-- The posts of an evening in the order of the clock; one that is more than `late` seconds late is left out.
function evening.posts(c, day)
  local posts = {
    { at = c:moment(day, c.params.remind), late = 3600, post = remind },
    { at = c:moment(day, c.params.summary), late = 1500, post = sum_up },
  }
  if posts[2].at < posts[1].at then posts[1], posts[2] = posts[2], posts[1] end
  return posts
end

return evening
