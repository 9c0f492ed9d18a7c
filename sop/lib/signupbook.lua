-- signupbook.lua -- the sign-ups (报名) of a group as they are kept: reads how staff announce one, and says who stands where. Of the flow
-- signup, whose parameters and texts it uses (the state is described there).
local csv = require("lib.csv")
local lists = require("lib.lists")
local people = require("lib.people")
local when = require("lib.when")

local book = {}

local SEAT = "A" -- the one item of the list

function book.get(c, id)
  return id and c:hash("signups")[tostring(id)]
end

function book.keep(c, signup)
  c:hash("signups")[tostring(signup.id)] = signup
end

function book.list(c, signup)
  return lists.open(c, tostring(signup.id), { [SEAT] = signup.places > 0 and signup.places or nil }, true)
end

-- The newest sign-up of the group that is neither over nor void.
function book.current(c)
  local signup = book.get(c, c.group.seq)
  return signup and (signup.state == "open" or signup.state == "closed") and signup or nil
end

-- How many places an entry has, and how many it waits for.
function book.seats(entry)
  return lists.of(entry, SEAT)
end

-- Gives an entry the places it asked for, or takes them back (n = 0). Returns how many it has, how many wait, who moved up.
function book.seat(list, user, n)
  return list:set(user, SEAT, n)
end

-- The newest sign-up whose applications are reviewed: without a date it is over with its cut-off, and staff look at the list then.
function book.reviewed(c)
  local signup = book.get(c, c.group.seq)
  return book.current(c) or signup and signup.state == "over" and not signup.at and signup or nil
end

-- The questions of this gateway: where a whole group reads the answer, only the last digits of a phone number are asked for. Nobody can
-- ask for more places than there are: who waits for them would keep everybody else waiting.
function book.questions(c, in_group, signup)
  local questions = sop.copy(c.params.questions)
  for _, question in ipairs(questions) do
    if question.seats and question.type == "number" and signup and signup.places > 0 then
      question.max = math.min(question.max or signup.places, signup.places)
    end
    if question.type == "phone" and in_group then
      question.tail, question.ask = true, question.ask_tail or c:format(c.params.ask_tail)
    end
  end
  return questions
end

-- How many places these answers ask for; "2人" of a choice is two.
function book.wanted(c, answers, signup)
  for _, question in ipairs(c.params.questions) do
    if question.seats then
      local n = math.tointeger(tonumber((tostring(answers[question.key]):match("%d+")))) or 1
      return math.max(1, signup.places > 0 and math.min(n, signup.places) or n)
    end
  end
  return 1
end

-- The keys of what was answered: those of the questions in their order, then of those that are asked no more.
local function keys_of(c, entries)
  local keys, known = {}, {}
  for i, question in ipairs(c.params.questions) do keys[i], known[question.key] = question.key, true end
  for _, entry in ipairs(entries) do
    for key in pairs(entry.answers or {}) do
      if not known[key] then keys[#keys + 1], known[key] = key, true end
    end
  end
  return keys
end

-- "小美 13800001111 上午": the answers in the order of the questions.
function book.answers(c, entry)
  local parts = {}
  for _, key in ipairs(keys_of(c, { entry })) do
    local value = (entry.answers or {})[key]
    if value ~= nil then parts[#parts + 1] = tostring(value) end
  end
  return table.concat(parts, " · ")
end

-- Where an entry stands: "review", "refused", "in", "waiting", "came".
function book.state(entry)
  if entry.state then return entry.state end
  if entry.came then return "came" end
  local have, wait = book.seats(entry)
  return have > 0 and wait == 0 and "in" or wait > 0 and "waiting" or "in"
end

-- "03-08 14:00", or the clock time today.
function book.clock(c, at)
  return c:time(c:time("%Y-%m-%d", at) == c:time("%Y-%m-%d") and "%H:%M" or "%m-%d %H:%M", at)
end

-- What all texts about a sign-up may name.
function book.about(c, signup, more)
  local p = c.params
  local left = book.list(c, signup):left(SEAT)
  local vars = {
    id = signup.id, title = signup.title, word = p.apply_words[1], cancel = p.cancel_words[1], checkin = p.checkin_words[1],
    close = book.clock(c, signup.closes), time = signup.at and book.clock(c, signup.at) or "",
    at = signup.at and c:format(p.at_time, { time = book.clock(c, signup.at) }) or "",
    place = signup.place and c:format(p.at_place, { place = signup.place }) or "", more = signup.more or "",
    places = signup.places > 0 and c:format(p.with_places, { n = signup.places }) or "", left = left or 0,
    group = c.chat_name ~= "" and c.chat_name or c.chat,
  }
  for name, value in pairs(more or {}) do vars[name] = value end
  return vars
end

-- What staff wrote behind 开报名, as { title, places, at, closes, place, review, more }; nil, and the line that could not be read.
function book.read(c, text)
  local p, lines, more = c.params, {}, {}
  for line in text:gsub(";", "\n"):gsub("；", "\n"):gmatch("[^\r\n]+") do
    line = line:gsub("^%s+", ""):gsub("%s+$", "")
    if line ~= "" then lines[#lines + 1] = line end
  end
  if not lines[1] then return nil, "" end
  local found = { title = lines[1], places = p.places, review = p.review }
  for i = 2, #lines do
    local line = lines[i]
    local places = sop.match("^(?:名额|限额|人数)[::\\s]*(\\d{1,6})\\s*[人位个名]?$", line)
    local at = sop.match("^(?:时间|活动时间|日期)[::\\s]*(.+)$", line)
    local close = sop.match("^(?:截止|报名截止)(?:时间)?[::\\s]*(.+)$", line)
    local place = sop.match("^(?:地点|地址)[::\\s]*(.+)$", line)
    local review = sop.match("^(不?需?要?审核|免审)$", line)
    if places then
      found.places = math.tointeger(tonumber(places))
    elseif at then
      found.at = when.moment(c, at, p.usual_time)
      if not found.at then return nil, line end
    elseif close then
      found.closes = when.moment(c, close, "20:00")
      if not found.closes then return nil, line end
    elseif place then
      found.place = place
    elseif review then
      found.review = not sop.match("^[不免]", review)
    else
      more[#more + 1] = line
    end
  end
  found.closes = found.closes or found.at or c:now() + p.open_days * 86400
  if found.at and found.closes > found.at then return nil, lines[1] end
  found.more = #more > 0 and "\n" .. table.concat(more, "\n") or nil
  return found
end

-- Those who have a place, in the order of their numbers; `absent`: only those who have not come.
function book.seated(c, signup, absent)
  local seated = {}
  for _, entry in ipairs(book.list(c, signup):all()) do
    if book.seats(entry) > 0 and not (absent and entry.came) then seated[#seated + 1] = entry end
  end
  return seated
end

-- Tells several members something: each in private where the gateway can and they have not opted out, the others in the group, ten names
-- a message.
function book.tell(c, users, in_private, in_group, vars)
  local rest = {}
  for i, user in ipairs(users) do
    local told = i <= 15 and c:can("dm") and not c:opted_out(user) and c:dm(user, in_private, vars, { late = "12h" })
    if not told then rest[#rest + 1] = user end
  end
  for _, portion in ipairs(people.portions(rest, 10)) do
    vars.names = people.mentions(portion)
    c:say(in_group, vars, { late = "2h", answer = true })
  end
end

-- Tells those who moved up: fifteen in one turn, the others a minute later each; `later`: this turn has others to write to already.
function book.tell_moved(c, signup, moved, later)
  local users = {}
  for i, one in ipairs(moved) do
    users[i] = one.user
    c:emit("signup_moved_up", { id = signup.id, user = one.user, no = one.no })
  end
  for i, portion in ipairs(people.portions(users, 15)) do
    if i == 1 and not later then
      book.tell(c, portion, c.params.moved_up, c.params.moved_up_group, book.about(c, signup))
    else
      c:timer("moved", { at = c:now() + (i - 1) * 60, key = portion[1], args = { id = signup.id, users = portion }, user = false })
    end
  end
end

-- "3 小美, 5 小王", for answers to staff.
function book.names(entries)
  local names = {}
  for i, entry in ipairs(entries) do names[i] = entry.no .. " " .. entry.name end
  return table.concat(names, ", ")
end

-- The list for staff: a line each.
function book.lines(c, entries)
  local p, lines = c.params, {}
  for i, entry in ipairs(entries) do
    lines[i] = c:format(p.staff_line, {
      no = entry.no, name = entry.name, answers = book.answers(c, entry), state = c:format(p["state_" .. book.state(entry)]),
    })
  end
  return people.lines(lines)
end

-- The sign-up as CSV, and how many lines it has: the part of it behind `skip` lines, and how many to skip for the next part.
function book.csv(c, signup, skip)
  local head = { "signup", "title", "no", "user", "name", "state", "places", "waiting", "applied", "came", "reason" }
  local rows, all = {}, book.list(c, signup):all()
  local keys = keys_of(c, all)
  for _, key in ipairs(keys) do head[#head + 1] = key end
  for i, entry in ipairs(all) do
    local have, wait = book.seats(entry)
    local row = {
      signup.id, signup.title, entry.no, entry.user, entry.name, book.state(entry), have, wait, c:time("%Y-%m-%d %H:%M", entry.at),
      entry.came and c:time("%Y-%m-%d %H:%M", entry.came.at) or "", entry.reason or "",
    }
    for _, key in ipairs(keys) do
      local value = (entry.answers or {})[key]
      row[#row + 1] = value == nil and "" or value
    end
    rows[i] = row
  end
  local text, more = csv.part(head, rows, skip)
  return text, #rows, more
end

-- Somebody is there.
function book.sign_in(c, signup, list, user, entry)
  entry.came = { at = c:now(), by = user ~= c.user and c.user or nil }
  entry.user = nil
  list:put(user, entry)
  c:emit("signup_came", { id = signup.id, user = user, no = entry.no })
end

-- Forgets the sign-ups that are older than records are kept.
function book.forget_old(c)
  for id, old in pairs(c:hash("signups")) do
    if (old.at or old.closes) < c:now() - c.params.keep_days * 86400 then
      book.list(c, old):drop()
      c:hash("signups")[id] = nil
    end
  end
end

-- Is it the time of day at which one signs in?
function book.on_the_day(c, signup)
  local at = signup and signup.at
  return at and c:now() >= at - sop.duration(c.params.checkin_before) and c:now() < at + sop.duration(c.params.checkin_after)
end

-- What is still to come behind a moment: { at, what } each, in order.
function book.steps(c, signup, after)
  local p, list = c.params, {}
  local function add(at, what)
    if at > after then list[#list + 1] = { at = at, what = what } end
  end
  add(signup.closes, "close")
  if signup.at then
    for _, before in ipairs(p.remind_before) do
      local at = signup.at - sop.duration(before)
      if at > signup.opened then add(at, "remind") end
    end
    add(signup.at + sop.duration(p.checkin_after), "finish")
  else
    add(signup.closes + 1, "finish")
  end
  table.sort(list, function(a, b) return a.at < b.at end)
  return list
end

-- Reminds some of those behind a number in private. Returns the last number it came to, nil if these were all.
function book.remind_some(c, signup, behind)
  if signup.state == "void" or signup.at and c:now() >= signup.at then return nil end
  local told, looked = {}, 0
  for _, entry in ipairs(book.seated(c, signup)) do
    if entry.no > behind then
      if looked == 15 then
        if #told > 0 then c:emit("signup_reminded", { id = signup.id, users = told }) end
        return behind
      end
      looked, behind = looked + 1, entry.no
      if c:dm(entry.user, c.params.reminder_private, book.about(c, signup), { late = "30m" }) then told[#told + 1] = entry.user end
    end
  end
  if #told > 0 then c:emit("signup_reminded", { id = signup.id, users = told }) end
end

-- The entries that a command names: list, rest of the text; nil if it says so itself.
function book.chosen(c, signup)
  local wanted, rest = lists.numbers(c.args)
  if not wanted then return nil end
  local found, missing = {}, {}
  local list = book.list(c, signup)
  for _, no in ipairs(wanted) do
    local entry = list:find(no)
    if entry then found[#found + 1] = entry else missing[#missing + 1] = no end
  end
  if #missing > 0 then c:reply(c.params.staff_number, book.about(c, signup, { no = table.concat(missing, ", ") })) end
  return found, rest, list
end

return book
