-- checkin.lua -- a check-in challenge ("28 天打卡"): one mark a day, with streaks, makeup cards, milestones and a board.
--
-- Members say 打卡 (with a picture or a text where `proof` asks for it). A day runs from the playbook's cut-off hour to the next,
-- judged by the platform's time of the message. The cohort is `rolling` (everybody starts with their own first day) or `fixed`
-- (one start for the group). 补卡 uses a makeup card for one of the last three days, 我的打卡 shows one's calendar, 打卡榜 the
-- best ten and one's own place. Reaching 7, 14, 21 and 28 days is celebrated once each; who has all days gets the certificate.
-- Staff: 补记, 撤销, 打卡暂停, 打卡恢复, 打卡名单. Leaving the group freezes a challenge, coming back resumes it.
--
-- What the group hears by itself is one run, `campaign`: it begins with the first who takes part, and every evening at 20:30 reminds at
-- most ten members who have a streak to lose and at 22:00 sums up the day; on the morning after the last day it shows the final board
-- and ends. What members do are plain handlers: the campaign reads what they have written.
--
-- Days are numbers. The challenge has a clock of its own (`clock` below), which stands still while the challenge is paused; a
-- member's day i is clock - member.start, from 0.
-- State: member.name, member.n = number in the group (the bit in the day sets), member.start, member.marks (lib/marks.lua),
-- member.used = cards used, member.got = highest milestone given, member.certified, member.again = day on which a repetition was
-- answered, member.left = day of leaving; group.members (numbers given), group.active (taking part), group.start (fixed), group.shift
-- and group.paused, group.finished, group.over = its final board was told, group.reminded = { day, users }; hash "ends" = how many rolling
-- challenges end on a day; list "members" (ids by number), board
-- "board" (days * 1000 + streak), day sets "in-<day>" = who checked in and "free-<day>" = who need not, list "feats" = milestones
-- still to be told.
local codes = require("lib.codes")
local dates = require("lib.dates")
local marks = require("lib.marks")
local people = require("lib.people")
local points = require("lib.points")
local polite = require("lib.polite")
local talk = require("lib.talk")

local flow = sop.flow("checkin", {
  title = "打卡挑战",
  params = {
    commands = { "strings", default = { "打卡", "签到", "卡打", "咔哒", "check in" }, help = "打卡口令" },
    signup_words = { "strings", default = { "报名", "报名打卡", "sign up" }, help = "报名口令" },
    makeup_words = { "strings", default = { "补卡", "补签", "make up" }, help = "补卡口令,后面可以跟日期" },
    mine_words = { "strings", default = { "我的打卡", "my days" }, help = "查看自己打卡的口令" },
    board_words = { "strings", default = { "打卡榜", "打卡排行", "排行榜", "leaderboard" }, help = "查看打卡榜的口令" },

    days = { "integer", default = 28, min = 1, max = 366, help = "挑战天数" },
    cohort = { "choice", default = "rolling", values = { "rolling", "fixed" }, help = "rolling 各自从第一天算起;fixed 全群同一天开始" },
    start = { "string", default = "", help = "fixed 时的开始日期,如 2026-12-01;不填则从第一个人报名那天算" },
    join = { "choice", default = "auto", values = { "auto", "signup" }, help = "auto 第一次打卡自动参加;signup 要先报名" },
    proof = { "choice", default = "none", values = { "none", "photo", "text" }, help = "打卡要求:none 无,photo 带图,text 带文字" },
    cards = { "integer", default = 2, min = 0, max = 31, help = "每次挑战送几张补卡券" },
    card_streak = { "integer", default = 7, min = 2, max = 366, help = "每连续打卡几天再得一张补卡券" },
    makeup_days = { "integer", default = 3, min = 1, max = 31, help = "几天之内的可以补" },
    milestones = {
      "table", help = "里程碑:{ day = 天数, points = 积分, tag = 标签, coupon = 券名, coupon_days = 有效天数, text = 祝贺语 };发券要同时启用 redpacket",
      default = { { day = 7, points = 10 }, { day = 14, points = 20 }, { day = 21, points = 30 }, { day = 28, points = 50 } },
    },
    finish_tag = { "string", default = "打卡完成", help = "完成挑战的人得到的标签,空为不加" },
    finish_coupon = { "string", default = "", help = "完成挑战的人得到的券,空为不发" },
    coupon_days = { "integer", default = 7, min = 1, max = 366, help = "券的有效天数" },
    tasks = { "table", default = {}, help = "每日任务,按天排列的文字列表" },
    remind = { "clock", default = "20:30", help = "提醒时间;改动从下一次提醒起生效" },
    remind_names = { "integer", default = 10, min = 0, max = 10, help = "提醒里最多 @ 几个人" },
    summary = { "clock", default = "22:00", help = "每日小结时间" },
    final = { "clock", default = "09:00", help = "挑战全部结束的次日公布总榜的时间" },
    top = { "integer", default = 10, min = 1, max = 30, help = "榜单取前几名" },

    done = { "text", help = "打卡成功" },
    already = { "text", help = "今天已经打过卡(每天最多说一次)" },
    need_photo = { "text", help = "打卡要带图" },
    need_text = { "text", help = "打卡要带文字" },
    need_signup = { "text", help = "要先报名" },
    signed_up = { "text", help = "报名成功" },
    already_signed = { "text", help = "已经报过名" },
    not_started = { "text", help = "挑战还没开始" },
    over = { "text", help = "自己的挑战已经结束" },
    over_fixed = { "text", help = "全群挑战已经结束" },
    paused = { "text", help = "打卡暂停中" },
    milestone = { "text", help = "达成里程碑" },
    prize_points = { "text", help = "里程碑奖励:积分" },
    prize_coupon = { "text", help = "里程碑奖励:券" },
    finished = { "text", help = "完成证书" },
    card_earned = { "text", help = "得到一张补卡券" },
    welcome_back = { "text", help = "离群后回来第一次打卡:挑战接着算" },
    made_up = { "text", help = "补卡成功" },
    makeup_none = { "text", help = "没有可补的日子" },
    makeup_late = { "text", help = "那天补不了" },
    makeup_cards = { "text", help = "补卡券用完了" },
    makeup_date = { "text", help = "看不懂日期" },
    mine = { "text", help = "我的打卡" },
    mine_none = { "text", help = "还没有参加" },
    board = { "text", help = "打卡榜" },
    board_line = { "text", help = "打卡榜的一行" },
    board_own = { "text", help = "打卡榜里自己的名次" },
    board_empty = { "text", help = "榜上还没有人" },
    seen = { "text", help = "重复查询(每天最多说一次)" },
    reminder = { "text", help = "晚间提醒;{names} 是被 @ 的人" },
    reminder_more = { "text", help = "晚间提醒,还有 {rest} 位没点名" },
    day_summary = { "text", help = "每日小结" },
    summary_feats = { "text", help = "小结里的里程碑" },
    summary_task = { "text", help = "小结里的明日任务;rolling 时在每个人的打卡回复里" },
    final_board = { "text", help = "挑战结束的总榜" },
    staff_who = { "text", help = "管理:没有 @ 人" },
    staff_noted = { "text", help = "管理:已补记" },
    staff_undone = { "text", help = "管理:已撤销" },
    staff_nothing = { "text", help = "管理:没有可改的" },
    staff_paused = { "text", help = "管理:已暂停" },
    staff_resumed = { "text", help = "管理:已恢复" },
    staff_list = { "text", help = "管理:打卡名单" },
  },
})

-- ---- the challenge's clock -----------------------------------------------------------------------------------------

-- The challenge's day number of the turn: the business day, less the days that the challenge was paused.
local function clock(c)
  return (c.group.paused or c:day()) - (c.group.shift or 0)
end

-- The calendar day of a day of the challenge.
local function date_of(c, day)
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
local function day_of(c, member)
  local start = member.start
  if not start then return nil end
  if c.params.cohort == "fixed" and start ~= fixed_start(c) then return nil end -- of an earlier round
  return clock(c) - start
end

-- Begins the campaign of this group, unless it is under way.
local function begin(c)
  if not c.group.paused then c:start("campaign", nil, { key = "campaign", user = false }) end
end

-- One more (n = 1) or one less (n = -1) takes part; a rolling challenge that began on `start` ends by itself.
local function take_part(c, start, n)
  local active = c.group.active or 0
  c.group.active = active + n
  if active == 0 and n > 0 then
    c.group.over = nil
    begin(c)
  end
  if c.params.cohort == "fixed" then return end
  local ends, day = c:hash("ends"), tostring(start + c.params.days)
  ends[day] = (ends[day] or 0) + n
end

-- The first lines of the board, best first.
local function board_lines(c)
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
local function last_words(c)
  local p, members, finished = c.params, c:board("board"):count(), c.group.finished or 0
  if members == 0 or p.cohort == "rolling" and finished == 0 then return nil end
  c:emit("challenge_over", { members = members, finished = finished })
  return c:format(p.final_board, {
    lines = table.concat(board_lines(c), "\n"), days = p.days, members = members, finished = finished,
    share = people.percent(finished, members),
  })
end

-- The next round begins before the final board of this one, which ended with the day before `over`, was told: it comes in its time all the
-- same.
local function keep_last_words(c, over)
  local text = last_words(c)
  if not text then return end
  c:list("last_words"):push(text)
  c:start("last_words", { at = c:moment(over + (c.group.shift or 0), c.params.final) }, { user = false })
end

flow:run("last_words", function(c, args)
  c:sleep_until(args.at)
  local text = c:list("last_words"):shift()
  if text then c:say(sop.text(text), nil, { policy = "drop" }) end
end)

-- Enters a member into a new round, from today or (rolling) an earlier day. Returns their day; negative: not begun.
local function enrol(c, member, user, from)
  local today, start = clock(c), from
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
  take_part(c, start, 1)
  c:emit("enrolled", { user = user })
  return today - start
end

-- One bit a member, for each day of the challenge.
local function present(c, day)
  return c:days("in-" .. day, "group")
end

local function excused(c, day)
  return c:days("free-" .. day, "group")
end

-- Enters a member's day i into the day set, or takes it out; of days that are long past nobody asks for it.
local function note(c, member, i, done)
  local day = member.start + i
  if day < clock(c) - 2 then return end
  if done then present(c, day):mark(member.n) else present(c, day):clear(member.n) end
end

-- ---- what a mark brings --------------------------------------------------------------------------------------------

local function cards_left(c, member)
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
local function mark(c, user, i, letter)
  local member, lines = c:member_of(user), {}
  local before = member.marks or ""
  local after = marks.set(before, i, letter)
  member.marks = after
  local total = marks.total(after)
  c:board("board"):set(user, total * 1000 + marks.streak(after, clock(c) - member.start))

  if letter == "x" and marks.earned(after, c.params.card_streak) > marks.earned(before, c.params.card_streak) then
    lines[#lines + 1] = c:format(c.params.card_earned, { cards = cards_left(c, member) })
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
local function with_lines(text, lines)
  if #lines > 0 then text = text .. "\n" .. table.concat(lines, "\n") end
  return sop.text(text)
end

-- ---- 打卡 ----------------------------------------------------------------------------------------------------------

-- Says something about a check-in that does not count, at most once a day per member.
local function hint(c, text, vars)
  local today = c:day()
  if c.member.again == today then return end
  c.member.again = today
  c:reply(text, vars)
end

-- What `proof` asks for and the message lacks; nil if all is there.
local function lacking(c, said)
  local proof = c.params.proof
  if proof == "photo" and not talk.has_picture(c.message) then return c.params.need_photo end
  if proof == "text" and said == "" then return c.params.need_text end
end

-- Days missed while the challenge was paused half-way through a day neither count nor break a streak.
local function fill_pause(c, member, i)
  local pause = c.group.pause_day
  local at = pause and pause - member.start
  if not at or at < 0 or at >= i then return end
  local text = member.marks or ""
  if marks.at(text, at) == "." then member.marks = marks.set(text, at, "p") end
end

-- The day on which a check-in counts, or nil when it does not (the reason has been said).
local function open_day(c)
  local p, member = c.params, c.member
  if c.group.paused then return hint(c, p.paused) end
  local i = day_of(c, member)
  if i and i >= p.days and p.cohort == "fixed" and p.start ~= "" then return hint(c, p.over_fixed, { days = p.days }) end
  if not i or i >= p.days then
    if p.join == "signup" then
      return hint(c, i and p.over or p.need_signup, { days = p.days, word = p.signup_words[1] })
    end
    i = enrol(c, member, c.user)
  end
  if i < 0 then return hint(c, p.not_started, { date = date_of(c, member.start) }) end
  if i >= p.days then return hint(c, p.over_fixed, { days = p.days }) end -- came after the end
  return i
end

-- Was the speaker named in today's reminder?
local function was_reminded(c, today)
  local reminded = c.group.reminded
  if not reminded or reminded.day ~= today then return false end
  for _, user in ipairs(reminded.users) do
    if user == c.user then return true end
  end
  return false
end

local function check_in(c, said)
  local p, member = c.params, c.member
  if c.from_bot then return end
  local text = lacking(c, said)
  if text then return hint(c, text) end
  local i = open_day(c)
  if not i then return end
  if marks.done(member.marks or "", i) then return hint(c, p.already, { day = marks.total(member.marks) }) end

  local today = clock(c)
  local bits = present(c, today)
  people.remember(c)
  local place = bits:count() + 1
  if place == 1 then begin(c) end -- should it have ended for whatever reason
  fill_pause(c, member, i)
  if member.again ~= c:day() then member.again = nil end
  local lost = marks.lost(member.marks or "", i)
  local lines = mark(c, c.user, i, "x")
  if member.resumed then
    member.resumed = nil
    table.insert(lines, 1, c:format(p.welcome_back))
  end
  local task = p.cohort == "rolling" and i + 1 < p.days and p.tasks[i + 2] -- the others hear theirs in the evening
  if task then lines[#lines + 1] = c:format(p.summary_task, { task = task }) end
  bits:mark(member.n)
  if i == p.days - 1 then excused(c, today + 1):mark(member.n) end -- no tomorrow to be reminded of

  local total, streak = marks.total(member.marks), marks.streak(member.marks, i)
  local answer = c:format(p.done, { day = total, days = p.days, streak = streak, place = place, cards = cards_left(c, member) })
  c:reply(with_lines(answer, lines))
  c:emit("checked_in", {
    user = c.user, day = i + 1, total = total, streak = streak, lost = lost > 0 and lost or nil,
    reminded = was_reminded(c, today) or nil,
  })
end

flow:command("commands", { private = false, args = true }, function(c)
  check_in(c, c.args)
end)

-- Does a remark that is no command say the word all the same? 打卡第3天 always does. With a picture it is enough that the word begins or
-- ends the remark ("今天的早餐打卡", "打卡 今天的早餐"); where pictures are asked for, also glued ("打卡早餐"). "打卡机坏了" does not.
local function says(text, word, picture, photos)
  local tail = text:sub(1, #word) == word and text:sub(#word + 1)
  if tail and tail:gsub("^第", ""):match("^%d+天") then return true end
  if not picture then return false end
  if tail and (photos or not tail:match("^[%w\128-\255]")) then return true end
  return text:gsub("[%s!~]+$", ""):sub(-#word) == word
end

flow:on("message", { private = false }, function(c)
  if c.command or c.quoted or c.user == c.me or c.from_bot then return end
  local text, picture = talk.typed(c.message), talk.has_picture(c.message)
  for _, word in ipairs(c.params.commands) do
    if says(text, word, picture, c.params.proof == "photo") then
      check_in(c, text)
      return true
    end
  end
end)

flow:command("signup_words", { private = false }, function(c)
  local p, member = c.params, c.member
  local i = day_of(c, member)
  if i and i < p.days then
    return hint(c, p.already_signed, { word = p.commands[1] })
  end
  if i and p.cohort == "fixed" and p.start ~= "" then return hint(c, p.over_fixed, { days = p.days }) end
  i = enrol(c, member, c.user)
  people.remember(c)
  local first = p.tasks[math.max(i, 0) + 1]
  c:reply(p.signed_up, { date = date_of(c, member.start), days = p.days, word = p.commands[1], task = first or "" })
end)

-- ---- 补卡 ----------------------------------------------------------------------------------------------------------

-- The member's day that is meant by `text`; without a date the last missed one that can be made up. nil, reason.
local function makeup_day(c, member, i, text)
  local p, done = c.params, member.marks or ""
  if text == "" then
    for day = i - 1, math.max(0, i - p.makeup_days), -1 do
      if not marks.done(done, day) then return day end
    end
    return nil, p.makeup_none
  end
  local date = dates.read(c, text)
  if not date then return nil, p.makeup_date end
  local day = i - (c:day() - date)
  if day < 0 or day >= i or i - day > p.makeup_days then return nil, p.makeup_late end
  if marks.done(done, day) then return nil, p.makeup_none end
  return day
end

flow:command("makeup_words", { private = false, args = "glued" }, function(c)
  local p, member = c.params, c.member
  if c.group.paused then return hint(c, p.paused) end
  local i = day_of(c, member)
  if not i or i < 0 then
    return polite.first(c, "makeup", p.seen) and c:reply(p.mine_none, { word = p.commands[1] })
  end
  local vars = { days = p.makeup_days, cards = cards_left(c, member) }
  local day, why = makeup_day(c, member, math.min(i, p.days), c.args)
  if day and vars.cards <= 0 then day, why = nil, p.makeup_cards end
  if not day then
    return polite.first(c, "makeup" .. c.args .. marks.total(member.marks or ""), p.seen) and c:reply(why, vars)
  end

  member.used = (member.used or 0) + 1
  local lines = mark(c, c.user, day, "m")
  note(c, member, day, true)
  vars.cards, vars.date = cards_left(c, member), date_of(c, member.start + day)
  vars.streak = marks.streak(member.marks, i)
  c:reply(with_lines(c:format(p.made_up, vars), lines))
  c:emit("made_up", { user = c.user, day = day + 1 })
end)

-- ---- looking ------------------------------------------------------------------------------------------------------

flow:command("mine_words", { private = false }, function(c)
  local p, member = c.params, c.member
  local i = day_of(c, member)
  local done = member.marks or ""
  if not polite.first(c, "mine" .. marks.total(done), p.seen) then return end
  if not i then return c:reply(p.mine_none, { word = p.commands[1] }) end
  local last = math.min(i, p.days - 1)
  c:reply(p.mine, {
    calendar = marks.calendar(done, last), total = marks.total(done), days = p.days,
    streak = marks.streak(done, last), cards = cards_left(c, member),
  })
end)

flow:command("board_words", { private = false }, function(c)
  local p, board = c.params, c:board("board")
  if not polite.first(c, "board" .. marks.total(c.member.marks or ""), p.seen) then return end
  local place = board:place(c.user)
  local own = { place and c:format(p.board_own, { place = place, count = board:count() }) }
  -- The list itself once a minute is enough for a group; one's own place is for everybody who asks.
  if not c:limit("board", 1, "1m", { scope = "group" }) and place then return c:reply(sop.text(own[1])) end
  local lines = board_lines(c)
  if #lines == 0 then return c:reply(p.board_empty, { word = p.commands[1] }) end
  c:reply(with_lines(c:format(p.board, { lines = table.concat(lines, "\n") }), own))
end)

-- ---- every evening -------------------------------------------------------------------------------------------------

-- Who checked in yesterday and not yet today: numbers of members, those who are excused left out.
local function with_streak_to_lose(c, today)
  local n = c.group.members or 0
  if n == 0 then return {} end
  local yesterday, now, free = present(c, today - 1):range(1, n), present(c, today):range(1, n), excused(c, today):range(1, n)
  local numbers = {}
  for i = 1, n do
    if yesterday[i] == 1 and now[i] == 0 and free[i] == 0 then numbers[#numbers + 1] = i end
  end
  return numbers
end

local function remind(c)
  if c.group.paused or c:quiet_until() then return end
  local p, today = c.params, clock(c)
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
end

local function sum_up(c)
  local members = c.group.active or 0
  if c.group.paused or c:quiet_until() or members == 0 then return end
  local p, today = c.params, clock(c)
  local start = p.cohort == "fixed" and c.group.start
  if start and (today < start or today >= start + p.days) then return end

  local count = present(c, today):count()
  local lines, feats = {}, {}
  local list = c:list("feats")
  for i, feat in ipairs(list:range(1, p.top)) do feats[i] = c:display(feat.user) .. " " .. feat.day end
  list:clear()
  if #feats > 0 then lines[1] = c:format(p.summary_feats, { feats = table.concat(feats, " · ") }) end
  local task = start and p.tasks[today - start + 2] -- where all are on the same day
  if task then lines[#lines + 1] = c:format(p.summary_task, { task = task }) end
  if count == 0 and #lines == 0 then return end -- nothing to tell, and nobody is scolded

  local text = c:format(p.day_summary, { count = count, members = members, share = people.percent(count, members) })
  c:say(with_lines(text, lines), nil, { policy = "drop" })
  c:emit("checkin_day", { day = start and today - start + 1 or nil, count = count, members = members })
end

-- Takes those out whose challenge is over, and forgets days that nobody asks about any more.
local function settle(c)
  local today, ends = clock(c), c:hash("ends")
  for day = today - 9, today - 3 do
    present(c, day):clear()
    excused(c, day):clear()
  end
  for day, n in pairs(ends) do
    if tonumber(day) <= today then
      c.group.active = math.max(0, (c.group.active or 0) - n)
      ends[day] = nil
    end
  end
end

-- Will it be over for everybody on that day of the challenge?
local function over_by(c, day)
  if c.params.cohort == "fixed" then return day - (c.group.start or day) >= c.params.days end
  local left = c.group.active or 0
  for last, n in pairs(c:hash("ends")) do
    if tonumber(last) <= day then left = left - n end
  end
  return left <= 0
end

-- The posts of an evening in the order of the clock; one that is more than `late` seconds late is left out.
local function evening(c, day)
  local posts = {
    { at = c:moment(day, c.params.remind), late = 3600, post = remind },
    { at = c:moment(day, c.params.summary), late = 1500, post = sum_up },
  }
  if posts[2].at < posts[1].at then posts[1], posts[2] = posts[2], posts[1] end
  return posts
end

-- One round of the campaign: the evening of `args.day`; without it of today, as far as that is still to come. Between the evenings it
-- sleeps with an empty journal, and it is the time of the first post at which changes of the script and the parameters take effect.
flow:run("campaign", function(c, args)
  if args.asleep then
    c:sleep_until(evening(c, args.asleep)[1].at)
    c:continue{ day = args.asleep }
  end

  local day = args.day or c:day()
  settle(c)
  for _, step in ipairs(evening(c, day)) do
    if (args.day or step.at > c:now()) and c:sleep_until(step.at) <= step.late then step.post(c) end
  end

  local tomorrow = math.max(day + 1, c:day())
  if over_by(c, clock(c) + 1) then
    c:sleep_until(c:moment(tomorrow, c.params.final))
    c:sleep_until(c:quiet_until() or 0)
    if over_by(c, clock(c)) then -- nobody has joined in the meantime, nor has a new round begun
      local text = not c.group.over and last_words(c)
      if text then c:say(sop.text(text), nil, { policy = "drop" }) end
      c.group.active, c.group.over = 0, true
      c:drop(c:hash("ends"))
      return
    end
  end
  c:continue{ asleep = tomorrow }
end)

-- ---- coming and going ----------------------------------------------------------------------------------------------

flow:on("leave", { private = false }, function(c)
  local member = c.member
  if not member.start or member.left then return end
  local today = clock(c)
  member.left = today
  excused(c, today):mark(member.n)
  excused(c, today + 1):mark(member.n)
  if today - member.start < c.params.days then take_part(c, member.start, -1) end
end)

flow:on("join", { private = false }, function(c)
  local member = c.member
  local left = member.left
  if not left then return end
  member.left = nil
  excused(c, clock(c)):clear(member.n)
  local i = left - member.start
  if i >= c.params.days then return end
  if c.params.cohort == "rolling" then
    -- The challenge goes on with the day after the last one that was done.
    local away = clock(c) - left
    if away > 0 and marks.done(member.marks or "", i) then away = away - 1 end
    member.start = member.start + away
  end
  i = day_of(c, member)
  if not i or i >= c.params.days then return end
  take_part(c, member.start, 1)
  member.resumed = true -- the flow that welcomes people speaks now; the next check-in says that the challenge went on
end)

-- ---- staff ---------------------------------------------------------------------------------------------------------

-- Changes one day of one mentioned member: the date behind the name, else today.
local function correct(c, letter)
  local p, user = c.params, c.mentions[1]
  if not user then return c:reply(p.staff_who) end
  local member = c:member_of(user)
  local date = c.args == "" and c:day() or dates.read(c, c.args)
  if not date then return c:reply(p.makeup_date) end
  local i = day_of(c, member)
  if letter == "s" and not i and date <= c:day() then
    i = enrol(c, member, user, clock(c) - (c:day() - date))
  end
  local day = i and i - (c:day() - date)
  local possible = day and day >= 0 and day <= i and day < p.days
  if not possible or marks.done(member.marks or "", day) == (letter == "s") then
    return c:reply(p.staff_nothing, { name = c:display(user), date = c:date(date) })
  end

  local vars = { name = c:display(user), date = c:date(date) }
  note(c, member, day, letter == "s")
  if letter == "s" then
    local lines = mark(c, user, day, "s")
    vars.total = marks.total(member.marks)
    c:reply(with_lines(c:format(p.staff_noted, vars), lines))
  else
    member.marks = marks.set(member.marks, day, ".")
    vars.total = marks.total(member.marks)
    c:board("board"):set(user, vars.total * 1000 + marks.streak(member.marks, i))
    c:reply(p.staff_undone, vars)
  end
  c:audit(letter == "s" and "checkin_noted" or "checkin_undone", { user = user, date = vars.date })
end

flow:command({ "补记" }, { private = false, args = true, role = "keeper" }, function(c) correct(c, "s") end)
flow:command({ "撤销", "撤销打卡" }, { private = false, args = true, role = "keeper" }, function(c) correct(c, ".") end)

flow:command({ "打卡暂停", "暂停打卡" }, { private = false, role = "keeper" }, function(c)
  if c.group.paused then return c:reply(c.params.staff_paused) end
  c.group.paused = c:day()
  c:cancel{ key = "campaign" }
  c:reply(c.params.staff_paused)
  c:audit("checkin_paused", {})
end)

-- A day on which somebody checked in before the pause is over; one on which nobody did goes on where it stood.
flow:command({ "打卡恢复", "恢复打卡" }, { private = false, role = "keeper" }, function(c)
  local paused = c.group.paused
  if paused then
    local day = clock(c)
    local away = c:day() - paused
    if away > 0 and present(c, day):count() > 0 then
      away = away - 1
      c.group.pause_day = day
    end
    c.group.shift = (c.group.shift or 0) + away
    c.group.paused = nil
    if (c.group.active or 0) > 0 and not c.group.over then begin(c) end
    c:audit("checkin_resumed", { days = away })
  end
  c:reply(c.params.staff_resumed)
end)

local MISSING_MOST = 200 -- names of one list: each costs a read

-- Is this member in the middle of a challenge?
local function takes_part(c, user)
  local member = c:member_of(user)
  local i = day_of(c, member)
  return i and i >= 0 and i < c.params.days and not member.left
end

flow:command({ "打卡名单" }, { private = false, role = "keeper" }, function(c)
  local n, done, missing = c.group.members or 0, {}, {}
  local bits = n > 0 and present(c, clock(c)):range(1, n) or {}
  local free = n > 0 and excused(c, clock(c)):range(1, n) or {}
  for i, user in ipairs(c:list("members"):range(1, -1)) do
    if bits[i] == 1 then
      done[#done + 1] = user
    elseif free[i] ~= 1 and #missing < MISSING_MOST and takes_part(c, user) then
      missing[#missing + 1] = user
    end
  end
  c:reply(c.params.staff_list, {
    done = #done, who = people.names(c, done, 40), missing = #missing, others = people.names(c, missing, 40),
  })
end)

return flow
