-- chaperone.lua -- keeps a group company: whoever speaks is answered with an @ at least once a day, without flooding.
--
-- The first remark opens a window (30 seconds); it and what is said meanwhile get one message that names each with a fitting
-- line: an answer from the knowledge base (`faq`), a greeting, thanks, a word about a photo, an apology, else a line of small talk that has
-- not been used in the last 20. A question that nobody has an answer for goes to the person on duty in the staff chat. A run waits
-- for their answer in the group; if there is none after 10 minutes, the member is told when one will come, and the question stays
-- for the report.
-- It stays silent when a remark is meant for somebody else (quotes or @-s them), when staff answered within the window, when the
-- group is busy (more than 30 messages a minute: only direct @s and questions then), when its 12 posts an hour are used up, when
-- the member was answered within 30 minutes (direct @s and questions excepted), and for members who opted out. Who went
-- without an answer for the day because of that is owed one: it comes with the next message that has room, or in the
-- evening. Who asked what the knowledge base can answer is owed that answer, and no small talk. A bare number ("2", "+1") is
-- meant for somebody else.
-- On a platform that only tells of messages which mention the bot (WeCom), every remark is meant for it: the window is short there.
-- With `llm` on, and an endpoint in the configuration, the line of small talk for a window is written by the language model, if it does
-- so in time, within the day's budget and without a word that must not be said; else it comes from the pool.
--
-- State: group.posts = { hour, number }, group.recent = small talk used last, group.llm = { day, calls, tokens },
-- group.written = marks of what the model wrote last; member.answered = when (seconds), member.answered_on,
-- member.spoke and member.owed = day, member.asked = the question whose answer is owed; set "owed"; hash "questions" =
-- open questions by member: { text, name, id, at, told }.
local duty = require("lib.duty")
local gaps = require("lib.gaps")
local knowledge = require("lib.knowledge")
local people = require("lib.people")
local talk = require("lib.talk")

local flow = sop.flow("chaperone", {
  title = "群陪聊",
  menu = "menu_line",
  wants = {
    unmentioned = "only who mentions the bot is answered, after a few seconds; staff answer a question by mentioning it, too",
    at = "members are named in plain text",
  },
  params = {
    window = { "duration", default = "30s", min = "3s", max = "5m", help = "从第一句话起攒多久,合成一条回复" },
    window_mentions = { "duration", default = "3s", min = "1s", max = "5m", help = "平台只转来 @ 机器人的话时,攒多久" },
    names = { "integer", default = 10, min = 1, max = 10, help = "一条回复最多 @ 几个人" },
    busy = { "integer", default = 30, min = 1, max = 1000, help = "最近一分钟超过多少条就算热闹,只答 @ 和提问" },
    posts = { "integer", default = 12, min = 1, max = 120, help = "每小时最多发几条" },
    again = { "duration", default = "30m", min = "0s", max = "24h", help = "答过的人多久内不再主动接话" },
    sweep = { "clock", default = "21:40", help = "晚间补答:今天说过话还没被回应的人" },
    sweep_posts = { "integer", default = 3, min = 0, max = 12, help = "晚间补答最多几条" },
    no_repeat = { "integer", default = 20, min = 0, max = 200, help = "同一句闲聊隔多少条才能再用" },

    faq = { "table", default = {}, texts = { "answer" }, help = "知识库:{ ask = { 关键词 }, pattern = 正则, answer = 答案或几种说法, priority = 0 }" },
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

    llm = { "boolean", default = false, help = "闲聊由大模型来写(配置里要有 llm);写不出来就用 small_talk" },
    llm_calls = { "integer", default = 200, min = 0, max = 100000, help = "每群每天最多请大模型写几次" },
    llm_tokens = { "integer", default = 100000, min = 0, max = 100000000, help = "每群每天最多用多少 token" },
    llm_length = { "integer", default = 60, min = 10, max = 300, help = "大模型的话最多几个字,超过就不用" },
    llm_words = {
      "strings", help = "大模型的话里不能有的词(配置里 llm.words 的词也算)",
      default = {
        "http", "www.", "@", "加微信", "加v", "二维码", "转账", "红包", "免费", "保证", "最便宜", "第一", "治疗", "疗效", "包治", "赔偿",
        "退款", "政治", "AI", "人工智能", "语言模型",
      },
    },
    llm_label = { "string", default = "", help = "大模型写的话后面要带的说明,例如:(AI 生成)" },

    duty = { "strings", default = {}, help = "值班人员的 id,转问题时在工作群里 @" },
    roster = { "table", default = {}, help = "值班表,代替 duty:{ days = \"1-5\", from = \"09:00\", to = \"18:00\", users = { id } },可以有多段" },
    handoffs = { "integer", default = 20, min = 0, max = 200, help = "每小时最多转几个问题给值班人员" },
    handoff = { "duration", default = "10m", min = "1m", max = "24h", help = "多久没人回答,就告诉提问的人什么时候能答" },
    promise = { "integer", default = 30, min = 5, max = 240, help = "值班时间内承诺多少分钟内回答" },
    duty_from = { "clock", default = "09:00", help = "值班开始" },
    duty_to = { "clock", default = "21:00", help = "值班结束" },
    keep = { "integer", default = 2, min = 1, max = 30, help = "没人回答的问题为日报保留几天" },

    menu_line = { "text", help = "菜单里的一行" },
    greeting = { "text", help = "回应打招呼" },
    thanks = { "text", help = "回应道谢" },
    photo = { "text", help = "回应照片" },
    sorry = { "text", help = "回应不满" },
    ask = { "text", help = "问题已转给值班人员" },
    small_talk = { "text", help = "闲聊,说法越多越好(建议 20 句以上)" },
    evening = { "text", help = "晚间补答;{names} 是被 @ 的人" },
    llm_prompt = { "text", help = "给大模型的说明;{me} 是机器人的名字,{call} 是对群友的称呼,{length} 是字数" },
    to_staff = { "text", help = "工作群里:有问题待回答" },
    later_today = { "text", help = "没人及时回答:今天 {minutes} 分钟内" },
    later_time = { "text", help = "没人及时回答:{time} 上班后" },
  },
})

local MOST = 100 -- messages that a run takes in: of a window (a group that says more is answered sooner), of staff
local MOST_QUESTIONS = 15 -- that go to staff at once: a turn may send 20 messages
local LONGEST = 200 -- characters of a question that is kept
local TOO_OLD = 300 -- seconds: a window that closes later than this, because the flow was off, gets no message

-- ---- what to say ---------------------------------------------------------------------------------------------------

-- The kind of a remark, and for the knowledge base the entry that answers it; nil if there is nothing to say to it. Third result:
-- it asks for something.
local function kind_of(c, m)
  local p, text = c.params, sop.fold(m.text)
  local question = talk.is_question(text, p.question_ends, p.question_words)
  local entry = knowledge.find(p.faq, text, question or m.at_me)
  if entry then return "faq", entry, true end
  if talk.is_greeting(text, p.greeting_words, p.greeting_fill) then return "greeting" end
  if talk.has(text, p.complaint_words) then return "sorry", nil, true end
  if question then return "ask", nil, true end
  if talk.has(text, p.thanks_words) then return "thanks" end
  if talk.has_picture(m) then return "photo" end
  if sop.match("^[\\s+.,]*\\d[\\d\\s+.,]*$", text) then return nil end -- an order, a vote, a place in a list
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

-- Posts left in this hour.
local function posts_left(c)
  local posts, hour = c.group.posts, c:now() // 3600
  if not posts or posts[1] ~= hour then return c.params.posts end
  return c.params.posts - posts[2]
end

-- ---- small talk by the language model ------------------------------------------------------------------------------

-- Counts one more call for today, before it is made; false when the day's budget is used up.
local function spend(c)
  local used, day = c.group.llm, c:day()
  if not used or used[1] ~= day then used = { day, 0, 0 } end
  if used[2] >= c.params.llm_calls or used[3] >= c.params.llm_tokens then return false end
  c.group.llm = { day, used[2] + 1, used[3] }
  return true
end

local function spent(c, tokens)
  local used = c.group.llm
  if used then c.group.llm = { used[1], used[2], used[3] + tokens } end
end

-- One line, without the quotes that models like to put around it; nil if it is none that may be said.
local function usable(c, text)
  text = text:gsub("%s*\n.*$", "")
  for _, quotes in ipairs({ { '"', '"' }, { "“", "”" }, { "「", "」" } }) do
    local open, close = quotes[1], quotes[2]
    if #text >= #open + #close and text:sub(1, #open) == open and text:sub(-#close) == close then
      text = text:sub(#open + 1, -#close - 1)
    end
  end
  if text == "" or (utf8.len(text) or 1000) > c.params.llm_length then return nil end
  return text
end

-- Was this line not written lately? Remembers it: what a model writes must not repeat itself either.
local function is_new(c, text)
  local mark, recent = sop.sha256(text):sub(1, 8), c.group.written or {}
  for _, earlier in ipairs(recent) do
    if earlier == mark then return false end
  end
  recent[#recent + 1] = mark
  while #recent > c.params.no_repeat do table.remove(recent, 1) end
  c.group.written = recent
  return true
end

-- What was said by those for whom there is only small talk, one line each.
local function said(remarks)
  local lines = {}
  for _, remark in ipairs(remarks) do
    if remark.kind == "small_talk" and remark.text then lines[#lines + 1] = remark.text:gsub("%s+", " ") end
  end
  return lines
end

-- Has the model write the line of small talk, if it is on: window.written. Waits for it.
local function write_line(c, window)
  local lines = c.params.llm and said(window.remarks) or {}
  if #lines == 0 or posts_left(c) <= 0 or not spend(c) then return end
  local persona = c.persona or {}
  local text, why = c:llm{
    system = c:format(c.params.llm_prompt, { me = persona.name or "", call = persona.call or "", length = c.params.llm_length }),
    prompt = table.concat(lines, "\n"), max_tokens = 2 * c.params.llm_length, words = c.params.llm_words,
  }
  if text then
    spent(c, why)
    local line = usable(c, text)
    window.written = line and is_new(c, line) and line or nil
  end
  c:emit("llm", { ok = window.written ~= nil, reason = not text and why or not window.written and "unusable" or nil })
  for i = #window.remarks, 1, -1 do -- it took a while
    if c:opted_out(window.remarks[i].user) then table.remove(window.remarks, i) end
  end
end

-- The words for a group of members: small talk never repeats itself soon, the rest comes from its texts.
local function line_for(c, part, written)
  if part.kind == "small_talk" and written and not part.owed then return written .. c.params.llm_label end
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

local function count_post(c)
  local posts, hour = c.group.posts, c:now() // 3600
  c.group.posts = { hour, (posts and posts[1] == hour and posts[2] or 0) + 1 }
end

-- This member spoke today and has not been answered: remember it, once a day; and what they asked, if the knowledge base knows it.
-- What else they asked is with the staff.
local function owe(c, remark)
  local user, today = remark.user, c:day()
  local member = c:member_of(user)
  local asked = remark.kind == "faq" and remark.text
  if not asked and (remark.asks or member.owed == today or member.answered_on == today) then return end
  if c.group.owed_day ~= today then
    c:set("owed"):clear()
    c.group.owed_day = today
  end
  if asked or member.owed ~= today then member.asked = asked and asked:sub(1, (utf8.offset(asked, LONGEST + 1) or 0) - 1) or nil end
  member.owed = today
  c:set("owed"):add(user)
end

-- What a member is owed: the answer to what they asked, else a word; nil if the knowledge base does not know it any more.
local function debt(c, user)
  local asked = c:member_of(user).asked
  if not asked then return { user = user, kind = "small_talk" } end
  local entry = knowledge.find(c.params.faq, sop.fold(asked), true)
  return entry and { user = user, kind = "faq", entry = entry }
end

local function answered(c, users)
  for _, user in ipairs(users) do
    local member = c:member_of(user)
    member.answered, member.answered_on = c:now(), c:day()
    if member.owed then
      member.owed, member.asked = nil, nil
      c:set("owed"):remove(user)
    end
  end
end

-- Those who share a line stand together: "@小美 @小王 早呀". A list of { kind, entry, users }, in order of speaking.
-- What the model wrote (`written`) is for those who spoke in this window.
local function parts_of(pending, written)
  local parts, place = {}, {}
  for _, remark in ipairs(pending) do
    local owed = written and not remark.text
    local id = remark.kind .. (remark.entry or "") .. (owed and "+" or "")
    if not place[id] then
      parts[#parts + 1] = { kind = remark.kind, entry = remark.entry, owed = owed, users = {} }
      place[id] = parts[#parts]
    end
    table.insert(place[id].users, remark.user)
  end
  return parts
end

-- The whole message as segments: one line a part.
local function compose(c, parts, written)
  local message = {}
  for i, part in ipairs(parts) do
    if i > 1 then message[#message + 1] = sop.text("\n") end
    for _, mention in ipairs(people.mentions(part.users)) do message[#message + 1] = mention end
    message[#message + 1] = sop.text(" " .. line_for(c, part, written))
  end
  return message
end

-- More than so many messages in the last minute? Those of the window are counted as well: traffic is not remembered over a restart.
local function is_busy(c, window)
  local n = 0
  for _, m in ipairs(window.gathered) do
    if m.time > c:now() - 60 then n = n + 1 end
  end
  return math.max(n, c:traffic("1m")) > c.params.busy
end

-- Fills a message that has room with members who are owed a word.
local function add_owed(c, remarks)
  if c.group.owed_day ~= c:day() then return end
  local taken = {}
  for _, remark in ipairs(remarks) do taken[remark.user] = true end
  for _, user in ipairs(c:set("owed"):all()) do
    if #remarks >= c.params.names then return end
    if not taken[user] and not c:opted_out(user) then remarks[#remarks + 1] = debt(c, user) end
  end
end

-- Answers the remarks of a window.
local function speak(c, window)
  local remarks = window.remarks
  if #remarks == 0 then return end
  local old = c:now() - remarks[1].at > sop.duration(c.params.window) + TOO_OLD
  if old or posts_left(c) <= 0 then
    for _, remark in ipairs(remarks) do owe(c, remark) end
    return
  end
  if not is_busy(c, window) and not c:quiet_until() then add_owed(c, remarks) end
  local users, waits, direct = {}, {}, false
  for i, remark in ipairs(remarks) do
    users[i], waits[i] = remark.user, remark.at and c:now() - remark.at or nil
    direct = direct or remark.direct
  end
  c:say(compose(c, parts_of(remarks, window.written), window.written), nil, { policy = "drop", late = "5m", answer = direct })
  count_post(c)
  answered(c, users)
  c:emit("answered", { users = users, seconds = waits })
end

-- ---- questions for staff -------------------------------------------------------------------------------------------

-- Somebody of the staff answered a member's question.
local function settle(c, user, by)
  local questions = c:hash("questions")
  local asked = questions[user]
  if not asked then return end
  questions[user] = nil
  c:emit("question_answered", { user = user, by = by, minutes = (c:now() - asked.at) // 60, late = asked.told or false })
  gaps.helped(c, c:now() - asked.at)
  if asked.told then gaps.answered(c, user) end
end

-- Who is called: whoever is on duty by the roster, without one those of `duty`.
local function on_duty(c)
  if #c.params.roster > 0 then return duty.on(c, c.params.roster) end
  return c.params.duty
end

-- Is it a time at which somebody answers? Second result: from when on.
local function duty_hours(c)
  local p = c.params
  if #p.roster == 0 then return duty.between(c:time("%H:%M"), p.duty_from, p.duty_to), p.duty_from end
  local next_duty = duty.next(c, p.roster)
  return #duty.on(c, p.roster) > 0, next_duty and c:time("%H:%M", next_duty) or p.duty_from
end

-- Waits until somebody of the staff answers: their message, nil if nobody did. Others see that message, too.
local function wait_for_staff(c, question, till)
  local staff = duty.answerers(c, #c.params.roster > 0 and duty.all(c.params.roster) or c.params.duty)
  if #staff == 0 then
    c:sleep_until(till)
    return nil
  end
  for _ = 1, MOST do
    local answer = c:ask{ from = staff, timeout = math.max(1, till - c:now()), consume = false }
    if not answer or duty.is_for(answer, c.user, question.id) then return answer end
  end
  c:continue(question) -- a fresh journal: staff are talkative today
end

-- One question that was handed to staff. args: at, id.
local follow_up = flow:run("follow_up", function(c, question)
  c:stop_when{ leaves = true, opts_out = true }
  local answer = wait_for_staff(c, question, question.at + sop.duration(c.params.handoff))
  if answer then return settle(c, c.user, answer.user) end

  local asked = c:hash("questions")[c.user]
  if not asked then return end
  asked.told = true
  c:hash("questions")[c.user] = asked
  local p = c.params
  local open, from = duty_hours(c)
  c:say(open and p.later_today or p.later_time, { who = sop.at(c.user), minutes = p.promise, time = from }, { answer = true })
  c:emit("question_unanswered", { user = c.user, minutes = (c:now() - question.at) // 60 })
  gaps.note(c, c.user, asked)
end)

-- Tells the person on duty. False: nobody could be told.
local function hand_off(c, question)
  if c.params.handoffs == 0 or not c:limit("handoff", c.params.handoffs, "1h", { scope = "group" }) then return false end
  local told = c:staff(c.params.to_staff, {
    duty = people.mentions(on_duty(c)), name = question.name, group = c.chat_name ~= "" and c.chat_name or c.chat,
    quote = question.text,
  })
  if not told then return false end
  c:hash("questions")[question.user] = {
    text = question.text, name = question.name, id = question.id, at = question.at,
  }
  c:start(follow_up, { at = question.at, id = question.id }, { user = question.user, key = question.user })
  c:emit("handed_off", { user = question.user })
  return true
end

-- ---- listening -----------------------------------------------------------------------------------------------------

-- A message as c:gather gives it, of the one that began this handler.
local function first_message(c)
  return {
    user = c.user, name = c.name, role = c.event.role, text = c.text, id = c.message.id, time = c:now(), segments = c.message.segments,
    mentions = c.mentions, quoted = c.quoted, at_me = c.at_me,
  }
end

-- What is to be answered when the window closes.
local function new_window()
  return { remarks = {}, questions = {}, gathered = {} }
end

-- Staff spoke: what they answer needs no other answer, and no hand-off.
local function staff_spoke(c, m, window)
  local function open(list)
    local rest = {}
    for _, entry in ipairs(list) do
      if not duty.is_for(m, entry.user, entry.id) then rest[#rest + 1] = entry end
    end
    return rest
  end
  window.remarks, window.questions = open(window.remarks), open(window.questions)

  for user, asked in pairs(c:hash("questions")) do
    local named = #m.mentions > 0 or m.quoted
    if (named or not asked.told) and duty.is_for(m, user, asked.id) then -- later on, only what is said to them is an answer
      settle(c, user, m.user)
      c:cancel{ key = user }
    end
  end
end

-- Puts a question on the list for staff: one a member, with all that they asked in the window.
local function note_question(window, m)
  for _, question in ipairs(window.questions) do
    if question.user == m.user then
      question.text = question.text .. "\n" .. m.text
      return
    end
  end
  if #window.questions >= MOST_QUESTIONS then return end
  window.questions[#window.questions + 1] = { user = m.user, name = m.name, text = m.text, id = m.id, at = m.time }
end

-- Puts a remark on the list for our message. The weightier remark of a member counts.
local function note_remark(c, window, remark)
  for _, earlier in ipairs(window.remarks) do
    if earlier.user == remark.user then
      if remark.direct and not earlier.direct then
        earlier.kind, earlier.entry, earlier.text, earlier.direct, earlier.asks = remark.kind, remark.entry, remark.text, true, remark.asks
      end
      return
    end
  end
  if #window.remarks >= c.params.names then return owe(c, remark) end
  window.remarks[#window.remarks + 1] = remark
end

-- A member said something that is not a question or an @ for us: is it the moment to answer?
local function may_chat(c, window, m)
  if c:quiet_until() then return false end
  if is_busy(c, window) then
    owe(c, { user = m.user })
    return false
  end
  local last = c:member_of(m.user).answered
  return not (last and m.time - last < sop.duration(c.params.again))
end

-- One message of the group: every one comes by here once, when it is said or when its window closes.
local function hear(c, window, m)
  if m.user == c.me then return end
  if c:has_role("keeper", m) then return staff_spoke(c, m, window) end
  local member = c:member_of(m.user)
  if member.spoke ~= c:day() then
    member.spoke = c:day()
    c:emit("spoke", { user = m.user })
  end
  local for_others = (m.quoted or #m.mentions > 0) and not m.at_me
  if for_others or c:opted_out(m.user) then return end

  local kind, entry, asks = kind_of(c, m)
  if not kind then return end
  if kind == "ask" or kind == "sorry" then
    local waiting = c:hash("questions")[m.user]
    if not waiting or waiting.told then
      note_question(window, m)
    elseif kind == "ask" then
      return -- we said that somebody will answer
    end
  end
  local direct = m.at_me or asks or false
  if direct or may_chat(c, window, m) then
    note_remark(c, window, {
      user = m.user, kind = kind, entry = entry, direct = direct, asks = asks, at = m.time, id = m.id, text = m.text,
    })
  end
end

flow:on("message", { private = false }, function(c)
  if c.from_bot or c.command or c.refused then return end
  local window = new_window()
  hear(c, window, first_message(c))
  if #window.remarks == 0 or c.event.late then return end -- what was said a while ago needs no chat now

  local wait = c:can("unmentioned") and c.params.window or c.params.window_mentions
  window.gathered = c:gather{ events = "message", window = wait, max = MOST }
  for _, m in ipairs(window.gathered) do hear(c, window, m) end
  local told = {}
  for _, question in ipairs(window.questions) do told[question.user] = hand_off(c, question) end
  for _, remark in ipairs(window.remarks) do
    if remark.kind == "ask" and not told[remark.user] then remark.kind = "small_talk" end
  end
  write_line(c, window)
  speak(c, window)
end)

-- ---- in the evening ------------------------------------------------------------------------------------------------

-- Questions that nobody answered were in the report of their day.
local function forget_old_questions(c)
  for user, asked in pairs(c:hash("questions")) do
    if c:now() - asked.at > c.params.keep * 86400 then c:hash("questions")[user] = nil end
  end
end

-- What the evening's messages are for: those who asked something, then the others, in portions: a list of { remarks, users }.
local function evening_portions(c)
  local owed, asked, others = c:set("owed"), {}, {}
  for _, user in ipairs(c.group.owed_day == c:day() and owed:all() or {}) do
    local due = not c:opted_out(user) and debt(c, user)
    if due then table.insert(due.kind == "faq" and asked or others, due) end
  end
  owed:clear()
  local portions = {}
  for _, list in ipairs({ asked, others }) do
    for _, remarks in ipairs(people.portions(list, c.params.names)) do
      local users = {}
      for i, remark in ipairs(remarks) do users[i] = remark.user end
      portions[#portions + 1] = { remarks = remarks, users = users, asked = list == asked }
    end
  end
  return portions
end

flow:at("sweep", { late = "40m" }, function(c)
  forget_old_questions(c)
  local portions = evening_portions(c)
  if c:quiet_until() then return end
  for i, portion in ipairs(portions) do
    if i > c.params.sweep_posts or posts_left(c) <= 0 then return end
    if portion.asked then
      c:say(compose(c, parts_of(portion.remarks)), nil, { policy = "drop" })
    else
      c:say(c.params.evening, { names = people.mentions(portion.users) }, { policy = "drop" })
    end
    count_post(c)
    for _, user in ipairs(portion.users) do
      local member = c:member_of(user)
      member.answered, member.answered_on = c:now(), c:day()
    end
    c:emit("answered", { users = portion.users, evening = true })
  end
end)

return flow
