-- chaperone.lua -- keeps a group company: whoever speaks is answered with an @ at least once a day, without flooding.
--
-- Remarks within the coalesce window (30 seconds from the first) get one message that names each with a fitting line: an
-- answer from the knowledge base (`faq`), a greeting, thanks, a word about a photo, an apology, else a line of small talk that has
-- not been used in the last 20. A question that nobody has an answer for goes to the person on duty in the staff chat; if it is
-- still open after 10 minutes, the member is told when an answer will come.
-- It stays silent when a remark is meant for somebody else (quotes or @-s them), when staff speak for themselves, when the
-- group is busy (more than 30 messages a minute: only direct @s and questions then), when its 12 posts an hour are used up, when
-- the member was answered within 30 minutes (direct @s and questions excepted), and for members who opted out. Who went
-- without an answer for the day because of that is owed one: it comes with the next message that has room, or in the
-- evening.
--
-- State: group.pending = remarks of the open window, group.due = its end, group.posts = { hour, number }, group.recent = small
-- talk used last; member.answered = when (seconds), member.spoke and member.owed = day; sets "owed" and "asking" (open questions).
local people = require("lib.people")
local talk = require("lib.talk")

local flow = sop.flow("chaperone", {
  title = "群陪聊",
  needs = { "unmentioned", "at" },
  params = {
    window = { "duration", default = "30s", min = "3s", max = "5m", help = "从第一句话起攒多久,合成一条回复" },
    names = { "integer", default = 10, min = 1, max = 10, help = "一条回复最多 @ 几个人" },
    busy = { "integer", default = 30, min = 1, max = 1000, help = "最近一分钟超过多少条就算热闹,只答 @ 和提问" },
    posts = { "integer", default = 12, min = 1, max = 120, help = "每小时最多发几条" },
    again = { "duration", default = "30m", min = "0s", max = "24h", help = "答过的人多久内不再主动接话" },
    sweep = { "clock", default = "21:40", help = "晚间补答:今天说过话还没被回应的人" },
    sweep_posts = { "integer", default = 3, min = 0, max = 12, help = "晚间补答最多几条" },
    no_repeat = { "integer", default = 20, min = 0, max = 200, help = "同一句闲聊隔多少条才能再用" },

    faq = { "table", default = {}, help = "知识库:{ ask = { 关键词 }, pattern = 正则, answer = 答案或几种说法, priority = 0 }" },
    question_ends = { "strings", default = { "?", "吗", "呢" }, help = "像提问的结尾" },
    question_words = {
      "strings", help = "像提问的词",
      default = {
        "怎么", "怎样", "多少", "哪里", "哪儿", "哪个", "哪家", "什么时候", "几点", "几号", "为什么", "能不能", "可不可以",
        "有没有", "是不是", "请问", "how much", "where", "when", "what time",
      },
    },
    greeting_words = {
      "strings", help = "打招呼的词",
      default = { "早", "早安", "早上好", "中午好", "下午好", "晚上好", "晚安", "你好", "大家好", "在吗", "hello", "hi", "good morning" },
    },
    greeting_fill = {
      "strings", help = "招呼里可以带的词,不影响判断",
      default = { "呀", "啊", "哦", "呢", "哈", "啦", "哇", "大家", "各位", "家人们", "宝子们", "群主", "亲们", "~", "!", "。", ",", "☀️", "😊" },
    },
    thanks_words = { "strings", default = { "谢谢", "感谢", "多谢", "谢啦", "thank" }, help = "道谢的词" },
    complaint_words = {
      "strings", help = "不满的词,会转给值班人员",
      default = { "投诉", "差评", "退款", "退货", "坏了", "烂了", "变质", "太慢", "骗人", "骗子", "生气", "失望", "refund", "complain" },
    },

    duty = { "strings", default = {}, help = "值班人员的 id,转问题时在工作群里 @" },
    handoffs = { "integer", default = 20, min = 0, max = 200, help = "每小时最多转几个问题给值班人员" },
    handoff = { "duration", default = "10m", min = "1m", max = "24h", help = "多久没人回答,就告诉提问的人什么时候能答" },
    promise = { "integer", default = 30, min = 5, max = 240, help = "值班时间内承诺多少分钟内回答" },
    duty_from = { "clock", default = "09:00", help = "值班开始" },
    duty_to = { "clock", default = "21:00", help = "值班结束" },

    greeting = { "text", help = "回应打招呼" },
    thanks = { "text", help = "回应道谢" },
    photo = { "text", help = "回应照片" },
    sorry = { "text", help = "回应不满" },
    ask = { "text", help = "问题已转给值班人员" },
    small_talk = { "text", help = "闲聊,说法越多越好(建议 20 句以上)" },
    evening = { "text", help = "晚间补答;{names} 是被 @ 的人" },
    to_staff = { "text", help = "工作群里:有问题待回答" },
    later_today = { "text", help = "没人及时回答:今天 {minutes} 分钟内" },
    later_time = { "text", help = "没人及时回答:{time} 上班后" },
  },
})

-- ---- what to say ---------------------------------------------------------------------------------------------------

-- The kind of a remark, and for the knowledge base the entry that answers it.
local function kind_of(c, text)
  local p = c.params
  local question = talk.is_question(text, p.question_ends, p.question_words)
  local entry = talk.answer(p.faq, text, question or c.at_me)
  if entry then return "faq", entry, true end
  if talk.is_greeting(text, p.greeting_words, p.greeting_fill) then return "greeting" end
  if talk.has(text, p.complaint_words) then return "sorry", nil, true end
  if question then return "ask", nil, true end
  if talk.has(text, p.thanks_words) then return "thanks" end
  if talk.has_picture(c.message) then return "photo" end
  return "small_talk"
end

-- A line of small talk that was not used lately; with all used, the one used longest ago.
local function fresh_line(c, lines)
  if type(lines) == "string" then return lines end
  local recent = c.group.recent or {}
  local used, free = {}, {}
  for _, i in ipairs(recent) do used[i] = true end
  for i = 1, #lines do
    if not used[i] then free[#free + 1] = i end
  end
  local choice = #free > 0 and c:pick(free) or recent[1]
  if not lines[choice] then choice = 1 end
  recent[#recent + 1] = choice
  while #recent > c.params.no_repeat do table.remove(recent, 1) end
  c.group.recent = recent
  return lines[choice]
end

-- The words for a group of members: small talk never repeats itself soon, the rest comes from its texts.
local function line_for(c, part)
  local persona = c.persona or {}
  local text = c.params[part.kind]
  if part.kind == "small_talk" then text = fresh_line(c, text) end
  if part.kind == "faq" then
    local entry = c.params.faq[part.entry]
    text = entry and entry.answer or c.params.ask
  end
  if type(text) == "table" then text = c:pick(text) end
  return c:format(text, { call = persona.call or "", me = persona.name or "" })
end

-- ---- one message for all -------------------------------------------------------------------------------------------

-- Posts left in this hour.
local function posts_left(c)
  local posts, hour = c.group.posts, c:now() // 3600
  if not posts or posts[1] ~= hour then return c.params.posts end
  return c.params.posts - posts[2]
end

local function count_post(c)
  local posts, hour = c.group.posts, c:now() // 3600
  c.group.posts = { hour, (posts and posts[1] == hour and posts[2] or 0) + 1 }
end

-- This member spoke today and has not been answered: remember it, once a day.
local function owe(c, user)
  local today, member = c:day(), c:member_of(user)
  local answered = member.answered
  if member.owed == today or answered and c:date(today) == c:time("%Y-%m-%d", answered) then return end
  if c.group.owed_day ~= today then
    c:set("owed"):clear()
    c.group.owed_day = today
  end
  member.owed = today
  c:set("owed"):add(user)
end

local function answered(c, users)
  for _, user in ipairs(users) do
    local member = c:member_of(user)
    member.answered = c:now()
    if member.owed then
      member.owed = nil
      c:set("owed"):remove(user)
    end
  end
end

-- Those who share a line stand together: "@小美 @小王 早呀". A list of { kind, entry, users }, in order of speaking.
local function parts_of(pending)
  local parts, place = {}, {}
  for _, remark in ipairs(pending) do
    local id = remark.kind .. (remark.entry or "")
    if not place[id] then
      parts[#parts + 1] = { kind = remark.kind, entry = remark.entry, users = {} }
      place[id] = parts[#parts]
    end
    table.insert(place[id].users, remark.user)
  end
  return parts
end

-- The whole message as segments: one line a part.
local function compose(c, parts)
  local message = {}
  for i, part in ipairs(parts) do
    if i > 1 then message[#message + 1] = sop.text("\n") end
    for _, mention in ipairs(people.mentions(part.users)) do message[#message + 1] = mention end
    message[#message + 1] = sop.text(" " .. line_for(c, part))
  end
  return message
end

-- Fills a message that has room with members who are owed a word.
local function add_owed(c, pending, taken)
  if c.group.owed_day ~= c:day() then return end
  for _, user in ipairs(c:set("owed"):all()) do
    if #pending >= c.params.names then return end
    if not taken[user] and not c:opted_out(user) then
      pending[#pending + 1] = { user = user, kind = "small_talk" }
    end
  end
end

flow:timer("speak", function(c)
  local pending = c.group.pending or {}
  c.group.pending, c.group.due = nil, nil
  if #pending == 0 then return end

  if posts_left(c) <= 0 then
    for _, remark in ipairs(pending) do owe(c, remark.user) end
    return
  end
  local taken, direct = {}, false
  for _, remark in ipairs(pending) do
    taken[remark.user] = true
    direct = direct or remark.direct
  end
  add_owed(c, pending, taken)

  local users, waits = {}, {}
  for i, remark in ipairs(pending) do
    users[i], waits[i] = remark.user, remark.at and c:now() - remark.at or nil
  end
  c:say(compose(c, parts_of(pending)), nil, { policy = "drop", late = "5m", answer = direct })
  count_post(c)
  answered(c, users)
  c:emit("answered", { users = users, seconds = waits })
end)

-- ---- listening -----------------------------------------------------------------------------------------------------

-- Puts a remark into the open window, or opens one. The weightier remark of a member counts.
local function note(c, remark)
  local waiting = (c.group.due or 0) >= c:now() -- else a window that never closed, because the flow was off: too old to answer
  local pending = waiting and c.group.pending or {}
  for _, earlier in ipairs(pending) do
    if earlier.user == remark.user then
      if not remark.direct or earlier.direct then return end
      earlier.kind, earlier.entry, earlier.direct = remark.kind, remark.entry, remark.direct
      c.group.pending = pending
      return
    end
  end
  if #pending >= c.params.names then return owe(c, remark.user) end
  pending[#pending + 1] = remark
  c.group.pending = pending
  if not waiting then
    c.group.due = c:now() + sop.duration(c.params.window)
    c:timer("speak", { after = c.params.window })
  end
end

-- Tells the person on duty. "open": this member has an open question already; false: nobody could be told.
local function hand_off(c)
  if c:set("asking"):has(c.user) then return "open" end
  if c.params.handoffs == 0 or not c:limit("handoff", c.params.handoffs, "1h", { scope = "group" }) then return false end
  local told = c:staff(c.params.to_staff, {
    duty = people.mentions(c.params.duty), name = c.name, group = c.chat_name ~= "" and c.chat_name or c.chat, quote = c.text,
  })
  if not told then return false end
  c:set("asking"):add(c.user)
  c:timer("unanswered", { key = c.user, after = c.params.handoff, args = { user = c.user, asked = c:now() } })
  c:emit("handed_off", { user = c.user })
  return true
end

-- Staff spoke: what they answer needs no other answer. With an @ it is for those, without for everybody who waits.
local function staff_spoke(c)
  local meant = {}
  for _, user in ipairs(c.mentions) do meant[user] = true end
  local for_all = next(meant) == nil

  local rest = {}
  for _, remark in ipairs(c.group.pending or {}) do
    if not (for_all or meant[remark.user]) then rest[#rest + 1] = remark end
  end
  if c.group.pending and #rest < #c.group.pending then c.group.pending = rest end

  for _, user in ipairs(c:set("asking"):all()) do
    if for_all or meant[user] then
      c:set("asking"):remove(user)
      c:cancel_timer("unanswered", user)
      c:emit("question_answered", { user = user, by = c.user })
    end
  end
end

flow:on("message", { private = false }, function(c)
  if c.user == c.me or c.from_bot or c.command then return end
  if c:has_role("keeper") then return staff_spoke(c) end
  if c.member.spoke ~= c:day() then
    c.member.spoke = c:day()
    c:emit("spoke", { user = c.user })
  end
  local for_others = (c.quoted or #c.mentions > 0) and not c.at_me
  if for_others or c:opted_out(c.user) then return end

  local kind, entry, asks = kind_of(c, sop.fold(c.text))
  local direct = c.at_me or asks or false
  if kind == "ask" or kind == "sorry" then
    local told = hand_off(c)
    if told == "open" and kind == "ask" then return end -- we said that somebody will answer
    if not told and kind == "ask" then kind = "small_talk" end
  end
  if not direct then
    if c:quiet_until() then return end
    if c:traffic("1m") > c.params.busy then return owe(c, c.user) end
    local last = c.member.answered
    if last and c:now() - last < sop.duration(c.params.again) then return end
  end
  note(c, { user = c.user, kind = kind, entry = entry, direct = direct, at = c:now() })
end)

-- ---- what stays open -----------------------------------------------------------------------------------------------

-- Is a clock time like "09:30" inside from..to, which may go past midnight?
local function between(now, from, to)
  if from <= to then return now >= from and now < to end
  return now >= from or now < to
end

flow:timer("unanswered", function(c, args)
  if not c:set("asking"):has(args.user) then return end
  c:set("asking"):remove(args.user)
  local vars = { who = sop.at(args.user), minutes = c.params.promise, time = c.params.duty_from }
  local on_duty = between(c:time("%H:%M"), c.params.duty_from, c.params.duty_to)
  c:say(on_duty and c.params.later_today or c.params.later_time, vars, { answer = true })
  c:emit("question_unanswered", { user = args.user, minutes = (c:now() - args.asked) // 60 })
end)

flow:at("sweep", { late = "40m" }, function(c)
  local owed = c:set("owed")
  local users = {}
  for _, user in ipairs(c.group.owed_day == c:day() and owed:all() or {}) do
    if not c:opted_out(user) then users[#users + 1] = user end
  end
  owed:clear()
  if c:quiet_until() then return end
  for i, portion in ipairs(people.portions(users, c.params.names)) do
    if i > c.params.sweep_posts or posts_left(c) <= 0 then return end
    c:say(c.params.evening, { names = people.mentions(portion) }, { policy = "drop" })
    count_post(c)
    for _, user in ipairs(portion) do c:member_of(user).answered = c:now() end
    c:emit("answered", { users = portion, evening = true })
  end
end)

return flow
