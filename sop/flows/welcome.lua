-- welcome.lua -- greets people who come into a group.
--
-- Whoever joins within the gather window (10 seconds from the first) is greeted in one message, ten names a message, so
-- that fifty newcomers are five messages and not fifty. Who has left again by then is not named; who comes back within 30
-- days hears "welcome back"; a join that the platform reports twice counts once. During quiet hours newcomers are
-- collected and greeted in the morning. With `onboarding` on, each newcomer is touched on the days 0, 1, 3 and 7, until
-- they opt out, leave, or carry the stop tag (they bought something). Opening a single chat gets a greeting at once.
--
-- State: board "new"/"back" = who waits to be greeted (score: minus the time of joining), member.joined = day and member.at = time
-- of joining, member.left = day of leaving, set "cohort-<day>" = who joined that day and is still to be touched.
local people = require("lib.people")

local flow = sop.flow("welcome", {
  title = "入群欢迎",
  needs = { "join" },
  params = {
    gather = { "duration", default = "10s", min = "1s", max = "60s", help = "第一位进群后等多久,再一起欢迎" },
    names = { "integer", default = 10, min = 1, max = 10, help = "一条欢迎最多 @ 几个人" },
    back_days = { "integer", default = 30, min = 0, max = 365, help = "退群多少天内回来,用“欢迎回来”" },
    same_join = { "duration", default = "10m", min = "0s", max = "24h", help = "没有退群记录时,多久内的重复进群通知只算一次" },
    stale = { "duration", default = "12h", min = "1m", max = "48h", help = "等了这么久还没来得及欢迎的,就不再点名" },
    greet = { "text", help = "欢迎新人;{names} 是被 @ 的人" },
    back = { "text", help = "欢迎回来;{names} 是被 @ 的人" },
    enter = { "text", help = "有人打开单聊时的问候" },

    onboarding = { "boolean", default = false, help = "是否在入群后的第 0、1、3、7 天各关怀一次" },
    touch_by = { "choice", default = "dm", values = { "dm", "at" }, help = "关怀方式:dm 私信,at 群里 @(不能私信时自动用 at)" },
    touch_after = { "duration", default = "10m", min = "10s", max = "12h", help = "第 0 天的关怀在欢迎之后多久" },
    touch_at = { "clock", default = "10:00", help = "之后各天的关怀时间" },
    stop_tag = { "string", default = "bought", help = "有这个标签的人不再关怀" },
    day1 = { "integer", default = 0, min = -1, max = 60, help = "第一次关怀在入群后第几天,-1 为不发" },
    day2 = { "integer", default = 1, min = -1, max = 60, help = "第二次关怀在入群后第几天,-1 为不发" },
    day3 = { "integer", default = 3, min = -1, max = 60, help = "第三次关怀在入群后第几天,-1 为不发" },
    day4 = { "integer", default = 7, min = -1, max = 60, help = "第四次关怀在入群后第几天,-1 为不发" },
    touch1 = { "text", help = "第一次关怀" },
    touch2 = { "text", help = "第二次关怀" },
    touch3 = { "text", help = "第三次关怀" },
    touch4 = { "text", help = "第四次关怀" },
  },
})

local TOUCHES = 4
local PER_TURN = 10 -- touches per turn: one message that @-s, or ten direct messages
local MESSAGES_PER_TURN = 8 -- for each board; what is left over follows five seconds later

-- ---- coming and going ----------------------------------------------------------------------------------------------

-- The platform told us of this join before: the member waits to be greeted, or came a moment ago and never left.
local function reported_before(c)
  if c:board("new"):get(c.user) or c:board("back"):get(c.user) then return true end
  local at = c.member.at
  return at and not c.member.left and c:now() - at < sop.duration(c.params.same_join)
end

flow:on("join", { private = false }, function(c)
  if c.user == c.me or reported_before(c) then return end
  local today, left = c:day(), c.member.left
  local back = left and today - left <= c.params.back_days
  c.member.joined, c.member.at, c.member.left = today, c:now(), nil
  people.remember(c)
  c:board(back and "back" or "new"):set(c.user, -c:now())
  if c.params.onboarding and not back then c:set("cohort-" .. today):add(c.user) end
  c:emit("joined", { user = c.user, back = back or false, inviter = c.inviter })

  if (c.group.due or 0) < c:now() then
    local quiet = c:quiet_until()
    c.group.due = quiet or c:now() + sop.duration(c.params.gather)
    c:timer("greet", quiet and { at = quiet } or { after = c.params.gather })
  end
end)

flow:on("leave", { private = false }, function(c)
  if c.user == c.me then return end
  local joined = c.member.joined
  local unseen = c:board("new"):get(c.user)
  c:board("new"):remove(c.user)
  c:board("back"):remove(c.user)
  if joined then c:set("cohort-" .. joined):remove(c.user) end
  c.member.at, c.member.joined = nil, nil
  -- Somebody who was never greeted is a newcomer when they come again.
  if not unseen then c.member.left = c:day() end
  c:emit("left", { user = c.user, days = joined and c:day() - joined or nil })
end)

flow:on("enter", function(c)
  c:say(c.params.enter, { name = c.name })
end)

-- ---- greeting ------------------------------------------------------------------------------------------------------

-- Takes those who wait on a board, first come first, and drops those who waited too long to be greeted by name.
local function take(c, name)
  local board, ids, seconds = c:board(name), {}, {}
  for _, entry in ipairs(board:top(c.params.names * MESSAGES_PER_TURN)) do
    local waited = c:now() + entry.score
    if waited <= sop.duration(c.params.stale) then
      ids[#ids + 1], seconds[#seconds + 1] = entry.id, waited
    end
    board:remove(entry.id)
  end
  return ids, seconds
end

-- Greets who waits on a board. True: a full turn's worth, so there may be more.
local function greet(c, name, text)
  local ids, seconds = take(c, name)
  local portions = people.portions(ids, c.params.names)
  for i, portion in ipairs(portions) do
    c:say(text, { names = people.mentions(portion) }, { policy = "resend" })
    if c.params.onboarding and c.params.day1 == 0 and name == "new" then
      c:timer("touch", { key = "first|" .. portion[1], after = c.params.touch_after, args = { step = 1, users = portion } })
    end
    c:emit("greeted", { users = portion, seconds = table.move(seconds, (i - 1) * c.params.names + 1, i * c.params.names, 1, {}) })
  end
  return #portions == MESSAGES_PER_TURN
end

flow:timer("greet", function(c)
  local quiet = c:quiet_until()
  if quiet then
    c.group.due = quiet
    return c:timer("greet", { at = quiet })
  end
  c.group.due = nil
  local more_new = greet(c, "new", c.params.greet)
  local more_back = greet(c, "back", c.params.back)
  if more_new or more_back then
    c.group.due = c:now() + 5
    c:timer("greet", { after = "5s" })
  end
end)

-- ---- onboarding ----------------------------------------------------------------------------------------------------

-- Touches those of `users` who still want it, with the text of a step.
local function touch(c, step, users)
  local text, reached = c.params["touch" .. step], {}
  for _, user in ipairs(users) do
    local stopped = c.params.stop_tag ~= "" and c:has_tag(c.params.stop_tag, user)
    local gone = not c:member_of(user).joined
    if not (stopped or gone or c:opted_out(user)) then reached[#reached + 1] = user end
  end
  if #reached == 0 then return end

  if c.params.touch_by == "dm" and c:can("dm") then
    for _, user in ipairs(reached) do
      c:dm(user, text, { names = c:display(user) }, { policy = "drop" })
    end
  else
    c:say(text, { names = people.mentions(reached) }, { policy = "drop" })
  end
  c:emit("touched", { step = step, users = reached })
end

-- Every morning: the cohorts that are 1, 3 and 7 days old. Each is worked off in portions, by timers.
flow:at("touch_at", { late = "8h" }, function(c)
  if not c.params.onboarding then return end
  local oldest = 0
  for step = 1, TOUCHES do
    local day = c.params["day" .. step]
    oldest = math.max(oldest, day)
    if day > 0 then
      c:timer("touch", { key = "step" .. step, after = "1s", args = { step = step, cohort = c:day() - day, behind = "" } })
    end
  end
  c:set("cohort-" .. c:day() - oldest - 1):clear()
end)

flow:timer("touch", function(c, args)
  local quiet = c:quiet_until()
  if quiet then
    return c:timer("touch", { key = args.users and "first|" .. args.users[1] or "step" .. args.step, at = quiet, args = args })
  end
  if args.users then return touch(c, args.step, args.users) end

  local users = {}
  for _, user in ipairs(c:set("cohort-" .. args.cohort):all()) do -- in the order of ids
    if user > args.behind and #users < PER_TURN then users[#users + 1] = user end
  end
  touch(c, args.step, users)
  if #users == PER_TURN then
    args.behind = users[#users]
    c:timer("touch", { key = "step" .. args.step, after = "5s", args = args })
  end
end)

return flow
