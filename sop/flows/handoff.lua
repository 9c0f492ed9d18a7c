-- handoff.lua -- 人工: brings a member and a colleague together.
--
-- 人工 (or 客服, with what it is about) opens a ticket: whoever is on duty by the roster (weekday and hour) is @-ed in the staff chat
-- with the quote, in the group where there is no staff chat, and the member hears within how many minutes somebody comes. Outside
-- duty hours they hear when duty begins, and staff are called then. 我来 claims it, in the group or in the staff chat; so does
-- speaking to the member with an @ or a quote. 完成 closes it, and so does a day without it. Nobody after 10 minutes: the backup is
-- called, and the member is told again. While a colleague has a member, the flows that stand behind this one in the playbook (faq,
-- chaperone) leave that member to them. In a private chat there is nothing to claim: staff are told who asks there, and the member
-- when they answer.
--
-- State: hash "tickets" by member: { n, at, text, name, id, by, by_name, since }; group.tickets = how many are open; counter
-- "number"; member.name.
local duty = require("lib.duty")
local gaps = require("lib.gaps")
local people = require("lib.people")
local polite = require("lib.polite")
local talk = require("lib.talk")

local flow = sop.flow("handoff", {
  title = "人工",
  menu = "menu_line",
  wants = {
    at = "staff and members are named in plain text; staff claim by number",
    quote = "staff claim by 我来 or an @",
    unmentioned = "staff claim by mentioning the bot: @机器人 我来",
  },
  params = {
    words = { "strings", default = { "人工", "客服", "转人工", "人工客服", "找客服", "找店长", "human" }, help = "找人工的词,后面可以带上要说的事" },
    claim_words = { "strings", default = { "我来", "接单" }, help = "员工认领" },
    close_words = { "strings", default = { "完成", "已解决" }, help = "员工办结" },
    list_words = { "strings", default = { "人工名单", "待办" }, help = "员工看还有谁在等" },
    role = { "choice", default = "keeper", values = { "keeper", "store", "region", "hq" }, help = "谁能认领和办结(值班的人要有这个角色)" },
    roster = {
      "table", default = {},
      help = "值班表:{ days = \"1-5\", from = \"09:00\", to = \"18:00\", users = { id } },可以有多段;留空按 hours_from 到 hours_to,不 @ 谁",
    },
    hours_from = { "clock", default = "09:00", help = "没有值班表时,几点起有人" },
    hours_to = { "clock", default = "21:00", help = "没有值班表时,到几点有人" },
    backup = { "strings", default = {}, help = "没人接时再喊谁;留空再喊一遍值班的人" },
    promise = { "integer", default = 10, min = 1, max = 240, help = "告诉群友多少分钟内有人来" },
    wait = { "duration", default = "10m", min = "1m", max = "4h", help = "多久没人接就升级" },
    escalations = { "integer", default = 2, min = 0, max = 5, help = "最多升级几次" },
    most = { "integer", default = 5, min = 1, max = 50, help = "每人每天最多找几次人工" },
    calls = { "integer", default = 30, min = 1, max = 500, help = "每群每小时最多喊同事几次" },
    close_after = { "duration", default = "24h", min = "10m", max = "7d", help = "认领后多久没办结就自动办结" },

    menu_line = { "text", help = "菜单里的一行" },
    called = { "text", help = "已经喊了同事;{minutes} 分钟内" },
    off_duty = { "text", help = "现在没人值班;{time} 起有人" },
    again = { "text", help = "已经在喊了" },
    day_time = { "text", help = "另一天的时间怎么写;{month} {day} {time}" },
    delayed = { "text", help = "还没人接,已经再喊;{who} {minutes}" },
    delayed_till = { "text", help = "还没人接,现在下班了;{who} {time}" },
    to_staff = { "text", help = "工作群里:有人找人工;{duty} {group} {n} {name} {quote} {word}" },
    to_backup = { "text", help = "工作群里:还没人接;{duty} {group} {n} {name} {quote} {minutes} {word}" },
    claimed = { "text", help = "有人接了;{who} {helper}" },
    claimed_staff = { "text", help = "对员工说:你接了 {n} {name}" },
    taken = { "text", help = "已经有人接了;{helper} {name}" },
    done = { "text", help = "办结;{who} {word}" },
    done_staff = { "text", help = "对员工说:办结了 {n} {name}" },
    nobody = { "text", help = "没有在等的人" },
    list = { "text", help = "名单;{lines}" },
    list_waiting = { "text", help = "名单的一行:在等;{n} {name} {minutes} {quote}" },
    list_taken = { "text", help = "名单的一行:有人接;{n} {name} {helper} {quote}" },
    private = { "text", help = "私聊里找人工;{minutes}" },
    private_off = { "text", help = "私聊里找人工,没人值班;{time}" },
    private_staff = { "text", help = "工作群里:有人私聊找人工;{duty} {name} {quote}" },
  },
})

local QUOTE = 60 -- characters of what a member said that are quoted

-- ---- who is there --------------------------------------------------------------------------------------------------

local function on_duty(c)
  return duty.on(c, c.params.roster)
end

-- Is it a time at which somebody comes? Second result: else the moment from which on.
local function hours(c)
  local p = c.params
  if #p.roster > 0 then return #on_duty(c) > 0, duty.next(c, p.roster) end
  if duty.between(c:time("%H:%M"), p.hours_from, p.hours_to) then return true end
  return false, duty.next(c, { { from = p.hours_from, to = p.hours_to, users = { "-" } } })
end

-- "09:00", on another day with its date.
local function clock_of(c, moment)
  if not moment then return c.params.hours_from end
  if c:time("%Y-%m-%d", moment) == c:time("%Y-%m-%d") then return c:time("%H:%M", moment) end
  return c:format(c.params.day_time, {
    month = tonumber(c:time("%m", moment)), day = tonumber(c:time("%d", moment)), time = c:time("%H:%M", moment),
  })
end

-- ---- tickets -------------------------------------------------------------------------------------------------------

local function tickets(c)
  return c:hash("tickets")
end

-- All of them, oldest first: a list of { user, ticket }.
local function sorted(c)
  local list = {}
  for user, ticket in pairs(tickets(c)) do list[#list + 1] = { user = user, ticket = ticket } end
  table.sort(list, function(a, b) return a.ticket.n < b.ticket.n end)
  return list
end

local function remove(c, user)
  tickets(c)[user] = nil
  gaps.answered(c, user)
  c.group.tickets = math.max(0, (c.group.tickets or 1) - 1)
  c:cancel{ key = user }
  c:cancel_timer("stale", user)
end

-- Calls colleagues, in the staff chat or, where there is none, in the group.
local function tell(c, text, ticket, ids)
  local vars = {
    duty = people.mentions(ids), group = c.chat_name ~= "" and c.chat_name or c.chat, n = ticket.n, name = ticket.name,
    quote = ticket.text ~= "" and ticket.text or "-", minutes = (c:now() - ticket.at) // 60, word = c.params.claim_words[1],
  }
  if c:staff(text, vars) then return end
  c:say(text, vars, { answer = true, policy = "resend" })
end

-- ---- calling -------------------------------------------------------------------------------------------------------

-- Still nobody: calls the backup, and tells the member, once.
local function escalate(c, ticket, step)
  local p, ids = c.params, c.params.backup
  if #ids == 0 then ids = on_duty(c) end
  tell(c, p.to_backup, ticket, ids)
  c:emit("handoff_escalated", { user = c.user, n = ticket.n, step = step, minutes = (c:now() - ticket.at) // 60 })
  if step > 1 then return end
  local open, from = hours(c)
  c:say(open and p.delayed or p.delayed_till, { who = sop.at(c.user), minutes = p.promise, time = clock_of(c, from) }, { answer = true })
end

-- What happens to a ticket that nobody claims. args: n, from = when duty begins (nil: it is on).
local call = flow:run("call", function(c, args)
  c:stop_when{ leaves = true }
  local p = c.params
  local function waiting()
    local ticket = tickets(c)[c.user]
    return ticket and ticket.n == args.n and not ticket.by and ticket or nil
  end
  if args.from then
    c:sleep_until(args.from)
    local ticket = waiting()
    if not ticket then return end
    tell(c, p.to_staff, ticket, on_duty(c))
  end
  for step = 1, p.escalations do
    c:sleep(p.wait)
    local ticket = waiting()
    if not ticket then return end
    escalate(c, ticket, step)
  end
  c:sleep(p.wait)
  local ticket = waiting()
  if not ticket then return end
  c:emit("handoff_unclaimed", { user = c.user, n = ticket.n, minutes = (c:now() - ticket.at) // 60 })
  gaps.note(c, c.user, ticket)
end)

local function in_private(c)
  local p = c.params
  local what = c.args ~= "" and "private|" .. sop.sha256(c.args):sub(1, 8) or "private"
  if not polite.first(c, what, p.again) or not c:limit("mine", p.most, "1d") then return end
  if c.args ~= "" then c:once("private|" .. c:today(), { ttl = "2d" }) end -- the bare word after it is the same matter
  local open, from = hours(c)
  c:staff(p.private_staff, { duty = people.mentions(on_duty(c)), name = c.name, quote = c.args ~= "" and talk.short(c.args, QUOTE) or "-" })
  c:reply(open and p.private or p.private_off, { minutes = p.promise, time = clock_of(c, from) })
  c:emit("handoff_called", { user = c.user, open = open })
end

flow:command("words", { args = true }, function(c)
  local p = c.params
  if c.private then return in_private(c) end
  local open_ticket = tickets(c)[c.user]
  if open_ticket and (open_ticket.by or c:running(c.user)) then
    polite.first(c, "again" .. open_ticket.n, p.again)
    return
  end
  if not c:limit("mine", p.most, "1d") or not c:limit("calls", p.calls, "1h", { scope = "group" }) then
    if c:once("most|" .. c:today(), { ttl = "2d" }) then c:reply(p.again) end
    return
  end
  if open_ticket then remove(c, c.user) end -- nobody came, and nobody is called any more: once more, from the beginning
  local ticket = { n = c:counter("number"):add(1), at = c:now(), text = talk.short(c.args, QUOTE), name = c.name, id = c.message.id }
  tickets(c)[c.user] = ticket
  people.remember(c)
  c.group.tickets = (c.group.tickets or 0) + 1
  c:once("again" .. ticket.n .. "|" .. c:today(), { ttl = "2d" }) -- this is the full answer of the day
  local open, from = hours(c)
  if open then
    tell(c, p.to_staff, ticket, on_duty(c))
    c:reply(p.called, { minutes = p.promise })
  else
    c:reply(p.off_duty, { time = clock_of(c, from) })
  end
  c:start(call, { n = ticket.n, from = not open and from or nil }, { key = c.user })
  c:emit("handoff_called", { user = c.user, n = ticket.n, open = open })
end)

-- ---- what colleagues do --------------------------------------------------------------------------------------------

-- The ticket that staff mean: of whom they @, by its number, of the message they quote, else the oldest that `fits`.
local function meant(c, fits)
  local list = sorted(c)
  local number = tonumber((c.args:match("%d+")))
  local named = c.mentions[1] or number or c.quoted
  for _, one in ipairs(list) do
    if c.mentions[1] then
      if one.user == c.mentions[1] then return one.user, one.ticket end
    elseif number then
      if one.ticket.n == number then return one.user, one.ticket end
    elseif c.quoted and one.ticket.id == c.quoted then
      return one.user, one.ticket
    end
  end
  if named and not c.quoted then return nil end
  for _, one in ipairs(list) do
    if fits(one.ticket) then return one.user, one.ticket end
  end
end

local function claim(c, user, ticket)
  ticket.by, ticket.by_name, ticket.since = c.user, c.name, c:now()
  tickets(c)[user] = ticket
  c:cancel{ key = user }
  c:timer("stale", { after = c.params.close_after, key = user, args = { user = user, n = ticket.n }, user = false })
  c:emit("handoff_claimed", { user = user, n = ticket.n, by = c.user, seconds = c:now() - ticket.at })
  gaps.helped(c, c:now() - ticket.at)
  gaps.answered(c, user)
  c:audit("handoff_claimed", { user = user, n = ticket.n })
end

flow:command("claim_words", { role = "role", private = false, args = true, usage = "我来 [编号]" }, function(c)
  local p = c.params
  local user, ticket = meant(c, function(ticket) return not ticket.by end)
  if not user then return c:reply(p.nobody) end
  if ticket.by then
    if ticket.by ~= c.user then c:reply(p.taken, { helper = ticket.by_name, name = ticket.name }) end
    return
  end
  claim(c, user, ticket)
  c:say(p.claimed, { who = sop.at(user), helper = c.name }, { answer = true })
  if c.via then c:reply(p.claimed_staff, { n = ticket.n, name = ticket.name }) end
end)

local function close(c, user, ticket, automatic)
  remove(c, user)
  c:emit("handoff_done", { user = user, n = ticket.n, by = ticket.by, minutes = (c:now() - ticket.at) // 60, automatic = automatic })
end

flow:command("close_words", { role = "role", private = false, args = true, usage = "完成 [编号]" }, function(c)
  local p = c.params
  local user, ticket = meant(c, function(ticket) return ticket.by == c.user end)
  if not user then return c:reply(p.nobody) end
  ticket.by = ticket.by or c.user
  close(c, user, ticket, false)
  c:audit("handoff_done", { user = user, n = ticket.n })
  c:say(p.done, { who = sop.at(user), word = p.words[1] }, { answer = true })
  if c.via then c:reply(p.done_staff, { n = ticket.n, name = ticket.name }) end
end)

flow:command("list_words", { role = "role", private = false }, function(c)
  local p, lines = c.params, {}
  for _, one in ipairs(sorted(c)) do
    local ticket = one.ticket
    lines[#lines + 1] = c:format(ticket.by and p.list_taken or p.list_waiting, {
      n = ticket.n, name = ticket.name, helper = ticket.by_name or "", minutes = (c:now() - ticket.at) // 60, quote = ticket.text,
    })
    if #lines == 20 then break end
  end
  if #lines == 0 then return c:reply(p.nobody) end
  c:reply(p.list, { lines = table.concat(lines, "\n") })
end)

-- A day without 完成: nobody thought of it.
flow:timer("stale", function(c, args)
  local ticket = tickets(c)[args.user]
  if ticket and ticket.n == args.n then close(c, args.user, ticket, true) end
end)

-- ---- listening -----------------------------------------------------------------------------------------------------

-- A colleague speaks to a member who waits, with an @ or by quoting: that is a claim, without many words.
local function staff_spoke(c)
  if #c.mentions == 0 and not c.quoted then return end
  for _, one in ipairs(sorted(c)) do
    if not one.ticket.by and duty.is_for(c, one.user, one.ticket.id) then claim(c, one.user, one.ticket) end
  end
end

flow:on("message", { private = false }, function(c)
  if (c.group.tickets or 0) == 0 or c.command or c.from_bot then return end
  if c:has_role(c.params.role) then return staff_spoke(c) end
  local ticket = tickets(c)[c.user]
  if not ticket then return end
  if ticket.text == "" and c.text ~= "" then -- 人工 first, then what it is about
    ticket.text = talk.short(c.text, QUOTE)
    tickets(c)[c.user] = ticket
  end
  return ticket.by ~= nil -- true: the flows behind this one leave the member to the colleague
end)

-- A colleague who leaves the group gives their members back: others are called, as if the members had just asked.
local function give_back(c)
  local open, from = hours(c)
  for _, one in ipairs(sorted(c)) do
    local user, ticket = one.user, one.ticket
    if ticket.by == c.user then
      ticket.by, ticket.by_name, ticket.since = nil, nil, nil
      tickets(c)[user] = ticket
      c:cancel_timer("stale", user)
      c:start(call, { n = ticket.n, from = open and c:now() or from }, { user = user, key = user })
    end
  end
end

flow:on("leave", { private = false }, function(c)
  if (c.group.tickets or 0) > 0 then give_back(c) end
  local ticket = tickets(c)[c.user]
  if not ticket then return end
  remove(c, c.user)
  c:emit("handoff_left", { user = c.user, n = ticket.n, minutes = (c:now() - ticket.at) // 60 })
end)

return flow
