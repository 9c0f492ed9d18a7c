-- welcome.lua -- greets people who come into a group.
--
-- Whoever joins within the gather window (10 seconds from the first) is greeted in one message, ten names a message, so
-- that fifty newcomers are five messages and not fifty. Who has left again by then is not named; who comes back within 30
-- days hears "welcome back"; a join that the platform reports twice counts once. During quiet hours newcomers are
-- collected and greeted in the morning. With `onboarding` on, each newcomer has a run of their own that touches them on the
-- days 0, 1, 3 and 7, until they opt out, leave, or carry the stop tag (they bought something). With `ask` on, each is asked one
-- question, in private where that works, and tagged by the answer. Opening a single chat gets a greeting at once. With `trial` on, half
-- of the groups are greeted by `greet_b`: `sopd ctl experiment welcome_greet` says which greeting brings more of `trial_outcome`.
--
-- State: member.joined = day and member.at = time of joining, member.left = day of leaving; board "new"/"back" = who came in quiet hours
-- and waits for the morning (score: minus the time of joining); set "share-<text>" = who shares the next message with that text.
local people = require("lib.people")
local answers = require("lib.answers")
local together = require("lib.together")

local flow = sop.flow("welcome", {
  title = "入群欢迎",
  wants = {
    join = "nobody is greeted in a group; whoever opens a single chat with the bot is",
    dm = "touches and questions come in the group",
    at = "newcomers are named in plain text",
  },
  late = "stale",
  params = {
    gather = { "duration", default = "10s", min = "1s", max = "60s", help = "第一位进群后等多久,再一起欢迎" },
    names = { "integer", default = 10, min = 1, max = 10, help = "一条欢迎最多 @ 几个人" },
    back_days = { "integer", default = 30, min = 0, max = 365, help = "退群多少天内回来,用“欢迎回来”" },
    same_join = { "duration", default = "10m", min = "0s", max = "24h", help = "没有退群记录时,多久内的重复进群通知只算一次" },
    stale = { "duration", default = "12h", min = "1m", max = "48h", help = "等了这么久还没来得及欢迎的,就不再点名" },
    greet = { "text", help = "欢迎新人;{names} 是被 @ 的人" },
    back = { "text", help = "欢迎回来;{names} 是被 @ 的人" },
    enter = { "text", help = "有人打开单聊时的问候" },
    trial = { "boolean", default = false, help = "是否试两种欢迎语:一半的群用 greet,一半用 greet_b" },
    trial_outcome = { "string", default = "checked_in", help = "比哪个业务事件:每位被欢迎的新人带来几次" },
    greet_b = { "text", help = "试验用的另一种欢迎新人;{names} 是被 @ 的人" },

    onboarding = { "boolean", default = false, help = "是否在入群后的第 0、1、3、7 天各关怀一次" },
    touch_by = { "choice", default = "dm", values = { "dm", "at" }, help = "关怀方式:dm 私信,at 群里 @(不能私信时自动用 at)" },
    touch_after = { "duration", default = "10m", min = "10s", max = "12h", help = "第 0 天的关怀在欢迎之后多久" },
    touch_at = { "clock", default = "10:00", help = "之后各天的关怀时间" },
    touch_late = { "duration", default = "8h", min = "1m", max = "24h", help = "晚了这么久还没发出的关怀就不发了" },
    stop_tag = { "string", default = "bought", help = "有这个标签的人不再关怀" },
    day1 = { "integer", default = 0, min = -1, max = 60, help = "第一次关怀在入群后第几天,-1 为不发" },
    day2 = { "integer", default = 1, min = -1, max = 60, help = "第二次关怀在入群后第几天,-1 为不发" },
    day3 = { "integer", default = 3, min = -1, max = 60, help = "第三次关怀在入群后第几天,-1 为不发" },
    day4 = { "integer", default = 7, min = -1, max = 60, help = "第四次关怀在入群后第几天,-1 为不发" },
    touch1 = { "text", help = "第一次关怀" },
    touch2 = { "text", help = "第二次关怀" },
    touch3 = { "text", help = "第三次关怀" },
    touch4 = { "text", help = "第四次关怀" },

    ask = { "boolean", default = false, help = "是否问新人一个问题,按回答打标签" },
    ask_by = { "choice", default = "dm", values = { "dm", "at" }, help = "在哪里问:dm 私信,at 群里 @(不能私信时自动用 at)" },
    ask_after = { "duration", default = "1m", min = "1s", max = "12h", help = "欢迎之后多久问" },
    ask_wait = { "duration", default = "24h", min = "1m", max = "7d", help = "等回答等多久" },
    answers = {
      "table", help = "回答与标签:{ words = { 说法 }, tag = 标签 };群里只认这里写的说法",
      default = {
        { words = { "1", "朋友", "邻居", "friend" }, tag = "来源:朋友" },
        { words = { "2", "门店", "店里", "路过", "shop", "store" }, tag = "来源:门店" },
        { words = { "3", "网上", "抖音", "小红书", "公众号", "online" }, tag = "来源:网上" },
      },
    },
    question = { "text", help = "问新人的问题;{names} 是这位新人" },
    question_again = { "text", help = "没看懂回答时再问一次" },
    question_thanks = { "text", help = "谢谢回答" },
  },
})

local TOUCHES = 4
local MESSAGES_PER_TURN = 8 -- of each kind; a crowd that needs more is greeted in several turns

-- ---- coming and going ----------------------------------------------------------------------------------------------

local function place_of(newcomers, user)
  for i, one in ipairs(newcomers) do
    if one.user == user then return i end
  end
end

-- The platform told us of this join before: the member waits to be greeted, or came a moment ago and never left.
local function reported_before(c, newcomers, one)
  if place_of(newcomers, one.user) then return true end
  if c:board("new"):get(one.user) or c:board("back"):get(one.user) then return true end
  local member = c:member_of(one.user)
  return member.at and not member.left and one.at - member.at < sop.duration(c.params.same_join)
end

-- Somebody came, { user, name, at, inviter }: they join the newcomers who are still to be greeted.
local function came(c, newcomers, one)
  if one.user == c.me or reported_before(c, newcomers, one) then return end
  local member, today = c:member_of(one.user), c:day()
  local back = member.left and today - member.left <= c.params.back_days or false
  member.joined, member.at, member.left = today, one.at, nil
  if one.name and member.name ~= one.name then member.name = one.name end
  newcomers[#newcomers + 1] = { user = one.user, at = one.at, back = back }
  c:emit("joined", { user = one.user, back = back, inviter = one.inviter })
end

-- Somebody went: nobody greets them any more.
local function went(c, newcomers, user)
  if user == c.me then return end
  local member, joined = c:member_of(user), c:member_of(user).joined
  local place = place_of(newcomers, user)
  local unseen = place and not newcomers[place].back or c:board("new"):get(user)
  if place then table.remove(newcomers, place) end
  c:board("new"):remove(user)
  c:board("back"):remove(user)
  member.at, member.joined = nil, nil
  -- Somebody who was never greeted is a newcomer when they come again.
  if not unseen then member.left = c:day() end
  if c.params.ask then c:cancel{ key = "question", chat = "@" .. user } end
  c:emit("left", { user = user, days = joined and c:day() - joined or nil })
end

flow:on("leave", { private = false }, function(c) went(c, {}, c.user) end)

flow:on("enter", function(c) c:say(c.params.enter, { name = c.name }, { late = "5s" }) end) -- WeCom takes it for 5 seconds

-- ---- onboarding ----------------------------------------------------------------------------------------------------

-- The steps that are switched on, { step, day }, in the order of their days.
local function steps_of(params)
  local steps = {}
  for step = 1, TOUCHES do
    local day = params["day" .. step]
    if day >= 0 then steps[#steps + 1] = { step = step, day = day } end
  end
  table.sort(steps, function(a, b) return a.day < b.day or a.day == b.day and a.step < b.step end)
  return steps
end

-- What several newcomers are to read in the same minute is one message, ten names each. args: text = name of the parameter; step.
local shared = flow:run("shared", function(c, args)
  c:sleep("5s")
  local set, users = c:set("share-" .. args.text), {}
  for _, user in ipairs(set:all()) do -- in the order of ids
    if #users < c.params.names then
      set:remove(user)
      if not c:opted_out(user) then users[#users + 1] = user end
    end
  end
  if #users > 0 then
    c:say(c.params[args.text], { names = people.mentions(users) }, { policy = "drop" })
    c:emit(args.step and "touched" or "asked", { step = args.step, users = users })
  end
  if set:count() > 0 then c:continue(args) end
end)

-- Says it to the newcomer of this run, in a message that they share with others.
local function say_shared(c, text, step)
  c:set("share-" .. text):add(c.user)
  c:start(shared, { text = text, step = step }, { key = text, user = false })
end

local function touch(c, step)
  if c.params.touch_by == "at" or not c:can("dm") then return say_shared(c, "touch" .. step, step) end
  c:dm(c.user, c.params["touch" .. step], { names = c:display(c.user) }, { policy = "drop" })
  c:emit("touched", { step = step, users = { c.user } })
end

-- One newcomer's first days. args.joined: the day on which they came.
local onboard = flow:run("onboard", function(c, args)
  local p = c.params
  c:stop_when{ tag = p.stop_tag ~= "" and p.stop_tag or nil, leaves = true, opts_out = true }
  for _, next in ipairs(steps_of(p)) do
    local late
    if next.day == 0 then
      late = c:sleep(p.touch_after)
    else
      late = c:sleep_until{ date = c:date(args.joined + next.day), at = p.touch_at }
    end
    together.wait_out_quiet(c)
    if late <= sop.duration(p.touch_late) then
      touch(c, next.step)
    else
      c:emit("touch_missed", { user = c.user, step = next.step, late = late })
    end
  end
end)

-- ---- the newcomer's question ---------------------------------------------------------------------------------------

-- Puts the question. False: they cannot be reached in private.
local function put_question(c, args)
  if not c.private then
    say_shared(c, "question")
    return true
  end
  local id = c:say(c.params.question, { names = args.name }, { policy = "resend", wait = true })
  if id then c:emit("asked", { users = { c.user } }) end
  return id
end

-- Waits for an answer: its text (nil: none came), the expected answer that it is, and whether time ran out on the second try.
-- In the group only what fits is an answer, the rest is conversation; in private everything is, and what does not fit gets a
-- friendly second try.
local function wait_for_answer(c)
  local p, till, said = c.params, c:now() + sop.duration(c.params.ask_wait), nil
  for try = 1, c.private and #p.answers > 0 and 2 or 1 do
    if try == 2 then c:say(p.question_again, nil, { answer = true }) end
    local answer = c:ask{ timeout = math.max(1, till - c:now()), match = not c.private and answers.pattern(p.answers) or nil }
    if not answer then return said, nil, true end
    said = answer.text
    local choice = answers.fitting(p.answers, said)
    if choice then return said, choice end
  end
  return said
end

-- One question, in the chat in which it was begun. args: name, and for a private one the group to fall back on.
local question = flow:run("question", function(c, args)
  c:stop_when{ leaves = true, opts_out = true }
  c:sleep(c.params.ask_after)
  together.wait_out_quiet(c)
  if not put_question(c, args) then
    if args.group then c:start("question", { name = args.name }, { chat = args.group, key = "question|" .. c.user }) end
    return
  end
  local said, choice, late = wait_for_answer(c)
  if not said then return c:emit("question_ignored", { user = c.user }) end
  if choice and choice.tag then c:tag(choice.tag) end
  if not late then c:say(c.params.question_thanks, nil, { answer = true }) end
  c:emit("newcomer_answered", { user = c.user, tag = choice and choice.tag, text = said })
end)

local function ask_newcomer(c, user)
  local name = c:display(user)
  if c.params.ask_by == "dm" and c:can("dm") then
    local id, why = c:start(question, { name = name, group = c.chat }, { user = user, chat = "@" .. user, key = "question" })
    if id or why == "running" then return end -- else the flow does not run in private chats here
  end
  c:start(question, { name = name }, { user = user, key = "question|" .. user })
end

-- ---- greeting ------------------------------------------------------------------------------------------------------

-- The greeting of this group, by the trial if there is one.
local function greeting(c)
  local p = c.params
  if not p.trial or p.trial_outcome == "" then return p.greet end
  local variant = c:experiment("welcome_greet", { "A", "B" }, { outcome = p.trial_outcome, per = "greeted" })
  return variant == "B" and p.greet_b or p.greet
end

-- Greets the new or the returned among `newcomers`.
local function greet_some(c, newcomers, back)
  local ids, seconds = {}, {}
  for _, one in ipairs(newcomers) do
    local waited = math.max(0, c:now() - one.at)
    if one.back == back and waited <= sop.duration(c.params.stale) then
      ids[#ids + 1], seconds[#seconds + 1] = one.user, waited
    end
  end
  local text = #ids > 0 and (back and c.params.back or greeting(c))
  for i, portion in ipairs(people.portions(ids, c.params.names)) do
    local first = (i - 1) * c.params.names
    c:say(text, { names = people.mentions(portion) }, { policy = "resend" })
    c:emit("greeted", { users = portion, seconds = table.move(seconds, first + 1, first + #portion, 1, {}) })
  end
  return ids
end

local function greet(c, newcomers)
  local fresh = greet_some(c, newcomers, false)
  greet_some(c, newcomers, true)
  for _, user in ipairs(fresh) do
    if c.params.onboarding then c:start(onboard, { joined = c:member_of(user).joined }, { user = user, key = "onboard|" .. user }) end
    if c.params.ask then ask_newcomer(c, user) end
  end
end

-- Takes those who wait on a board, first come first.
local function take(c, newcomers, name)
  local board = c:board(name)
  for _, entry in ipairs(board:top(c.params.names * MESSAGES_PER_TURN)) do
    newcomers[#newcomers + 1] = { user = entry.id, at = -entry.score, back = name == "back" }
    board:remove(entry.id)
  end
  return board:count()
end

-- Greets those who came in quiet hours when these are over.
local morning = flow:run("morning", function(c)
  together.wait_out_quiet(c)
  local newcomers = {}
  local more = take(c, newcomers, "new") + take(c, newcomers, "back")
  greet(c, newcomers)
  if more > 0 then
    c:sleep("5s")
    c:continue()
  end
end)

local function greet_in_the_morning(c, newcomers)
  for _, one in ipairs(newcomers) do
    c:board(one.back and "back" or "new"):set(one.user, -one.at)
  end
  c:start(morning, nil, { key = "morning", user = false })
end

flow:on("join", { private = false }, function(c)
  local newcomers = {}
  came(c, newcomers, { user = c.user, name = c.name, at = c.event.time, inviter = c.inviter })
  if #newcomers == 0 then return end
  if c:quiet_until() then return greet_in_the_morning(c, newcomers) end

  local others = c:gather{ events = { "join", "leave" }, window = c.params.gather, max = c.params.names * MESSAGES_PER_TURN }
  for _, one in ipairs(others) do
    if one.type == "leave" then
      went(c, newcomers, one.user)
    else
      came(c, newcomers, { user = one.user, name = one.name, at = one.time, inviter = one.inviter })
    end
  end
  if c:quiet_until() then greet_in_the_morning(c, newcomers) else greet(c, newcomers) end
end)

return flow
