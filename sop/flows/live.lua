-- live.lua -- reminders of live streams: a day, an hour and five minutes before, at the start and at the end, with 预约.
--
-- A live stands in the parameter `lives` (adopted on a morning three days before) or comes from staff (直播排期). Members say 预约 and are
-- reminded by name five minutes before, ten a message, or in private; 取消预约 takes it back, 直播预告 shows what is coming. Where a shop
-- system knows better when it starts or ends, it triggers `live` with { what = "started" | "ended", id }.
-- Every planned post ends as sent, late, skipped or blocked (lib/planned.lua). Staff: 直播排期, 直播改期, 直播取消, 直播开始, 直播结束, 预约名单.
--
-- State: lib/livetime.lua; group.seq numbers the lives of staff; member.name.
local civil = require("lib.civil")
local livetime = require("lib.livetime")
local people = require("lib.people")
local polite = require("lib.polite")
local when = require("lib.when")

local flow = sop.flow("live", {
  title = "直播提醒",
  menu = "menu_line",
  kind = "broadcast",
  wants = {
    at = "who booked is named in plain text",
    dm = "who booked is reminded in the group",
    proactive = "nothing can be posted unasked: every reminder is blocked",
    unmentioned = "members say 预约 with a mention of the bot",
  },
  params = {
    book_words = { "strings", default = { "预约", "预约直播", "我要预约", "我预约", "預約", "book live" }, help = "预约口令" },
    unbook_words = { "strings", default = { "取消预约", "不预约了", "取消預約" }, help = "取消预约口令" },
    list_words = { "strings", default = { "直播预告", "直播时间", "直播安排", "直播預告" }, help = "查看直播预告的口令" },
    lives = { "table", default = {}, help = "直播表,每场 { id, date = \"2026-03-08\", at = \"20:00\", title, link, minutes }" },
    plan_at = { "clock", default = "04:10", help = "每天几点核对直播表" },
    day_before = { "duration", default = "24h", min = "2h", max = "72h", help = "第一次提醒提前多久" },
    hour_before = { "duration", default = "1h", min = "10m", max = "12h", help = "第二次提醒提前多久" },
    soon = { "duration", default = "5m", min = "1m", max = "1h", help = "最后一次提醒提前多久" },
    minutes = { "integer", default = 90, min = 5, max = 1440, help = "没写时长时,一场播多少分钟" },
    notify = { "strings", default = { "soon" }, help = "哪几次点名提醒预约的人:day、hour、soon、start" },
    by_dm = { "boolean", default = false, help = "预约的人私信提醒,不在群里点名" },
    names = { "integer", default = 10, min = 1, max = 10, help = "一条消息里最多 @ 几个人" },
    portions = { "integer", default = 3, min = 1, max = 10, help = "点名提醒最多发几条" },
    on_time = { "duration", default = "1m", min = "10s", max = "30m", help = "晚了多久以内算准时" },
    late = { "duration", default = "30m", min = "1m", max = "3h", help = "最多晚多久还发" },
    anytime = { "boolean", default = false, help = "安静时段也发(深夜或清早开播)" },
    staff_role = { "choice", default = "store", values = { "keeper", "store", "region", "hq", "owner" }, help = "至少什么角色可以排直播" },

    menu_line = { "text", help = "菜单里的一行" },
    remind_day = { "text", help = "提前一天" },
    remind_hour = { "text", help = "提前一小时" },
    remind_soon = { "text", help = "提前五分钟" },
    remind_start = { "text", help = "开播" },
    remind_end = { "text", help = "下播" },
    called = { "text", help = "点名预约的人;{names} 是被 @ 的人" },
    called_more = { "text", help = "点名,还有 {rest} 位没点到" },
    called_dm = { "text", help = "私信预约的人" },
    booked = { "text", help = "预约成功" },
    booked_already = { "text", help = "已经预约过" },
    booked_on = { "text", help = "已经开播了" },
    unbooked = { "text", help = "取消预约" },
    not_booked = { "text", help = "没有预约过" },
    none = { "text", help = "最近没有直播" },
    seen = { "text", help = "重复查询(每天最多说一次)" },
    list = { "text", help = "直播预告" },
    list_line = { "text", help = "直播预告的一行" },
    moved = { "text", help = "群里:改期" },
    cancelled = { "text", help = "群里:取消" },
    staff_how = { "text", help = "管理:怎么写" },
    staff_put = { "text", help = "管理:已排" },
    staff_none = { "text", help = "管理:没有这一场" },
    staff_done = { "text", help = "管理:已办" },
    staff_booked = { "text", help = "管理:预约名单" },
    plan_wrong = { "text", help = "管理:直播表里有看不懂的" },
    use_put = { "text", help = "帮助里的写法:直播排期" },
    use_move = { "text", help = "帮助里的写法:直播改期" },
  },
})

local AHEAD = 3 -- days before which a live of the parameter is adopted
local DM_A_TURN = 15

local function vars_of(c, live)
  return {
    title = live.title, link = live.link or "", time = c:time("%H:%M", live.start), date = c:time("%m月%d日", live.start), id = live.id,
    count = livetime.booked(c, live.id):count(), word = c.params.book_words[1],
  }
end

-- ---- members -------------------------------------------------------------------------------------------------------

-- The live that a word behind the command means, else the next one (of that state).
local function chosen(c, id, state)
  local list = livetime.coming(c)
  for _, live in ipairs(list) do
    if live.id == id or id == "" and live.state == state then return live end
  end
  return id == "" and list[1] or nil
end

flow:command("book_words", { private = false, args = true }, function(c)
  if c.from_bot then return end
  local p, live = c.params, chosen(c, c.args)
  if not live then
    if c.args ~= "" and not c.args:find("^%w+$") then return false end
    return polite.first(c, "none", p.seen) and c:reply(p.none)
  end
  local set, vars = livetime.booked(c, live.id), vars_of(c, live)
  if live.state == "on" then return polite.first(c, "on" .. live.id, p.seen) and c:reply(p.booked_on, vars) end
  if not set:add(c.user) then return polite.first(c, "again" .. live.id, p.seen) and c:reply(p.booked_already, vars) end
  people.remember(c)
  vars.count = vars.count + 1
  c:emit("live_booked", { id = live.id, user = c.user })
  c:responded("live", live.id)
  if c:limit("booked-" .. live.id .. c.user, 1, "1d") then c:reply(p.booked, vars) end
end)

flow:command("unbook_words", { private = false, args = true }, function(c)
  local p, live = c.params, chosen(c, c.args)
  if not live then return polite.first(c, "none", p.seen) and c:reply(p.none) end
  local set = livetime.booked(c, live.id)
  if not set:has(c.user) then return polite.first(c, "not" .. live.id, p.seen) and c:reply(p.not_booked, vars_of(c, live)) end
  set:remove(c.user)
  c:emit("live_unbooked", { id = live.id, user = c.user })
  if c:limit("unbooked-" .. live.id .. c.user, 1, "1d") then c:reply(p.unbooked, vars_of(c, live)) end
end)

flow:command("list_words", { private = false }, function(c)
  local p, lines = c.params, {}
  for i, live in ipairs(livetime.coming(c)) do
    if i <= 10 then lines[i] = c:format(p.list_line, vars_of(c, live)) end
  end
  local text = table.concat(lines, "\n")
  if not polite.news(c, "list", text, p.seen) then return end
  if #lines == 0 then return c:reply(p.none) end
  c:reply(p.list, { lines = text, word = p.book_words[1] })
end)

flow:on("leave", { private = false }, function(c)
  for _, live in ipairs(livetime.coming(c)) do
    local set = livetime.booked(c, live.id)
    if set:has(c.user) then set:remove(c.user) end
  end
end)

-- ---- reminders -----------------------------------------------------------------------------------------------------

local function notifies(c, step)
  for _, one in ipairs(c.params.notify) do
    if one == step then return true end
  end
  return false
end

-- Those who booked and may be called, by id.
local function to_call(c, id)
  local users = {}
  for _, user in ipairs(livetime.booked(c, id):all()) do
    if user ~= sop.nobody and not c:opted_out(user) then users[#users + 1] = user end
  end
  return users
end

-- Writes to those who booked, some a turn.
flow:run("write", function(c, args)
  local live, users = c:hash("lives")[args.id], to_call(c, args.id)
  if not live or live.state == "cancelled" or c:now() > live.ends then return end
  local from = args.from
  for i = from, math.min(#users, from + DM_A_TURN - 1) do
    c:dm(users[i], c.params.called_dm, vars_of(c, live), { late = "10m", anytime = c.params.anytime })
  end
  if from + DM_A_TURN <= #users then
    c:sleep("1s")
    c:continue{ id = args.id, from = from + DM_A_TURN }
  end
end)

local function call(c, live, step)
  local p, users = c.params, to_call(c, live.id)
  if #users == 0 then return end
  c:emit("live_called", { id = live.id, step = step, users = #users })
  if p.by_dm and c:can("dm") then return c:start("write", { id = live.id, from = 1 }, { user = false, key = live.id .. step }) end
  local portions, vars = people.portions(users, p.names), vars_of(c, live)
  for i = 1, math.min(#portions, p.portions) do
    vars.names = people.mentions(portions[i])
    local rest = #users - p.portions * p.names
    vars.rest = rest
    c:say(i == p.portions and rest > 0 and p.called_more or p.called, vars, { late = "4m", policy = "drop", anytime = p.anytime })
  end
end

-- Posts one step; what begins or ends with it follows, unless the live was moved or cancelled until it had left.
local function take_step(c, id, step, due)
  local live = c:hash("lives")[id]
  local outcome, why, left = livetime.post(c, live, step, due, c.params["remind_" .. step], vars_of(c, live))
  live = c:hash("lives")[id]
  if not live or live.open[step] ~= due then return end
  live = livetime.settle(c, id, step, outcome, why, left)
  if step == "start" or step == "end" then
    live.state = step == "start" and "on" or "over"
    c:hash("lives")[id] = live
    c:emit(step == "start" and "live_started" or "live_ended", { id = id, booked = livetime.booked(c, id):count() })
  end
  if left and (step == "day" or step == "hour") then c:called("live", { id = id, within = math.max(1, live.ends - c:now()) }) end
  if left and notifies(c, step) then call(c, live, step) end
end

flow:timer("step", function(c, args)
  local live = c:hash("lives")[args.id]
  if not live or live.open[args.step] ~= args.due then return end
  local held = livetime.held(c, live, args.step, args.due)
  if held then return c:timer("step", { at = held, key = args.id .. "." .. args.step, args = args, user = false }) end
  take_step(c, args.id, args.step, args.due)
end)

-- ---- planning ------------------------------------------------------------------------------------------------------

-- Moves a live: what was planned for its old time is dropped.
local function move(c, live, start)
  livetime.drop(c, live.id, "moved")
  local lasts = live.ends - live.start
  live.start, live.ends, live.state = start, start + lasts, "planned"
  livetime.schedule(c, live)
end

-- An entry of the list: its id, and the live as it says; without a start if it cannot be read.
local function listed(c, item, i)
  if type(item) ~= "table" then return "#" .. i, {} end
  local day = type(item.date) == "string" and civil.number(item.date)
  local known, start = pcall(c.moment, c, day or 0, item.at)
  local lasts = item.minutes or c.params.minutes
  if not day or not known or math.type(lasts) ~= "integer" or lasts < 1 then start = nil end
  local live = { title = tostring(item.title or ""), link = item.link and tostring(item.link), start = start, listed = start }
  live.id, live.ends = tostring(item.id or "#" .. i), start and start + lasts * 60
  return live.id, live
end

-- What the list says of a live that was taken from it. A time that staff have changed since is left as it is.
local function follow(c, live, new)
  local before = live.listed
  if live.title == new.title and live.link == new.link and before == new.listed then return end
  live.title, live.link, live.listed = new.title, new.link, new.listed
  if before ~= new.listed then return move(c, live, new.start) end
  c:hash("lives")[live.id] = live
end

flow:at("plan_at", { late = "12h", posts = false }, function(c)
  local lives, named = c:hash("lives"), {}
  livetime.tidy(c)
  for i, item in ipairs(c.params.lives) do
    local id, new = listed(c, item, i)
    named[id] = true
    local live = lives[id]
    local done = live and (live.state == "over" or live.state == "cancelled") and live.listed ~= new.start
    if not new.start then
      if c:once("wrong|" .. id, { ttl = "7d", scope = "group" }) then
        c:staff(c.params.plan_wrong, { group = c.chat_name ~= "" and c.chat_name or c.chat, id = id })
      end
    elseif live and live.listed and live.state == "planned" then
      follow(c, live, new)
    elseif (not live or live.listed and done) and new.start > c:now() and civil.number(item.date) - c:day() <= AHEAD then
      if live and live.state == "over" then livetime.booked(c, id):clear() end
      new.state = "planned"
      livetime.schedule(c, new)
    end
  end
  for id, live in pairs(lives) do
    if live.listed and not named[id] and live.state == "planned" then
      livetime.drop(c, id, "withdrawn")
      live.open, live.state, live.listed = {}, "cancelled", 0 -- it may come back
      lives[id] = live
    end
  end
end)

flow:trigger("live", function(c, args)
  local live
  for _, one in ipairs(livetime.coming(c)) do
    if (not args.id or one.id == tostring(args.id)) and (not live or one.state == "on") then live = one end
  end
  local step = args.what == "started" and "start" or args.what == "ended" and "end"
  if not live or not step or not live.open[step] or livetime.is_busy(live, step) then return end
  livetime.drop(c, live.id, "past", step)
  live = c:hash("lives")[live.id]
  local due = live.open[step]
  c:cancel_timer("step", live.id .. "." .. step)
  if due > c:now() then
    live.open[step] = c:now()
    c:hash("lives")[live.id] = live
  end
  take_step(c, live.id, step, math.min(due, c:now()))
end)

-- ---- staff ---------------------------------------------------------------------------------------------------------

local function staff(words, options, fn)
  options.private, options.args, options.role = false, true, "staff_role"
  flow:command(words, options, fn)
end

staff({ "直播排期" }, { usage = "use_put" }, function(c)
  local p = c.params
  local day, clock, title = c.args:match("^(%S+)%s+(%S+)%s+(.+)$")
  local start = day and when.moment(c, day .. " " .. clock)
  if not start or #title > 500 then return c:reply(p.staff_how) end
  local link = title:match("https?://%S+")
  if link then title = (title:gsub("%s*https?://%S+%s*", "")) end
  for _, live in ipairs(livetime.coming(c)) do
    if live.start == start and live.title == title then
      return polite.first(c, "put" .. live.id, p.seen) and c:reply(p.staff_put, vars_of(c, live))
    end
  end
  local id
  repeat id = tostring(c:add(c.group, "seq", 1)) until not c:hash("lives")[id]
  local live = {
    id = id, title = title, link = link, start = start, ends = start + p.minutes * 60,
    state = "planned", by = c.user,
  }
  livetime.schedule(c, live)
  c:reply(p.staff_put, vars_of(c, live))
  c:audit("live_put", { id = live.id, by = c.user, before = "none", after = "planned", start = start })
end)

staff({ "直播改期" }, { usage = "use_move" }, function(c)
  local p = c.params
  local id, day, clock = c.args:match("^(%S+)%s+(%S+)%s+(%S+)$")
  if not id then
    id, day, clock = "", c.args:match("^(%S+)%s+(%S+)$")
  end
  local start = day and when.moment(c, day .. " " .. clock)
  if not start then return c:reply(p.staff_how) end
  local live = chosen(c, id, "planned")
  if not live or live.state == "on" then return c:reply(p.staff_none, { id = id }) end
  local before = live.start
  if before == start then return polite.first(c, "moved" .. live.id, p.seen) and c:reply(p.staff_put, vars_of(c, live)) end
  move(c, live, start)
  c:say(p.moved, vars_of(c, live))
  c:reply(p.staff_put, vars_of(c, live))
  c:audit("live_moved", { id = live.id, by = c.user, before = before, after = start })
end)

staff({ "直播取消" }, {}, function(c)
  local p, live = c.params, chosen(c, c.args)
  if not live then return c:reply(p.staff_none, { id = c.args }) end
  local vars, before = vars_of(c, live), live.state
  livetime.drop(c, live.id, "cancelled")
  live.open, live.state = {}, "cancelled"
  c:hash("lives")[live.id] = live
  c:say(p.cancelled, vars)
  if c.via then c:reply(p.staff_done, vars) end
  c:audit("live_cancelled", { id = live.id, by = c.user, before = before, after = "cancelled" })
end)

-- 直播开始, 直播结束: staff say what no system reports.
for word, step in pairs({ ["直播开始"] = "start", ["直播结束"] = "end" }) do
  staff({ word }, {}, function(c)
    local p, live = c.params, chosen(c, c.args)
    if not live or not live.open[step] or livetime.is_busy(live, step) then return c:reply(p.staff_none, { id = c.args }) end
    livetime.drop(c, live.id, "past", step)
    live = c:hash("lives")[live.id]
    live.open[step] = c:now()
    c:hash("lives")[live.id] = live
    c:cancel_timer("step", live.id .. "." .. step)
    c:audit("live_" .. step, { id = live.id, by = c.user, before = live.state, after = step == "start" and "on" or "over" })
    if c.via then c:reply(p.staff_done, vars_of(c, live)) end
    take_step(c, live.id, step, c:now())
  end)
end

staff({ "预约名单" }, {}, function(c)
  local live = chosen(c, c.args)
  if not live then return c:reply(c.params.staff_none, { id = c.args }) end
  local vars = vars_of(c, live)
  vars.names = people.names(c, livetime.booked(c, live.id):all(), 40)
  c:reply(c.params.staff_booked, vars)
  c:audit("staff_looked", { command = c.command })
end)

return flow
