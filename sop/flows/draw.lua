-- draw.lua -- 抽奖: staff promise a prize, members put their name in, chance decides, and whoever does not claim makes room for another.
--
-- 抽奖 草莓一盒 3份 60元 30分钟 opens one: the announcement says what the rules on prize draws ask for (prize, quantity, worth, time, how to claim,
-- organiser, contact) and the SHA-256 of the seed. Members say 参加 and get a number, told in batches. At the end the winners are drawn with
-- lib/fair.lua from the numbers and the seed, which is published with the result, so that anybody can draw again. A winner says 领取
-- within `claim` and has a code (lib/prizes.lua); who does not makes room: drawn again by itself `redraws` times, or by 重抽, never
-- from those who were drawn before. 开奖 ends it early, 作废抽奖 takes it back at any time.
-- States: open -> closed (the numbers are fixed; in the quiet hours it waits) -> drawn -> claimed (all) or expired (some are left); void.
--
-- State: group.draw = { id, prize, count, value, seed, state, opened, day, days = how long codes are valid, claim = seconds to claim in,
-- closes, entrants, picks = how many were drawn, out = their numbers,
-- winners = { { no, user, name, state = "drawn" | "claimed" | "expired", code = masked } }, till = the end of claiming, redraws = left };
-- list "entrants-<id>" = { user, name }, the place is the number; hash "entered-<id>" = user -> number; "away-<id>" = user -> true for who
-- left the group; group.seq; list "draws" = one record each.
local acks = require("lib.acks")
local fair = require("lib.fair")
local people = require("lib.people")
local prizes = require("lib.prizes")
local spans = require("lib.spans")

local flow = sop.flow("draw", {
  title = "抽奖",
  menu = "menu_line",
  kind = "game",
  wants = {
    unmentioned = "members take part with a mention of the bot", at = "winners are named in plain text",
    dm = "codes are fetched with 我的券",
  },
  params = {
    lasts = { "duration", default = "10m", min = "1m", max = "7d", help = "没写时间时开放多久" },
    claim = { "duration", default = "30m", min = "1m", max = "7d", help = "中奖后多久内要领" },
    redraws = { "integer", default = 1, min = 0, max = 5, help = "没人领时自动重抽几次" },
    count_max = { "integer", default = 50, min = 1, max = 100, help = "一次最多几份" },
    entrants_max = { "integer", default = 2000, min = 1, max = 5000, help = "最多多少人参加" },
    batch = { "duration", default = "10s", min = "2s", max = "10m", help = "多久确认一批参加的人" },
    valid_days = { "integer", default = 7, min = 1, max = 366, help = "券码有效天数" },
    cost = { "integer", default = 0, min = 0, max = 10000000, help = "一份奖品的成本(记在券上,给报表用)" },
    keep_days = { "integer", default = 730, min = 1, max = 3660, help = "抽奖记录保留天数" },
    exclude_staff = { "boolean", default = true, help = "工作人员不能参加" },
    role = { "choice", default = "keeper", values = { "keeper", "store", "region", "hq", "owner" }, help = "至少什么角色可以开、重抽、作废" },
    words = { "strings", default = { "参加", "参加抽奖", "参与抽奖", "我要参加", "我参加", "參加", "join" }, help = "参加的口令" },
    claim_words = { "strings", default = { "领取", "领奖", "我来领", "领", "領取", "領獎", "claim" }, help = "领取的口令" },

    organiser = { "string", default = "", help = "主办方(必填:不写不开)" },
    menu_line = { "text", help = "菜单里的一行" },
    contact = { "text", help = "联系方式" },
    announce = { "text", help = "开场" },
    worth = { "text", help = "奖品的价值" },
    rules = { "text", help = "开场里的规则" },
    sealed = { "text", help = "开场里的公平码" },
    acked = { "text", help = "确认一批参加的人,最多十位" },
    acked_more = { "text", help = "确认一批参加的人,还有几位没点名" },
    number = { "text", help = "名字后面的号码" },
    already = { "text", help = "已经参加(每天最多说一次)" },
    full = { "text", help = "人满了(每天最多说一次)" },
    no_staff = { "text", help = "工作人员不参加" },
    drawn = { "text", help = "开奖" },
    drawn_more = { "text", help = "开奖:后面几位" },
    redrawn = { "text", help = "重抽" },
    unsealed = { "text", help = "开奖:公布种子" },
    nobody = { "text", help = "没有人参加" },
    claimed = { "text", help = "领到了" },
    claimed_group = { "text", help = "领到了,券码在「我的券」" },
    ended = { "text", help = "都领走了" },
    ended_left = { "text", help = "还有没人领的" },
    voided = { "text", help = "群里:作废" },
    code_dm = { "text", help = "私信里的券码" },
    staff_how = { "text", help = "管理:怎样开" },
    staff_organiser = { "text", help = "管理:没写主办方" },
    staff_open = { "text", help = "管理:还有一个没结束" },
    staff_nothing = { "text", help = "管理:没有可做的" },
    staff_left = { "text", help = "管理:有人没领" },
    staff_void = { "text", help = "管理:作废了" },
    staff_done = { "text", help = "管理:办好了(别处下的命令)" },
    use_open = { "text", help = "帮助里的写法:抽奖" },
    use_redraw = { "text", help = "帮助里的写法:重抽" },
  },
})

local function group_name(c)
  return c.chat_name ~= "" and c.chat_name or c.chat
end

local function running(one)
  return one and (one.state == "open" or one.state == "closed" or one.state == "drawn")
end

-- "20:30"; with the date where it is not today.
local function clock(c, at)
  return c:time(c:time("%Y-%m-%d", at) == c:time("%Y-%m-%d") and "%H:%M" or "%m-%d %H:%M", at)
end

local function count_state(one, state)
  local n = 0
  for _, winner in ipairs(one.winners) do
    if winner.state == state then n = n + 1 end
  end
  return n
end

-- ---- drawing -------------------------------------------------------------------------------------------------------

-- Draws up to n winners among the numbers that were never drawn. Who has left the group, or was forgotten, is drawn and passed over.
local function pick(c, one, n)
  local drawn, numbers, winners = one.out or {}, {}, {}
  local out = {}
  for _, no in ipairs(drawn) do out[no] = true end
  for no = 1, one.entrants do
    if not out[no] then numbers[#numbers + 1] = no end
  end
  local list, away = c:list("entrants-" .. one.id), c:hash("away-" .. one.id)
  while #winners < n and #numbers > 0 do
    one.picks = one.picks + 1
    local no = table.remove(numbers, fair.pick(one.seed, one.picks, #numbers))
    drawn[#drawn + 1] = no
    local entrant = list:range(no, no)[1]
    if entrant and entrant.user and entrant.user ~= sop.nobody and not away[entrant.user] then
      winners[#winners + 1] = { no = no, user = entrant.user, name = entrant.name, state = "drawn" }
    end
  end
  one.out = drawn
  return winners
end

-- Tells the winners, ten in a message.
local function announce(c, one, winners, first)
  local p = c.params
  for i, portion in ipairs(people.portions(winners, 10)) do
    local names = {}
    for k, winner in ipairs(portion) do
      if k > 1 then names[#names + 1] = sop.text(" · ") end
      names[#names + 1] = c:opted_out(winner.user) and sop.text(winner.name) or sop.at(winner.user)
      names[#names + 1] = sop.text(" " .. c:format(p.number, { no = winner.no }))
    end
    local seed = first and i == 1 and c:format(p.unsealed, { seed = one.seed, id = one.id, count = one.entrants }) or ""
    c:say(i > 1 and p.drawn_more or first and p.drawn or p.redrawn, {
      names = names, prize = one.prize, count = one.entrants, word = p.claim_words[1], till = clock(c, one.till), seed = seed,
    }, { policy = "resend", answer = true })
  end
end

-- Keeps the record of a draw that has ended, and forgets what is older than records are kept.
local function record(c, one)
  local list = c:list("draws")
  local oldest = list:range(1, 1)[1]
  if oldest and oldest.day < c:day() - c.params.keep_days then
    c:list("entrants-" .. oldest.id):clear()
    list:shift()
  end
  one.ended = c:now()
  if list:len() > 0 and list:range(-1, -1)[1].id == one.id then list:pop() end -- it was drawn again after its end
  list:push(one)
end

local function finish(c, one)
  local p, left = c.params, one.count - count_state(one, "claimed")
  one.state = left == 0 and "claimed" or "expired"
  record(c, one)
  c.group.draw = one
  if one.entrants == 0 then
    c:say(p.nobody, { prize = one.prize })
  else
    c:say(left == 0 and p.ended or p.ended_left, { prize = one.prize, left = left, count = one.count - left }, { policy = "drop" })
    if left > 0 then c:staff(p.staff_left, { group = group_name(c), prize = one.prize, left = left }) end
  end
  c:emit("draw_ended", { id = one.id, state = one.state, entrants = one.entrants, claimed = one.count - left, left = left })
end

-- From the announcement to the last claim. A fresh run after each step.
local conduct = flow:run("draw", function(c, args)
  local one = c.group.draw
  if not one or one.id ~= args.id then return end
  local function again()
    one = c.group.draw
    return one and one.id == args.id
  end
  if one.state == "open" then
    c:sleep_until(one.closes)
    if not again() or one.state ~= "open" then return end
    one.state = "closed"
    c.group.draw = one
    c:list("acks"):clear()
    c:continue(args)
  elseif one.state == "closed" then
    c:sleep_until(c:quiet_until() or 0) -- whoever wins has to be awake
    if not again() or one.state ~= "closed" then return end
    local first = one.picks == 0
    local winners = pick(c, one, args.n or one.count - count_state(one, "claimed"))
    if #winners == 0 then return finish(c, one) end
    for _, winner in ipairs(winners) do table.insert(one.winners, winner) end
    one.state, one.till = "drawn", c:now() + one.claim
    c.group.draw = one
    announce(c, one, winners, first)
    local users = {}
    for i, winner in ipairs(winners) do users[i] = winner.user end
    c:emit("drawn", { id = one.id, users = users, entrants = one.entrants, again = not first })
    c:continue{ id = args.id }
  elseif one.state == "drawn" then
    c:sleep_until(one.till)
    if not again() or one.state ~= "drawn" then return end
    for _, winner in ipairs(one.winners) do
      if winner.state == "drawn" then winner.state = "expired" end
    end
    if one.redraws == 0 or count_state(one, "claimed") == one.count then return finish(c, one) end
    one.redraws, one.state = one.redraws - 1, "closed"
    c.group.draw = one
    c:continue{ id = args.id }
  end
end)

local function go_on(c, one, n)
  c.group.draw = one
  c:cancel{ key = "draw." .. one.id }
  c:start(conduct, { id = one.id, n = n }, { key = "draw." .. one.id, user = false })
end

-- ---- opening -------------------------------------------------------------------------------------------------------

-- What staff wrote: { prize, count, value, closes }; nil if it is no draw. What follows the name of the prize stands in any order.
local function read(c, text)
  local one, words = {}, {}
  for word in text:gsub("　", " "):gmatch("%S+") do words[#words + 1] = word end
  while #words > 1 do
    local word = sop.fold(words[#words])
    local count = sop.match("^(?:[x×*])?(\\d{1,3})(?:[份个個名人位张張箱盒])?$", word)
    local yuan, cents = sop.match("^(?:价值|值|¥)?(\\d{1,6})(?:\\.(\\d{1,2}))?(?:元|块|塊)$", word)
    local till = not yuan and not count and spans.till(c, word)
    if yuan and not one.value then
      one.value = tonumber(yuan) * 100 + tonumber(((cents or "") .. "00"):sub(1, 2))
    elseif count and not one.count then
      one.count = tonumber(count)
    elseif till and not one.closes then
      one.closes = till
    else
      break -- a part of the name, as what is said a second time is: 抽奖 iPhone 15 1份
    end
    words[#words] = nil
  end
  one.prize = table.concat(words, " ")
  one.count = one.count or 1
  one.closes = one.closes or c:now() + sop.duration(c.params.lasts)
  local fault = one.prize == "" or one.count < 1 or one.count > c.params.count_max or (one.value or 0) > prizes.TOP_VALUE
    or utf8.len(one.prize) > 60
  return not fault and one or nil
end

flow:command({ "抽奖", "抽獎" }, { private = false, role = "role", args = true, usage = "use_open" }, function(c)
  local p, before = c.params, c.group.draw
  if running(before) then return c:reply(p.staff_open, { prize = before.prize }) end
  if not p.organiser:find("%S") then return c:reply(p.staff_organiser) end
  local one = read(c, c.args)
  if not one then return c:reply(p.staff_how, { max = p.count_max }) end
  if before then
    c:drop(c:hash("entered-" .. before.id))
    c:drop(c:hash("away-" .. before.id))
  end
  one.id = (c.group.seq or 0) + 1
  c.group.seq = one.id
  one.seed, one.state, one.opened, one.day = c:secret(16), "open", c:now(), c:day()
  one.entrants, one.picks, one.winners, one.redraws, one.by = 0, 0, {}, p.redraws, c.user
  one.days, one.claim = p.valid_days, sop.duration(p.claim) -- as announced, whatever the parameters say later
  local vars = {
    prize = one.prize, count = one.count, word = p.words[1],
    worth = one.value and c:format(p.worth, { yuan = prizes.yuan(one.value) }) or "",
    till = c:time("%m-%d %H:%M", one.closes), claim = p.claim_words[1], minutes = one.claim // 60, days = p.valid_days,
    organiser = p.organiser, contact = c:format(p.contact),
  }
  local text = { c:format(p.announce, vars), c:format(p.rules, vars), c:format(p.sealed, { hash = fair.commitment(one.seed) }) }
  c:say(sop.text(table.concat(text, "\n")), nil, { policy = "resend" })
  go_on(c, one)
  if c.via then c:reply(p.staff_done, { prize = one.prize }) end
  c:emit("draw_opened", { id = one.id, prize = one.prize, count = one.count, value = one.value })
  c:called("draw", { id = one.id, within = one.closes - c:now() })
  c:audit("draw_opened", { id = one.id, prize = one.prize, count = one.count, before = "none", after = "open" })
end)

-- ---- members -------------------------------------------------------------------------------------------------------

-- A word to somebody whose entry was none: once a day for each reason, and not to everybody at once.
local function shrug(c, why, text, vars)
  if not c:once(why .. "|" .. c:today(), { ttl = "2d" }) then return end
  if c:limit("shrug", 5, "1m", { scope = "group" }) then c:reply(text, vars) end
end

flow:command("words", { private = false }, function(c)
  local p, one = c.params, c.group.draw
  local at = c.event.history and c.event.time or c:now() -- what came in late counts by the platform's time
  if not one or one.state ~= "open" or at < one.opened or at >= one.closes then return false end
  if p.exclude_staff and c:has_role("keeper") then return shrug(c, "staff", p.no_staff) end
  local entered = c:hash("entered-" .. one.id)
  local no = entered[c.user]
  if no then return shrug(c, "already" .. one.id, p.already, { no = no }) end
  if one.entrants >= p.entrants_max then return shrug(c, "full" .. one.id, p.full) end
  one.entrants = one.entrants + 1
  c.group.draw = one
  entered[c.user] = one.entrants
  c:list("entrants-" .. one.id):push({ user = c.user, name = c.name })
  acks.add(c, c:format(p.number, { no = one.entrants }))
  c:emit("draw_entered", { id = one.id, user = c.user, no = one.entrants })
  c:responded("draw", one.id)
end)

flow:timer("acks", function(c)
  local one = c.group.draw
  acks.tell(c, { count = one and one.entrants or 0, prize = one and one.prize or "" })
end)

flow:command("claim_words", { private = false }, function(c)
  local p, one = c.params, c.group.draw
  if not one or one.state ~= "drawn" and one.state ~= "closed" then return false end -- closed: it is drawn again in the morning
  local at, mine = c.event.history and c.event.time or c:now(), nil
  for _, winner in ipairs(one.winners) do
    if winner.user == c.user and winner.state == "drawn" and at < one.till then mine = winner end
  end
  if not mine then return false end -- the word is that of other flows, too
  local code, sent = prizes.hand(c, c.user, one.prize, "draw." .. one.id, p.cost, one.days)
  mine.state, mine.code = "claimed", code
  c.group.draw = one
  c:reply(sent and p.claimed or p.claimed_group, { prize = one.prize, code = code })
  c:emit("draw_claimed", { id = one.id, user = c.user, seconds = at - (one.till - one.claim) })
  if count_state(one, "claimed") == one.count then
    c:cancel{ key = "draw." .. one.id }
    finish(c, one)
  end
end)

-- Who leaves cannot win while they are away.
local function absent(c, away)
  local one = c.group.draw
  if one and one.state ~= "void" and c:hash("entered-" .. one.id)[c.user] then c:hash("away-" .. one.id)[c.user] = away end
end

flow:on("leave", function(c) absent(c, true) end)
flow:on("join", function(c) absent(c, nil) end)

-- ---- staff ---------------------------------------------------------------------------------------------------------

flow:command({ "开奖", "開獎" }, { private = false, role = "role" }, function(c)
  local one = c.group.draw
  if not one or one.state ~= "open" then return c:reply(c.params.staff_nothing) end
  one.closes = c:now()
  go_on(c, one)
  c:audit("draw_closed", { id = one.id, before = "open", after = "closed" })
  if c.via then c:reply(c.params.staff_done, { prize = one.prize }) end
end)

-- 重抽 · 重抽 2: in place of those who have not claimed (or did not in time), never from those who were drawn before.
flow:command({ "重抽", "重新抽奖" }, { private = false, role = "role", args = true, usage = "use_redraw" }, function(c)
  local one = c.group.draw
  local left = one and one.count - count_state(one, "claimed") or 0
  local n = c.args == "" and left or math.tointeger(tonumber((sop.match("^\\d+", sop.fold(c.args)))))
  local may = one and (one.state == "drawn" or one.state == "expired") and n and n >= 1 and n <= left
  if not may or #(one.out or {}) >= one.entrants then return c:reply(c.params.staff_nothing) end
  local places = n - (left - count_state(one, "drawn")) -- what is free goes first; then the last drawn give up their place
  for i = #one.winners, 1, -1 do
    if one.winners[i].state == "drawn" and places > 0 then
      one.winners[i].state, places = "expired", places - 1
    end
  end
  c:audit("draw_again", { id = one.id, n = n, before = one.state, after = "closed" })
  one.state = "closed"
  go_on(c, one, n)
  if c.via then c:reply(c.params.staff_done, { prize = one.prize }) end
end)

flow:command({ "作废抽奖", "抽奖作废", "作廢抽獎" }, { private = false, role = "role" }, function(c)
  local p, one = c.params, c.group.draw
  if not one or one.state == "void" then return c:reply(p.staff_nothing) end
  c:cancel{ key = "draw." .. one.id }
  local before = one.state
  local taken, used = prizes.take_back(c, "draw." .. one.id, one.day, one.days)
  one.state = "void"
  record(c, one)
  c.group.draw = one
  c:list("acks"):clear()
  c:say(p.voided, { prize = one.prize })
  c:reply(p.staff_void, { prize = one.prize, taken = taken, used = used })
  c:emit("draw_void", { id = one.id, taken_back = taken, used = used })
  c:audit("draw_void", { id = one.id, before = before, after = "void" })
end)

return flow
