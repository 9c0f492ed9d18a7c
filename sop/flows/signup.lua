-- signup.lua -- 报名 / 招募: a form, places and a waiting list, review by staff, reminders before the date, 签到 on the spot.
--
-- 开报名 <标题> by staff, with lines: 名额 30, 时间 3月8日 14:00, 截止 3月7日, 地点 ..., 审核; anything else is shown as it stands. 报名 begins the form (the
-- playbook's `questions`): in private where the gateway can write there, else in the group, where only the last four digits of a phone
-- number are asked for. 上一步 goes back, 取消 ends it; it waits for days and goes on after a restart. Whoever is through has a place, waits
-- if there is none, or is reviewed: 通过 3, 拒绝 3 原因. 取消报名 gives the place to the first who waits. Before the date those who have a place
-- are reminded; on the day they say 签到, or staff say 到场 3. When it is over, staff get the list of who did not come. 报名导出 gives CSV.
--
-- State: group.seq = id of the newest; hash "signups" = id -> { id, title, places (0: no limit), at, closes, place, review, more,
-- opened, by, state = "open" | "closed" | "over" | "void" }, kept `keep_days` after the end; its list by lib/lists.lua (item A), an
-- entry has answers, wanted = places, state = "review" | "refused", reason, came = { at, by } besides; member.filling = id of the sign-up
-- whose form is open in private, profile["signup:<chat>"] = its answers on their way. Runs: `form` (of a member, where it asks), `signup`.
local book = require("lib.signupbook")
local csv = require("lib.csv")
local form = require("lib.form")
local people = require("lib.people")
local polite = require("lib.polite")

local flow = sop.flow("signup", {
  title = "报名",
  menu = "menu_line",
  wants = {
    unmentioned = "members say the words with a mention of the bot",
    dm = "the form is filled in the group, with the last four digits of phone numbers only",
    at = "who is reminded, or moved up, is named in plain text",
  },
  params = {
    apply_words = { "strings", default = { "报名", "我要报名", "我报名", "報名", "sign up" }, help = "报名的口令" },
    cancel_words = { "strings", default = { "取消报名", "退出报名", "不报了", "取消報名" }, help = "取消报名的口令" },
    mine_words = { "strings", default = { "我的报名", "报名查询" }, help = "看自己的报名的口令" },
    checkin_words = { "strings", default = { "签到", "我到了", "到了", "簽到" }, help = "现场签到的口令(只在活动当天)" },
    questions = {
      "table", help = "报名表:{ key, ask, type = text|number|phone|choice|date, min, max, options, days, seats = true(人数即占位) }",
      default = {
        { key = "name", ask = "怎么称呼你?", type = "text", max = 20 },
        { key = "phone", ask = "手机号是多少?只用来联系这次活动", type = "phone" },
      },
    },
    ask_in = { "choice", default = "private", values = { "private", "group" }, help = "在哪里填表:private 私聊(不能私聊时在群里),group 群里" },
    timeout = { "duration", default = "24h", min = "1m", max = "7d", help = "每个问题等多久" },
    tries = { "integer", default = 5, min = 2, max = 10, help = "每个问题最多答几次" },
    places = { "integer", default = 30, min = 0, max = 100000, help = "没写名额时的名额,0 为不限" },
    review = { "boolean", default = false, help = "没写审核时,是否要工作人员审核" },
    usual_time = { "clock", default = "14:00", help = "只写了日期时,活动几点" },
    open_days = { "integer", default = 7, min = 1, max = 90, help = "没写时间和截止时,报名开几天" },
    remind_before = { "strings", default = { "1d", "2h" }, help = "活动前多久提醒,可写几个" },
    remind_by = { "choice", default = "group", values = { "group", "private" }, help = "在群里提醒还是私信提醒" },
    checkin_before = { "duration", default = "2h", min = "0s", max = "24h", help = "活动前多久可以签到" },
    checkin_after = { "duration", default = "4h", min = "10m", max = "3d", help = "活动开始后多久之内可以签到,之后发未到名单" },
    keep_days = { "integer", default = 90, min = 1, max = 3660, help = "报名记录保留天数" },
    role = { "choice", default = "keeper", values = { "keeper", "store", "region", "hq", "owner" }, help = "至少什么角色可以开报名、审核、签到" },

    menu_line = { "text", help = "菜单里的一行" },
    opened = { "text", help = "开场" },
    at_time = { "text", help = "开场里的时间" },
    at_place = { "text", help = "开场里的地点" },
    with_places = { "text", help = "开场里的名额" },
    question = { "text", help = "一个问题" },
    question_options = { "text", help = "一个选择题" },
    ask_tail = { "text", help = "在群里问手机尾号" },
    first = { "text", help = "已经是第一题" },
    cancelled = { "text", help = "填到一半取消" },
    timed_out = { "text", help = "填到一半没有下文" },
    given_up = { "text", help = "答错太多次" },
    bad_text = { "text", help = "答得不对:文字" },
    bad_number = { "text", help = "答得不对:数字" },
    bad_phone = { "text", help = "答得不对:手机号" },
    bad_tail = { "text", help = "答得不对:手机尾号" },
    bad_choice = { "text", help = "答得不对:选择" },
    bad_date = { "text", help = "答得不对:日期" },
    in_private = { "text", help = "问题在私聊里" },
    filling = { "text", help = "表还开着(每天最多说一次)" },
    none_open = { "text", help = "现在没有报名(每天最多说一次)" },
    too_late = { "text", help = "报名截止了(每天最多说一次)" },
    already = { "text", help = "已经报过名(每天最多说一次)" },
    accepted = { "text", help = "报名成功" },
    waiting = { "text", help = "满了,进候补" },
    reviewing = { "text", help = "等审核" },
    passed = { "text", help = "审核通过(私信)" },
    passed_group = { "text", help = "审核通过(群里)" },
    refused = { "text", help = "审核没通过(私信,{reason} 是原因)" },
    refused_group = { "text", help = "审核没通过(群里)" },
    moved_up = { "text", help = "候补转正(私信)" },
    moved_up_group = { "text", help = "候补转正(群里)" },
    withdrawn = { "text", help = "已取消报名" },
    not_signed = { "text", help = "没有报过名(每天最多说一次)" },
    mine = { "text", help = "我的报名" },
    seen = { "text", help = "重复查询(每天最多说一次)" },
    closed = { "text", help = "报名截止" },
    reminder = { "text", help = "活动前提醒" },
    reminder_more = { "text", help = "活动前提醒,还有 {rest} 位没点名" },
    reminder_private = { "text", help = "活动前提醒,私信" },
    came = { "text", help = "签到成功" },
    came_before = { "text", help = "签到过了(每天最多说一次)" },
    voided = { "text", help = "活动取消" },
    state_review = { "text", help = "状态:待审核" },
    state_refused = { "text", help = "状态:未通过" },
    state_in = { "text", help = "状态:已报名" },
    state_waiting = { "text", help = "状态:候补" },
    state_came = { "text", help = "状态:已签到" },
    staff_how = { "text", help = "管理:开报名怎样写" },
    staff_wrong = { "text", help = "管理:看不懂这一行" },
    staff_open = { "text", help = "管理:还有一个没结束" },
    staff_opened = { "text", help = "管理:已在群里开了" },
    staff_none = { "text", help = "管理:没有报名" },
    staff_applied = { "text", help = "管理:有人报名,等审核" },
    staff_passed = { "text", help = "管理:已通过" },
    staff_refused = { "text", help = "管理:已拒绝" },
    staff_number = { "text", help = "管理:没有这个号" },
    staff_list = { "text", help = "管理:报名名单" },
    staff_line = { "text", help = "管理:名单的一行" },
    staff_came = { "text", help = "管理:已登记到场" },
    staff_missed = { "text", help = "管理:没来的" },
    staff_all_came = { "text", help = "管理:都来了" },
    staff_sent = { "text", help = "管理:已发到管理群" },
    use_open = { "text", help = "帮助里的写法:开报名" },
    use_pass = { "text", help = "帮助里的写法:通过" },
    use_refuse = { "text", help = "帮助里的写法:拒绝" },
    use_came = { "text", help = "帮助里的写法:到场" },
  },
})

-- A short answer, once a day per member and cause.
local function short(c, what, text, vars)
  if c:once(what .. "|" .. c:today(), { ttl = "2d" }) then c:reply(text, vars) end
end

-- ---- the form ------------------------------------------------------------------------------------------------------

flow:timer("moved", { late = "12h" }, function(c, args)
  local signup, users = book.get(c, args.id), {}
  local list = signup and signup.state ~= "void" and book.list(c, signup)
  for _, user in ipairs(list and args.users or {}) do -- who has left, or was forgotten, since
    local entry = list:entry(user)
    if entry and book.seats(entry) > 0 then users[#users + 1] = user end
  end
  if #users > 0 then book.tell(c, users, c.params.moved_up, c.params.moved_up_group, book.about(c, signup)) end
end)

-- Takes a form that is filled in, in the group's own turn. Returns what to answer.
local function take(c, args)
  local p, signup = c.params, book.get(c, args.id)
  if not signup or signup.state ~= "open" or args.at >= signup.closes then
    return p.too_late, signup and book.about(c, signup) or { title = "", close = "" }
  end
  local list = book.list(c, signup)
  if list:entry(c.user) then return p.already, book.about(c, signup, { no = list:entry(c.user).no }) end
  local wanted = book.wanted(c, args.answers, signup)
  local entry = list:enter(c.user, args.name)
  entry.answers, entry.wanted = args.answers, wanted
  entry.state = signup.review and "review" or nil
  list:put(c.user, entry)
  c:responded("signup", signup.id)
  local vars = book.about(c, signup, { no = entry.no })
  if signup.review then
    c:staff(p.staff_applied, book.about(c, signup, { no = entry.no, name = entry.name, answers = book.answers(c, entry) }))
    c:emit("signup_applied", { id = signup.id, user = c.user, no = entry.no, state = "review" })
    return p.reviewing, vars
  end
  local _, wait = book.seat(list, c.user, wanted)
  c:emit("signup_applied", { id = signup.id, user = c.user, no = entry.no, state = wait > 0 and "waiting" or "in" })
  return wait > 0 and p.waiting or p.accepted, vars
end

-- The form of one member. In private it stands in the private chat, and the group takes what was filled in.
flow:run("form", function(c, args)
  if not args.private then c:stop_when{ leaves = true } end
  local p = c.params
  local questions = book.questions(c, not args.private, { places = args.places or 0 })
  local answers, why = form.fill(c, questions, p, p.timeout, p.tries)
  if not answers then c:emit("signup_left", { id = args.id, user = c.user, why = why }) end
  if args.private then -- the answers may be too long for the arguments of a timer
    if answers then c.profile["signup:" .. args.chat] = answers end
    local filled = { id = args.id, at = c:now(), name = args.name, left = not answers }
    return c:timer("take", { chat = args.chat, key = c.user, after = "0s", args = filled })
  end
  if not answers then return end
  local text, vars = take(c, { id = args.id, at = c:now(), name = args.name, answers = answers })
  c:reply(text, vars, { answer = true })
end)

flow:timer("take", function(c, args)
  local field = "signup:" .. c.chat
  local answers, wanted = c.profile[field], c.member.filling == args.id
  c.profile[field] = nil
  if wanted then c.member.filling = nil end
  if args.left or not answers or not wanted then return end -- not wanted: 取消报名, or gone, in the meantime
  args.answers = answers
  local text, vars = take(c, args)
  c:say(text, vars, { chat = "@" .. c.user, answer = true })
end)

flow:command("apply_words", { private = false }, function(c)
  local p, signup = c.params, book.current(c)
  if not signup then
    if c.group.seq then return short(c, "none", p.none_open) end
    return false -- somebody else's word, of a challenge say
  end
  local entry = book.list(c, signup):entry(c.user)
  if entry then return short(c, "already" .. signup.id, p.already, book.about(c, signup, { no = entry.no })) end
  if signup.state ~= "open" or c:now() >= signup.closes then return short(c, "late" .. signup.id, p.too_late, book.about(c, signup)) end
  local key, private, begun, why = "form." .. c.user, p.ask_in == "private" and c:can("dm"), nil, nil
  local args = { id = signup.id, name = c.name, chat = c.chat, private = private, places = signup.places }
  if private then begun, why = c:start("form", args, { chat = "@" .. c.user, key = key }) end
  if not begun and why ~= "running" then -- or nothing of this playbook runs in private
    private, args.private = false, false
    begun = c:start("form", args, { key = key })
  end
  if not begun then return short(c, "filling" .. signup.id, p.filling) end
  if private then
    c.member.filling = signup.id
    c:reply(p.in_private, book.about(c, signup))
  end
  c:emit("signup_begun", { id = signup.id, user = c.user })
end)

-- Ends the form that this member has open in private, if it is one of this sign-up. True if there was one.
local function put_away(c, signup)
  if not signup or c.member.filling ~= signup.id then return false end
  c.member.filling = nil
  c:cancel{ key = "form." .. c.user, chat = "@" .. c.user }
  c:emit("signup_left", { id = signup.id, user = c.user, why = "cancelled" })
  return true
end

-- 取消, while the form is open in the group, is meant for the form, whatever else the word does here.
flow:command(form.STOP, { private = false, shared = true }, function(c)
  local key, signup = "form." .. c.user, book.current(c)
  if not signup or not c:running(key) then return false end
  c:cancel{ key = key }
  c:emit("signup_left", { id = signup.id, user = c.user, why = "cancelled" })
  c:reply(c.params.cancelled, form.vars())
end)

local function withdraw(c, signup, list)
  local entry, moved = list:remove(c.user)
  c:emit("signup_withdrawn", { id = signup.id, user = c.user, no = entry.no })
  book.tell_moved(c, signup, moved)
end

flow:command("cancel_words", { private = false }, function(c)
  local p, signup = c.params, book.current(c)
  local list = signup and book.list(c, signup)
  local entry = list and list:entry(c.user)
  if not entry then
    if not signup or c:running("form." .. c.user) then return false end -- the form hears it
    if put_away(c, signup) then return c:reply(p.cancelled, form.vars()) end
    return short(c, "not" .. signup.id, p.not_signed, book.about(c, signup))
  end
  if entry.came then return false end
  c:reply(p.withdrawn, book.about(c, signup, { no = entry.no }))
  withdraw(c, signup, list)
end)

flow:command("mine_words", { private = false }, function(c)
  local p, signup = c.params, book.current(c)
  local entry = signup and book.list(c, signup):entry(c.user)
  local state = entry and book.state(entry) or "none"
  if not polite.first(c, "mine" .. (signup and signup.id or 0) .. state, p.seen) then return end
  if not entry then return c:reply(signup and p.not_signed or p.none_open, signup and book.about(c, signup)) end
  c:reply(p.mine, book.about(c, signup, { no = entry.no, state = c:format(p["state_" .. state]) }))
end)

flow:on("leave", { private = false }, function(c)
  local signup = book.current(c)
  local list = signup and book.list(c, signup)
  local entry = list and list:entry(c.user)
  put_away(c, signup)
  if not entry or entry.came then return end
  withdraw(c, signup, list)
end)

-- ---- the date ------------------------------------------------------------------------------------------------------

local step = {}

function step.close(c, signup, late)
  if signup.state ~= "open" then return end
  signup.state = "closed"
  book.keep(c, signup)
  local list = book.list(c, signup)
  local _, _, moved = list:count()
  book.tell_moved(c, signup, moved)
  local all, seated = list:all(), book.seated(c, signup)
  if (late or 0) < 3600 then c:say(c.params.closed, book.about(c, signup, { count = #seated }), { policy = "drop" }) end
  c:staff(c.params.staff_list, book.about(c, signup, { lines = book.lines(c, all), count = #all, seated = #seated }))
  c:emit("signup_closed", { id = signup.id, applied = #all, seated = #seated })
end

-- Fifteen a minute, in the order of their numbers.
local function remind_in_private(c, signup, behind)
  local more = book.remind_some(c, signup, behind)
  if more then c:timer("remind", { after = "1m", key = tostring(signup.id), args = { id = signup.id, behind = more }, user = false }) end
end

flow:timer("remind", function(c, args)
  local signup = book.get(c, args.id)
  if signup and signup.state ~= "void" then remind_in_private(c, signup, args.behind) end
end)

function step.remind(c, signup, late)
  if late > 3600 then return end
  local p, seated, names = c.params, book.seated(c, signup), {}
  if #seated == 0 then return end
  if p.remind_by == "private" and c:can("dm") then return remind_in_private(c, signup, 0) end
  for _, entry in ipairs(seated) do
    if #names < 10 and not c:opted_out(entry.user) then names[#names + 1] = entry.user end
  end
  local rest = #seated - #names
  c:say(rest > 0 and p.reminder_more or p.reminder, book.about(c, signup, { names = people.mentions(names), rest = rest }),
    { policy = "drop" })
  c:emit("signup_reminded", { id = signup.id, users = #names > 0 and names or nil, rest = rest })
end

function step.finish(c, signup)
  local p, missed = c.params, book.seated(c, signup, true)
  if signup.at then
    local vars = book.about(c, signup, { count = #missed, lines = book.lines(c, missed) })
    c:staff(#missed > 0 and p.staff_missed or p.staff_all_came, vars)
  end
  c:emit("signup_over", { id = signup.id, seated = #book.seated(c, signup), missed = signup.at and #missed or nil })
  signup.state = "over"
  book.keep(c, signup)
  book.forget_old(c)
end

-- A sign-up from its opening to the end of its day; every step begins anew, asleep with nothing in its journal.
flow:run("signup", function(c, args)
  local signup = book.get(c, args.id)
  if not signup or signup.state == "void" or signup.state == "over" then return end
  local coming = book.steps(c, signup, args.after)[1]
  if not coming then return end
  local late = c:sleep_until(coming.at)
  signup = book.get(c, args.id)
  local due = book.steps(c, signup, args.after)[1]
  if not due or due.at > c:now() then c:continue{ id = args.id, after = args.after } end -- somebody has moved the date
  local what = { id = args.id, what = due.what, late = late } -- in a turn of its own: the list is longer than a run's journal
  c:timer("step", { after = "0s", key = due.what .. signup.id, args = what, user = false })
  c:continue{ id = args.id, after = due.at }
end)

flow:timer("step", function(c, args)
  local signup = book.get(c, args.id)
  if signup and (signup.state == "open" or signup.state == "closed") then step[args.what](c, signup, args.late) end
end)

-- Only on the day, and only of those who have a place: elsewhere the word belongs to others.
flow:command("checkin_words", { private = false }, function(c)
  local p, signup = c.params, book.current(c)
  if not book.on_the_day(c, signup) then return false end
  local list = book.list(c, signup)
  local entry = list:entry(c.user)
  if not entry or book.seats(entry) == 0 then return false end
  if entry.came then return short(c, "came" .. signup.id, p.came_before, book.about(c, signup, { no = entry.no })) end
  book.sign_in(c, signup, list, c.user, entry)
  c:reply(p.came, book.about(c, signup, { no = entry.no }))
end)

-- ---- staff ---------------------------------------------------------------------------------------------------------

flow:command({ "开报名", "發起報名", "发起报名" }, { role = "role", private = false, args = true, usage = "use_open" }, function(c)
  local p, before = c.params, book.current(c)
  if c.args == "" then return c:reply(p.staff_how) end
  if before then return c:reply(p.staff_open, book.about(c, before)) end
  local wrong = form.problem(p.questions)
  if wrong then return c:reply(p.staff_wrong, { line = wrong }) end
  local signup, line = book.read(c, c.args)
  if not signup then return c:reply(p.staff_wrong, { line = line }) end
  signup.id, signup.opened, signup.by, signup.state = (c.group.seq or 0) + 1, c:now(), c.user, "open"
  book.keep(c, signup)
  c.group.seq = signup.id
  c:say(p.opened, book.about(c, signup), { policy = "resend" })
  c:start("signup", { id = signup.id, after = c:now() }, { key = "signup." .. signup.id, user = false })
  c:emit("signup_opened", { id = signup.id, places = signup.places })
  c:called("signup", { id = signup.id, within = signup.closes - c:now() })
  c:audit("signup_opened", { id = signup.id, by = c.user, before = "none", after = "open" })
  if c.via then c:reply(p.staff_opened, book.about(c, signup)) end
end)

flow:command({ "通过", "通過" }, { role = "role", private = false, args = "glued", usage = "use_pass" }, function(c)
  local p, signup = c.params, book.reviewed(c)
  if not signup then return false end
  local found, rest, list = book.chosen(c, signup)
  if not found or rest ~= "" then return false end
  local seated, waiting, done = {}, {}, {}
  for _, entry in ipairs(found) do
    if entry.state then
      local user, was = entry.user, entry.state
      entry.state, entry.reason, entry.user = nil, nil, nil
      list:put(user, entry)
      local _, wait = book.seat(list, user, entry.wanted or 1)
      table.insert(wait > 0 and waiting or seated, user)
      done[#done + 1] = entry
      c:emit("signup_passed", { id = signup.id, user = user, no = entry.no, waiting = wait > 0 or nil })
      c:audit("signup_reviewed", { id = signup.id, no = entry.no, user = user, by = c.user, before = was, after = "passed" })
    end
  end
  if #done == 0 then return #found > 0 and short(c, "nothing", p.staff_none) end
  if #seated > 0 then book.tell(c, seated, p.passed, p.passed_group, book.about(c, signup)) end
  if #waiting > 0 then book.tell(c, waiting, p.waiting, p.waiting, book.about(c, signup, { no = "" })) end
  c:reply(p.staff_passed, book.about(c, signup, { who = book.names(done), waiting = #waiting }))
end)

flow:command({ "拒绝", "拒絕" }, { role = "role", private = false, args = "glued", usage = "use_refuse" }, function(c)
  local p, signup = c.params, book.reviewed(c)
  if not signup then return false end
  local found, reason, list = book.chosen(c, signup)
  if not found then return false end
  local users, moved = {}, {}
  for _, entry in ipairs(found) do
    if entry.state ~= "refused" then
      local user, was = entry.user, entry.state or "passed"
      local _, _, up = book.seat(list, user, 0)
      for _, one in ipairs(up) do moved[#moved + 1] = one end
      local kept = list:entry(user)
      kept.state, kept.reason = "refused", reason ~= "" and reason or nil
      list:put(user, kept)
      users[#users + 1] = user
      c:emit("signup_refused", { id = signup.id, user = user, no = entry.no })
      c:audit("signup_reviewed", { id = signup.id, no = entry.no, user = user, by = c.user, before = was, after = "refused" })
    end
  end
  if #users == 0 then return #found > 0 and short(c, "nothing", p.staff_none) end
  book.tell(c, users, p.refused, p.refused_group, book.about(c, signup, { reason = reason }))
  c:reply(p.staff_refused, book.about(c, signup, { who = book.names(found) }))
  book.tell_moved(c, signup, moved, true)
end)

flow:command({ "到场", "到場" }, { role = "role", private = false, args = "glued", usage = "use_came" }, function(c)
  local p, signup = c.params, book.current(c)
  if not signup then return false end
  local found, rest, list = book.chosen(c, signup)
  if not found or rest ~= "" then return false end
  local done = {}
  for _, entry in ipairs(found) do
    if not entry.came and book.seats(entry) > 0 then
      local user = entry.user
      book.sign_in(c, signup, list, user, entry)
      c:audit("signup_came", { id = signup.id, no = entry.no, user = user, by = c.user })
      done[#done + 1] = entry
    end
  end
  c:reply(#done > 0 and p.staff_came or p.staff_none, book.about(c, signup, { who = book.names(done) }))
end)

flow:command({ "报名名单", "報名名單" }, { role = "role", private = false }, function(c)
  local p, signup = c.params, book.current(c) or book.get(c, c.group.seq)
  if not signup then return c:reply(p.staff_none) end
  local all, seated = book.list(c, signup):all(), book.seated(c, signup)
  local vars = book.about(c, signup, { lines = book.lines(c, all), count = #all, seated = #seated })
  c:audit("staff_looked", { command = "报名名单" })
  c:reply(p.staff_sent)
  c:staff(p.staff_list, vars) -- phone numbers are not for the group
end)

local export = csv.exporter(flow, book)

flow:command({ "报名导出", "导出报名" }, { role = "role", private = false }, function(c)
  local signup = book.current(c) or book.get(c, c.group.seq)
  if not signup then return c:reply(c.params.staff_none) end
  c:reply(c.params.staff_sent)
  c:audit("signup_exported", { id = signup.id, by = c.user, rows = export(c, signup) })
end)

flow:command({ "截止报名", "报名截止" }, { role = "role", private = false }, function(c)
  local signup = book.current(c)
  if not signup or signup.state ~= "open" then return c:reply(c.params.staff_none) end
  c:cancel{ key = "signup." .. signup.id }
  signup.closes = c:now()
  step.close(c, signup)
  c:start("signup", { id = signup.id, after = c:now() }, { key = "closed." .. signup.id, user = false })
  c:audit("signup_closed", { id = signup.id, by = c.user, before = "open", after = "closed" })
  if c.via then c:reply(c.params.staff_sent) end
end)

flow:command({ "活动取消", "报名作废" }, { role = "role", private = false, args = true }, function(c)
  local p, signup = c.params, book.current(c)
  if not signup then return c:reply(p.staff_none) end
  c:cancel{ key = "signup." .. signup.id }
  c:cancel{ key = "closed." .. signup.id }
  c:audit("signup_void", { id = signup.id, by = c.user, before = signup.state, after = "void" })
  signup.state = "void"
  book.keep(c, signup)
  c:say(p.voided, book.about(c, signup, { reason = c.args }))
  c:emit("signup_void", { id = signup.id })
  if c.via then c:reply(p.staff_sent) end
end)

return flow
