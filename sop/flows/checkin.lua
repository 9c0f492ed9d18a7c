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
-- Days are numbers of the challenge's own clock (lib/challenge.lua), which stands still while the challenge is paused; a member's day i
-- is clock - member.start, from 0.
-- State: member.name, member.n = number in the group (the bit in the day sets), member.start, member.marks (lib/marks.lua),
-- member.used = cards used, member.got = highest milestone given, member.certified, member.again = day on which a repetition was
-- answered, member.left = day of leaving; group.members (numbers given), group.active (taking part), group.start (fixed), group.shift
-- and group.paused, group.finished, group.over = its final board was told, group.reminded = { day, users }; hash "ends" = how many rolling
-- challenges end on a day; list "members" (ids by number), board
-- "board" (days * 1000 + streak), day sets "in-<day>" = who checked in and "free-<day>" = who need not, list "feats" = milestones
-- still to be told, group.recovered = check-ins that came in late and were not answered.
local challenge = require("lib.challenge")
local dates = require("lib.dates")
local evening = require("lib.evening")
local marks = require("lib.marks")
local people = require("lib.people")
local polite = require("lib.polite")
local said = require("lib.said")
local talk = require("lib.talk")

local flow = sop.flow("checkin", {
  title = "打卡挑战",
  menu = "menu_line",
  wants = {
    unmentioned = "members say the words with a mention of the bot, or press a button",
    join = "who leaves the group goes on as if they were there",
    at = "reminders name members in plain text, which notifies nobody",
  },
  params = {
    commands = { "strings", default = { "打卡", "签到", "卡打", "咔哒", "簽到", "check in" }, help = "打卡口令" },
    signup_words = {
      "strings", default = { "报名", "报名打卡", "报名参加", "我报名", "我要报名", "我也报名", "报名啦", "报名+1", "報名", "sign up" }, help = "报名口令",
    },
    makeup_words = {
      "strings", default = { "补卡", "补签", "补打卡", "补一下卡", "我要补卡", "補卡", "補簽", "make up" }, help = "补卡口令,后面可以跟日期",
    },
    mine_words = { "strings", default = { "我的打卡", "我的打卡记录", "打卡记录", "打卡日历", "my days" }, help = "查看自己打卡的口令" },
    board_words = {
      "strings", default = { "打卡榜", "打卡排行", "打卡排行榜", "打卡排名", "排行榜", "排名", "leaderboard" }, help = "查看打卡榜的口令",
    },

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
    recovered_within = {
      "duration", default = "30m", min = "0s", max = "12h",
      help = "断线补上的打卡,离断线开始不超过这么久时在群里说一声;0s 不说",
    },
    staff_role = {
      "choice", default = "keeper", values = { "keeper", "store", "region", "hq", "owner" }, help = "至少什么角色可以补记、撤销、暂停、恢复、看名单",
    },
    top = { "integer", default = 10, min = 1, max = 30, help = "榜单取前几名" },

    menu_line = { "text", help = "菜单里的一行" },
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
    recovered = { "text", help = "断线期间的打卡都补记上了;{count} 是人次" },
    recovered_part = { "text", help = "断线期间的打卡只补记了一部分;{count} 是人次,{word} 是口令" },
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
    use_note = { "text", help = "帮助里的写法:补记" },
    use_undo = { "text", help = "帮助里的写法:撤销" },
  },
})

flow:run("last_words", function(c, args)
  c:sleep_until(args.at)
  local text = c:list("last_words"):shift()
  if text then c:say(sop.text(text), nil, { policy = "drop" }) end
end)

-- ---- 打卡 ----------------------------------------------------------------------------------------------------------

-- Says something about a check-in that does not count, at most once a day per member.
local function hint(c, text, vars)
  local today = c:day()
  if c.member.again == today then return end
  c.member.again = today
  c:reply(text, vars)
end

-- What `proof` asks for and the message lacks; nil if all is there.
local function lacking(c, words)
  local proof = c.params.proof
  if proof == "photo" and not talk.has_picture(c.message) then return c.params.need_photo end
  if proof == "text" and words == "" then return c.params.need_text end
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
  local i = challenge.day_of(c, member)
  if i and i >= p.days and p.cohort == "fixed" and p.start ~= "" then return hint(c, p.over_fixed, { days = p.days }) end
  if not i or i >= p.days then
    if p.join == "signup" then
      return hint(c, i and p.over or p.need_signup, { days = p.days, word = p.signup_words[1] })
    end
    i = challenge.enrol(c, member, c.user)
  end
  if i < 0 then return hint(c, p.not_started, { date = challenge.date_of(c, member.start) }) end
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

local function check_in(c, words)
  local p, member = c.params, c.member
  if c.from_bot then return end
  local text = lacking(c, words)
  if text then return hint(c, text) end
  local i = open_day(c)
  if not i then return end
  if marks.done(member.marks or "", i) then return hint(c, p.already, { day = marks.total(member.marks) }) end

  local today = challenge.clock(c)
  local bits = challenge.present(c, today)
  people.remember(c)
  local place = bits:count() + 1
  if place == 1 then challenge.begin(c) end -- should it have ended for whatever reason
  fill_pause(c, member, i)
  if member.again ~= c:day() then member.again = nil end
  local lost = marks.lost(member.marks or "", i)
  local lines = challenge.mark(c, c.user, i, "x")
  if member.resumed then
    member.resumed = nil
    table.insert(lines, 1, c:format(p.welcome_back))
  end
  local task = p.cohort == "rolling" and i + 1 < p.days and p.tasks[i + 2] -- the others hear theirs in the evening
  if task then lines[#lines + 1] = c:format(p.summary_task, { task = task }) end
  bits:mark(member.n)
  if i == p.days - 1 then challenge.excused(c, today + 1):mark(member.n) end -- no tomorrow to be reminded of

  local total, streak = marks.total(member.marks), marks.streak(member.marks, i)
  local answer = c:format(p.done, { day = total, days = p.days, streak = streak, place = place, cards = challenge.cards_left(c, member) })
  c:reply(challenge.with_lines(answer, lines))
  if c.event.late then c.group.recovered = (c.group.recovered or 0) + 1 end
  c:emit("checked_in", {
    user = c.user, day = i + 1, total = total, streak = streak, lost = lost > 0 and lost or nil,
    reminded = was_reminded(c, today) or nil,
  })
  c:called("checkin", { id = c:today() }) -- the day's task: it stands when the first one does it, or when all are reminded
  c:responded("checkin", c:today())
end

flow:command("commands", { private = false, args = true }, function(c)
  check_in(c, c.args)
end)

-- What was said while the line was down is in: those who checked in then got no answer, so one word for all.
flow:on("gap", { private = false }, function(c)
  local count, within = c.group.recovered, sop.duration(c.params.recovered_within)
  if not count then return end
  c.group.recovered = nil
  if tonumber(c.event.text) > within or c:quiet_until() then return end
  local text = c.event.sub == "complete" and c.params.recovered or c.params.recovered_part
  c:say(text, { count = count, word = c.params.commands[1] }, { policy = "drop", late = "2m" })
end)

flow:command("signup_words", { private = false }, function(c)
  local p, member = c.params, c.member
  local i = challenge.day_of(c, member)
  if i and i < p.days then
    return hint(c, p.already_signed, { word = p.commands[1] })
  end
  if i and p.cohort == "fixed" and p.start ~= "" then return hint(c, p.over_fixed, { days = p.days }) end
  i = challenge.enrol(c, member, c.user)
  people.remember(c)
  local first = p.tasks[math.max(i, 0) + 1]
  c:reply(p.signed_up, { date = challenge.date_of(c, member.start), days = p.days, word = p.commands[1], task = first or "" })
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

local function make_up(c, date)
  local p, member = c.params, c.member
  if c.group.paused then return hint(c, p.paused) end
  local i = challenge.day_of(c, member)
  if not i or i < 0 then
    return polite.first(c, "makeup", p.seen) and c:reply(p.mine_none, { word = p.commands[1] })
  end
  local vars = { days = p.makeup_days, cards = challenge.cards_left(c, member) }
  local day, why = makeup_day(c, member, math.min(i, p.days), date)
  if day and vars.cards <= 0 then day, why = nil, p.makeup_cards end
  if not day then
    return polite.first(c, "makeup" .. date .. marks.total(member.marks or ""), p.seen) and c:reply(why, vars)
  end

  member.used = (member.used or 0) + 1
  local lines = challenge.mark(c, c.user, day, "m")
  challenge.note(c, member, day, true)
  vars.cards, vars.date = challenge.cards_left(c, member), challenge.date_of(c, member.start + day)
  vars.streak = marks.streak(member.marks, i)
  c:reply(challenge.with_lines(c:format(p.made_up, vars), lines))
  c:emit("made_up", { user = c.user, day = day + 1 })
end

flow:command("makeup_words", { private = false, args = true }, function(c) make_up(c, c.args) end)

-- The date that a remark asks to make up without a blank before it: 补卡昨天, 补昨天的卡, 补三月二号; nil if it is about something else.
local function makeup_meant(c, text)
  if not text:find("补", 1, true) and not text:find("補", 1, true) then return nil end
  for _, word in ipairs(c.params.makeup_words) do
    word = sop.fold(word)
    if text:sub(1, #word) == word and dates.read(c, text:sub(#word + 1)) then return text:sub(#word + 1) end
  end
  local rest = sop.match("^[补補](?:一下|上)?(.+?)(?:的卡|的打卡|的签到|的)?$", text)
  return rest and utf8.len(rest) <= 12 and not rest:find("的", 1, true) and dates.read(c, rest) and rest
end

-- Remarks that mean one of the words without being it. Where pictures are asked for, the word may also be glued ("打卡早餐").
flow:on("message", { private = false }, function(c)
  if c.command or c.user == c.me or c.from_bot or c.at_other and talk.to_another(c) then return end
  local p, text = c.params, sop.fold(talk.typed(c.message))
  if said.has(text, p.commands) then
    local picture = talk.has_picture(c.message)
    if said.plainly(c, text, p.commands) or picture and said.under_picture(text, p.commands, p.proof == "photo") then
      check_in(c, text)
      return true
    end
  end
  local date = makeup_meant(c, text)
  if date then
    make_up(c, date)
    return true
  end
end)

-- ---- looking ------------------------------------------------------------------------------------------------------

flow:command("mine_words", { private = false }, function(c)
  local p, member = c.params, c.member
  local i = challenge.day_of(c, member)
  local done = member.marks or ""
  if not polite.first(c, "mine" .. marks.total(done), p.seen) then return end
  if not i then return c:reply(p.mine_none, { word = p.commands[1] }) end
  local last = math.min(i, p.days - 1)
  c:reply(p.mine, {
    calendar = marks.calendar(done, last), total = marks.total(done), days = p.days,
    streak = marks.streak(done, last), cards = challenge.cards_left(c, member),
  })
end)

flow:command("board_words", { private = false }, function(c)
  local p, board = c.params, c:board("board")
  if not polite.first(c, "board" .. marks.total(c.member.marks or ""), p.seen) then return end
  local place = board:place(c.user)
  local own = { place and c:format(p.board_own, { place = place, count = board:count() }) }
  -- The list itself once a minute is enough for a group; one's own place is for everybody who asks.
  if not c:limit("board", 1, "1m", { scope = "group" }) and place then return c:reply(sop.text(own[1])) end
  local lines = challenge.board_lines(c)
  if #lines == 0 then return c:reply(p.board_empty, { word = p.commands[1] }) end
  c:reply(challenge.with_lines(c:format(p.board, { lines = table.concat(lines, "\n") }), own))
end)

-- ---- every evening -------------------------------------------------------------------------------------------------

-- One round of the campaign: the evening of `args.day`; without it of today, as far as that is still to come. Between the evenings it
-- sleeps with an empty journal, and it is the time of the first post at which changes of the script and the parameters take effect.
flow:run("campaign", function(c, args)
  if args.asleep then
    c:sleep_until(evening.posts(c, args.asleep)[1].at)
    c:continue{ day = args.asleep }
  end

  local day = args.day or c:day()
  evening.settle(c)
  for _, step in ipairs(evening.posts(c, day)) do
    if (args.day or step.at > c:now()) and c:sleep_until(step.at) <= step.late then step.post(c) end
  end

  local tomorrow = math.max(day + 1, c:day())
  if evening.over_by(c, challenge.clock(c) + 1) then
    c:sleep_until(c:moment(tomorrow, c.params.final))
    c:sleep_until(c:quiet_until() or 0)
    if evening.over_by(c, challenge.clock(c)) then -- nobody has joined in the meantime, nor has a new round begun
      local text = not c.group.over and challenge.last_words(c)
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
  local today = challenge.clock(c)
  member.left = today
  challenge.excused(c, today):mark(member.n)
  challenge.excused(c, today + 1):mark(member.n)
  if today - member.start < c.params.days then challenge.take_part(c, member.start, -1) end
end)

flow:on("join", { private = false }, function(c)
  local member = c.member
  local left = member.left
  if not left then return end
  member.left = nil
  challenge.excused(c, challenge.clock(c)):clear(member.n)
  local i = left - member.start
  if i >= c.params.days then return end
  if c.params.cohort == "rolling" then
    -- The challenge goes on with the day after the last one that was done.
    local away = challenge.clock(c) - left
    if away > 0 and marks.done(member.marks or "", i) then away = away - 1 end
    member.start = member.start + away
  end
  i = challenge.day_of(c, member)
  if not i or i >= c.params.days then return end
  challenge.take_part(c, member.start, 1)
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
  local i = challenge.day_of(c, member)
  if letter == "s" and not i and date <= c:day() then
    i = challenge.enrol(c, member, user, challenge.clock(c) - (c:day() - date))
  end
  local day = i and i - (c:day() - date)
  local possible = day and day >= 0 and day <= i and day < p.days
  if not possible or marks.done(member.marks or "", day) == (letter == "s") then
    return c:reply(p.staff_nothing, { name = c:display(user), date = c:date(date) })
  end

  local vars, before = { name = c:display(user), date = c:date(date) }, marks.at(member.marks or "", day)
  challenge.note(c, member, day, letter == "s")
  if letter == "s" then
    local lines = challenge.mark(c, user, day, "s")
    vars.total = marks.total(member.marks)
    c:reply(challenge.with_lines(c:format(p.staff_noted, vars), lines))
  else
    member.marks = marks.set(member.marks, day, ".")
    vars.total = marks.total(member.marks)
    c:board("board"):set(user, vars.total * 1000 + marks.streak(member.marks, i))
    c:reply(p.staff_undone, vars)
  end
  c:audit(letter == "s" and "checkin_noted" or "checkin_undone", {
    user = user, date = vars.date, before = before, after = letter, total = vars.total,
  })
end

flow:command({ "补记", "補記" }, { private = false, args = true, role = "staff_role", usage = "use_note" }, function(c) correct(c, "s") end)
flow:command({ "撤销", "撤销打卡", "撤銷" }, { private = false, args = true, role = "staff_role", usage = "use_undo" }, function(c)
  correct(c, ".")
end)

flow:command({ "打卡暂停", "暂停打卡", "打卡暫停" }, { private = false, role = "staff_role" }, function(c)
  local already = c.group.paused
  if already then return polite.first(c, "paused" .. already, c.params.seen) and c:reply(c.params.staff_paused) end
  c.group.paused = c:day()
  c:cancel{ key = "campaign" }
  c:reply(c.params.staff_paused)
  c:audit("checkin_paused", { before = "running", after = "paused" })
end)

-- A day on which somebody checked in before the pause is over; one on which nobody did goes on where it stood.
flow:command({ "打卡恢复", "恢复打卡", "打卡恢復" }, { private = false, role = "staff_role" }, function(c)
  local paused = c.group.paused
  if paused then
    local day = challenge.clock(c)
    local away = c:day() - paused
    if away > 0 and challenge.present(c, day):count() > 0 then
      away = away - 1
      c.group.pause_day = day
    end
    c.group.shift = (c.group.shift or 0) + away
    c.group.paused = nil
    if (c.group.active or 0) > 0 and not c.group.over then challenge.begin(c) end
    c:audit("checkin_resumed", { days = away, before = "paused", after = "running" })
  end
  c:reply(c.params.staff_resumed)
end)

local MISSING_MOST = 200 -- names of one list: each costs a read

-- Is this member in the middle of a challenge?
local function takes_part(c, user)
  local member = c:member_of(user)
  local i = challenge.day_of(c, member)
  return i and i >= 0 and i < c.params.days and not member.left
end

flow:command({ "打卡名单", "未打卡名单", "没打卡的名单", "打卡名單" }, { private = false, role = "staff_role" }, function(c)
  local n, done, missing = c.group.members or 0, {}, {}
  local bits = n > 0 and challenge.present(c, challenge.clock(c)):range(1, n) or {}
  local free = n > 0 and challenge.excused(c, challenge.clock(c)):range(1, n) or {}
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
  c:audit("staff_looked", { command = "打卡名单" })
end)

return flow
