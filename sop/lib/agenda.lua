-- agenda.lua -- what is planned in a group today, and how it is posted. Of the flow calendar, whose state and texts it uses.
local board = require("lib.board")
local civil = require("lib.civil")
local lunar = require("lib.lunar")
local occasion = require("lib.occasion")
local people = require("lib.people")
local planned = require("lib.planned")

local agenda = {}

local MISSED_MOST = 31 -- days without a plan that are closed afterwards
local CLOSED_MOST = 100 -- and posts of them: a turn cannot write more

function agenda.group_name(c)
  return c.chat_name ~= "" and c.chat_name or c.chat
end

function agenda.shared(c) return c:hash("calendar", { scope = "gateway" }) end
function agenda.reach(c) return c:hash("calendar-reach", { scope = "gateway" }) end

-- ---- the posts of a group ------------------------------------------------------------------------------------------

local function id_of(post, i)
  return tostring(type(post) == "table" and post.id or "#" .. i)
end

-- The post of an id, as it stands now; nil if it is gone.
function agenda.post_of(c, id)
  if id == "board" then
    return c.params.board and { at = c.params.board_at, weekday = { 1, 2, 3, 4, 5, 6, 7 }, text = "" } or nil
  end
  for i, post in ipairs(c.params.posts) do
    if id_of(post, i) == id then return post end
  end
  return c:hash("posts")[id] or id:find("^p%d+$") and agenda.shared(c)[id] or nil
end

-- Everything that may be due in this group: a list of { id, post }.
local function all_posts(c)
  local list = {}
  if c.params.board then list[1] = { "board", agenda.post_of(c, "board") } end
  for i, post in ipairs(c.params.posts) do list[#list + 1] = { id_of(post, i), post } end
  for id, post in pairs(c:hash("posts")) do list[#list + 1] = { id, post } end
  for id, post in pairs(agenda.shared(c)) do
    if id ~= "seq" and type(post) == "table" and post.by and c:has_role(c.params.hq_role, post.by) then list[#list + 1] = { id, post } end
  end
  return list
end

local function made_on(c)
  return civil.number(c.params.made) or c.group.first
end

-- The date at which a business day shows a clock time: what is before the cut-off is of the night behind it.
function agenda.date_of(c, day, clock)
  return c:moment(day, clock, { business = true }) == c:moment(day, clock) and day or day + 1
end

-- The posts of a business day: { id, post, due } each; and what is wrong with the others.
function agenda.posts_on(c, day)
  local list, wrong, seen, made = {}, {}, {}, made_on(c)
  for _, item in ipairs(all_posts(c)) do
    local id, post = item[1], item[2]
    local problem = occasion.problem(post) or seen[id] and "several of this id"
    seen[id] = true
    if problem then
      wrong[#wrong + 1] = { id, problem }
    elseif occasion.on(post, agenda.date_of(c, day, post.at), made) then
      list[#list + 1] = { id, post, c:moment(day, post.at, { business = true }) }
    end
  end
  return list, wrong
end

-- ---- the plan of a day ---------------------------------------------------------------------------------------------

-- Notes how a post ended.
function agenda.note(c, id, day, due, outcome, why, left)
  planned.note(c, { id = id, day = day, due = due }, outcome, why, left)
  if id:find("^p%d+$") then
    local hash = agenda.reach(c)
    c:add(hash, id .. (left and ".sent" or ".missed"), 1)
    if left then hash[id .. ".last"] = left end
  end
end

-- Removes a post from today's plan and notes how it ended.
function agenda.settle(c, id, day, outcome, why, left)
  local plan = c.group.plan
  local entry = plan and plan.day == day and plan.open[id]
  if not entry then return end
  plan.open[id], plan.done[id] = nil, true
  c.group.plan = plan
  c:cancel_timer("post", id)
  c:cancel_timer("offer", id)
  agenda.note(c, id, day, entry.due, outcome, why, left)
end

-- Notes that a post was due while the flow was off.
local function missed(c, item, day)
  if not item[2].member_day then planned.note(c, { id = item[1], day = day, due = item[3] }, "blocked", "off") end
end

-- Closes the plan of another day, and the days since on which nothing was planned: as many of the last as a turn can write. Returns
-- whether there was one.
local function close_books(c, today)
  local plan = c.group.plan
  if not plan or plan.day >= today then return false end
  for id, entry in pairs(plan.open) do
    if not entry.busy then agenda.settle(c, id, plan.day, "blocked", "off") end -- else its run will say how it ended
  end
  local days, count = {}, 0
  for day = today - 1, math.max(plan.day + 1, today - MISSED_MOST), -1 do
    local list = agenda.posts_on(c, day)
    count = count + #list
    if count > CLOSED_MOST then break end
    table.insert(days, 1, { day, list })
  end
  for _, entry in ipairs(days) do
    for _, item in ipairs(entry[2]) do missed(c, item, entry[1]) end
  end
  c.group.plan = nil
  return true
end

-- Plans what is due today and not planned yet. `all`: also what should have been posted already (the morning came late).
function agenda.plan_day(c, all)
  local p, today = c.params, c:day()
  c.group.first = c.group.first or today
  local after = close_books(c, today)
  local plan = c.group.plan or { day = today, open = {}, done = {} }
  local list, wrong = agenda.posts_on(c, today)
  for _, item in ipairs(list) do
    local id, post, due = item[1], item[2], item[3]
    local known = plan.open[id] or plan.done[id]
    if not known and not all and due <= c:now() then
      if after then -- this morning's plan was missed as well
        missed(c, item, today)
        plan.done[id] = true
      end
    elseif not known then
      plan.open[id] = { due = due, confirm = post.confirm or nil }
      c:timer("post", { at = due, key = id, args = { id = id, day = today }, user = false })
      if post.confirm then
        local ask = math.max(c:now() + 1, due - sop.duration(p.confirm_window))
        c:timer("offer", { at = ask, key = id, args = { id = id, day = today }, user = false })
      end
    end
  end
  c.group.plan = plan
  return wrong
end

-- How many days after somebody joined the last post for them is due; nil: there are none.
function agenda.last_member_day(c)
  local most
  for _, post in ipairs(c.params.posts) do
    local days = not occasion.problem(post) and post.member_day
    for _, n in ipairs(type(days) == "table" and days or { days or nil }) do most = math.max(most or 0, n) end
  end
  return most
end

-- Lists of who joined on which day are needed no longer than that.
function agenda.forget_joins(c)
  local most = agenda.last_member_day(c)
  if not most then return end
  for k = 1, 7 do c:list("joined-" .. c:day() - most - k):clear() end
end

-- Is nothing planned from today on for `days` days?
function agenda.bare(c, days)
  for day = c:day(), c:day() + days - 1 do
    if #agenda.posts_on(c, day) > 0 then return false end
  end
  return days > 0
end

-- ---- posting -------------------------------------------------------------------------------------------------------

local WEEKDAYS = { "一", "二", "三", "四", "五", "六", "日" }

-- What every text of a calendar may use.
function agenda.day_vars(c, day)
  return {
    date = c:date(day, "%m月%d日"), weekday = WEEKDAYS[civil.weekday(day)], lunar = lunar.name(day) or "",
    festival = table.concat(lunar.festivals(day), "、"), group = agenda.group_name(c),
  }
end

-- Who joined N days ago and is still here.
local function newcomers(c, post, day)
  local users, seen = {}, {}
  for _, n in ipairs(type(post.member_day) == "table" and post.member_day or { post.member_day }) do
    for _, user in ipairs(c:list("joined-" .. day - n):range(1, -1)) do
      if user ~= sop.nobody and not seen[user] and c:member_of(user).joined == day - n and not c:opted_out(user) then
        seen[user] = true
        users[#users + 1] = user
      end
    end
  end
  return users
end

local PORTIONS_MOST = 15 -- messages of one post for members

-- Posts one entry of the plan (with `late` and `anytime`, as planned.post wants it): outcome, why, when it left.
function agenda.publish(c, id, entry, post)
  local day = c:day(c:time("%Y-%m-%d", entry.due))
  local p, vars = c.params, agenda.day_vars(c, day)
  local options = post.image and { image = post.image } or {}
  if id == "board" then
    local rows, stale = board.rows(c, day)
    if stale and #rows == 0 then
      c:staff(p.board_stale, vars)
      return "blocked", "stale"
    end
    if #rows == 0 then return "skipped", "empty" end
    local lines = {}
    for i, row in ipairs(rows) do lines[i] = c:format(p.board_line, { item = row[1], price = row[2] }) end
    vars.lines = table.concat(lines, "\n")
    return planned.post(c, entry, p.board_text, vars, options)
  end
  local plain = (entry.text or post.plain) and sop.text(entry.text or post.text)
  if plain and not post.member_day then return planned.post(c, entry, plain, nil, options) end
  vars.names = ""
  local text = plain and "" or post.text or ""
  for _, variant in ipairs(type(text) == "table" and text or { text }) do
    if not pcall(c.format, c, variant, vars) then return "blocked", "settings: text" end
  end
  if not post.member_day then return planned.post(c, entry, text, vars, options) end

  local portions = people.portions(newcomers(c, post, day), p.names)
  if #portions == 0 then return "skipped", "nobody" end
  local outcome, why, left
  local named = (type(text) == "table" and text[1] or text):find("{names}", 1, true) -- else they are @-ed in front
  for i = 1, math.min(#portions, PORTIONS_MOST) do
    local own = sop.copy(options)
    vars.names = people.mentions(portions[i])
    if not named then own.at = portions[i] end
    outcome, why, left = planned.post(c, entry, plain or text, not plain and vars or nil, own)
    if outcome == "blocked" then return outcome, why end
  end
  return outcome, why, left
end

return agenda
