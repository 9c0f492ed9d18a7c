-- calendar.lua -- the content calendar of a group ("群SOP"): what is posted on which day, and what became of it.
--
-- Posts stand in the parameter `posts` (lib/occasion.lua has the rules: fixed dates, weekdays, every N days, day N of the group or of each
-- member, festivals by the lunar calendar, workdays and days off), come from HQ in the chat (群发排期, for all groups) or from the store
-- (排期, for this one); the daily board at 07:30 is one more. Every morning at `plan_at` the day is planned: each post becomes a timer. A
-- post with `confirm` is shown to staff before, who may confirm it, change its words, or skip it until shortly before its time.
-- Every planned post ends as sent, late, skipped or blocked (lib/planned.lua). What has no outcome the next morning, because the flow was
-- switched off in between, is closed as blocked; so are the days on which nobody planned.
-- Staff: 日历, 日历结果, 确认, 改, 跳过, 排期, 取消排期; HQ in private or in the staff chat: 群发排期, 撤回排期, 群发进度.
--
-- State: group.plan = { day, open = { id -> { due, busy, confirm, answer, text, by } }, done = { id -> true } }, group.first = first day
-- seen, group.seq; hash "posts" = posts of this group by 排期; list "outcomes"; lists "joined-<day>" and member.joined (only where a post
-- has member_day). Of the gateway: hash "calendar" = posts by 群发排期, "calendar-reach" = how many groups each has reached, and when.
local agenda = require("lib.agenda")
local civil = require("lib.civil")
local dates = require("lib.dates")
local holidays = require("lib.holidays")
local lunar = require("lib.lunar")
local planned = require("lib.planned")
local polite = require("lib.polite")
local when = require("lib.when")

local ROLES = { "keeper", "store", "region", "hq", "owner" }

local flow = sop.flow("calendar", {
  title = "内容日历",
  kind = "broadcast",
  wants = {
    join = "posts for day N of a member are not due",
    at = "newcomers are named in plain text",
    proactive = "nothing can be posted unasked: every post is blocked",
  },
  params = {
    plan_at = { "clock", default = "04:05", help = "每天几点排好当天的内容;要在 day_cutoff 之后" },
    posts = {
      "table", default = {}, texts = { "text" },
      help = "内容表,每条 { id, at = \"09:00\", text = 一句或几种说法, image } 加一条规则:date、weekday、every + from、group_day、member_day、festival(+ days);"
        .. "可加 from、till、workday、shift、confirm、anytime",
    },
    made = { "string", default = "", help = "建群日期,如 2026-03-02;不填则从流程第一次运行那天算" },
    board = { "boolean", default = false, help = "每天发价格牌" },
    board_at = { "clock", default = "07:30", help = "价格牌的时间" },
    board_csv = { "string", default = "", help = "价格牌:每行「日期或星期(1-7)或 *,品名,价格」;Redis 里有今天的就用 Redis 的" },
    on_time = { "duration", default = "5m", min = "10s", max = "1h", help = "晚了多久以内算准时" },
    late = { "duration", default = "30m", min = "1m", max = "12h", help = "最多晚多久还发" },
    confirm_window = { "duration", default = "2h", min = "15m", max = "12h", help = "要确认的内容提前多久给门店看" },
    confirm_close = { "duration", default = "10m", min = "0s", max = "4h", help = "发之前多久停止确认、改、跳过" },
    unconfirmed = { "choice", default = "send", values = { "send", "skip" }, help = "到点没人确认:照发 send,不发 skip" },
    may_change = { "boolean", default = true, help = "门店可以改文案" },
    look_role = { "choice", default = "keeper", values = ROLES, help = "至少什么角色可以看日历" },
    store_role = { "choice", default = "store", values = ROLES, help = "至少什么角色可以确认、改、跳过、排本群的内容" },
    hq_role = { "choice", default = "hq", values = ROLES, help = "至少什么角色可以给所有群排内容" },
    publish_confirm = { "boolean", default = false, help = "总部排的内容也要门店确认" },
    pace = { "number", default = 4.2, min = 0, max = 600, help = "群发时相邻两个群大约隔几秒,只用来估算;sopd ctl plan 算得准" },
    gap_days = { "integer", default = 0, min = 0, max = 31, help = "接下来几天都没有内容时提醒工作人员;0 不提醒" },
    names = { "integer", default = 10, min = 1, max = 10, help = "一条消息里最多 @ 几个人" },

    board_text = { "text", help = "价格牌;{lines} 是每一行" },
    board_line = { "text", help = "价格牌的一行" },
    board_stale = { "text", help = "管理:价格牌不是今天的,没有发" },
    offer = { "text", help = "管理:请门店确认" },
    otherwise_sent = { "text", help = "管理:没人确认也发" },
    otherwise_skipped = { "text", help = "管理:没人确认就不发" },
    confirmed = { "text", help = "管理:已确认" },
    changed = { "text", help = "管理:已改" },
    skipped = { "text", help = "管理:已跳过" },
    no_change = { "text", help = "管理:不能改文案" },
    change_how = { "text", help = "管理:改要写新文案" },
    answer_late = { "text", help = "管理:来不及了" },
    nothing_open = { "text", help = "管理:没有这一条" },
    which = { "text", help = "管理:有好几条,要写编号" },
    seen = { "text", help = "重复的命令(每天最多说一次)" },
    day_head = { "text", help = "日历的头一行" },
    day_line = { "text", help = "日历的一行" },
    day_empty = { "text", help = "日历:那天没有内容" },
    day_how = { "text", help = "日历:看不懂日期" },
    is_workday = { "text", help = "工作日" },
    is_off = { "text", help = "休息日" },
    unknown_year = { "text", help = "这一年的放假安排还没有收录,只按周末算" },
    unknown_lunar = { "text", help = "这一天没有农历数据" },
    wait_confirm = { "text", help = "日历:待确认" },
    is_confirmed = { "text", help = "日历:已确认" },
    results = { "text", help = "计划和实际" },
    results_none = { "text", help = "那天没有计划" },
    outcome_line = { "text", help = "计划和实际的一行" },
    is_sent = { "text", help = "已发" }, is_late = { "text", help = "晚发" },
    is_skipped = { "text", help = "跳过" }, is_blocked = { "text", help = "没发出" },
    why_quiet = { "text", help = "原因:安静时段" }, why_down = { "text", help = "原因:到点时服务不在" },
    why_off = { "text", help = "原因:流程关着" }, why_unconfirmed = { "text", help = "原因:没人确认" },
    why_store = { "text", help = "原因:门店跳过" }, why_withdrawn = { "text", help = "原因:已撤回" },
    why_nobody = { "text", help = "原因:没有对应的成员" }, why_empty = { "text", help = "原因:没有内容" },
    why_stale = { "text", help = "原因:不是今天的数据" }, why_settings = { "text", help = "原因:设置有误" },
    plan_wrong = { "text", help = "管理:内容表里有看不懂的" },
    plan_bare = { "text", help = "管理:接下来几天没有内容" },
    put = { "text", help = "管理:已排进本群" },
    put_how = { "text", help = "管理:排期怎么写" },
    taken_out = { "text", help = "管理:已取消" },
    published = { "text", help = "总部:已排,几个群,最后一个群大约几点" },
    publish_tight = { "text", help = "总部:到最后一个群太晚,{count} 个群会收不到" },
    publish_none = { "text", help = "总部:没有可发的群" },
    progress = { "text", help = "总部:发到了几个群" },
    use_put = { "text", help = "帮助里的写法:排期" },
    use_take = { "text", help = "帮助里的写法:取消排期" },
    use_change = { "text", help = "帮助里的写法:改" },
    use_skip = { "text", help = "帮助里的写法:跳过" },
    use_publish = { "text", help = "帮助里的写法:群发排期" },
  },
})

local TEXT_MOST = 1000 -- bytes of a text given in the chat
local GROUPS_A_TURN = 500

flow:at("plan_at", { late = "12h", posts = false }, function(c)
  for _, item in ipairs(agenda.plan_day(c, true)) do
    planned.note(c, { id = item[1], day = c:day(), due = c:now() }, "blocked", "settings: " .. item[2])
    if c:once("wrong|" .. item[1] .. item[2], { ttl = "7d", scope = "group" }) then
      c:staff(c.params.plan_wrong, { group = agenda.group_name(c), id = item[1], why = item[2] })
    end
  end
  agenda.forget_joins(c)
  if agenda.bare(c, c.params.gap_days) and c:once("bare", { ttl = "6d", scope = "group" }) then
    c:staff(c.params.plan_bare, { group = agenda.group_name(c), days = c.params.gap_days })
  end
end)

flow:on("join", { private = false }, function(c)
  local today = c:day()
  if c.member.joined == today then return end
  if not agenda.last_member_day(c) then return end
  c.member.joined, c.member.name = today, c.name
  c:list("joined-" .. today):push(c.user)
end)

flow:on("leave", { private = false }, function(c)
  if c.member.joined then c.member.joined = nil end
end)

-- ---- posting -------------------------------------------------------------------------------------------------------

flow:timer("post", function(c, args)
  local plan = c.group.plan
  local entry = plan and plan.day == args.day and plan.open[args.id]
  if not entry then return end
  entry = sop.copy(entry)
  local post = agenda.post_of(c, args.id)
  if not post then return agenda.settle(c, args.id, args.day, "skipped", "withdrawn") end
  if entry.confirm and not entry.answer and c.params.unconfirmed == "skip" then
    return agenda.settle(c, args.id, args.day, "skipped", "unconfirmed")
  end
  entry.late, entry.anytime = sop.duration(post.late or c.params.late), post.anytime
  local held = planned.held(c, entry)
  if held and c:time("%Y-%m-%d", held) == c:date(args.day) then
    return c:timer("post", { at = held, key = args.id, args = args, user = false })
  end
  plan.open[args.id].busy = true
  c.group.plan = plan
  local outcome, why, left = agenda.publish(c, args.id, entry, post)
  plan = c.group.plan
  if plan and plan.day == args.day then return agenda.settle(c, args.id, args.day, outcome, why, left) end
  agenda.note(c, args.id, args.day, entry.due, outcome, why, left) -- it waited until the next day
end)

-- A shop system reports today's prices: { date, rows = { item = price }, shared = true (for all groups of the gateway) }. It may as well
-- write the hash itself.
flow:trigger("board", function(c, args)
  local hash = args.shared and c:hash("calendar-board", { scope = "gateway" }) or c:hash("board")
  c:drop(hash)
  for item, price in pairs(args.rows or {}) do hash[item] = tostring(price) end
  hash.date = args.date
end)

-- ---- the store has a say -------------------------------------------------------------------------------------------

flow:timer("offer", function(c, args)
  local plan, p = c.group.plan, c.params
  local entry = plan and plan.day == args.day and plan.open[args.id]
  local post = entry and agenda.post_of(c, args.id)
  if not post or entry.answer then return end
  local text = type(post.text) == "table" and post.text[1] or post.text or ""
  c:count("offered")
  c:staff(p.offer, {
    group = agenda.group_name(c), id = args.id, time = c:time("%H:%M", entry.due), text = text,
    till = c:time("%H:%M", entry.due - sop.duration(p.confirm_close)),
    otherwise = c:format(p.unconfirmed == "send" and p.otherwise_sent or p.otherwise_skipped),
  })
end)

-- The entry of today's plan that a command is about: id, the rest of its words; nil: it has been said what is wrong. Without an id it is
-- the only one that waits for a word; `false`: nothing waits, so the command is somebody else's.
local function meant(c)
  local plan = c.group.plan
  local open = plan and plan.day == c:day() and plan.open or {}
  local first, rest = c.args:match("^(%S+)%s*(.-)%s*$")
  if first and open[first] then return first, rest end
  if first and plan and plan.done[first] then c:reply(c.params.answer_late, { id = first }) return nil end
  local waiting = {}
  for id, entry in pairs(open) do
    if entry.confirm and not entry.answer then waiting[#waiting + 1] = id end
  end
  if #waiting == 1 then return waiting[1], c.args end
  if #waiting == 0 then return false end
  c:reply(c.params.which, { ids = table.concat(waiting, "、") })
end

-- Gives the answer of the store to a post, unless it is too late.
local function answer(c, id, what, apply)
  local p, plan = c.params, c.group.plan
  local entry = plan.open[id]
  if c:now() > entry.due - sop.duration(p.confirm_close) then return c:reply(p.answer_late, { id = id }) end
  local before = entry.answer or "open"
  entry.answer, entry.by = what, c.user
  if apply then apply(entry) end
  c.group.plan = plan
  if before == "open" and entry.confirm then c:count("confirmed") end
  c:reply(p[what], { id = id, time = c:time("%H:%M", entry.due) })
  c:audit("post_" .. what, { id = id, by = c.user, before = before, after = what })
end

flow:command({ "确认", "確認" }, { private = false, args = true, role = "store_role" }, function(c)
  local id = meant(c)
  if not id then return id end
  if c.group.plan.open[id].answer == "confirmed" then
    local time = c:time("%H:%M", c.group.plan.open[id].due)
    return polite.first(c, "confirm" .. id, c.params.seen) and c:reply(c.params.confirmed, { id = id, time = time })
  end
  answer(c, id, "confirmed")
end)

flow:command({ "改", "改文案" }, { private = false, args = true, role = "store_role", usage = "use_change" }, function(c)
  local id, text = meant(c)
  if not id then return id end
  if not c.params.may_change or id == "board" then return c:reply(c.params.no_change, { id = id }) end
  if text == "" or #text > TEXT_MOST then return c:reply(c.params.change_how, { id = id }) end
  answer(c, id, "changed", function(entry) entry.text = text end)
end)

flow:command({ "跳过", "跳過" }, { private = false, args = true, role = "store_role", usage = "use_skip" }, function(c)
  local id, why = meant(c)
  if not id then return id end
  local entry = c.group.plan.open[id]
  if c:now() > entry.due - sop.duration(c.params.confirm_close) then return c:reply(c.params.answer_late, { id = id }) end
  if entry.confirm and not entry.answer then c:count("confirmed") end
  agenda.settle(c, id, c:day(), "skipped", "store" .. (why ~= "" and ": " .. why or ""))
  c:reply(c.params.skipped, { id = id, time = c:time("%H:%M", entry.due) })
  c:audit("post_skipped", { id = id, by = c.user, reason = why, before = entry.answer or "open", after = "skipped" })
end)

-- ---- looking -------------------------------------------------------------------------------------------------------

-- The day that a command asks about; nil if it cannot be read.
local function asked_day(c)
  if c.args == "" then return c:day() end
  return civil.number(c.args) or when.day(c, c.args)
end

flow:command({ "日历", "群日历", "日曆" }, { private = false, args = true, role = "look_role" }, function(c)
  local p, day = c.params, asked_day(c)
  if not day then return c:reply(p.day_how) end
  if day == c:day() then agenda.plan_day(c, false) end
  local vars, lines = agenda.day_vars(c, day), {}
  local workday, name, known = holidays.workday(day)
  vars.kind = name or c:format(workday and p.is_workday or p.is_off)
  local notes = {}
  if not known then notes[#notes + 1] = c:format(p.unknown_year, { year = (civil.split(day)) }) end
  if not lunar.known(day) then notes[#notes + 1] = c:format(p.unknown_lunar) end

  local plan = c.group.plan
  plan = plan and plan.day == day and plan or { open = {} }
  local items = agenda.posts_on(c, day)
  table.sort(items, function(a, b) return a[3] < b[3] or a[3] == b[3] and a[1] < b[1] end)
  for i, item in ipairs(items) do
    local entry = plan.open[item[1]]
    local state = entry and entry.confirm and c:format(entry.answer and p.is_confirmed or p.wait_confirm) or ""
    lines[i] = c:format(p.day_line, { time = item[2].at, id = item[1], state = state })
  end
  local head = c:format(p.day_head, vars)
  if #lines == 0 then lines[1] = c:format(p.day_empty) end
  c:reply(sop.text(head .. "\n" .. table.concat(lines, "\n") .. (#notes > 0 and "\n" .. table.concat(notes, "\n") or "")))
  c:audit("staff_looked", { command = c.command })
end)

flow:command({ "日历结果", "内容结果", "日曆結果" }, { private = false, args = true, role = "look_role" }, function(c)
  local day = c.args == "" and c:day() or civil.number(c.args) or dates.read(c, c.args)
  if not day then return c:reply(c.params.day_how) end
  local outcomes = planned.of_day(c, day)
  if #outcomes == 0 then return c:reply(c.params.results_none, { date = c:date(day) }) end
  local lines, sums = planned.lines(c, outcomes)
  sums.date, sums.lines, sums.planned = c:date(day), table.concat(lines, "\n"), #outcomes
  c:reply(c.params.results, sums)
  c:audit("staff_looked", { command = c.command })
end)

-- ---- posts given in the chat ---------------------------------------------------------------------------------------

-- "3月8日 09:00 文案" as a post; nil if it cannot be read or is past.
local function read_post(c)
  local first, second, text = c.args:match("^(%S+)%s+(%S+)%s+(.+)$")
  local moment = first and when.moment(c, first .. " " .. second)
  if not moment or #text > TEXT_MOST then return nil end
  return { date = c:time("%Y-%m-%d", moment), at = c:time("%H:%M", moment), text = text, plain = true, by = c.user }, moment
end

-- What stands in the hashes may have been put there by hand.
local function is_before(post, date)
  return type(post) == "table" and type(post.date) == "string" and post.date < date
end

local function is_same(old, post)
  return type(old) == "table" and old.date == post.date and old.at == post.at and old.text == post.text
end

flow:command({ "排期" }, { private = false, args = true, role = "store_role", usage = "use_put" }, function(c)
  local post, moment = read_post(c)
  if not post then return c:reply(c.params.put_how) end
  local posts = c:hash("posts")
  for id, other in pairs(posts) do
    if is_before(other, c:today()) then
      posts[id] = nil
    elseif is_same(other, post) then
      return polite.first(c, "put" .. id, c.params.seen) and c:reply(c.params.put, { id = id, time = c:time("%m-%d %H:%M", moment) })
    end
  end
  local id = "g" .. c:add(c.group, "seq", 1)
  posts[id] = post
  agenda.plan_day(c, false)
  c:reply(c.params.put, { id = id, time = c:time("%m-%d %H:%M", moment) })
  c:audit("post_put", { id = id, by = c.user, before = "none", after = post })
end)

flow:command({ "取消排期" }, { private = false, args = true, role = "store_role", usage = "use_take" }, function(c)
  local posts, id = c:hash("posts"), c.args
  local post = id ~= "" and posts[id]
  if not post then return c:reply(c.params.nothing_open, { id = id }) end
  posts[id] = nil
  agenda.settle(c, id, c:day(), "skipped", "withdrawn")
  c:reply(c.params.taken_out, { id = id })
  c:audit("post_taken_out", { id = id, by = c.user, before = post, after = "none" })
end)

-- ---- HQ: one post for all groups -----------------------------------------------------------------------------------

-- What has been over for a week is forgotten.
local function forget_published(c)
  local hash, sums, limit = agenda.shared(c), agenda.reach(c), c:date(c:day() - 7)
  for id, post in pairs(hash) do
    if is_before(post, limit) then
      hash[id] = nil
      for _, name in ipairs({ ".sent", ".missed", ".last" }) do sums[id .. name] = nil end
    end
  end
end

flow:timer("take", function(c) agenda.plan_day(c, false) end)

-- Lets the groups of the speaker plan today once more, some hundred a turn.
flow:run("spread", function(c, args)
  local groups = c:chats{ role = c.params.hq_role, user = args.user }
  for i = args.from, math.min(#groups, args.from + GROUPS_A_TURN - 1) do
    c:timer("take", { after = "1s", key = args.id, chat = groups[i].chat })
  end
  if args.from + GROUPS_A_TURN <= #groups then
    c:sleep("1s")
    c:continue{ user = args.user, id = args.id, from = args.from + GROUPS_A_TURN }
  end
end)

-- When the last of `count` groups will have been reached by what begins at `moment`, and how many are too many to be reached in time.
local function forecast(c, count, moment)
  local p = c.params
  local last = moment + math.ceil((count - 1) * p.pace)
  local in_time = p.pace == 0 and count or 1 + math.floor(sop.duration(p.late) / p.pace)
  return last, math.max(0, count - in_time)
end

flow:command({ "群发排期", "群發排期" }, { remote = true, args = true, role = "hq_role", usage = "use_publish" }, function(c)
  local p = c.params
  local post, moment = read_post(c)
  if not post then return c:reply(p.put_how) end
  local count = c:chats{ role = p.hq_role, count = true }
  if count == 0 then return c:reply(p.publish_none) end
  forget_published(c)
  local hash, id = agenda.shared(c), nil
  for other, old in pairs(hash) do
    if is_same(old, post) then id = other end
  end
  local repeated = id ~= nil
  if not repeated then
    id = "p" .. c:add(hash, "seq", 1)
    post.confirm = p.publish_confirm or nil
    hash[id] = post
    local today = civil.number(post.date) == agenda.date_of(c, c:day(), post.at)
    if today then c:start("spread", { user = c.user, id = id, from = 1 }, { user = false }) end
    c:audit("post_published", { id = id, by = c.user, groups = count, before = "none", after = post })
  end
  local last, missed = forecast(c, count, moment)
  local text = c:format(p.published, { id = id, count = count, time = c:time("%m-%d %H:%M", moment), last = c:time("%H:%M:%S", last) })
  if missed > 0 then text = text .. "\n" .. c:format(p.publish_tight, { count = missed, minutes = sop.duration(p.late) // 60 }) end
  if repeated and not polite.first(c, "publish" .. id, p.seen) then return end
  c:reply(sop.text(text))
end)

flow:command({ "撤回排期" }, { remote = true, args = true, role = "hq_role" }, function(c)
  local hash, id = agenda.shared(c), c.args
  local post = id:find("^p%d+$") and hash[id]
  if not post then return c:reply(c.params.nothing_open, { id = id }) end
  hash[id] = nil
  c:reply(c.params.taken_out, { id = id })
  c:audit("post_withdrawn", { id = id, by = c.user, before = post, after = "none" })
end)

flow:command({ "群发进度", "群發進度" }, { remote = true, args = true, role = "hq_role" }, function(c)
  local hash, sums, id = agenda.shared(c), agenda.reach(c), c.args
  if id == "" then id = "p" .. (hash.seq or 0) end
  if not id:find("^p%d+$") or not hash[id] and not sums[id .. ".sent"] then return c:reply(c.params.nothing_open, { id = id }) end
  local last = sums[id .. ".last"]
  c:reply(c.params.progress, {
    id = id, sent = sums[id .. ".sent"] or 0, missed = sums[id .. ".missed"] or 0, count = c:chats{ role = c.params.hq_role, count = true },
    last = last and c:time("%m-%d %H:%M:%S", last) or "-",
  })
end)

return flow
