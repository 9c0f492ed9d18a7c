-- presale.lua -- 预售接龙: staff offer, members join a numbered list until the cut-off, and fetch what they ordered in the store.
--
-- 接龙 <标题> by staff, with a line for each item (鸡蛋 12.8元/板 限50 每人2), 截止 今天20:00, 提货 明天16:00-19:00, 地点 ...; what is not said comes from the
-- parameters. Members send +1, +2 鸡蛋, 1, A+2 B+1: what they send last is what they want of that item, so saying it twice orders nothing
-- twice. 取消 takes them off. What an item's limit does not cover waits, and moves up when somebody cancels, who is told. The list is the
-- answer to an order: it comes some seconds after the first one, then at most every 5 minutes. A reminder before the cut-off; then the
-- final list, and the totals for purchasing to the staff chat. On the day of the pick-up those who ordered are reminded; 提货 <号> by staff
-- of the store, once; when the window is over, staff get the list of what was not fetched. 接龙导出 gives the lines as CSV.
-- sopd never holds money: prices are shown and added up, nothing is paid here.
--
-- State: group.open = id of the sale that takes orders, group.seq, group.posted = moment of the last list, group.due = moment of the
-- next one; hash "sales" = id -> { id, title, items, opened, closes, from, till, place, by, state = "open" | "closed" | "over" | "void"
-- }, kept `keep_days`; its list by lib/lists.lua, an entry has taken = { at, by, by_name } or left = true besides. One run `sale` each.
local book = require("lib.salebook")
local csv = require("lib.csv")
local lists = require("lib.lists")
local people = require("lib.people")
local polite = require("lib.polite")
local sale = require("lib.sale")

local flow = sop.flow("presale", {
  title = "预售接龙",
  menu = "menu_line",
  wants = {
    unmentioned = "members order with a mention of the bot",
    at = "who moved up, and who is reminded, is named in plain text",
  },
  params = {
    open_words = { "strings", default = { "接龙", "开接龙", "接龍" }, help = "开接龙的口令(店员),群友发它看接龙" },
    cancel_words = { "strings", default = { "取消", "取消接龙", "退出接龙", "不要了", "取消接龍" }, help = "退出的口令,后面可跟品名" },
    mine_words = { "strings", default = { "我的接龙", "我的预订", "我订了啥" }, help = "看自己订了什么的口令" },
    close = { "clock", default = "20:00", help = "没写截止时间时,几点截止" },
    pickup_days = { "integer", default = 1, min = 0, max = 30, help = "没写提货时间时,截止后第几天提货" },
    pickup_from = { "clock", default = "16:00", help = "没写提货时间时,从几点" },
    pickup_till = { "clock", default = "20:00", help = "没写提货时间时,到几点" },
    every = { "duration", default = "5m", min = "1m", max = "2h", help = "接龙表最多多久发一次" },
    first_after = { "duration", default = "10s", min = "1s", max = "5m", help = "第一单之后多久发接龙表" },
    list_lines = { "integer", default = 30, min = 5, max = 100, help = "接龙表最多写几行" },
    remind_before = { "duration", default = "30m", min = "1m", max = "12h", help = "截止前多久提醒" },
    pickup_remind = { "clock", default = "10:00", help = "提货当天几点提醒" },
    answers = { "integer", default = 10, min = 1, max = 60, help = "每分钟最多单独答复几个人" },
    keep_days = { "integer", default = 90, min = 1, max = 3660, help = "接龙记录保留天数" },
    open_role = { "choice", default = "keeper", values = { "keeper", "store", "region", "hq", "owner" }, help = "至少什么角色可以开接龙" },
    pickup_role = { "choice", default = "store", values = { "keeper", "store", "region", "hq", "owner" }, help = "至少什么角色可以确认提货" },

    menu_line = { "text", help = "菜单里的一行" },
    opened = { "text", help = "开场" },
    price = { "text", help = "价格" },
    price_unit = { "text", help = "带单位的价格" },
    limited = { "text", help = "限量" },
    limited_each = { "text", help = "每人限购" },
    at_place = { "text", help = "提货地点" },
    list = { "text", help = "接龙表" },
    list_line = { "text", help = "接龙表的一行" },
    list_wait = { "text", help = "接龙表一行里的候补" },
    list_more = { "text", help = "接龙表:还有几位没写出来" },
    list_none = { "text", help = "接龙表:还没有人" },
    waiting = { "text", help = "订满了,进候补" },
    waiting_some = { "text", help = "一部分订到,其余候补" },
    same = { "text", help = "已经记着(每天最多说一次)" },
    each_max = { "text", help = "超过每人限购" },
    which = { "text", help = "没说是哪一样" },
    cancelled = { "text", help = "已取消" },
    cancelled_item = { "text", help = "已取消一样" },
    moved_up = { "text", help = "候补转正" },
    too_late = { "text", help = "已截止,改不了(每天最多说一次)" },
    none_open = { "text", help = "现在没有接龙(每天最多说一次)" },
    mine = { "text", help = "我的接龙" },
    mine_none = { "text", help = "我的接龙:没有" },
    seen = { "text", help = "重复查询(每天最多说一次)" },
    reminder = { "text", help = "截止前提醒" },
    closed = { "text", help = "截止,最后的接龙表" },
    closed_none = { "text", help = "截止,没有人接" },
    pickup = { "text", help = "提货当天提醒" },
    pickup_more = { "text", help = "提货当天提醒,还有 {rest} 位没点名" },
    voided = { "text", help = "接龙作废" },
    staff_how = { "text", help = "管理:接龙怎样写" },
    staff_wrong = { "text", help = "管理:看不懂这一行" },
    staff_open = { "text", help = "管理:还有一个没截止" },
    staff_opened = { "text", help = "管理:已在群里开了" },
    staff_none = { "text", help = "管理:没有接龙" },
    staff_totals = { "text", help = "管理:采购汇总" },
    staff_total = { "text", help = "管理:采购汇总的一行" },
    staff_waiting = { "text", help = "管理:采购汇总一行里的候补" },
    staff_picked = { "text", help = "管理:已提货" },
    staff_picked_before = { "text", help = "管理:早就提过" },
    staff_unpicked = { "text", help = "管理:撤销提货" },
    staff_no_number = { "text", help = "管理:没有这个号" },
    staff_not_closed = { "text", help = "管理:还没截止" },
    staff_missed = { "text", help = "管理:没来提货的" },
    staff_all_picked = { "text", help = "管理:都提走了" },
    staff_voided = { "text", help = "管理:接龙已作废" },
    staff_sent = { "text", help = "管理:已发到管理群" },
    use_open = { "text", help = "帮助里的写法:接龙" },
    use_pickup = { "text", help = "帮助里的写法:提货" },
  },
})

-- ---- the list ------------------------------------------------------------------------------------------------------

-- Sees to it that the list comes: soon after a first order, else `every` after the last one.
local function plan_list(c)
  local p, due = c.params, c.group.due
  if due and due >= c:now() then return end
  local at = math.max(c:now() + sop.duration(p.first_after), (c.group.posted or 0) + sop.duration(p.every))
  c.group.due = at
  c:timer("list", { at = at, key = "list", user = false })
end

flow:timer("list", function(c)
  c.group.due = nil
  local sold = book.get(c, c.group.open)
  if not sold or c:now() >= sold.closes then return end
  local list = book.list(c, sold)
  local _, _, moved = list:count()
  local all = list:all()
  c.group.posted = c:now()
  if #all == 0 then return end
  c:say(c.params.list, book.about(c, sold, { lines = sop.text(book.lines(c, sold, all)), count = #all }),
    { answer = true, policy = "drop", late = "2m", kind = "game" })
  book.tell_moved(c, sold, moved)
end)

-- ---- opening and closing -------------------------------------------------------------------------------------------

local function close(c, sold)
  local list = book.list(c, sold)
  local _, _, moved = list:count()
  local all = list:all()
  local text, sum = book.totals(c, sold, list, all)
  sold.state, sold.closes = "closed", math.min(sold.closes, c:now())
  book.keep(c, sold)
  c.group.open, c.group.due = nil, nil
  c:cancel_timer("list", "list")
  if #all == 0 then
    c:say(c.params.closed_none, book.about(c, sold), { answer = true })
  else
    c:say(c.params.closed, book.about(c, sold, { lines = sop.text(book.lines(c, sold, all)), count = #all }), { answer = true,
      policy = "resend" })
    book.tell_moved(c, sold, moved)
  end
  c:staff(sop.text(text), nil, { policy = "resend" })
  c:emit("presale_closed", { id = sold.id, people = sum.people, units = sum.units, amount = sum.cents, waiting = sum.waiting })
  return all
end

local function remind_pickup(c, sold)
  local names, missing = {}, book.unfetched(c, sold)
  for _, entry in ipairs(missing) do
    if #names < 10 and not entry.left and not c:opted_out(entry.user) then names[#names + 1] = entry.user end
  end
  if #missing == 0 then return end
  local text = #missing > #names and c.params.pickup_more or c.params.pickup
  c:say(text, book.about(c, sold, { names = people.mentions(names), rest = #missing - #names }), { policy = "drop" })
  c:emit("presale_reminded", { id = sold.id, users = #names > 0 and names or nil, rest = #missing - #names })
end

-- When the window is over: what was not fetched. Sales that are older than records are kept are forgotten.
local function finish(c, sold)
  local lines, missing = {}, book.unfetched(c, sold)
  for i, entry in ipairs(missing) do
    lines[i] = c:format(c.params.list_line, { no = entry.no, name = entry.name, what = sale.pieces(sold, entry.have) })
  end
  local text = #missing > 0 and c.params.staff_missed or c.params.staff_all_picked
  c:staff(text, book.about(c, sold, { lines = sop.text(people.lines(lines)), count = #missing }))
  c:emit("presale_over", { id = sold.id, missed = #missing })
  sold.state = "over"
  book.keep(c, sold)
  for id, old in pairs(c:hash("sales")) do
    if old.till < c:now() - c.params.keep_days * 86400 then
      book.list(c, old):drop()
      c:hash("sales")[id] = nil
    end
  end
end

-- What the run below wakes for happens in turns of its own: a long list is too much for a run's journal.
local step = { pickup = remind_pickup }

function step.close(c, sold)
  if sold.state ~= "open" then return end
  if #close(c, sold) > 0 then
    c:start("sale", { id = sold.id }, { key = "closed." .. sold.id, user = false })
  else
    sold.state = "over"
    book.keep(c, sold)
  end
end

function step.finish(c, sold)
  if sold.state == "closed" then finish(c, sold) end
end

flow:timer("step", function(c, args)
  local sold = book.get(c, args.id)
  if sold and sold.state ~= "void" then step[args.what](c, sold) end
end)

local function begin(c, what, id)
  c:timer("step", { after = "0s", key = what .. id, args = { id = id, what = what }, user = false })
end

-- A sale from its opening to the end of its pick-up. Each step begins anew, asleep with nothing in its journal.
flow:run("sale", function(c, args)
  local sold = book.get(c, args.id)
  if not sold or sold.state == "void" then return end
  local p = c.params
  if sold.state == "open" then
    local remind = sold.closes - sop.duration(p.remind_before)
    if not args.reminded and remind > c:now() then
      if c:sleep_until(remind) < 600 then
        sold = book.get(c, args.id)
        c:say(p.reminder, book.about(c, sold), { policy = "drop", late = "20m" })
      end
      c:continue{ id = args.id, reminded = true }
    end
    c:sleep_until(sold.closes)
    sold = book.get(c, args.id)
    if sold and sold.closes > c:now() then c:continue{ id = args.id, reminded = args.reminded } end -- moved by hand
    return begin(c, "close", args.id)
  end
  local remind = c:moment(c:day(c:time("%Y-%m-%d", sold.from)), p.pickup_remind)
  if remind > sold.from then remind = sold.from - 1800 end -- picked up before that time of day
  if not args.called and remind > c:now() then
    if c:sleep_until(remind) < 3600 then begin(c, "pickup", args.id) end
    c:continue{ id = args.id, called = true }
  end
  c:sleep_until(sold.till)
  begin(c, "finish", args.id)
end)

-- 接龙 <标题> and its lines, by staff; without anything the list, as for members.
flow:command("open_words", { role = "open_role", private = false, args = true, usage = "use_open" }, function(c)
  local p = c.params
  if c.args == "" then
    if book.open(c) then return false end
    return c:reply(p.staff_how)
  end
  local before = book.get(c, c.group.open)
  if before and before.state == "open" then
    if c:now() < before.closes + 60 then return c:reply(p.staff_open, book.about(c, before)) end
    c:cancel{ key = "sale." .. before.id } -- the flow was switched off when it should have closed
    close(c, before)
    c:start("sale", { id = before.id }, { key = "late." .. before.id, user = false })
  end
  local sold, what = sale.read(c, c.args)
  if not sold then return c:reply(p.staff_wrong, { line = what }) end
  sold.id, sold.opened, sold.by, sold.state = (c.group.seq or 0) + 1, c:now(), c.user, "open"
  book.keep(c, sold)
  c.group.seq, c.group.open, c.group.posted, c.group.due = sold.id, sold.id, nil, nil
  c:say(p.opened, book.about(c, sold, { items = sop.text(sale.offer(c, sold)) }), { policy = "resend" })
  c:start("sale", { id = sold.id }, { key = "sale." .. sold.id, user = false })
  c:emit("presale_opened", { id = sold.id, items = #sold.items })
  c:called("presale", { id = sold.id, within = sold.closes - c:now() })
  c:audit("presale_opened", { id = sold.id, by = c.user, before = "none", after = "open" })
  if c.via then c:reply(p.staff_opened, book.about(c, sold)) end
end)

-- ---- ordering ------------------------------------------------------------------------------------------------------

-- A short answer, once a day per member for each cause, and so many a minute in the group: with 200 orders the list is the answer.
local function short(c, what, text, vars)
  if not c:once(what .. "|" .. c:today(), { ttl = "2d" }) then return end
  if c:limit("short", c.params.answers, "1m", { scope = "group" }) then c:reply(text, vars) end
end

local function order(c, sold, wishes)
  local p, list = c.params, book.list(c, sold)
  for _, wish in ipairs(wishes) do
    local item = sold.items[wish.item]
    if item.each and wish.n > item.each then
      return short(c, "each." .. sold.id, p.each_max, book.about(c, sold, { name = item.name, n = item.each }))
    end
  end
  local entry = list:enter(c.user, c.name)
  local changed, wait, have, name = false, 0, 0, nil
  for _, wish in ipairs(wishes) do
    local letter = sale.letter(wish.item)
    local had, waited = lists.of(entry, letter)
    if had + waited ~= wish.n then
      local got, rest, moved = list:set(c.user, letter, wish.n)
      book.tell_moved(c, sold, moved)
      changed = true
      if rest > 0 then name, wait, have = sold.items[wish.item].name, rest, got end
      c:emit("presale_ordered", {
        id = sold.id, user = c.user, no = entry.no, item = letter, n = got, waiting = rest,
          amount = (sold.items[wish.item].price or 0) * got,
      })
      c:responded("presale", sold.id)
    end
  end
  if not changed then return short(c, "same." .. sold.id, p.same, book.about(c, sold, { no = entry.no })) end
  plan_list(c)
  if wait > 0 and c:limit("short", p.answers, "1m", { scope = "group" }) then
    c:reply(have > 0 and p.waiting_some or p.waiting, book.about(c, sold, { name = name, n = wait, have = have, no = entry.no }))
  end
end

flow:on("message", { private = false }, function(c)
  if c.command or c.from_bot or c.user == c.me or c.at_other or not c.group.open then return end
  local sold = book.open(c)
  if not sold or #c.text > 200 then return end
  for _, part in ipairs(c.message.segments) do
    if part.type ~= "text" and part.type ~= "at" and part.type ~= "reply" and part.type ~= "face" then return end
  end
  local wishes = sale.order(sold.items, c.text)
  if not wishes then return end
  if wishes == "which" then
    short(c, "which." .. sold.id, c.params.which, book.about(c, sold, { items = sop.text(sale.offer(c, sold)) }))
  else
    order(c, sold, wishes)
  end
  return true
end)

-- The sales of this member that are not over, the newest first: a list of { sold, entry }, at most `most`.
local function orders_of(c, most)
  local found = {}
  for id = c.group.seq or 0, math.max(1, (c.group.seq or 0) - 9), -1 do
    local sold = #found < most and book.get(c, id)
    if sold and (sold.state == "open" or sold.state == "closed") then
      local entry = book.list(c, sold):entry(c.user)
      if entry then found[#found + 1] = { sold = sold, entry = entry } end
    end
  end
  return found
end

-- The newest: for 取消 after the cut-off, and 我的接龙.
local function last_order(c)
  local last = orders_of(c, 1)[1]
  if last then return last.sold, last.entry end
end

flow:command("cancel_words", { private = false, args = "glued", shared = true }, function(c)
  local p, sold = c.params, book.open(c)
  local list = sold and book.list(c, sold)
  local entry = list and list:entry(c.user)
  if not entry then
    local before = last_order(c)
    if not before or c.args ~= "" and not sale.item(before.items, sop.fold(c.args)) then return false end
    return short(c, "late." .. before.id, p.too_late, book.about(c, before))
  end
  local moved
  if c.args == "" then
    entry, moved = list:remove(c.user)
    c:reply(p.cancelled, book.about(c, sold, { no = entry.no }))
    c:emit("presale_cancelled", { id = sold.id, user = c.user, no = entry.no })
  else
    local i = sale.item(sold.items, sop.fold(c.args))
    local had, waited = 0, 0
    if i then had, waited = lists.of(entry, sale.letter(i)) end
    if had + waited == 0 then return false end
    moved = select(3, list:set(c.user, sale.letter(i), 0))
    entry = list:entry(c.user)
    if not next(entry.have) and not next(entry.wait) then list:remove(c.user) end
    c:reply(p.cancelled_item, book.about(c, sold, { name = sold.items[i].name }))
    c:emit("presale_cancelled", { id = sold.id, user = c.user, no = entry.no, item = sale.letter(i) })
  end
  book.tell_moved(c, sold, moved)
  plan_list(c)
end)

flow:command("mine_words", { private = false }, function(c)
  local p, sold, entry = c.params, last_order(c)
  local what = sold and sale.pieces(sold, entry.have) or ""
  local have, wait = 0, 0
  if sold then have, wait = lists.sums(entry) end
  if not polite.first(c, "mine" .. (sold and sold.id or 0) .. what .. wait, p.seen) then return end
  if not sold then return c:reply(p.mine_none) end
  c:reply(p.mine, book.about(c, sold, { no = entry.no, what = what, have = have, wait = wait, yuan = sale.yuan(sale.cost(sold,
    entry.have)) }))
end)

flow:command("open_words", { private = false }, function(c)
  local p, sold = c.params, book.open(c)
  if not sold then return short(c, "none", p.none_open) end
  local all = book.list(c, sold):all()
  if not polite.first(c, "list" .. sold.id .. "/" .. #all, p.seen) then return end
  if not c:limit("list", 1, "1m", { scope = "group" }) then return end
  if #all == 0 then return c:reply(p.list_none, book.about(c, sold)) end
  c:reply(p.list, book.about(c, sold, { lines = sop.text(book.lines(c, sold, all)), count = #all }))
end)

-- Who comes back is reminded of the pick-up as before.
flow:on("join", { private = false }, function(c)
  for _, one in ipairs(orders_of(c, 10)) do
    if one.entry.left then
      one.entry.left = nil
      book.list(c, one.sold):put(c.user, one.entry)
    end
  end
end)

-- Who leaves gives back what can still be given to others; after the cut-off the order stands.
flow:on("leave", { private = false }, function(c)
  for _, one in ipairs(orders_of(c, 10)) do
    local sold, list = one.sold, book.list(c, one.sold)
    if sold.state == "closed" then
      one.entry.left = true
      list:put(c.user, one.entry)
    else
      local gone, moved = list:remove(c.user)
      c:emit("presale_cancelled", { id = sold.id, user = c.user, no = gone.no })
      book.tell_moved(c, sold, moved)
      plan_list(c)
    end
  end
end)

-- ---- staff ---------------------------------------------------------------------------------------------------------

-- The sale that staff mean without naming it: the one that is open, else the last one.
local function current(c)
  local sold = book.get(c, c.group.open or c.group.seq)
  return sold and sold.state ~= "void" and sold or nil
end

flow:command({ "截止", "接龙截止", "截单" }, { role = "open_role", private = false }, function(c)
  local sold = book.get(c, c.group.open)
  if not sold then return false end
  c:cancel{ key = "sale." .. sold.id }
  step.close(c, sold)
  c:audit("presale_closed", { id = sold.id, by = c.user, before = "open", after = sold.state })
  if c.via then c:reply(c.params.staff_sent) end
end)

flow:command({ "接龙作废" }, { role = "open_role", private = false }, function(c)
  local p, sold = c.params, current(c)
  if not sold or sold.state == "over" then return c:reply(p.staff_none) end
  for _, kind in ipairs({ "sale.", "closed.", "late." }) do c:cancel{ key = kind .. sold.id } end
  c:cancel_timer("list", "list")
  c:audit("presale_void", { id = sold.id, by = c.user, before = sold.state, after = "void" })
  sold.state = "void"
  book.keep(c, sold)
  c.group.open, c.group.due = nil, nil
  c:say(p.voided, book.about(c, sold))
  c:emit("presale_void", { id = sold.id })
  if c.via then c:reply(p.staff_voided, book.about(c, sold)) end
end)

flow:command({ "接龙汇总", "接龙合计" }, { role = "open_role", private = false }, function(c)
  local sold = current(c)
  if not sold then return c:reply(c.params.staff_none) end
  local list = book.list(c, sold)
  c:reply(sop.text((book.totals(c, sold, list, list:all()))))
end)

local export = csv.exporter(flow, book)

flow:command({ "接龙导出", "导出接龙" }, { role = "open_role", private = false }, function(c)
  local sold = current(c)
  if not sold then return c:reply(c.params.staff_none) end
  c:reply(c.params.staff_sent)
  c:audit("presale_exported", { id = sold.id, by = c.user, rows = export(c, sold) })
end)

flow:command({ "提货", "取货", "提貨" }, { role = "pickup_role", private = false, args = "glued", usage = "use_pickup" }, function(c)
  local p = c.params
  local id, no, undo = sop.match("^(?:(\\d{1,6})\\s*[-期]\\s*)?(\\d{1,4})\\s*号?\\s*(撤销|取消)?$", sop.fold(c.args))
  if not no then return false end
  local sold = book.for_pickup(c, id ~= "" and id or nil)
  if not sold or sold.state == "void" then return c:reply(p.staff_none) end
  if sold.state == "open" then return c:reply(p.staff_not_closed, book.about(c, sold)) end
  local list = book.list(c, sold)
  local entry = list:find(math.tointeger(tonumber(no)))
  if not entry or not next(entry.have) then return c:reply(p.staff_no_number, book.about(c, sold, { no = no })) end
  local user, taken = entry.user, entry.taken
  entry.user = nil
  local vars = book.about(c, sold, {
    no = entry.no, name = entry.name, what = sale.pieces(sold, entry.have), yuan = sale.yuan(sale.cost(sold, entry.have)),
    when = taken and c:time("%m-%d %H:%M", taken.at) or "", by = taken and taken.by_name or "",
  })
  if undo and undo ~= "" then
    if not taken then return c:reply(p.staff_no_number, vars) end
    entry.taken = nil
    list:put(user, entry)
    c:audit("presale_unpicked", { id = sold.id, no = entry.no, user = user, by = c.user, before = "taken", after = "open" })
    return c:reply(p.staff_unpicked, vars)
  end
  if taken then return c:reply(p.staff_picked_before, vars) end
  entry.taken = { at = c:now(), by = c.user, by_name = c.name }
  list:put(user, entry)
  c:reply(p.staff_picked, vars)
  c:emit("presale_picked_up", { id = sold.id, user = user, no = entry.no, amount = sale.cost(sold, entry.have) })
  c:audit("presale_picked_up", { id = sold.id, no = entry.no, user = user, by = c.user, before = "open", after = "taken" })
end)

return flow
