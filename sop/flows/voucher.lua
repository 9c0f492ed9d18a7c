-- voucher.lua -- 券: vouchers that a store gives, that members use or give to friends, and that the till redeems.
--
-- Types (`types`): face value, threshold, stores, valid days, and who may use it: only oneself, only others, either. Staff issue with 发券,
-- other flows with lib/vouchers.lua, other systems by the trigger `issue`. Members see theirs with 我的券, give one with 送券 @人 (or with 送券
-- and a word with which the friend fetches it by 领券), once, and never to themselves. Store staff redeem with 核销 <码> [金额]; of what
-- a friend spends the giver gets a share as points (the amount may also be said later, 返利 <码> 金额). One day before the last day owners
-- are reminded. 作废券 <码> takes back, 对账 checks the books.
--
-- A voucher is a code as those of the flow redpacket, with 我的券 and 核销 in common, whichever of the two stands first in the playbook.
-- Every change is decided in the chat that issued the voucher, one turn at a time, and entered in books that only grow (lib/ledger.lua).
-- State: the records of lib/vouchers.lua; group.issued = { day, count }; list "expired" of lib/expiry.lua; one run, `expiry`, for all
-- vouchers with the same last day.
local codes = require("lib.codes")
local expiry = require("lib.expiry")
local ledger = require("lib.ledger")
local people = require("lib.people")
local points = require("lib.points")
local polite = require("lib.polite")
local vouchers = require("lib.vouchers")

local ROLES = { "keeper", "store", "region", "hq", "owner" }

local flow = sop.flow("voucher", {
  title = "券",
  menu = "menu_line",
  wants = {
    unmentioned = "members say the words with a mention of the bot",
    at = "nobody is named; a voucher is given with a word that the friend sends (送券, 领券)",
    dm = "nobody is written to: members see their codes with 我的券",
  },
  params = {
    types = {
      "table",
      help = "券种:{ name = 名称, face = 面值(分), threshold = 满多少可用(分), days = 有效天数, gift = self 自用 / other 只能送人 / either 都行, "
        .. "rebate = 返给赠送人百分之几, stores = 可用门店编号 }",
      default = {
        { name = "满减券", face = 1000, threshold = 5000, days = 14, gift = "either" },
        { name = "亲友券", face = 50000, threshold = 0, days = 60, gift = "other" },
      },
    },
    valid_days = { "integer", default = 30, min = 1, max = 366, help = "券种没写 days 时的有效天数" },
    rebate_percent = { "integer", default = 20, min = 0, max = 100, help = "券种没写 rebate 时,朋友消费额的百分之几返给赠送人(积分,一元一分)" },
    rebate_max = { "integer", default = 100000, min = 0, max = 10000000, help = "一张券最多返多少积分" },
    day_max = { "integer", default = 500, min = 1, max = 1000000, help = "每群每天最多发几张" },
    mine_words = {
      "strings", help = "查看自己的券的口令", default = { "我的券", "我的卷", "我的优惠券", "我的卡券", "我的代金券", "券包", "查券", "my coupons" },
    },
    give_words = { "strings", default = { "送券", "转赠", "赠券", "送优惠券", "give coupon" }, help = "送券的口令,后面可写券名,并 @ 朋友" },
    fetch_words = { "strings", default = { "领券", "取券", "fetch" }, help = "领取朋友送的券的口令,后面跟赠送码" },
    redeem_words = { "strings", default = { "核销", "核销码", "兑换", "验券", "核銷", "兌換", "驗券" }, help = "店员核销的口令,后面跟券码和消费金额" },
    issue_words = { "strings", default = { "发券", "發券" }, help = "发券的口令,后面跟券名,并 @ 人" },
    remind_at = { "clock", default = "10:00", help = "券到期前一天几点提醒" },
    keep_days = { "integer", default = 730, min = 1, max = 3660, help = "券的记录保留天数" },
    scope = { "choice", default = "store", values = { "store", "any" }, help = "核销范围:store 只限本店店员,any 任何店员;券种写了 stores 的按券种" },
    store = { "string", default = "", help = "门店编号;一家店的几个群写成一样" },
    issue_role = { "choice", default = "store", values = ROLES, help = "至少什么角色可以发券、作废" },
    redeem_role = { "choice", default = "store", values = ROLES, help = "至少什么角色可以核销、记返利" },
    check_role = { "choice", default = "store", values = ROLES, help = "至少什么角色可以对账" },
    show_codes = { "boolean", default = true, help = "不能私信时,「我的券」是否在群里给出完整券码" },

    menu_line = { "text", help = "菜单里的一行" },
    issued = { "text", help = "发券:群里告诉收到的人" },
    code_dm = { "text", help = "私信里的券码" },
    mine = { "text", help = "我的券" },
    mine_line = { "text", help = "我的券里的一行" },
    line_threshold = { "text", help = "一行里的:满多少可用" },
    line_other = { "text", help = "一行里的:只能送人" },
    mine_none = { "text", help = "我的券:还没有券" },
    mine_sent = { "text", help = "我的券:已私信" },
    mine_private = { "text", help = "我的券:完整券码要私聊" },
    seen = { "text", help = "重复查询(每天最多说一次)" },
    given = { "text", help = "送券成功" },
    given_dm = { "text", help = "送券:私信告诉朋友" },
    token = { "text", help = "送券:没有 @ 人,给出赠送码" },
    token_sent = { "text", help = "送券:赠送码已私信" },
    fetched = { "text", help = "领券成功" },
    fetch_how = { "text", help = "领券:没写赠送码" },
    fetch_none = { "text", help = "领券:赠送码不对或已被领走" },
    gift_none = { "text", help = "送券:没有能送的券" },
    gift_over = { "text", help = "送券:这张券已不在手里" },
    gift_self_only = { "text", help = "送券:这种券只能自己用" },
    gift_once = { "text", help = "送券:别人送的券不能再送" },
    gift_to_self = { "text", help = "送券:不能送给自己" },
    gift_one = { "text", help = "送券:一次只能送一个人" },
    redeemed = { "text", help = "核销成功" },
    redeemed_rebate = { "text", help = "核销成功,赠送人得积分" },
    redeemed_later = { "text", help = "核销成功,是朋友送的券,还没写金额" },
    redeem_how = { "text", help = "核销:没写券码" },
    redeem_bad = { "text", help = "核销:券码输错" },
    redeem_unknown = { "text", help = "核销:没有这个券码" },
    redeem_used = { "text", help = "核销:已经核销过" },
    redeem_expired = { "text", help = "核销:已过期" },
    redeem_void = { "text", help = "核销:已作废" },
    redeem_scope = { "text", help = "核销:不能在这家店用" },
    redeem_own = { "text", help = "核销:只能送人的券,还没送出" },
    redeem_amount = { "text", help = "核销:有门槛的券,要写消费金额" },
    redeem_threshold = { "text", help = "核销:没到门槛" },
    rebated = { "text", help = "返利:记好了" },
    rebate_dm = { "text", help = "返利:私信告诉赠送人" },
    rebate_none = { "text", help = "返利:这张券没有返利" },
    rebate_again = { "text", help = "返利:已经返过" },
    rebate_how = { "text", help = "返利:写法" },
    expiring_dm = { "text", help = "券快到期,私信" },
    expiring = { "text", help = "券快到期,群里;{names} 是被 @ 的人" },
    expiring_more = { "text", help = "券快到期,群里,还有 {rest} 位没点名" },
    expiring_today_dm = { "text", help = "券今天到期,私信" },
    expiring_today = { "text", help = "券今天到期,群里" },
    staff_issue_how = { "text", help = "管理:发券的写法" },
    staff_type = { "text", help = "管理:没有这种券" },
    staff_wrong = { "text", help = "管理:券种设置有误" },
    staff_full = { "text", help = "管理:今天的张数用完了" },
    staff_issued = { "text", help = "管理:已发(别处下的命令)" },
    staff_void = { "text", help = "管理:已作废" },
    staff_nothing = { "text", help = "管理:没有可作废的" },
    book_voucher = { "text", help = "对账:券账的名称" },
    book_rebate = { "text", help = "对账:返利账的名称" },
    staff_good = { "text", help = "对账:平" },
    staff_bad = { "text", help = "对账:不平" },
    staff_bad_line = { "text", help = "对账:不平的一行" },
    staff_busy = { "text", help = "对账:账目正在变,没对完" },
    use_issue = { "text", help = "帮助里的写法:发券" },
    use_redeem = { "text", help = "帮助里的写法:核销" },
    use_rebate = { "text", help = "帮助里的写法:返利" },
    use_void = { "text", help = "帮助里的写法:作废" },
    use_check = { "text", help = "帮助里的写法:对账" },
  },
})

-- ---- issuing -------------------------------------------------------------------------------------------------------

local function tell_owner(c, user, code, record, till, text)
  if not c:can("dm") or c:opted_out(user) then return end
  c:dm(user, text or c.params.code_dm, {
    what = record.what, code = code, till = c:date(till), yuan = vouchers.yuan(record.face), giver = record.giver_name or "",
  }, { late = "1h" })
end

-- 发券 满减券 @小美 @小王
flow:command("issue_words", { private = false, args = true, role = "issue_role", usage = "use_issue" }, function(c)
  local p, name = c.params, c.args:gsub("^%s+", ""):gsub("%s+$", "")
  if name == "" or #c.mentions == 0 or #c.mentions > 10 then return c:reply(p.staff_issue_how, { names = vouchers.names(c) }) end
  local kind, fault = vouchers.kind(c, name)
  if fault then return c:reply(p.staff_wrong, { why = fault }) end
  if not kind then return c:reply(p.staff_type, { names = vouchers.names(c) }) end
  local users, seen = {}, {}
  for _, user in ipairs(c.mentions) do -- who is @-ed twice gets one
    if not seen[user] then users[#users + 1], seen[user] = user, true end
  end
  if vouchers.left_today(c) < #users then return c:reply(p.staff_full, { left = vouchers.left_today(c) }) end
  for _, user in ipairs(users) do
    local code, till = vouchers.issue(c, user, kind, "staff", c.user)
    tell_owner(c, user, code, kind, till)
  end
  c:audit("voucher_issued", { by = c.user, what = kind.what, users = users, face = kind.face, before = "none", after = "open" })
  c:say(p.issued, {
    names = people.mentions(users), what = kind.what, yuan = vouchers.yuan(kind.face), days = kind.days, word = p.mine_words[1],
  }, { answer = true })
  if c.via then c:reply(p.staff_issued, { what = kind.what, count = #users }) end
end)

-- Another flow or system gives one: once for each cause.
local function grant(c, name, user, cause)
  if not user or not c:once("grant|" .. cause, { scope = "group" }) then return end
  local kind, fault = vouchers.kind(c, name)
  local code, till
  if kind then code, till = vouchers.issue(c, user, kind, cause) end
  if not code then
    c:staff(kind and c.params.staff_full or fault and c.params.staff_wrong or c.params.staff_type, {
      left = 0, why = fault, names = vouchers.names(c),
    })
    return
  end
  tell_owner(c, user, code, kind, till)
end

flow:run("issue", function(c, args) grant(c, args.name, args.user, args.cause) end)

-- { name = 券名, id = number of the cause at the other system }, for the user of the trigger
flow:trigger("issue", function(c, args)
  if type(args.name) == "string" and args.id then grant(c, args.name, c.user, "trigger." .. tostring(args.id)) end
end)

-- ---- 我的券 --------------------------------------------------------------------------------------------------------

local function line(c, entry, open_codes)
  local p, record = c.params, entry.record
  local more = ""
  if record.book == vouchers.BOOK then
    if record.threshold > 0 then more = more .. c:format(p.line_threshold, { least = vouchers.yuan(record.threshold) }) end
    if record.gift == "other" and not record.given then more = more .. c:format(p.line_other, { word = p.give_words[1] }) end
  end
  return c:format(p.mine_line, {
    what = entry.what, code = open_codes and entry.code or codes.mask(entry.code), till = c:date(entry.till), more = more,
  })
end

local function wallet(c, list, open_codes)
  local lines = {}
  for i, entry in ipairs(list) do lines[i] = line(c, entry, open_codes) end
  return c:format(c.params.mine, { count = #list, points = points.of(c, c.user), lines = table.concat(lines, "\n") })
end

flow:command("mine_words", { shared = true }, function(c)
  local p, list = c.params, codes.of(c, c.user)
  if not polite.news(c, "mine", wallet(c, list, true), p.seen) then return end
  if #list == 0 then return c:reply(p.mine_none, { points = points.of(c, c.user) }) end
  if c.private then return c:say(sop.text(wallet(c, list, true))) end
  if c:can("dm") and not c:opted_out(c.user) and c:dm(c.user, sop.text(wallet(c, list, true))) then
    return c:reply(p.mine_sent, { count = #list })
  end
  if c:can("dm") or not p.show_codes then
    return c:reply(sop.text(wallet(c, list, false) .. "\n" .. c:format(p.mine_private, { word = p.mine_words[1] })))
  end
  c:reply(sop.text(wallet(c, list, true)))
end)

-- ---- 送券 and 领券 -------------------------------------------------------------------------------------------------

-- The voucher that somebody means: of that name or code, else the one that expires first; of several the first that can be given. code,
-- record; nil and why not (the name of a text).
local function meant(c, text)
  local why
  local wanted = sop.fold(text):gsub("[%s-]", "")
  for _, entry in ipairs(codes.of(c, c.user)) do
    local record = entry.record
    local fits = wanted == "" or sop.fold(entry.what):gsub("%s", "") == wanted or entry.code:lower() == wanted
    if fits and record.book == vouchers.BOOK then
      local kept = vouchers.kept_by(c, record, c.user)
      if not kept then return entry.code, record end
      why = why or kept
    end
  end
  return nil, why or "gift_none"
end

-- Gives a voucher in the chat that issued it, and says so in `chat`. Everybody there is named who may be.
local function give(c, args)
  local p = c.params
  if args.token and not vouchers.behind(c, args.token) then -- a newer word has taken its place meanwhile
    return c:say(p.fetch_none, nil, { chat = args.chat, answer = true })
  end
  local done, record = vouchers.give(c, args.code, args.from, args.to, args.to_name)
  local options = { chat = args.chat, answer = true }
  if not done then return c:say(p[record], { what = args.what, at = sop.at(args.asked) }, options) end
  tell_owner(c, args.to, args.code, record, record.till, p.given_dm)
  c:say(args.fetched and p.fetched or p.given, {
    at = sop.at(args.asked), to = sop.at(args.to), giver = record.giver_name, what = record.what, till = c:date(record.till),
    yuan = vouchers.yuan(record.face), word = p.mine_words[1],
  }, options)
end

flow:timer("give", give)

-- Here, or in the chat that issued it, whose own queue decides.
local function have_given(c, record, args)
  args.chat, args.asked, args.what = c.chat, c.user, record.what
  if record.chat == c.chat then return give(c, args) end
  c:timer("give", { chat = record.chat, key = args.code .. "|" .. args.to, after = "0s", args = args })
end

-- The word with which a friend who is not here fetches it: in private where that can be.
local function make_token(c, args)
  local p, options = c.params, { chat = args.chat, answer = true }
  local token, record = vouchers.token(c, args.code, args.user)
  if not token then return c:say(p[record], { what = args.what, at = sop.at(args.user) }, options) end
  local vars = { at = "", what = record.what, token = token, word = p.fetch_words[1], till = c:date(record.till) }
  if not args.private and c:can("dm") and c:dm(args.user, p.token, vars) then
    return c:say(p.token_sent, { at = sop.at(args.user), what = record.what }, options)
  end
  vars.at = not args.private and sop.at(args.user) or ""
  c:say(p.token, vars, options)
end

flow:timer("token", make_token)

-- 送券 @小美 · 送券 亲友券 @小美 · 送券 (a word for whoever is not here)
flow:command("give_words", { args = true }, function(c)
  local p = c.params
  if #c.mentions > 1 then return c:reply(p.gift_one) end
  if c.mentions[1] == c.user then return c:reply(p.gift_to_self) end
  local code, record = meant(c, c.args)
  if not code then
    local vars = { what = c.args }
    if polite.first(c, record .. sop.fold(c.args), p[record], vars) then c:reply(p[record], vars) end
    return
  end
  local to = c.mentions[1]
  if to then return have_given(c, record, { code = code, from = c.user, to = to, to_name = c:display(to) }) end
  local args = { code = code, user = c.user, chat = c.chat, private = c.private, what = record.what }
  if record.chat == c.chat then return make_token(c, args) end
  c:timer("token", { chat = record.chat, key = code, after = "0s", args = args })
end)

-- 领券 <赠送码>
flow:command("fetch_words", { args = "glued" }, function(c)
  local p, token = c.params, codes.typed(c.args)
  if not token or c.args:find("?", 1, true) then return false end
  if token == "" then
    if polite.first(c, "fetch", p.fetch_how) then c:reply(p.fetch_how) end
    return
  end
  local code, record = vouchers.behind(c, token)
  if not code then return c:limit("fetch", 3, "1h") and c:reply(p.fetch_none) end
  if record.user == c.user then return c:reply(p.gift_to_self) end
  have_given(c, record, { code = code, from = record.user, to = c.user, to_name = c.name, fetched = true, token = token })
end)

-- ---- 核销, 返利, 作废 ----------------------------------------------------------------------------------------------

-- Does the flow redpacket run here? Then it answers for codes that are nobody's.
local function has_packets(c)
  for _, entry in ipairs(c:flows()) do
    if entry.name == "redpacket" then return entry.on end
  end
end

-- What staff typed behind 核销 and 返利: a code of ours and its record, or what the handler is to return.
local function found_code(c)
  local p, code = c.params, codes.typed(c.args)
  if not code then return nil, false end
  local found = codes.valid(code) and codes.find(c, code)
  if found and found.book == vouchers.BOOK then return code, found end
  if found or has_packets(c) then return nil, false end
  return nil, c:reply(code == "" and p.redeem_how or not codes.valid(code) and p.redeem_bad or p.redeem_unknown)
end

local function settle(c, args)
  if args.what == "rebate" then return vouchers.rebate(c, args.code, args.by, args.store, args.amount) end
  return vouchers.redeem(c, args.code, args.by, args.by_name, args.store, args.amount)
end

local function have_settled(c, what, code, found)
  local args = {
    what = what, code = code, by = c.user, by_name = c.name, amount = vouchers.amount(c.args, code), chat = c.via or c.chat,
    store = found.chat == c.chat and c.params.store or (c.private or c.via) and "" or c.params.store,
  }
  if what == "rebate" and not args.amount then return c:reply(c.params.rebate_how) end
  if found.chat == c.chat then return c:reply(sop.text(settle(c, args))) end
  c:timer("settle", { chat = found.chat, key = what .. code .. "|" .. c.user, after = "0s", args = args })
end

flow:timer("settle", function(c, args)
  c:say(sop.text(settle(c, args)), nil, { chat = args.chat, answer = true })
end)

-- 核销 K7ABCD23 · 核销 K7ABCD23 388
flow:command("redeem_words", { role = "redeem_role", args = "glued", usage = "use_redeem", shared = true }, function(c)
  local code, found = found_code(c)
  if not code then return found end
  have_settled(c, "redeem", code, found)
end)

flow:command({ "返利", "记返利" }, { role = "redeem_role", args = "glued", usage = "use_rebate" }, function(c)
  local code, found = found_code(c)
  if not code then return found end
  have_settled(c, "rebate", code, found)
end)

flow:command({ "作废券", "券作废", "作廢券" }, { private = false, role = "issue_role", args = "glued", usage = "use_void" }, function(c)
  local p, code = c.params, codes.typed(c.args)
  local found = code and codes.valid(code) and codes.find(c, code)
  if not code or c.args:find("?", 1, true) then return false end
  if not found or found.book ~= vouchers.BOOK or found.chat ~= c.chat or found.state then return c:reply(p.staff_nothing) end
  vouchers.finish(c, code, found, "void", c.user, c.name)
  c:audit("code_void", { code = codes.mask(code), by = c.user, cost = 0, before = "open", after = "void" })
  c:reply(p.staff_void, { code = codes.mask(code), what = found.what, name = found.name })
end)

-- ---- 对账 ----------------------------------------------------------------------------------------------------------

-- One answer for the books of this flow, and of the flow referral, if it runs here (it answers for itself).
local check_books = ledger.checker(flow, {
  { name = "voucher", look = vouchers.look, show = vouchers.yuan },
  { name = "rebate", look = vouchers.look_rebate },
})

flow:command({ "对账", "券对账", "對賬" }, { private = false, role = "check_role", usage = "use_check" }, function(c)
  c:audit("ledger_check", { by = c.user })
  check_books(c, { chat = c.via or c.chat })
  for _, entry in ipairs(c:flows()) do
    if entry.name == "referral" and entry.on and c.command ~= "券对账" then
      c:start("referral.check", { chat = c.via or c.chat }, { key = "check" })
    end
  end
end)

flow:run("expiry", function(c, args) expiry.run(c, args, vouchers.BOOK, vouchers.finish) end)

return flow
