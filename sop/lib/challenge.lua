-- challenge.lua -- the state of a check-in challenge of a group: its days, who takes part, what a mark brings. Of the flow checkin, whose
-- parameters and texts it uses (the state is described there).
--
-- Days are numbers. The challenge has a clock of its own, which stands still while the challenge is paused; a member's day i is
-- clock - member.start, from 0.
local codes = require("lib.codes")
local marks = require("lib.marks")
local people = require("lib.people")
local points = require("lib.points")

local challenge = {}

-- ---- the challenge's clock -----------------------------------------------------------------------------------------

-- The challenge's day number of the turn: the business day, less the days that the challenge was paused.
function challenge.clock(c)
  return (c.group.paused or c:day()) - (c.group.shift or 0)
end

-- The calendar day of a day of the challenge.
function challenge.date_of(c, day)
  return c:date(day + (c.group.shift or 0))
end

local function new_round(c, start)
  c.group.start, c.group.finished, c.group.active, c.group.over = start, 0, 0, nil
  c:board("board"):clear()
end

-- The first day of the group's fixed challenge, nil while nobody has begun one.
local function fixed_start(c)
  local wanted = c.params.start ~= "" and c:day(c.params.start) or nil
  if wanted and wanted ~= c.group.wanted then -- a new date in the playbook: a new round
    c.group.wanted = wanted
    new_round(c, wanted - (c.group.shift or 0))
  end
  return c.group.start
end

-- Where a member stands: their day i (0 = first), or nil before they take part in this round.
function challenge.day_of(c, member)
  local start = member.start
  if not start then return nil end
  if c.params.cohort == "fixed" and start ~= fixed_start(c) then return nil end -- of an earlier round
  return challenge.clock(c) - start
end

-- Begins the campaign of this group, unless it is under way.
function challenge.begin(c)
  if not c.group.paused then c:start("campaign", nil, { key = "campaign", user = false }) end
end

-- One more (n = 1) or one less (n = -1) takes part; a rolling challenge that began on `start` ends by itself.
function challenge.take_part(c, start, n)
  local active = c.group.active or 0
  c.group.active = active + n
  if active == 0 and n > 0 then
    c.group.over = nil
    challenge.begin(c)
  end
  if c.params.cohort == "fixed" then return end
  local ends, day = c:hash("ends"), tostring(start + c.params.days)
  ends[day] = (ends[day] or 0) + n
end

-- The first lines of the board, best first.
function challenge.board_lines(c)
  local lines = {}
  for i, entry in ipairs(c:board("board"):top(c.params.top)) do
    local total = math.floor(entry.score) // 1000
    lines[i] = c:format(c.params.board_line, {
      place = i, name = c:display(entry.id), total = total, streak = math.floor(entry.score) % 1000,
    })
  end
  return lines
end

-- What is said at the end, nil if there is nothing to celebrate: a rolling challenge that nobody has finished just fades out.
function challenge.last_words(c)
  local p, members, finished = c.params, c:board("board"):count(), c.group.finished or 0
  if members == 0 or p.cohort == "rolling" and finished == 0 then return nil end
  c:emit("challenge_over", { members = members, finished = finished })
  return c:format(p.final_board, {
    lines = table.concat(challenge.board_lines(c), "\n"), days = p.days, members = members, finished = finished,
    share = people.percent(finished, members),
  })
end

-- The next round begins before the final board of this one, which ended with the day before `over`, was told: it comes in its time all the
-- same.
local function keep_last_words(c, over)
  local text = challenge.last_words(c)
  if not text then return end
  c:list("last_words"):push(text)
  c:start("last_words", { at = c:moment(over + (c.group.shift or 0), c.params.final) }, { user = false })
end

-- Enters a member into a new round, from today or (rolling) an earlier day. Returns their day; negative: not begun.
function challenge.enrol(c, member, user, from)
  local today, start = challenge.clock(c), from
  if c.params.cohort == "fixed" then
    start = fixed_start(c)
    if not start or today - start >= c.params.days and c.params.start == "" then
      if start and not c.group.over then keep_last_words(c, start + c.params.days) end
      start = today
      new_round(c, start)
    end
  elseif c.group.over then
    new_round(c, nil)
  end
  start = start or today
  if not member.n then
    member.n = (c.group.members or 0) + 1
    c.group.members = member.n
    c:list("members"):push(user)
  end
  member.start, member.marks, member.used, member.got, member.certified, member.left = start, nil, nil, nil, nil, nil
  challenge.take_part(c, start, 1)
  c:emit("enrolled", { user = user })
  return today - start
end

-- One bit a member, for each day of the challenge.
function challenge.present(c, day)
  return c:days("in-" .. day, "group")
end

function challenge.excused(c, day)
  return c:days("free-" .. day, "group")
end

-- Enters a member's day i into the day set, or takes it out; of days that are long past nobody asks for it.
function challenge.note(c, member, i, done)
  local day = member.start + i
  if day < challenge.clock(c) - 2 then return end
  if done then challenge.present(c, day):mark(member.n) else challenge.present(c, day):clear(member.n) end
end

-- ---- what a mark brings --------------------------------------------------------------------------------------------

function challenge.cards_left(c, member)
  return c.params.cards + marks.earned(member.marks or "", c.params.card_streak) - (member.used or 0)
end

-- Gives the reward of one milestone and returns the lines that tell of it.
local function reward(c, user, step, lines)
  local p, member = c.params, c:member_of(user)
  member.got = step.day
  lines[#lines + 1] = c:format(step.text or p.milestone, { days = step.day })
  if step.points then
    points.give(c, user, step.points, "checkin.day" .. step.day)
    lines[#lines + 1] = c:format(p.prize_points, { points = step.points })
  end
  if step.tag then c:tag(step.tag, user) end
  if step.coupon then
    local _, till = codes.issue(c, user, step.coupon, step.coupon_days or p.coupon_days, "checkin.day" .. step.day)
    codes.watch(c, till)
    lines[#lines + 1] = c:format(p.prize_coupon, { what = step.coupon, till = c:date(till) })
  end
  c:list("feats"):push({ user = user, day = step.day })
  c:emit("milestone", { user = user, day = step.day })
end

local function finish(c, user, lines)
  local p = c.params
  c.group.finished = (c.group.finished or 0) + 1
  lines[#lines + 1] = c:format(p.finished, { name = c:display(user), days = p.days })
  if p.finish_tag ~= "" then c:tag(p.finish_tag, user) end
  if p.finish_coupon ~= "" then
    local _, till = codes.issue(c, user, p.finish_coupon, p.coupon_days, "checkin.finish")
    codes.watch(c, till)
    lines[#lines + 1] = c:format(p.prize_coupon, { what = p.finish_coupon, till = c:date(till) })
  end
  c:emit("challenge_finished", { user = user })
end

-- Puts a letter on a member's day i and gives what that brings: board, milestones, certificate. Returns lines to tell.
function challenge.mark(c, user, i, letter)
  local member, lines = c:member_of(user), {}
  local before = member.marks or ""
  local after = marks.set(before, i, letter)
  member.marks = after
  local total = marks.total(after)
  c:board("board"):set(user, total * 1000 + marks.streak(after, challenge.clock(c) - member.start))

  if letter == "x" and marks.earned(after, c.params.card_streak) > marks.earned(before, c.params.card_streak) then
    lines[#lines + 1] = c:format(c.params.card_earned, { cards = challenge.cards_left(c, member) })
  end
  local got = member.got or 0
  for _, step in ipairs(c.params.milestones) do
    if total >= step.day and step.day > got then reward(c, user, step, lines) end
  end
  if total == c.params.days and not member.certified then
    member.certified = true
    finish(c, user, lines)
  end
  return lines
end

-- An answer that is composed already, with further lines below it.
function challenge.with_lines(text, lines)
  if #lines > 0 then text = text .. "\n" .. table.concat(lines, "\n") end
  return sop.text(text)
end

return challenge
