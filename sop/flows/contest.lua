-- contest.lua -- 征集: the group gives something its name. Entries, a shortlist by staff, a vote, a prize for the winner, a coupon for
-- everybody else.
--
-- 征集 给新店起名 [| 3天] opens it: the announcement says prize, quantity, worth, time, how to claim, organiser and contact. Members say 起名 <名字>:
-- one entry each; what is there already, too short or long, an advertisement or not fit to be shown is refused. At the end (or by
-- 截止征集) staff get the list and choose with 入围 1 3 5 (征集名单 shows it again, 征集删除 3 takes one out). The vote is that of lib/ballot.lua: 投 2,
-- one voice each. Most voices win, of equal ones the earlier entry. The winner's prize and everybody else's consolation are codes.
-- States: open -> closed (staff choose) -> voting -> done; void (作废征集) from any of them.
--
-- State: group.contest = { id, title, state, opened, closes, prize, consolation, days = how long codes are valid, entries = how many,
-- short = numbers on the shortlist, winner, by }; list
-- "entries-<id>" = { user, name, text }, the place is the number; hash "mine-<id>" = user -> number, "taken-<id>" = compared text ->
-- number, "out-<id>" = number -> "left" | "removed"; group.seq; list "contests" = one record each. Runs: `contest` from the announcement
-- to the winner, `console` for the coupons.
local acks = require("lib.acks")
local ballot = require("lib.ballot")
local decent = require("lib.decent")
local people = require("lib.people")
local polite = require("lib.polite")
local prizes = require("lib.prizes")
local spans = require("lib.spans")

local flow = sop.flow("contest", {
  title = "征集起名",
  menu = "menu_line",
  kind = "game",
  wants = {
    unmentioned = "members enter and vote with a mention of the bot", at = "members are named in plain text",
    dm = "codes are fetched with 我的券",
  },
  params = {
    lasts = { "duration", default = "2d", min = "10m", max = "30d", help = "没写时间时征集多久" },
    vote_lasts = { "duration", default = "24h", min = "10m", max = "14d", help = "投票多久" },
    remind = { "duration", default = "1h", min = "0s", max = "2d", help = "截止前多久提醒(征集和投票),0s 为不提醒" },
    batch = { "duration", default = "10s", min = "2s", max = "10m", help = "多久确认一批" },
    least = { "integer", default = 2, min = 1, max = 20, help = "名字最少几个字" },
    most = { "integer", default = 12, min = 1, max = 60, help = "名字最多几个字" },
    forbidden = {
      "strings", help = "名字里不能有的词(品牌可加上自己的)",
      default = {
        "赌博", "博彩", "色情", "约炮", "毒品", "代开发票", "加微信", "加v信", "傻逼", "妈的", "操你", "国家级", "全国第一", "世界第一", "最高级",
      },
    },
    entries_max = { "integer", default = 500, min = 2, max = 2000, help = "最多收多少个" },
    short_max = { "integer", default = 10, min = 2, max = 20, help = "入围最多几个" },
    change = { "boolean", default = true, help = "投票结束前可以改投" },
    exclude_staff = { "boolean", default = true, help = "工作人员不参加(不起名也不投票)" },
    prize = { "string", default = "满 100 减 50 券", help = "中选的奖品" },
    prize_value = { "integer", default = 5000, min = 0, max = prizes.TOP_VALUE, help = "奖品价值(分,公布用),0 为不写" },
    prize_cost = { "integer", default = 0, min = 0, max = 10000000, help = "奖品成本(记在券上,给报表用)" },
    consolation = { "string", default = "满 30 减 3 券", help = "其他人的安慰券,不写就没有" },
    consolation_cost = { "integer", default = 0, min = 0, max = 1000000, help = "安慰券成本" },
    valid_days = { "integer", default = 14, min = 1, max = 366, help = "券码有效天数" },
    keep_days = { "integer", default = 730, min = 1, max = 3660, help = "记录保留天数" },
    role = { "choice", default = "keeper", values = { "keeper", "store", "region", "hq", "owner" }, help = "至少什么角色可以用管理口令" },
    words = { "strings", default = { "起名", "取名", "投稿", "命名" }, help = "起名的口令,后面跟名字" },
    vote_words = { "strings", default = { "投", "投票", "我投", "选", "我选", "投票给", "vote" }, help = "投票的口令,后面跟号码" },
    count_words = { "strings", default = { "票数", "看票", "投票结果" }, help = "看票数的口令" },

    organiser = { "string", default = "", help = "主办方(必填:不写不开)" },
    menu_line = { "text", help = "菜单里的一行" },
    contact = { "text", help = "联系方式" },
    announce = { "text", help = "开场" },
    worth = { "text", help = "奖品的价值" },
    consoling = { "text", help = "开场里的安慰券" },
    rules = { "text", help = "开场里的规则" },
    acked = { "text", help = "确认一批,最多十位" },
    acked_more = { "text", help = "确认一批,还有几位没点名" },
    entry = { "text", help = "名字后面的作品" },
    voted = { "text", help = "投票时名字后面的号码" },
    how = { "text", help = "没写名字(每天最多说一次)" },
    already = { "text", help = "已经有一个了(每天最多说一次)" },
    taken = { "text", help = "和别人的一样" },
    short = { "text", help = "太短" },
    long = { "text", help = "太长" },
    unfit = { "text", help = "有不合适的内容" },
    full = { "text", help = "收满了(每天最多说一次)" },
    no_staff = { "text", help = "工作人员不参加" },
    ending = { "text", help = "征集快截止" },
    closed = { "text", help = "征集截止" },
    closed_nobody = { "text", help = "征集截止:没有作品" },
    voting = { "text", help = "投票开始" },
    vote_wrong = { "text", help = "没有这个号码(每天最多说一次)" },
    vote_already = { "text", help = "已经投过(每天最多说一次)" },
    line = { "text", help = "票数的一行" },
    standing = { "text", help = "现在的票数" },
    seen = { "text", help = "票数没有变(每天最多说一次)" },
    vote_ending = { "text", help = "投票快截止" },
    won = { "text", help = "结果" },
    won_console = { "text", help = "结果:其他人的安慰券" },
    nobody_won = { "text", help = "结果:入围的都不在了" },
    voided = { "text", help = "群里:作废" },
    code_dm = { "text", help = "私信里的券码" },
    staff_how = { "text", help = "管理:怎样发起" },
    staff_organiser = { "text", help = "管理:没写主办方" },
    staff_open = { "text", help = "管理:还有一个没结束" },
    staff_list = { "text", help = "管理:名单,请选入围" },
    staff_waiting = { "text", help = "管理:还没选入围" },
    staff_which = { "text", help = "管理:没有这个号码" },
    staff_removed = { "text", help = "管理:删掉了" },
    staff_nothing = { "text", help = "管理:没有可做的" },
    staff_done = { "text", help = "管理:办好了(别处下的命令)" },
    staff_void = { "text", help = "管理:作废了" },
    use_open = { "text", help = "帮助里的写法:征集" },
    use_short = { "text", help = "帮助里的写法:入围" },
    use_remove = { "text", help = "帮助里的写法:征集删除" },
  },
})

local PORTION = 15 -- coupons in one turn
local LIST_LINES = 60 -- entries in one message to staff
local REMIND_STAFF = 86400 -- seconds after which staff are reminded that the shortlist is theirs to make

local function group_name(c)
  return c.chat_name ~= "" and c.chat_name or c.chat
end

local function running(one)
  return one and (one.state == "open" or one.state == "closed" or one.state == "voting")
end

-- Entry number n if it is still in: { user, name, text }; nil.
local function entry(c, one, n)
  if n < 1 or n > one.entries or c:hash("out-" .. one.id)[tostring(n)] then return nil end
  local found = c:list("entries-" .. one.id):range(n, n)[1]
  return type(found) == "table" and found.user ~= sop.nobody and found or nil
end

-- "3. 幸福鲜 — 小美", a line each, of what is still in; and how many.
local function listing(c, one)
  local lines, out, count = {}, c:hash("out-" .. one.id), 0
  for n, found in ipairs(c:list("entries-" .. one.id):range(1, -1)) do
    if type(found) == "table" and found.user ~= sop.nobody and not out[tostring(n)] then
      count = count + 1
      if count <= LIST_LINES then lines[count] = n .. ". " .. found.text .. " — " .. found.name end
    end
  end
  if count > LIST_LINES then lines[#lines + 1] = "... +" .. count - LIST_LINES end
  return table.concat(lines, "\n"), count
end

local function record(c, one)
  local list = c:list("contests")
  local oldest = list:range(1, 1)[1]
  if oldest and oldest.day < c:day() - c.params.keep_days then
    c:list("entries-" .. oldest.id):clear()
    c:drop(c:hash("out-" .. oldest.id))
    list:shift()
  end
  one.ended = c:now()
  if list:len() > 0 and list:range(-1, -1)[1].id == one.id then list:pop() end -- it was made void after its end
  list:push(one)
  c.group.contest = one
  c:drop(c:hash("taken-" .. one.id))
  c:drop(c:hash("mine-" .. one.id))
end

-- ---- the end -------------------------------------------------------------------------------------------------------

-- Coupons for everybody who entered and did not win, a portion in each turn.
local console = flow:run("console", function(c, args)
  local p, from = c.params, args.from
  local list, out = c:list("entries-" .. args.id):range(from, from + PORTION - 1), c:hash("out-" .. args.id)
  for i, found in ipairs(list) do
    local n = from + i - 1
    if type(found) == "table" and found.user ~= sop.nobody and n ~= args.winner and not out[tostring(n)] then
      prizes.hand(c, found.user, args.what, "contest." .. args.id, p.consolation_cost, args.days)
    end
  end
  if #list < PORTION then return end
  c:sleep("20s")
  c:continue{ id = args.id, winner = args.winner, what = args.what, days = args.days, from = from + PORTION }
end)

-- The vote is over: the best of those who are still in has won.
local function decide(c, one)
  local p, votes = c.params, ballot.close(c)
  c:list("acks"):clear()
  local winner, won
  for _, place in ipairs(ballot.ranking(votes)) do
    local found = not won and entry(c, one, one.short[place.place])
    if found then winner, won = one.short[place.place], { entry = found, votes = place.votes } end
  end
  one.state, one.winner, one.counts, one.voters = "done", winner, votes.counts, votes.voters
  record(c, one)
  local _, count = listing(c, one)
  local consoled = one.consolation ~= "" and count > (won and 1 or 0)
  if consoled then
    local args = { id = one.id, winner = winner, what = one.consolation, days = one.days, from = 1 }
    c:start(console, args, { key = "console." .. one.id, user = false })
  end
  if not won then return c:say(p.nobody_won, { title = one.title }, { policy = "resend", late = "12h" }) end
  local code = prizes.hand(c, won.entry.user, one.prize, "contest." .. one.id, p.prize_cost, one.days)
  local vars = {
    who = c:opted_out(won.entry.user) and sop.text(won.entry.name) or sop.at(won.entry.user), name = won.entry.text, votes = won.votes,
    title = one.title, prize = one.prize, code = code, count = count - 1, coupon = one.consolation, lines = ballot.result(c, votes, p.line),
  }
  vars.rest = consoled and c:format(p.won_console, { count = count - 1, coupon = one.consolation }) or ""
  c:say(p.won, vars, { policy = "resend", late = "12h", answer = true })
  c:emit("contest_won", { id = one.id, user = won.entry.user, name = won.entry.text, votes = won.votes, voters = votes.voters })
end

-- Entries are over: staff have the list. Without any it ends here.
local function close(c, one)
  local p = c.params
  c:list("acks"):clear()
  local lines, count = listing(c, one)
  if count == 0 then
    one.state = "done"
    record(c, one)
    c:say(p.closed_nobody, { title = one.title }, { policy = "resend", late = "12h" })
  else
    one.state, one.closes = "closed", c:now()
    c.group.contest = one
    c:say(p.closed, { title = one.title, count = count }, { policy = "resend", late = "12h" })
    c:staff(p.staff_list, { group = group_name(c), title = one.title, lines = sop.text(lines), count = count, max = p.short_max })
  end
  c:emit("contest_closed", { id = one.id, entries = count })
end

-- Waits until `before` the end, and says the reminder; then until the end.
local function wait_for(c, one, closes, text, vars)
  local before = sop.duration(c.params.remind)
  if before > 0 and closes - before > c:now() then
    local late = c:sleep_until(closes - before)
    local now = c.group.contest
    if now and now.id == one.id and now.state == one.state and not c:quiet_until() and late < before then
      vars.till, vars.title = c:time("%H:%M", closes), one.title
      c:say(text, vars, { policy = "drop" })
    end
  end
  c:sleep_until(closes)
end

-- From the announcement to the winner, a fresh run for each state.
local conduct = flow:run("contest", function(c, args)
  local p, one = c.params, c.group.contest
  if not one or one.id ~= args.id then return end
  local state = one.state
  if state == "open" then
    wait_for(c, one, one.closes, p.ending, { word = p.words[1] })
  elseif state == "closed" then
    c:sleep_until(one.closes + REMIND_STAFF)
    c:sleep_until(c:quiet_until() or 0)
  elseif state == "voting" then
    wait_for(c, one, one.closes, p.vote_ending, { word = p.vote_words[1] })
    c:sleep_until(c:quiet_until() or 0) -- who has won wants to hear it awake
  end
  one = c.group.contest
  if not one or one.id ~= args.id or one.state ~= state then return end
  if state == "open" then
    close(c, one)
    if one.state == "closed" then c:continue(args) end
  elseif state == "closed" then
    c:staff(p.staff_waiting, { group = group_name(c), title = one.title })
  elseif state == "voting" then
    decide(c, one)
  end
end)

local function go_on(c, one)
  c.group.contest = one
  c:cancel{ key = "contest." .. one.id }
  c:start(conduct, { id = one.id }, { key = "contest." .. one.id, user = false })
end

-- ---- members -------------------------------------------------------------------------------------------------------

-- A word to somebody whose entry or vote was none: once a day for each reason, and not to everybody at once.
local function shrug(c, why, text, vars)
  if not c:once(why .. "|" .. c:today(), { ttl = "2d" }) then return end
  if c:limit("shrug", 10, "1m", { scope = "group" }) then c:reply(text, vars) end
end

flow:command("words", { private = false, args = true }, function(c)
  local p, one = c.params, c.group.contest
  local at = c.event.history and c.event.time or c:now() -- what came in late counts by the platform's time
  if not one or one.state ~= "open" or at < one.opened or at >= one.closes then return false end
  local text = c.args:gsub("^[%s%p]+", ""):gsub("^:+", ""):gsub("^「(.-)」$", "%1"):gsub("^《(.-)》$", "%1"):gsub("%s+$", "")
  if sop.match("[?吗呢]$", sop.fold(text)) then return false end -- 起名有奖吗: a question
  if p.exclude_staff and c:has_role("keeper") then return shrug(c, "staff", p.no_staff) end
  if text == "" then return shrug(c, "how", p.how, { word = p.words[1] }) end
  local mine = c:hash("mine-" .. one.id)
  local before = mine[c.user]
  if before then
    local found = entry(c, one, before)
    return shrug(c, "already" .. one.id, p.already, { no = before, text = sop.text(found and found.text or "") })
  end
  if one.entries >= p.entries_max then return shrug(c, "full" .. one.id, p.full) end
  local fault = #c.mentions > 0 and "contact" or decent.fault(text, p.least, p.most, p.forbidden)
  if fault then
    c:emit("contest_refused", { id = one.id, user = c.user, why = fault })
    local answer = fault == "short" and p.short or fault == "long" and p.long or p.unfit
    return shrug(c, "fault-" .. fault, answer, { least = p.least, most = p.most })
  end
  local key, taken = decent.key(text), c:hash("taken-" .. one.id)
  if taken[key] then
    c:emit("contest_refused", { id = one.id, user = c.user, why = "taken" })
    return shrug(c, "taken-" .. key, p.taken, { text = sop.text(text) })
  end
  one.entries = one.entries + 1
  c.group.contest = one
  mine[c.user], taken[key] = one.entries, one.entries
  people.remember(c)
  c:list("entries-" .. one.id):push({ user = c.user, name = c.name, text = text })
  acks.add(c, c:format(p.entry, { no = one.entries, text = sop.text(text) }))
  c:emit("contest_entered", { id = one.id, user = c.user, no = one.entries, text = text })
  c:responded("contest", one.id)
end)

flow:timer("acks", function(c)
  local one, votes = c.group.contest, c.group.ballot
  acks.tell(c, { count = votes and votes.voters or one and one.entries or 0, title = one and one.title or "" })
end)

flow:command("vote_words", { private = false, args = "glued", shared = true }, function(c)
  local p, votes = c.params, ballot.current(c)
  local place = votes and c.args ~= "" and #c.mentions == 0 and ballot.choice(votes, c.args)
  if not place then return false end
  if p.exclude_staff and c:has_role("keeper") then return shrug(c, "staff", p.no_staff) end
  if place == 0 then return shrug(c, "vote_wrong", p.vote_wrong, { count = #votes.options, word = p.vote_words[1] }) end
  local how = ballot.cast(c, votes, place)
  if how == "same" or how == "kept" then return shrug(c, "vote_already", p.vote_already) end
  acks.add(c, c:format(p.voted, { no = place }))
  c:emit("contest_voted", { id = votes.id, user = c.user, option = place, changed = how == "changed" })
  c:responded("contest", votes.id .. "-vote")
end)

flow:command("count_words", { private = false, shared = true }, function(c)
  local p, votes = c.params, ballot.current(c)
  if not votes then return false end
  local vars = { title = votes.title, count = votes.voters, lines = ballot.result(c, votes, p.line) }
  if polite.news(c, "standing", votes.id .. table.concat(votes.counts, ","), p.seen) then c:reply(p.standing, vars) end
end)

-- Who leaves takes their entry along; who comes back within the contest has it again.
local function absent(c, what)
  local one = c.group.contest
  local n = running(one) and c:hash("mine-" .. one.id)[c.user]
  local out = n and c:hash("out-" .. one.id)
  if out and out[tostring(n)] ~= "removed" then out[tostring(n)] = what end
end

flow:on("leave", function(c) absent(c, "left") end)
flow:on("join", function(c) absent(c, nil) end)

-- ---- staff ---------------------------------------------------------------------------------------------------------

flow:command({ "征集", "徵集" }, { private = false, role = "role", args = true, usage = "use_open" }, function(c)
  local p, before = c.params, c.group.contest
  if running(before) then return c:reply(p.staff_open, { title = before.title }) end
  if not p.organiser:find("%S") then return c:reply(p.staff_organiser) end
  local title, span = sop.match("^\\s*([^|｜\\n]+?)\\s*(?:[|｜\\n]\\s*(.*?)\\s*)?$", c.args)
  local till = span and span ~= "" and spans.till(c, span)
  if not title or span and span ~= "" and not till then return c:reply(p.staff_how) end
  local id = (c.group.seq or 0) + 1
  c.group.seq = id
  local one = {
    id = id, title = title, state = "open", opened = c:now(), day = c:day(), closes = till or c:now() + sop.duration(p.lasts), entries = 0,
    by = c.user, prize = p.prize, consolation = p.consolation, days = p.valid_days, -- as announced, whatever the parameters say later
  }
  local vars = {
    title = title, word = p.words[1], till = c:time("%m-%d %H:%M", one.closes), prize = p.prize, count = 1, days = p.valid_days,
    least = p.least, most = p.most,
    worth = p.prize_value > 0 and c:format(p.worth, { yuan = prizes.yuan(p.prize_value) }) or "",
    consoling = p.consolation ~= "" and c:format(p.consoling, { coupon = p.consolation }) or "",
    organiser = p.organiser, contact = c:format(p.contact),
  }
  c:say(sop.text(c:format(p.announce, vars) .. "\n" .. c:format(p.rules, vars)), nil, { policy = "resend" })
  go_on(c, one)
  if c.via then c:reply(p.staff_done, { title = title }) end
  c:emit("contest_opened", { id = id, title = title })
  c:called("contest", { id = id, within = one.closes - c:now() })
  c:audit("contest_opened", { id = id, title = title, before = "none", after = "open" })
end)

flow:command({ "截止征集", "截止徵集" }, { private = false, role = "role" }, function(c)
  local one = c.group.contest
  if not one or one.state ~= "open" then return c:reply(c.params.staff_nothing) end
  close(c, one)
  go_on(c, c.group.contest)
  c:audit("contest_closed", { id = one.id, before = "open", after = one.state })
  if c.via then c:reply(c.params.staff_done, { title = one.title }) end
end)

flow:command({ "征集名单" }, { private = false, role = "role" }, function(c)
  local p, one = c.params, c.group.contest
  if not running(one) then return c:reply(p.staff_nothing) end
  local lines, count = listing(c, one)
  local vars = { group = group_name(c), title = one.title, lines = sop.text(lines), count = count, max = p.short_max }
  if c.via then c:reply(p.staff_list, vars) else c:staff(p.staff_list, vars) end -- what is not fit to be shown may be among them
end)

-- The numbers in a text, each once; nil and the first that is no entry.
local function numbers(c, one, text)
  local list, seen = {}, {}
  for word in text:gmatch("%d+") do
    local n = tonumber(word)
    if not entry(c, one, n) then return nil, word end
    if not seen[n] then list[#list + 1], seen[n] = n, true end
  end
  return list
end

flow:command({ "入围", "入圍" }, { private = false, role = "role", args = true, usage = "use_short" }, function(c)
  local p, one = c.params, c.group.contest
  if not one or one.state ~= "closed" then return c:reply(p.staff_nothing) end
  local list, unknown = numbers(c, one, c.args)
  if list and c.args:find("全部", 1, true) then
    for n = 1, one.entries do
      if #list <= p.short_max and entry(c, one, n) then list[#list + 1] = n end
    end
  end
  if not list or #list < 1 or #list > p.short_max then return c:reply(p.staff_which, { no = unknown or "", max = p.short_max }) end
  local other = ballot.elsewhere(c)
  if other then return c:reply(p.staff_open, { title = other }) end
  table.sort(list) -- of equal ones the earlier entry wins
  local options = {}
  for i, n in ipairs(list) do options[i] = entry(c, one, n).text end
  one.state, one.short, one.closes = "voting", list, c:now() + sop.duration(p.vote_lasts)
  local votes = { id = one.id, title = one.title, options = options, closes = one.closes, change = p.change }
  ballot.open(c, votes)
  c:say(p.voting, {
    title = one.title, lines = sop.text(ballot.lines(votes)), word = p.vote_words[1], till = c:time("%m-%d %H:%M", one.closes),
  }, { policy = "resend" })
  go_on(c, one)
  if c.via then c:reply(p.staff_done, { title = one.title }) end
  c:emit("contest_vote", { id = one.id, options = #options })
  c:called("contest", { id = one.id .. "-vote", within = one.closes - c:now() })
  c:audit("contest_short", { id = one.id, entries = list, before = "closed", after = "voting" })
end)

flow:command({ "征集删除", "徵集刪除" }, { private = false, role = "role", args = "glued", usage = "use_remove" }, function(c)
  local p, one = c.params, c.group.contest
  if not running(one) then return c:reply(p.staff_nothing) end
  local list, unknown = numbers(c, one, c.args)
  if not list or #list == 0 then return c:reply(p.staff_which, { no = unknown or "", max = p.short_max }) end
  local votes = c.group.ballot
  for _, n in ipairs(list) do
    c:hash("out-" .. one.id)[tostring(n)] = "removed"
    for place, short in ipairs(votes and one.short or {}) do
      if short == n then votes.options[place] = "—" end -- its text is not shown again
    end
  end
  c.group.ballot = votes
  c:audit("contest_removed", { id = one.id, entries = list })
  c:reply(p.staff_removed, { no = table.concat(list, "、") })
end)

flow:command({ "揭晓", "揭曉" }, { private = false, role = "role" }, function(c)
  local one = c.group.contest
  if not one or one.state ~= "voting" then return c:reply(c.params.staff_nothing) end
  c:cancel{ key = "contest." .. one.id }
  decide(c, one)
  c:audit("contest_decided", { id = one.id, before = "voting", after = "done" })
  if c.via then c:reply(c.params.staff_done, { title = one.title }) end
end)

flow:command({ "作废征集", "征集作废", "作廢徵集" }, { private = false, role = "role" }, function(c)
  local p, one = c.params, c.group.contest
  if not one or one.state == "void" then return c:reply(p.staff_nothing) end
  local before = one.state
  c:cancel{ key = "contest." .. one.id }
  c:cancel{ key = "console." .. one.id }
  ballot.close(c)
  c:list("acks"):clear()
  local taken, used = prizes.take_back(c, "contest." .. one.id, one.day, one.days)
  one.state = "void"
  record(c, one)
  c:say(p.voided, { title = one.title })
  c:reply(p.staff_void, { title = one.title, taken = taken, used = used })
  c:emit("contest_void", { id = one.id, taken_back = taken, used = used })
  c:audit("contest_void", { id = one.id, before = before, after = "void" })
end)

return flow
