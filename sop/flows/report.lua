-- report.lua -- 日报 and 周报: what happened in the groups, for staff. Every evening the groups that share a staff chat are told there in one
-- digest: the sums of all, the stores, a line for each group (the best and those that need a hand where there are many), and the
-- questions that nobody answered; once a week the same of seven days, with orders, bands and calls. Staff ask for a day or a week with 日报
-- and 周报, for all their groups with 总日报 and 总周报.
--
-- The figures come from the tally that the daemon keeps of every chat that runs this flow (sop.figures, docs/metrics.md). At `at` each
-- group puts its tally down for its staff chat; the group with the least id says it all a minute later. Whoever comes before the one that
-- stands in "leaders" takes its place and sets a timer, and so may several in the same moment; when the timers are due all groups have put
-- down theirs, and all see the same least one: there is one digest a day and staff chat.
--
-- State, all of the gateway: hash "report-<staff chat>" by group: { day, name, store, tally, week, questions }, emptied when it was told;
-- hash "report-leaders" by staff chat: { day, chat, posted }; hash "report-stores" by group: its store (sopd ctl report --by store).
local civil = require("lib.civil")
local dates = require("lib.dates")
local gaps = require("lib.gaps")
local reports = require("lib.reports")
local talk = require("lib.talk")

local ROLES = { "keeper", "store", "region", "hq", "owner" }

local flow = sop.flow("report", {
  title = "日报",
  tally = true,
  wants = {
    join = "who comes and goes is not counted",
    unmentioned = "only what mentions the bot is counted",
    members = "shares of the group's members are missing",
  },
  params = {
    at = { "clock", default = "22:10", help = "每天几点发到工作群" },
    daily = { "boolean", default = true, help = "每天发日报" },
    weekly = { "integer", default = 7, min = 0, max = 7, help = "周几发周报,1 是周一,7 是周日;0 不发" },
    collect = { "duration", default = "1m", min = "1s", max = "30m", help = "等各群交齐多久再发" },
    store = { "string", default = "", help = "这个群属于哪家门店(写在门店的 overlay 里),日报按门店合计" },
    list_all = { "integer", default = 15, min = 0, max = 60, help = "群不超过几个时逐个列出;再多只列最好和要留意的" },
    best = { "integer", default = 5, min = 0, max = 30, help = "列出最好的几个群" },
    worst = { "integer", default = 10, min = 0, max = 30, help = "列出要留意的几个群" },
    stores_most = { "integer", default = 20, min = 0, max = 60, help = "最多列出几家门店" },
    questions = { "integer", default = 10, min = 0, max = 30, help = "最多列出几个没人回答的问题" },
    size = { "integer", default = 1800, min = 300, max = 6000, help = "一条消息最多多少字节(一个汉字 3 个)" },
    messages = { "integer", default = 4, min = 1, max = 8, help = "一次最多几条消息" },
    day_words = { "strings", default = { "日报", "今日数据", "daily report" }, help = "看一天" },
    week_words = { "strings", default = { "周报", "weekly report" }, help = "看七天" },
    all_words = { "strings", default = { "总日报", "all groups today" }, help = "看自己所有的群,一天" },
    all_week_words = { "strings", default = { "总周报", "all groups this week" }, help = "看自己所有的群,七天" },
    role = { "choice", default = "keeper", values = ROLES, help = "至少什么角色可以看一个群" },
    all_role = { "choice", default = "store", values = ROLES, help = "在哪些群里至少是什么角色,总日报就合计哪些群" },

    day_head = { "text", help = "日报的头一行;{date} {weekday} {groups}" },
    week_head = { "text", help = "周报的头一行;{from} {date} {groups}" },
    own_day = { "text", help = "一个群的日报的头一行;{group} {date} {weekday}" },
    own_week = { "text", help = "一个群的周报的头一行;{group} {from} {date}" },
    nothing = { "text", help = "那天没有数据" },
    which_day = { "text", help = "看不懂日期" },
    no_groups = { "text", help = "没有可看的群" },
    too_many = { "text", help = "群太多,只合计了前 {count} 个" },
    line_people = { "text", help = "人数" },
    line_talk = { "text", help = "发言和互动率" },
    line_reply = { "text", help = "回复覆盖率和首响时长" },
    line_unheard = { "text", help = "回复覆盖率,还没有人被回复" },
    line_plan = { "text", help = "计划和实际" },
    line_orders = { "text", help = "周报:成交" },
    line_orders_day = { "text", help = "日报:成交" },
    line_bands = { "text", help = "周报:各档互动率的群数" },
    line_call = { "text", help = "周报:一种号召的粘性" },
    line_group = { "text", help = "一个群或一家门店,一行" },
    piece_posts = { "text", help = "主动消息和有效触达" },
    piece_calls = { "text", help = "号召和粘性" },
    piece_checkin = { "text", help = "打卡率" },
    piece_packet = { "text", help = "红包参与率" },
    piece_codes = { "text", help = "核销" },
    piece_handoff = { "text", help = "转人工" },
    piece_unanswered = { "text", help = "没人回答" },
    piece_confirm = { "text", help = "门店确认总部内容" },
    flag_unanswered = { "text", help = "一行里的提醒:没人回答" },
    flag_blocked = { "text", help = "一行里的提醒:没发出" },
    flag_leaves = { "text", help = "一行里的提醒:退群多" },
    stores_head = { "text", help = "门店的头" },
    groups_head = { "text", help = "各群的头" },
    best_head = { "text", help = "最好的群的头" },
    worst_head = { "text", help = "要留意的群的头" },
    asleep = { "text", help = "没有动静的群" },
    questions_head = { "text", help = "没人回答的问题的头" },
    question = { "text", help = "一个没人回答的问题" },
    trials_head = { "text", help = "周报:试验的头" },
    trial_better = { "text", help = "周报:试验,{b} 比 {a} 好" },
    trial_worse = { "text", help = "周报:试验,{b} 不如 {a}" },
    trial_open = { "text", help = "周报:试验,还分不出" },
    trial_few = { "text", help = "周报:试验,数据太少" },
    trial_early = { "text", help = "周报:还没到计划的结束" },
    unsaid = { "text", help = "没说是什么问题" },
    more = { "text", help = "还有多少没列出" },
    band_best = { "text", help = "30% 以上" }, band_good = { "text", help = "10% 以上" },
    band_fair = { "text", help = "5% 以上" }, band_low = { "text", help = "5% 以下" },
    in_seconds = { "text", help = "{n} 秒" }, in_minutes = { "text", help = "{n} 分钟" }, in_hours = { "text", help = "{n} 小时" },
    use_day = { "text", help = "帮助里的写法:日报" },
    use_week = { "text", help = "帮助里的写法:周报" },
  },
})

local READS_MOST = 1500 -- tallies that one 总日报 adds up: groups and days
local WEEKDAYS = { "一", "二", "三", "四", "五", "六", "日" }
local NAMES = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" }
local QUOTE, QUOTES = 40, 5 -- characters of a question; questions of a group

local function shared(c, name) return c:hash("report-" .. name, { scope = "gateway" }) end

local function group_name(c)
  return c.chat_name ~= "" and c.chat_name or c.chat
end

-- What the head of a report of the days from..to may use.
local function head_vars(c, from, to)
  local weekday = civil.weekday(to)
  return { from = c:date(from), date = c:date(to), weekday = WEEKDAYS[weekday], day_name = NAMES[weekday] }
end

-- The tally of this group, or of another one, over some days, as one.
local function tally(c, from, to, chat)
  return sop.add_tallies(c:tally(from, to, chat))
end

-- ---- the evening ---------------------------------------------------------------------------------------------------

-- Puts down what the digest needs of this group.
local function put_down(c, staff, day)
  local questions = {}
  for i, one in ipairs(gaps.since(c, c:now() - 86400)) do
    if i > QUOTES then break end
    questions[i] = { at = one.at, name = one.name, text = one.text ~= "" and talk.short(one.text, QUOTE) or c:format(c.params.unsaid) }
  end
  shared(c, staff)[c.chat] = {
    day = day, name = group_name(c), store = c.params.store, tally = tally(c, day, day),
    week = c.params.weekly == civil.weekday(day) and tally(c, day - 6, day) or nil,
    questions = #questions > 0 and questions or nil,
  }
  local stores, store = shared(c, "stores"), c.params.store ~= "" and c.params.store or nil
  if stores[c.chat] ~= store then stores[c.chat] = store end
end

flow:at("at", { late = "2h", posts = false }, function(c)
  local staff, day = c.staff_chat, c:day()
  if not staff or staff == c.gateway .. ":" .. c.chat then return end
  if not c.params.daily and c.params.weekly ~= civil.weekday(day) then return end
  put_down(c, staff, day)
  local leaders = shared(c, "leaders")
  local leader = leaders[staff]
  if leader and leader.day == day and (leader.posted or leader.chat <= c.chat) then return end
  leaders[staff] = { day = day, chat = c.chat }
  c:timer("digest", { after = c.params.collect, args = { staff = staff, day = day } })
end)

local function post(c, lines)
  for _, text in ipairs(reports.messages(c, lines, c.params.size, c.params.messages)) do c:staff(sop.text(text)) end
end

local function say_week(c, entries, day)
  local week = {}
  for _, one in ipairs(entries) do
    if one.week then week[#week + 1] = { name = one.name, store = one.store, tally = one.week } end
  end
  if #week == 0 then return end
  local lines = reports.digest(c, week, head_vars(c, day - 6, day), true)
  for _, line in ipairs(reports.trials(c, c:experiments())) do lines[#lines + 1] = line end
  post(c, lines)
end

flow:timer("digest", function(c, args)
  local leaders, staff, day = shared(c, "leaders"), args.staff, args.day
  local leader = leaders[staff]
  if leader and leader.day == day and leader.posted then return end
  local hash, entries, least = shared(c, staff), {}, nil
  for chat, one in pairs(hash) do
    if one.day == day then
      entries[#entries + 1] = one
      if not least or chat < least then least = chat end
    end
  end
  if least ~= c.chat then return end
  c:drop(hash)
  leaders[staff] = { day = day, chat = c.chat, posted = true }
  if c.params.daily then post(c, reports.digest(c, entries, head_vars(c, day, day), false)) end
  say_week(c, entries, day)
  c:emit("reported", { groups = #entries, day = c:date(day) })
end)

-- ---- when staff ask ------------------------------------------------------------------------------------------------

-- The day that a command asks about; nil if it cannot be read.
local function asked_day(c)
  if c.args == "" then return c:day() end
  return civil.number(c.args) or dates.read(c, c.args)
end

local function tell(c, head, from, to, weekly)
  local sum = tally(c, from, to)
  local f = sop.figures({ sum })
  local vars = head_vars(c, from, to)
  vars.group = group_name(c)
  local lines = { c:format(head, vars) }
  if next(sum) == nil or f.days == 0 and f.messages == 0 and f.posts == 0 and f.joins == 0 and f.leaves == 0 then
    lines[2] = c:format(c.params.nothing)
  else
    for _, line in ipairs(reports.lines(c, f, weekly)) do lines[#lines + 1] = line end
    for _, line in ipairs(weekly and reports.calls(c, f) or {}) do lines[#lines + 1] = line end
  end
  c:reply(sop.text(table.concat(lines, "\n")))
  c:audit("staff_looked", { command = c.command })
end

flow:command("day_words", { private = false, args = true, role = "role", usage = "use_day" }, function(c)
  local day = asked_day(c)
  if not day then return c:reply(c.params.which_day) end
  tell(c, c.params.own_day, day, day, false)
end)

flow:command("week_words", { private = false, args = true, role = "role", usage = "use_week" }, function(c)
  local day = asked_day(c)
  if not day then return c:reply(c.params.which_day) end
  tell(c, c.params.own_week, day - 6, day, true)
end)

local function tell_all(c, from, to, weekly)
  local p, entries = c.params, {}
  local chats, stores = c:chats{ role = p.all_role }, shared(c, "stores")
  local most = READS_MOST // (to - from + 1)
  local store_of = {}
  for chat, store in pairs(stores) do store_of[chat] = store end
  for i = 1, math.min(#chats, most) do
    local one = chats[i]
    entries[i] = { name = one.name ~= "" and one.name or one.chat, store = store_of[one.chat] or "", tally = tally(c, from, to, one.chat) }
  end
  if #entries == 0 then return c:reply(p.no_groups) end
  local lines = reports.digest(c, entries, head_vars(c, from, to), weekly)
  if #chats > most then table.insert(lines, 2, c:format(p.too_many, { count = most })) end
  for _, text in ipairs(reports.messages(c, lines, p.size, p.messages)) do c:reply(sop.text(text)) end
  c:audit("staff_looked", { command = c.command })
end

flow:command("all_words", { remote = true, args = true, role = "role" }, function(c)
  local day = asked_day(c)
  if not day then return c:reply(c.params.which_day) end
  tell_all(c, day, day, false)
end)

flow:command("all_week_words", { remote = true, args = true, role = "role" }, function(c)
  local day = asked_day(c)
  if not day then return c:reply(c.params.which_day) end
  tell_all(c, day - 6, day, true)
end)

return flow
