-- faq.lua -- answers questions from a knowledge base, with approved texts only.
--
-- An entry has keywords or a pattern, one or several answers, and a priority; {variables} in an answer take their values from
-- `values`, so that 500 stores share one text with hours and addresses of their own. An answer with a variable that has no value
-- here is not said. Entries stand in the playbook (they are approved, unless they say approved = false), or staff add them in the
-- chat: 加话术 停车/车位=地下一层. What is added is said only after somebody else has approved it (批准话术 3). Keywords count in questions, in
-- what is meant for the bot, and in remarks short enough to be about nothing else; patterns always. The same question of a member
-- gets the answer once a day, then one short word, then silence. Questions that nothing fits are noted (话术缺口), so that the book can
-- grow.
--
-- It stands before chaperone in the playbook: what it answers, chaperone need not.
--
-- State: group.book = entries that staff added: { id, ask, answer, by, by_name, approved }; group.last = their last id; board "hits"
-- = answers by entry; list "missed" = questions without an answer: { text, name, at }; member.unsaid = the
-- question that was asked when the hour's answers were used up, and its day.
local audience = require("lib.audience")
local knowledge = require("lib.knowledge")
local polite = require("lib.polite")
local talk = require("lib.talk")

local flow = sop.flow("faq", {
  title = "话术库",
  menu = "menu_line",
  wants = { unmentioned = "only questions that mention the bot are answered", at = "who asked is named in plain text" },
  params = {
    faq = {
      "table", default = {},
      help = "话术:{ ask = { 关键词 }, pattern = 正则, answer = 答案或几种说法, priority = 0, tag = 问的人得到的标签, approved = false 表示待审 }",
    },
    values = { "table", default = {}, help = "话术里的变量,例如 { hours = \"8:00-22:00\", address = \"幸福路 18 号\" };每店可以不同" },
    question_ends = { "strings", default = { "?", "吗", "呢" }, help = "像提问的结尾" },
    question_words = {
      "strings", help = "像提问的词",
      default = { "怎么", "怎样", "多少", "哪里", "哪儿", "什么时候", "几点", "几号", "为什么", "能不能", "可不可以", "有没有", "是不是", "请问" },
    },
    posts = { "integer", default = 20, min = 1, max = 200, help = "每群每小时最多回答几次" },
    say_unknown = { "boolean", default = false, help = "@ 机器人提问但答不上时,要不要说一声(false:由后面的流程接)" },
    missed = { "integer", default = 30, min = 0, max = 200, help = "记下最近多少个答不上的问题" },
    only_tags = { "strings", default = {}, help = "只回答有这些标签的人" },
    not_tags = { "strings", default = {}, help = "不回答有这些标签的人" },

    list_words = { "strings", default = { "话术", "话术库" }, help = "员工看话术库" },
    add_words = { "strings", default = { "加话术" }, help = "员工添加:加话术 停车/车位=地下一层免费停" },
    approve_words = { "strings", default = { "批准话术" }, help = "批准:批准话术 3" },
    remove_words = { "strings", default = { "删话术" }, help = "删除:删话术 3" },
    missed_words = { "strings", default = { "话术缺口" }, help = "员工看答不上的问题" },
    approver = { "choice", default = "store", values = { "keeper", "store", "region", "hq" }, help = "谁能批准和删除" },
    two_persons = { "boolean", default = true, help = "自己加的话术要别人批准" },
    most = { "integer", default = 200, min = 1, max = 500, help = "群里最多添加多少条" },
    forbidden = {
      "strings", help = "话术里不能有的词",
      default = { "最便宜", "第一品牌", "国家级", "包治", "根治", "治愈", "疗效", "稳赚", "保本", "转发朋友圈", "分享到朋友圈", "集赞" },
    },

    menu_line = { "text", help = "菜单里的一行" },
    again = { "text", help = "同一个问题再问" },
    unknown = { "text", help = "@ 机器人提问但答不上" },
    usage = { "text", help = "员工:添加的写法" },
    added = { "text", help = "员工:已添加,待批准;{id} {word}" },
    refused = { "text", help = "员工:有不能说的词;{word}" },
    no_value = { "text", help = "员工:变量没有值;{word}" },
    full = { "text", help = "员工:加满了" },
    approved = { "text", help = "员工:已批准;{id} {ask}" },
    own = { "text", help = "员工:自己加的要别人批准" },
    removed = { "text", help = "员工:已删除;{id} {ask}" },
    no_entry = { "text", help = "员工:没有这一条" },
    list = { "text", help = "话术清单;{lines}" },
    list_line = { "text", help = "清单的一行;{id} {ask} {count} {mark}" },
    mark_waiting = { "text", help = "清单里的记号:待批准" },
    mark_gap = { "text", help = "清单里的记号:变量没有值;{word}" },
    missed_list = { "text", help = "答不上的问题;{lines}" },
    empty = { "text", help = "员工:没有" },
  },
})

-- ---- the book ------------------------------------------------------------------------------------------------------

-- What staff added stands before what the playbook says: of two that fit alike, the local one answers.
local function book_of(c)
  local list = c.group.book or {}
  for i, entry in ipairs(c.params.faq) do
    local mine = sop.copy(entry)
    mine.key = "p" .. i
    list[#list + 1] = mine
  end
  return list
end

local function key_of(entry)
  return entry.key or tostring(entry.id)
end

local function asks(entry)
  return entry.ask and table.concat(entry.ask, "/") or entry.pattern or "-"
end

-- The entry that answers, and one of its answers; nil if none does. Entries whose variables have no value here are passed over.
local function answer_for(c, text, asked)
  local list = book_of(c)
  local place = knowledge.find(list, text, asked)
  while place do
    local answers = knowledge.answers(list[place], c.params.values)
    if #answers > 0 then return list[place], c:pick(answers) end
    table.remove(list, place) -- the next best may have all it needs
    place = knowledge.find(list, text, asked)
  end
end

-- ---- answering -----------------------------------------------------------------------------------------------------

local function missed(c)
  c:emit("faq_missed", { user = c.user, text = c.text })
  if c.params.missed > 0 then
    local list = c:list("missed")
    list:push({ text = c.text, name = c.name, at = c:now() })
    list:trim(c.params.missed)
  end
  if not c.params.say_unknown or not c.at_me then return end
  if c:once("unknown|" .. c:today(), { ttl = "2d" }) then c:reply(c.params.unknown) end
end

flow:on("message", function(c)
  if c.command or c.refused or c.from_bot or c.event.late or c.text == "" then return end
  if (c.quoted or #c.mentions > 0) and not c.at_me then return end
  local p, text = c.params, sop.fold(c.text)
  local question = talk.is_question(text, p.question_ends, p.question_words)
  local entry, answer = answer_for(c, text, question or c.at_me)
  if entry and c:has_role("keeper") and not c.at_me then return end -- staff know; what they say is often the answer
  if not entry then
    if question and not c:has_role("keeper") then missed(c) end
    return
  end
  if not audience.fits(c, p.only_tags, p.not_tags) then return end
  local key = "answer|" .. key_of(entry) .. "|" .. sop.sha256(asks(entry)):sub(1, 8)
  local unsaid = key .. "|" .. c:today() -- asked today, when the hour had no answer left: not answered yet
  if c.member.unsaid ~= unsaid and not polite.first(c, key, p.again) then return true end
  if not c:limit("posts", p.posts, "1h", { scope = "group" }) then
    c.member.unsaid = unsaid
    return
  end
  if c.member.unsaid then c.member.unsaid = nil end
  c:reply(sop.text(answer))
  c:board("hits"):add(key_of(entry), 1)
  if entry.tag then c:tag(entry.tag) end
  c:emit("faq_answered", { user = c.user, entry = key_of(entry), ask = asks(entry) })
  return true
end)

-- ---- staff ---------------------------------------------------------------------------------------------------------

flow:command("list_words", { role = "keeper" }, function(c)
  local p, lines = c.params, {}
  for _, entry in ipairs(book_of(c)) do
    local mark = ""
    local answers = type(entry.answer) == "table" and entry.answer or { entry.answer }
    local gap = knowledge.missing(table.concat(answers, " "), p.values)
    if gap then mark = c:format(p.mark_gap, { word = gap }) end
    if not knowledge.is_approved(entry) then mark = c:format(p.mark_waiting) end
    lines[#lines + 1] = c:format(p.list_line, {
      id = key_of(entry), ask = asks(entry), count = math.tointeger(c:board("hits"):get(key_of(entry)) or 0), mark = mark,
    })
    if #lines == 30 then break end
  end
  if #lines == 0 then return c:reply(p.empty) end
  c:reply(p.list, { lines = table.concat(lines, "\n") })
end)

-- "停车/车位=地下一层" -> { "停车", "车位" }, "地下一层"; nil if it is not so.
local function parse(text)
  local words, answer = sop.match("(?s)^(.+?)\\s*(?:=|＝)\\s*(.+)$", text)
  if not words then return nil end
  local ask = {}
  for word in sop.fold(words):gmatch("[^/|,;]+") do
    word = word:gsub("^%s+", ""):gsub("%s+$", "")
    if word ~= "" then ask[#ask + 1] = word end
  end
  return #ask > 0 and ask or nil, answer
end

flow:command("add_words", { role = "keeper", args = true, usage = "加话术 问/问=答" }, function(c)
  local p = c.params
  local ask, answer = parse(c.args)
  if not ask then return c:reply(p.usage, { word = p.add_words[1] }) end
  for _, word in ipairs(p.forbidden) do
    if sop.fold(answer):find(sop.fold(word), 1, true) then return c:reply(p.refused, { word = word }) end
  end
  local gap = knowledge.missing(answer, p.values)
  if gap then return c:reply(p.no_value, { word = gap }) end
  local book = c.group.book or {}
  if #book >= p.most then return c:reply(p.full) end
  local id = (c.group.last or 0) + 1
  local approved = not p.two_persons and c:has_role(p.approver)
  book[#book + 1] = { id = id, ask = ask, answer = answer, by = c.user, by_name = c.name, approved = approved }
  c.group.book, c.group.last = book, id
  c:audit("faq_added", { id = id, ask = asks(book[#book]), answer = answer, approved = approved })
  if approved then return c:reply(p.approved, { id = id, ask = asks(book[#book]) }) end
  c:reply(p.added, { id = id, word = p.approve_words[1] })
end)

-- The entry whose number staff typed: its place, the book, the entry.
local function chosen(c)
  local id, book = tonumber((c.args:match("%d+"))), c.group.book or {}
  for place, entry in ipairs(book) do
    if entry.id == id then return place, book, entry end
  end
end

flow:command("approve_words", { role = "approver", args = true, usage = "批准话术 编号" }, function(c)
  local p = c.params
  local _, book, entry = chosen(c)
  if not entry then return c:reply(p.no_entry) end
  if p.two_persons and entry.by == c.user and not entry.approved then return c:reply(p.own) end
  if not entry.approved then
    entry.approved, entry.approver = true, c.user
    c.group.book = book
    c:audit("faq_approved", { id = entry.id, ask = asks(entry), answer = entry.answer })
  end
  c:reply(p.approved, { id = entry.id, ask = asks(entry) })
end)

flow:command("remove_words", { role = "approver", args = true, usage = "删话术 编号" }, function(c)
  local p = c.params
  local place, book, entry = chosen(c)
  if not entry then return c:reply(p.no_entry) end
  table.remove(book, place)
  c.group.book = #book > 0 and book or nil
  c:board("hits"):remove(key_of(entry))
  c:audit("faq_removed", { id = entry.id, ask = asks(entry), answer = entry.answer })
  c:reply(p.removed, { id = entry.id, ask = asks(entry) })
end)

flow:command("missed_words", { role = "keeper" }, function(c)
  local p, lines = c.params, {}
  for i, one in ipairs(c:list("missed"):range(-10, -1)) do lines[i] = one.name .. ":" .. one.text:gsub("%s+", " ") end
  if #lines == 0 then return c:reply(p.empty) end
  c:reply(p.missed_list, { lines = table.concat(lines, "\n") })
end)

return flow
