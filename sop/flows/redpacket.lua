-- redpacket.lua -- 红包 / 手气: a packet that members grab from, every night or when staff open one.
--
-- Kinds: `points` (a total split at random), `prizes` (a list with quantities, each chance equally likely), `coupon` (a code for
-- everybody who is quick enough). The announcement says what the rules on lotteries ask for: prizes, quantities, time, how
-- to claim, organiser, contact; and the SHA-256 of the seed. Members send 抢; one grab each. Results come in
-- batches every 5 seconds; the packet closes after 10 minutes or when it is empty, with the luckiest, what is left, and the seed:
-- with lib/fair.lua and the list of grabs anybody can recompute every share. What is left returns to the budget.
-- Prizes have codes: by private message where the gateway can, else masked in the group and full by 我的券. Store staff redeem with
-- 核销 <码>, in the group, in private or in the staff chat; a code is redeemed once, and the second try hears when and by whom. One
-- day before a code expires its owner is reminded. 作废 takes back an open packet or one code.
--
-- One grab is one turn, in the order of arrival, so nothing is ever given twice. What comes by itself is two kinds of runs: `packet`, from
-- the announcement to the closing words, and `expiry`, one for all codes of the chat with the same last day.
-- State: group.packet = the open packet (below), group.offer = its prizes as announced, group.seq, group.spent = { day, spent that day },
-- group.total = spent in all; list "grabs-<id>" = { user, name, got = amount or place of the prize (0: blank), after = seconds, code =
-- masked } in order; list "packets" = one record a packet; list "expired" = last days of codes that are over; codes in lib/codes.lua.
local codes = require("lib.codes")
local expiry = require("lib.expiry")
local pack = require("lib.packet")
local points = require("lib.points")
local polite = require("lib.polite")
local results = require("lib.results")

local flow = sop.flow("redpacket", {
  title = "红包手气",
  menu = "menu_line",
  wants = {
    unmentioned = "members say the words with a mention of the bot",
    at = "winners are named in plain text",
    dm = "nobody is written to: members fetch their codes with 我的券, in private with the bot or (show_codes) in the group",
  },
  params = {
    grab_words = { "strings", default = { "抢", "抢红包", "拼手气", "搶", "搶紅包", "grab" }, help = "抢红包的口令" },
    open_words = {
      "strings", help = "只在红包开着时算口令的说法",
      default = {
        "我要", "我要抢", "我抢", "我来抢", "来抢", "抢啊", "抢啦", "抢呀", "抢红包啦", "抢红包咯", "我要抢红包", "我要红包", "拼手气啦",
      },
    },
    mine_words = {
      "strings", help = "查看自己的券和积分的口令",
      default = {
        "我的券", "我的积分", "我的卷", "我的优惠券", "我的卡券", "券包", "余额", "积分", "查券", "查积分", "我的積分", "餘額", "my coupons",
      },
    },
    redeem_words = { "strings", default = { "核销", "核销码", "兑换", "验券", "核銷", "兌換", "驗券" }, help = "店员核销的口令,后面跟券码" },

    nightly = { "boolean", default = true, help = "是否每晚自动开一个" },
    opens = { "clock", default = "20:00", help = "每晚几点开" },
    lasts = { "duration", default = "10m", min = "30s", max = "60m", help = "开多久" },
    batch = { "duration", default = "5s", min = "2s", max = "60s", help = "多久公布一批结果" },
    kind = { "choice", default = "points", values = { "points", "prizes", "coupon" }, help = "points 积分,prizes 奖品,coupon 券" },
    total = { "integer", default = 100, min = 1, max = 1000000, help = "points:一个红包共多少积分" },
    shares = { "integer", default = 20, min = 1, max = pack.SHARES_MAX, help = "分多少份(points、coupon),或多少次机会(prizes)" },
    prizes = {
      "table", help = "prizes:{ name = 奖品, count = 数量, value = 单件价值(分,公布用,最高五万元), cost = 单件占用预算 }",
      default = { { name = "一箱牛奶", count = 1, value = 6000, cost = 50 }, { name = "满减券", count = 5, value = 500, cost = 5 } },
    },
    consolation = { "integer", default = 0, min = 0, max = 1000, help = "prizes:没抽中的人得多少积分,0 为只道谢" },
    coupon = { "string", default = "满减券", help = "coupon:券名" },
    coupon_value = { "integer", default = 0, min = 0, max = pack.TOP_VALUE, help = "coupon:每张面值(分,公布用),0 为不写" },
    coupon_cost = { "integer", default = 5, min = 0, max = 100000, help = "coupon:每张占用预算" },
    valid_days = { "integer", default = 7, min = 1, max = 366, help = "券码有效天数" },
    exclude_staff = { "boolean", default = true, help = "工作人员不能抢" },
    results_names = { "integer", default = 10, min = 0, max = 10, help = "一批结果里最多 @ 几个人" },
    results_lines = { "integer", default = 20, min = 1, max = pack.SHARES_MAX, help = "一批结果里最多写几个人" },

    packet_max = { "integer", default = 1000, min = 1, max = 10000000, help = "预算:单个红包上限(积分,奖品和券按 cost)" },
    day_max = { "integer", default = 2000, min = 1, max = 10000000, help = "预算:每群每天上限" },
    group_max = { "integer", default = 100000, min = 1, max = 1000000000, help = "预算:每群累计上限" },
    keep_days = { "integer", default = 730, min = 1, max = 3660, help = "抽奖记录保留天数" },
    remind_at = { "clock", default = "10:00", help = "券到期前一天几点提醒" },
    scope = { "choice", default = "store", values = { "store", "any" }, help = "核销范围:store 只限本店店员,any 任何店员" },
    store = { "string", default = "", help = "门店编号;一家店的几个群写成一样,互相能核销,编号不同的不能" },
    open_role = {
      "choice", default = "keeper", values = { "keeper", "store", "region", "hq", "owner" }, help = "至少什么角色可以发红包、作废",
    },
    redeem_role = {
      "choice", default = "store", values = { "keeper", "store", "region", "hq", "owner" }, help = "至少什么角色可以核销",
    },
    show_codes = { "boolean", default = true, help = "不能私信时,「我的券」是否在群里给出完整券码" },

    organiser = { "string", default = "", help = "主办方(必填:不写不开红包)" },
    menu_line = { "text", help = "菜单里的一行" },
    contact = { "text", help = "联系方式" },
    claim = { "text", help = "怎样领取(积分)" },
    claim_code = { "text", help = "怎样领取(券码)" },
    open_points = { "text", help = "开场:积分" },
    open_prizes = { "text", help = "开场:奖品" },
    open_coupon = { "text", help = "开场:券" },
    rules = { "text", help = "开场里的规则" },
    sealed = { "text", help = "开场里的公平码" },
    prize_line = { "text", help = "奖品清单的一行" },
    worth = { "text", help = "奖品和券后面的价值" },
    chances = { "text", help = "奖品清单后的机会数" },
    none_open = { "text", help = "现在没有红包,每晚定时开(每天最多说一次)" },
    none_planned = { "text", help = "现在没有红包,也没有定时(每天最多说一次)" },
    grabbed = { "text", help = "已经抢过(每天最多说一次)" },
    no_staff = { "text", help = "工作人员不参加" },
    results = { "text", help = "一批结果" },
    result_points = { "text", help = "结果:抢到积分" },
    result_prize = { "text", help = "结果:抽中奖品" },
    result_coupon = { "text", help = "结果:抢到券" },
    result_code = { "text", help = "结果:打码的券码" },
    result_blanks = { "text", help = "结果:没抽中的人数" },
    result_consoled = { "text", help = "结果:没抽中但得了积分的人数" },
    results_more = { "text", help = "结果:还有几位没写出来" },
    closed_empty = { "text", help = "结束:抢光了" },
    closed_time = { "text", help = "结束:时间到" },
    closed_nobody = { "text", help = "结束:没有人抢" },
    luckiest = { "text", help = "结束:手气最佳" },
    left_points = { "text", help = "结束:剩余退回" },
    left_prizes = { "text", help = "结束:剩余奖品" },
    unsealed = { "text", help = "结束:公布种子" },
    code_dm = { "text", help = "私信里的券码" },
    mine = { "text", help = "我的券" },
    mine_line = { "text", help = "我的券里的一行" },
    mine_none = { "text", help = "我的券:还没有券" },
    mine_sent = { "text", help = "我的券:已私信" },
    mine_private = { "text", help = "我的券:完整券码要私聊" },
    seen = { "text", help = "重复查询(每天最多说一次)" },
    expiring_dm = { "text", help = "券快到期,私信" },
    expiring = { "text", help = "券快到期,群里;{names} 是被 @ 的人" },
    expiring_more = { "text", help = "券快到期,群里,还有 {rest} 位没点名" },
    expiring_today_dm = { "text", help = "券今天到期,私信" },
    expiring_today = { "text", help = "券今天到期,群里" },
    redeemed = { "text", help = "核销成功" },
    redeem_how = { "text", help = "核销:没写券码" },
    redeem_bad = { "text", help = "核销:券码输错" },
    redeem_unknown = { "text", help = "核销:没有这个券码" },
    redeem_used = { "text", help = "核销:已经核销过" },
    redeem_expired = { "text", help = "核销:已过期" },
    redeem_void = { "text", help = "核销:已作废" },
    redeem_scope = { "text", help = "核销:不是这家店的券" },
    staff_budget = { "text", help = "管理:超出预算,没有开" },
    budget_packet = { "text", help = "预算的名称:单个红包" },
    budget_day = { "text", help = "预算的名称:每天" },
    budget_group = { "text", help = "预算的名称:累计" },
    staff_open = { "text", help = "管理:还有一个没结束" },
    staff_wrong = { "text", help = "管理:设置有误" },
    staff_organiser = { "text", help = "管理:没写主办方,没有开" },
    staff_quiet = { "text", help = "管理:安静时段不开" },
    staff_voided = { "text", help = "管理:红包已作废" },
    staff_code_void = { "text", help = "管理:券码已作废" },
    staff_nothing = { "text", help = "管理:没有可作废的" },
    voided = { "text", help = "群里:红包作废" },
    staff_opened = { "text", help = "管理:已在群里开了(别处下的命令)" },
    use_packet = { "text", help = "帮助里的写法:发红包" },
    use_void = { "text", help = "帮助里的写法:作废" },
    use_redeem = { "text", help = "帮助里的写法:核销" },
  },
})

-- ---- results -------------------------------------------------------------------------------------------------------

local function post_results(c, packet)
  local lines = results.untold(c, packet)
  c.group.packet = packet
  if #lines > 0 then
    c:say(c.params.results, { lines = lines, left = packet.left }, { policy = "drop", late = "2m", anytime = true, kind = "game" })
  end
end

-- Keeps the record of a packet that has ended, and forgets records older than `keep_days`.
local function record(c, packet, state)
  packet.state, packet.ended, packet.offer, packet.watched, packet.told = state, c:now(), c.group.offer, nil, nil
  packet.salt = nil -- with it, nobody can tell any more who grabbed
  local list = c:list("packets")
  local oldest = list:range(1, 1)[1]
  if oldest and oldest.day < c:day() - c.params.keep_days then
    c:list("grabs-" .. oldest.id):clear()
    list:shift()
  end
  list:push(packet)
  c.group.packet, c.group.offer = nil, nil
end

-- Ends a packet: the last results and the closing words in one message; what was not given returns to the budget.
local function close(c, packet)
  local message = results.untold(c, packet)
  if #message > 0 then message[#message + 1] = sop.text("\n") end
  message[#message + 1] = sop.text(results.summary(c, packet))
  pack.book(c, packet.spent - packet.cost, packet.day)
  record(c, packet, "closed")
  c:say(message, nil, { policy = "resend", anytime = true, kind = "game" })
  c:emit("packet_closed", {
    id = packet.id, grabs = packet.shares - packet.left, spent = packet.spent, returned = packet.cost - packet.spent,
  })
end

local function grab_words(p)
  local words = sop.copy(p.grab_words)
  for _, word in ipairs(p.open_words) do words[#words + 1] = word end
  return words
end

-- A packet from its announcement to its end. It waits for a grab, then a few seconds for those that come along with it, tells what
-- they brought, and begins anew (and small) until the packet is empty or its time is up. The grabs themselves are commands, below.
flow:run("packet", function(c, args)
  local packet = c.group.packet
  if not packet or packet.id ~= args.id then return end
  local p, grabs = c.params, packet.shares - packet.left
  local rest = packet.closes - c:now()
  if packet.left > 0 and rest > 0 then
    if grabs > packet.told or c:ask{ from = "anyone", commands = grab_words(p), consume = false, timeout = rest } then
      c:sleep(math.max(0, math.min(sop.duration(p.batch), args.closes - c:now())))
    end
    packet = c.group.packet
    if not packet or packet.id ~= args.id then return end
    if packet.left > 0 and c:now() < packet.closes then
      post_results(c, packet)
      c:continue(args)
    end
  elseif grabs > packet.told then
    c:sleep(p.batch)
  end
  close(c, c.group.packet)
end)

-- ---- opening -------------------------------------------------------------------------------------------------------

-- The name of the group, for staff who look after many.
local function group_name(c)
  return c.chat_name ~= "" and c.chat_name or c.chat
end

local LATE_CLOSE = 60 -- seconds after its end at which a packet that did not close is closed by the next one

-- Opens a packet, unless one is open or a budget would break. `by` is the member of staff who asked, nil at night.
local function open(c, total, shares, by)
  local p = c.params
  local tell = function(text, vars, why)
    if by then c:audit("packet_refused", { by = by, total = total, shares = shares, why = why }) end
    if by then c:reply(text, vars) else c:staff(text, vars) end
  end
  local before = c.group.packet
  if before and c:now() < before.closes + LATE_CLOSE then return tell(p.staff_open, nil, "open") end
  if before then -- the flow was switched off when it should have closed
    c:cancel{ key = "packet." .. before.id }
    close(c, before)
  end
  if not p.organiser:find("%S") then -- whoever promises prizes must say who they are
    if by then tell(p.staff_organiser, { group = group_name(c) }, "organiser") end
    c:staff(p.staff_organiser, { group = group_name(c) })
    return
  end
  local packet, offer = pack.prepare(c, total, shares)
  if not packet then return tell(p.staff_wrong, { why = offer, group = group_name(c) }, "settings") end
  local budget, rest = pack.over_budget(c, packet.cost)
  if budget then
    local vars = { cost = packet.cost, budget = c:format(budget), rest = rest, group = group_name(c) }
    if by then tell(p.staff_budget, vars, "budget") end
    c:staff(p.staff_budget, vars)
    c:emit("packet_refused", { cost = packet.cost })
    return
  end

  packet.id = (c.group.seq or 0) + 1
  packet.seed, packet.salt = c:secret(16), c:secret(16)
  packet.left, packet.rest = packet.shares, packet.total
  packet.day, packet.opened, packet.closes = c:day(), c:now(), c:now() + sop.duration(p.lasts)
  packet.told, packet.by, packet.spent = 0, by, 0
  c.group.seq, c.group.packet, c.group.offer = packet.id, packet, offer
  pack.book(c, packet.cost, packet.day)
  c:say(sop.text(results.announcement(c, packet, offer)), nil, { policy = "resend", anytime = true })
  local key = "packet." .. packet.id
  c:start("packet", { id = packet.id, closes = packet.closes }, { key = key, user = false })
  c:emit("packet_opened", { id = packet.id, kind = packet.kind, cost = packet.cost, shares = packet.shares })
  c:called("redpacket", { id = packet.id, within = p.lasts })
  c:audit("packet_opened", {
    id = packet.id, by = by, kind = packet.kind, cost = packet.cost, shares = packet.shares, before = "none", after = "open",
  })
  if c.via then c:reply(p.staff_opened, { id = packet.id, cost = packet.cost, shares = packet.shares }) end
end

flow:at("opens", { late = "10m" }, function(c)
  if not c.params.nightly then return end
  if c:quiet_until() then return c:staff(c.params.staff_quiet, { group = group_name(c), time = c.params.opens }) end
  open(c)
end)

-- 发红包 · 发红包 200 · 发红包 200 30 (points, shares), also 200/30, 200分30份
flow:command({ "发红包", "發紅包" }, { private = false, args = true, role = "open_role", usage = "use_packet" }, function(c)
  local total, shares = sop.match("^(\\d{0,9})\\s*(?:积分|分)?[\\s,/、x×*]*(\\d{0,4})\\s*[份个]?\\s*$", c.args)
  local n = math.tointeger(tonumber(shares))
  if not total or n and n > pack.SHARES_MAX then
    return c:reply(c.params.staff_wrong, { why = c.args, group = group_name(c) })
  end
  open(c, math.tointeger(tonumber(total)), n, c.user)
end)

-- ---- grabbing ------------------------------------------------------------------------------------------------------

-- Hands over what was drawn: points to the account, prizes and coupons as codes. Returns the code, if there is one.
local function hand_over(c, packet, offer, got, cost)
  local from = "packet." .. packet.id
  if packet.kind == "points" or packet.kind == "prizes" and got == 0 then
    if cost > 0 then points.give(c, c.user, cost, from) end
    return nil
  end
  local what = packet.kind == "prizes" and offer.prizes[got].name or offer.coupon
  local code, till = codes.issue(c, c.user, what, offer.days, from, cost)
  if packet.watched ~= till then
    codes.watch(c, till)
    packet.watched = till
  end
  if c:can("dm") and not c:opted_out(c.user) then
    c:dm(c.user, c.params.code_dm, { what = what, code = code, till = c:date(till) }, { late = "1h" })
  end
  return code
end

-- An answer to a grab that brings nothing: once a day per member, and five a minute in the group, so that 500 people who tap twice
-- get a packet and not a flood.
local function shrug(c, what, text, vars)
  if not c:once(what .. "|" .. c:today(), { ttl = "2d" }) then return end
  if c:limit("shrug", 5, "1m", { scope = "group" }) then c:reply(text, vars) end
end

-- When it was grabbed: what came in late, after a gap of the line, counts by the platform's time.
local function moment(c)
  return c.event.history and c.event.time or c:now()
end

local function is_open(c)
  local packet, at = c.group.packet, moment(c)
  return packet and at >= packet.opened and at < packet.closes
end

local function grab(c)
  local p, packet = c.params, c.group.packet
  if p.exclude_staff and c:has_role("keeper") then return shrug(c, "staff", p.no_staff) end
  if packet.left == 0 then return end -- the closing message is on its way
  if pack.had(c, packet) then return shrug(c, "grabbed", p.grabbed) end

  local offer = packet.kind ~= "points" and c.group.offer or nil
  local got, cost = pack.draw(packet, offer)
  local code = hand_over(c, packet, offer, got, cost)
  if packet.kind == "points" and got > (packet.best or 0) then packet.best, packet.lucky = got, c.name end
  c:list("grabs-" .. packet.id):push({
    user = c.user, name = c.name, got = got, after = moment(c) - packet.opened, code = code and codes.mask(code) or nil,
  })
  c.group.packet = packet
  c:emit("grabbed", { id = packet.id, user = c.user, amount = packet.kind == "points" and got or nil, cost = cost })
  c:responded("redpacket", packet.id)
end

flow:command("grab_words", { private = false }, function(c)
  if is_open(c) then return grab(c) end
  local p = c.params
  shrug(c, "none", p.nightly and p.none_open or p.none_planned, { time = p.opens })
end)

-- "我要" means the packet only while there is one.
flow:command("open_words", { private = false }, function(c)
  if not is_open(c) then return false end
  grab(c)
end)

-- ---- 我的券 --------------------------------------------------------------------------------------------------------

-- One's codes and points as a text; in front of others only masked.
local function wallet(c, list, open_codes)
  local p, lines = c.params, {}
  for i, entry in ipairs(list) do
    local code = open_codes and entry.code or codes.mask(entry.code)
    lines[i] = c:format(p.mine_line, { what = entry.what, code = code, till = c:date(entry.till) })
  end
  return c:format(p.mine, { points = points.of(c, c.user), count = #list, lines = table.concat(lines, "\n") })
end

flow:command("mine_words", { shared = true }, function(c)
  local p, list = c.params, codes.of(c, c.user)
  local have = points.of(c, c.user)
  if not polite.first(c, "mine" .. #list .. "/" .. have .. (list[1] and list[1].code or ""), p.seen) then return end
  if #list == 0 then return c:reply(p.mine_none, { points = have, word = p.grab_words[1] }) end
  if c.private then return c:say(sop.text(wallet(c, list, true))) end
  if c:can("dm") and not c:opted_out(c.user) and c:dm(c.user, sop.text(wallet(c, list, true))) then
    return c:reply(p.mine_sent, { count = #list, points = have })
  end
  -- Where one can write to us in private, the group sees no code in full.
  if c:can("dm") or not p.show_codes then
    return c:reply(sop.text(wallet(c, list, false) .. "\n" .. c:format(p.mine_private, { word = p.mine_words[1] })))
  end
  c:reply(sop.text(wallet(c, list, true)))
end)

-- ---- 核销 and 作废 -------------------------------------------------------------------------------------------------

-- May this cashier redeem a code of this chat? `store` is that of the chat in which they ask: of the same store, yes; of another one, no.
-- Where either is not known (the staff chat, in private) it takes a role in the chat that issued the code.
local function in_scope(c, by, store)
  local p = c.params
  if p.scope == "any" then return true end
  if p.store ~= "" and store ~= "" then return p.store == store end
  return c:has_role(p.redeem_role, by)
end

-- Redeems a code in the chat that issued it: everything is decided here, one turn at a time. Returns the answer.
local function redeem(c, code, by, by_name, store)
  local p, found = c.params, codes.find(c, code)
  if not found then return c:format(p.redeem_unknown) end -- forgotten in the meantime
  local vars = { what = found.what, code = code, name = found.name, till = c:date(found.till) }
  local refused = function(why, text)
    c:audit("code_refused", { code = codes.mask(code), by = by, why = why, state = found.state or "open" })
    return c:format(text, vars)
  end
  if not in_scope(c, by, store) then return refused("scope", p.redeem_scope) end
  if found.state == "used" then
    vars.time, vars.by = c:time("%m-%d %H:%M", found.when), found.by_name
    return refused("used", p.redeem_used)
  end
  if found.state == "void" then return refused("void", p.redeem_void) end
  if found.state == "expired" or found.till < c:day() then return refused("expired", p.redeem_expired) end
  codes.finish(c, code, found, "used", by, by_name, store ~= "" and store or nil)
  c:audit("code_redeemed", {
    code = codes.mask(code), user = found.user, by = by, store = store ~= "" and store or nil, before = "open", after = "used",
  })
  return c:format(p.redeemed, vars)
end

flow:command("redeem_words", { role = "redeem_role", args = "glued", usage = "use_redeem", shared = true }, function(c)
  local p, code = c.params, codes.typed(c.args)
  if not code then return false end
  if code == "" then return c:reply(p.redeem_how) end
  if not codes.valid(code) then return c:reply(p.redeem_bad) end
  local found = codes.find(c, code)
  if not found then return c:reply(p.redeem_unknown) end
  if found.book then return false end
  if found.chat == c.chat then return c:reply(sop.text(redeem(c, code, c.user, c.name, p.store))) end
  -- Issued elsewhere: that chat's own queue decides, so that two cashiers cannot both redeem it.
  c:timer("redeem", {
    chat = found.chat, key = code .. "|" .. c.user, after = "0s",
    args = { code = code, by = c.user, by_name = c.name, chat = c.via or c.chat, store = (c.private or c.via) and "" or p.store },
  })
end)

flow:timer("redeem", function(c, args)
  c:say(sop.text(redeem(c, args.code, args.by, args.by_name, args.store or "")), nil, { chat = args.chat, answer = true })
end)

-- Takes back everything that an open packet gave: points by entries in the other direction, codes by making them void. The whole
-- cost returns to the budget, except for what was redeemed already.
local function void_packet(c, packet)
  local kept, offer = 0, c.group.offer
  for _, entry in ipairs(c:list("grabs-" .. packet.id):range(1, -1)) do
    local got = packet.kind == "points" and entry.got or packet.kind == "prizes" and entry.got == 0 and offer.consolation or 0
    if got > 0 then points.give(c, entry.user, -got, "void." .. packet.id) end
  end
  for day = packet.day, c:day() do -- a packet that is open over the cut-off hour gives codes of two days
    for _, entry in ipairs(codes.ending(c, day + offer.days, "packet." .. packet.id)) do
      if entry.record.state == "used" then
        kept = kept + entry.record.cost
      elseif not entry.record.state then
        codes.finish(c, entry.code, entry.record, "void", c.user, c.name)
      end
    end
  end
  pack.book(c, kept + (packet.taken_back or 0) - packet.cost, packet.day)
  packet.spent = kept
  record(c, packet, "void")
end

-- 作废 (the open packet) · 作废 <码>
flow:command({ "作废", "红包作废", "作廢" }, { private = false, role = "open_role", args = "glued", usage = "use_void" }, function(c)
  local p, code = c.params, codes.typed(c.args)
  if not code or c.args:find("?", 1, true) then return false end
  if code ~= "" then
    local found = codes.valid(code) and codes.find(c, code)
    if not found or found.book or found.chat ~= c.chat or found.state then return c:reply(p.staff_nothing) end
    codes.finish(c, code, found, "void", c.user, c.name)
    if found.from:find("^packet%.") then pack.book(c, -found.cost, found.day) end -- a draw's or a check-in's never was in this budget
    local packet = c.group.packet
    if packet and found.from == "packet." .. packet.id then -- should it be taken back as a whole, this has been
      packet.taken_back = (packet.taken_back or 0) + found.cost
      c.group.packet = packet
    end
    c:audit("code_void", { code = codes.mask(code), by = c.user, cost = found.cost, before = "open", after = "void" })
    return c:reply(p.staff_code_void, { code = codes.mask(code), what = found.what, cost = found.cost })
  end
  local packet = c.group.packet
  if not packet then return c:reply(p.staff_nothing) end
  c:cancel{ key = "packet." .. packet.id }
  void_packet(c, packet)
  c:say(p.voided)
  c:staff(p.staff_voided, { id = packet.id, cost = packet.cost, group = group_name(c) })
  if c.via then c:reply(p.staff_voided, { id = packet.id, cost = packet.cost, group = group_name(c) }) end
  c:audit("packet_void", { id = packet.id, by = c.user, before = "open", after = "void", spent = packet.spent })
  c:emit("packet_void", { id = packet.id, returned = packet.cost - packet.spent })
end)

-- ---- before and after the last day ---------------------------------------------------------------------------------

flow:run("expiry", function(c, args) expiry.run(c, args) end)

return flow
