-- vote.lua -- 投票: staff ask the group, members say 投 2, and at the end the group hears what it wants.
--
-- 发起投票 题目 | 选项 | 选项 [| 2小时] opens one; everybody has one voice and may change it (`change`) until it closes. Voices are confirmed
-- in batches, 票数 tells how it stands (`interim`), a reminder comes `remind` before the end. 结束投票 ends it now, 作废投票 takes it back.
-- States: open, closed, void. A run `vote` per ballot: the reminder, the end.
-- State: that of lib/ballot.lua and lib/acks.lua; group.seq = how many there were, list "ballots" = one record each (the last hundred).
local acks = require("lib.acks")
local ballot = require("lib.ballot")
local polite = require("lib.polite")
local spans = require("lib.spans")

local flow = sop.flow("vote", {
  title = "投票",
  menu = "menu_line",
  kind = "game",
  wants = { unmentioned = "members vote with a mention of the bot", at = "voters are named in plain text" },
  params = {
    lasts = { "duration", default = "24h", min = "1m", max = "14d", help = "没写时间时投多久" },
    remind = { "duration", default = "1h", min = "0s", max = "2d", help = "结束前多久提醒,0s 为不提醒" },
    batch = { "duration", default = "10s", min = "2s", max = "10m", help = "多久确认一批票" },
    change = { "boolean", default = true, help = "结束前可以改投" },
    interim = { "boolean", default = true, help = "结束前可以看票数" },
    exclude_staff = { "boolean", default = false, help = "工作人员不投" },
    role = { "choice", default = "keeper", values = { "keeper", "store", "region", "hq", "owner" }, help = "至少什么角色可以发起、结束、作废" },
    words = { "strings", default = { "投", "投票", "我投", "选", "我选", "投票给", "投給", "vote" }, help = "投票的口令,后面跟号码" },
    count_words = { "strings", default = { "票数", "看票", "投票结果", "票數" }, help = "看票数的口令" },

    menu_line = { "text", help = "菜单里的一行" },
    opened = { "text", help = "开场" },
    acked = { "text", help = "确认一批票,最多十位" },
    acked_more = { "text", help = "确认一批票,还有几位没点名" },
    wrong = { "text", help = "没有这一项(每天最多说一次)" },
    already = { "text", help = "已经投过这一项,或不能改(每天最多说一次)" },
    no_staff = { "text", help = "工作人员不投" },
    line = { "text", help = "票数的一行" },
    standing = { "text", help = "现在的票数" },
    seen = { "text", help = "票数没有变(每天最多说一次)" },
    hidden = { "text", help = "结束前不公布" },
    ending = { "text", help = "快结束的提醒" },
    closed = { "text", help = "结束:结果" },
    closed_tie = { "text", help = "结束:并列第一" },
    closed_nobody = { "text", help = "结束:没有人投" },
    voided = { "text", help = "群里:作废" },
    staff_how = { "text", help = "管理:怎样发起" },
    staff_open = { "text", help = "管理:还有一个没结束" },
    staff_nothing = { "text", help = "管理:没有在投的" },
    staff_done = { "text", help = "管理:办好了(别处下的命令)" },
    use_open = { "text", help = "帮助里的写法:发起投票" },
  },
})

local OPTIONS_MAX = 20
local NUMBERED = "^(?:\\d{1,2}|[A-Za-z])\\s*(?:[、)]|[.:](?!\\d))\\s*(.+)$" -- "1. 火锅", but not 8:30 or 3.5折

local function record(c, one, state)
  local list = c:list("ballots")
  list:push({
    id = one.id, title = one.title, options = one.options, counts = one.counts, voters = one.voters, state = state, at = c:now(),
  })
  list:trim(100)
end

local function close(c)
  local p, one = c.params, ballot.close(c)
  c:list("acks"):clear() -- the result tells all
  record(c, one, "closed")
  local best = ballot.ranking(one)
  local text = one.voters == 0 and p.closed_nobody or best[1].votes == best[2].votes and p.closed_tie or p.closed
  c:say(text, {
    title = one.title, lines = ballot.result(c, one, p.line), best = best[1].text, votes = best[1].votes, count = one.voters,
  }, { policy = "resend", late = "12h" })
  c:emit("vote_closed", { id = one.id, title = one.title, voters = one.voters, best = best[1].text, votes = best[1].votes })
end

local conduct = flow:run("vote", function(c, args)
  local p = c.params
  local before = sop.duration(p.remind)
  if before > 0 and args.closes - before > c:now() then
    local late = c:sleep_until(args.closes - before)
    local one = c.group.ballot
    if one and one.id == args.id and not c:quiet_until() and late < before then
      local vars = { title = one.title, till = c:time("%H:%M", args.closes), word = p.words[1], count = one.voters }
      c:say(p.ending, vars, { policy = "drop" })
    end
  end
  c:sleep_until(args.closes)
  local one = c.group.ballot
  if one and one.id == args.id then close(c) end
end)

-- Title, options and end of "题目 | 选项 | 选项 | 2小时", or of lines. Nil if it is none.
local function read(c, text)
  local parts, till = {}, nil
  for part in text:gsub("｜", "\n"):gsub("|", "\n"):gmatch("[^\n]+") do
    part = part:gsub("^%s+", ""):gsub("%s+$", "")
    local rest = #parts > 0 and sop.match(NUMBERED, part) or part
    if rest ~= "" then parts[#parts + 1] = rest end
  end
  if #parts > 3 then till = spans.till(c, parts[#parts]) end
  if till then parts[#parts] = nil end
  local title = table.remove(parts, 1)
  if not title or #parts < 2 or #parts > OPTIONS_MAX then return nil end
  for _, option in ipairs(parts) do
    if utf8.len(option) > 60 then return nil end
  end
  return title, parts, till
end

flow:command({ "发起投票", "發起投票" }, { private = false, role = "role", args = true, usage = "use_open" }, function(c)
  local p = c.params
  local stale = c.group.ballot
  if stale and c:now() >= stale.closes + 60 and not c:running("vote." .. stale.id) then close(c) end
  local other = c.group.ballot and c.group.ballot.title or ballot.elsewhere(c)
  if other then return c:reply(p.staff_open, { title = other }) end
  local title, options, till = read(c, c.args)
  if not title then return c:reply(p.staff_how) end
  local id = (c.group.seq or 0) + 1
  c.group.seq = id
  local closes = till or c:now() + sop.duration(p.lasts)
  local one = { id = id, title = title, options = options, closes = closes, change = p.change }
  ballot.open(c, one)
  c:start(conduct, { id = id, closes = closes }, { key = "vote." .. id, user = false })
  local vars = { title = title, lines = ballot.lines(one), word = p.words[1], till = c:time("%m-%d %H:%M", closes) }
  c:say(p.opened, vars, { policy = "resend" })
  if c.via then c:reply(p.staff_done, { title = title }) end
  c:emit("vote_opened", { id = id, title = title, options = #options })
  c:called("vote", { id = id, within = closes - c:now() })
  c:audit("vote_opened", { id = id, title = title, before = "none", after = "open" })
end)

-- A word to somebody whose vote was none: once a day for each reason, and not to everybody at once.
local function shrug(c, why, text, vars)
  if not c:once(why .. "|" .. c:today(), { ttl = "2d" }) then return end
  if c:limit("shrug", 5, "1m", { scope = "group" }) then c:reply(text, vars) end
end

flow:command("words", { private = false, args = "glued", shared = true }, function(c)
  local p, one = c.params, ballot.current(c)
  local place = one and c.args ~= "" and #c.mentions == 0 and ballot.choice(one, c.args)
  if not place then return false end
  if p.exclude_staff and c:has_role("keeper") then return shrug(c, "staff", p.no_staff) end
  if place == 0 then return shrug(c, "wrong", p.wrong, { count = #one.options, word = p.words[1] }) end
  local how = ballot.cast(c, one, place)
  if how == "same" or how == "kept" then return shrug(c, "already", p.already) end
  acks.add(c)
  c:emit("voted", { id = one.id, user = c.user, option = place, changed = how == "changed" })
  c:responded("vote", one.id)
end)

flow:timer("acks", function(c)
  local one = c.group.ballot
  acks.tell(c, { count = one and one.voters or 0, title = one and one.title or "" })
end)

flow:command("count_words", { private = false, shared = true }, function(c)
  local p, one = c.params, ballot.current(c)
  if not one then return false end
  if not p.interim and not c:has_role(p.role) then return shrug(c, "hidden", p.hidden, { till = c:time("%m-%d %H:%M", one.closes) }) end
  local vars = { title = one.title, count = one.voters, lines = ballot.result(c, one, p.line) }
  if polite.news(c, "standing", one.id .. table.concat(one.counts, ","), p.seen) then c:reply(p.standing, vars) end
end)

flow:command({ "结束投票", "結束投票" }, { private = false, role = "role" }, function(c)
  local one = c.group.ballot
  if not one then return c:reply(c.params.staff_nothing) end
  c:cancel{ key = "vote." .. one.id }
  close(c)
  c:audit("vote_closed", { id = one.id, before = "open", after = "closed" })
  if c.via then c:reply(c.params.staff_done, { title = one.title }) end
end)

flow:command({ "作废投票", "投票作废", "作廢投票" }, { private = false, role = "role" }, function(c)
  if not c.group.ballot then return c:reply(c.params.staff_nothing) end
  local one = ballot.close(c)
  c:cancel{ key = "vote." .. one.id }
  c:list("acks"):clear()
  record(c, one, "void")
  c:say(c.params.voided, { title = one.title })
  c:emit("vote_void", { id = one.id, voters = one.voters })
  c:audit("vote_void", { id = one.id, before = "open", after = "void" })
  if c.via then c:reply(c.params.staff_done, { title = one.title }) end
end)

return flow
