-- referral.lua -- 邀请 / 流量合伙人: who brought whom, and what they are owed for it.
--
-- An invite counts from the join event, where the platform says who invited; else a member asks for 我的邀请码, and the newcomer says 邀请码 <码>
-- within `claim_within`. It is valid when the newcomer has stayed `stay_days`; whoever leaves before takes the reward along. There are
-- two levels at most, and that is no parameter: the one who brought the newcomer, and the one who brought that one. Nobody brings
-- themselves, is brought twice, or counts anew by leaving and coming back. Rewards are entries in books that only grow (lib/ledger.lua);
-- settlement is outside, and 邀请结算 enters that it has happened. Members: 我的邀请, 邀请榜. Staff: 邀请名单, 邀请作废, 邀请冻结, 邀请解冻, 邀请结算, 邀请对账.
-- No text may promise something for sharing or forwarding: `sopd check` refuses those, as platforms do.
-- State: lib/invites.lua. One run, `mature`, for all who came on the same day.
local codes = require("lib.codes")
local invites = require("lib.invites")
local ledger = require("lib.ledger")
local people = require("lib.people")
local polite = require("lib.polite")

local ROLES = { "keeper", "store", "region", "hq", "owner" }

local flow = sop.flow("referral", {
  title = "邀请",
  menu = "menu_line",
  wants = {
    join = "newcomers say whose code they have (邀请码), and nobody is known to have left",
    unmentioned = "members say the words with a mention of the bot",
    at = "members are named in plain text",
  },
  params = {
    code_words = { "strings", default = { "我的邀请码", "邀请码是多少", "my invite code" }, help = "查看自己邀请码的口令" },
    claim_words = { "strings", default = { "邀请码", "填邀请码", "invite code" }, help = "新成员填邀请码的口令,后面跟码" },
    mine_words = { "strings", default = { "我的邀请", "我的伙伴", "邀请记录", "my invites" }, help = "查看自己邀请的口令" },
    board_words = { "strings", default = { "邀请榜", "邀请排行", "邀请排名", "invite board" }, help = "邀请榜的口令" },
    reward = { "integer", default = 10, min = 0, max = 100000, help = "一级:带来一位有效成员记多少" },
    reward_second = { "integer", default = 2, min = 0, max = 100000, help = "二级:带来的人又带来一位记多少,0 为只有一级;没有第三级" },
    stay_days = { "integer", default = 7, min = 1, max = 90, help = "留满几天才有效" },
    claim_within = { "duration", default = "72h", min = "1m", max = "30d", help = "进群后多久内可以填邀请码" },
    day_max = { "integer", default = 20, min = 1, max = 10000, help = "每人每天最多算几位" },
    exclude_staff = { "boolean", default = true, help = "工作人员拉人不算" },
    credit = { "boolean", default = false, help = "有效后是否同时加到积分;否则只记账" },
    voucher = { "string", default = "", help = "有效后另送带来的人一张券:券名(要有 voucher 流程),空为不送" },
    announce = { "boolean", default = true, help = "有人的邀请生效时,每天在群里感谢一次" },
    mature_at = { "clock", default = "10:00", help = "几点结算留满天数的邀请" },
    top = { "integer", default = 10, min = 1, max = 30, help = "邀请榜取前几名" },
    list_role = { "choice", default = "keeper", values = ROLES, help = "至少什么角色可以看名单" },
    staff_role = { "choice", default = "store", values = ROLES, help = "至少什么角色可以作废、冻结、解冻、对账" },
    settle_role = { "choice", default = "store", values = ROLES, help = "至少什么角色可以记结算" },

    menu_line = { "text", help = "菜单里的一行" },
    code = { "text", help = "我的邀请码" },
    seen = { "text", help = "重复查询(每天最多说一次)" },
    claimed = { "text", help = "邀请码:记下了" },
    claim_how = { "text", help = "邀请码:没写码" },
    claim_bad = { "text", help = "邀请码:码不对" },
    claim_self = { "text", help = "邀请码:是自己的码" },
    claim_again = { "text", help = "邀请码:已经记过" },
    claim_late = { "text", help = "邀请码:不是新成员" },
    claim_not = { "text", help = "邀请码:这位的邀请不再计" },
    mine = { "text", help = "我的邀请" },
    mine_none = { "text", help = "我的邀请:还没有" },
    board = { "text", help = "邀请榜" },
    board_line = { "text", help = "邀请榜的一行" },
    board_own = { "text", help = "邀请榜里自己的名次" },
    board_empty = { "text", help = "榜上还没有人" },
    matured = { "text", help = "邀请生效,感谢;{names} 是被 @ 的人" },
    matured_more = { "text", help = "邀请生效,感谢,还有 {rest} 位没点名" },
    staff_list = { "text", help = "管理:邀请名单" },
    staff_line = { "text", help = "管理:邀请名单的一行" },
    state_held = { "text", help = "状态:未满天数" },
    state_valid = { "text", help = "状态:有效" },
    state_void = { "text", help = "状态:作废" },
    staff_who = { "text", help = "管理:没有 @ 人" },
    staff_void = { "text", help = "管理:已作废" },
    staff_nothing = { "text", help = "管理:没有可改的" },
    staff_frozen = { "text", help = "管理:已冻结" },
    staff_thawed = { "text", help = "管理:已解冻" },
    staff_settle_how = { "text", help = "管理:结算的写法" },
    staff_settle_much = { "text", help = "管理:结算多于应得" },
    staff_settled = { "text", help = "管理:已记结算" },
    book_held = { "text", help = "对账:待生效账的名称" },
    book_paid = { "text", help = "对账:奖励账的名称" },
    staff_good = { "text", help = "对账:平" },
    staff_bad = { "text", help = "对账:不平" },
    staff_bad_line = { "text", help = "对账:不平的一行" },
    staff_busy = { "text", help = "对账:账目正在变,没对完" },
    use_void = { "text", help = "帮助里的写法:邀请作废" },
    use_freeze = { "text", help = "帮助里的写法:邀请冻结" },
    use_thaw = { "text", help = "帮助里的写法:邀请解冻" },
    use_settle = { "text", help = "帮助里的写法:邀请结算" },
    use_list = { "text", help = "帮助里的写法:邀请名单" },
    use_check = { "text", help = "帮助里的写法:对账" },
  },
})

-- ---- coming and going ----------------------------------------------------------------------------------------------

flow:on("join", { private = false }, function(c)
  if c.user == c.me then return end
  if c.name and c.name ~= "" then c.member.name = c.name end
  invites.came(c, c.user, c.inviter, c.event.time)
end)

flow:on("leave", { private = false }, function(c)
  if c.user ~= c.me then invites.went(c, c.user, c.event.time) end
end)

local PORTION = 30 -- invites settled in one turn, with all that is written for each

-- Those who came on one day, when the time that they have to stay is over for all of them. One post in the end, at most; hash
-- "thanked-<day>" = who is named in it, meanwhile.
flow:run("mature", function(c, args)
  local p = c.params
  c:sleep_until(c:moment(args.day + p.stay_days + 1, p.mature_at))
  c:sleep_until(c:quiet_until() or 0)
  local list, thanked, ids = c:list("came-" .. args.day), c:hash("thanked-" .. args.day), {}
  for _ = 1, PORTION do
    local user = list:shift()
    if not user then break end
    if user ~= sop.nobody and invites.confirm(c, user) then
      local by = c:member_of(user).by
      if by and by ~= sop.nobody then thanked[by] = c:now() end
    end
  end
  if list:len() > 0 then c:continue{ day = args.day } end
  for by in pairs(thanked) do
    if not c:opted_out(by) then ids[#ids + 1] = by end
  end
  c:drop(thanked)
  if p.announce and #ids > 0 then
    local names = people.portions(ids, 10)[1]
    local vars = { names = people.mentions(names), rest = #ids - #names, days = p.stay_days, word = p.mine_words[1] }
    c:say(#ids > #names and p.matured_more or p.matured, vars, { policy = "drop" })
  end
end)

-- ---- codes ---------------------------------------------------------------------------------------------------------

flow:command("code_words", { private = false }, function(c)
  people.remember(c)
  local code = invites.code(c)
  if not polite.first(c, "code", c.params.seen) then return end
  c:reply(c.params.code, { code = code, word = c.params.claim_words[1], days = c.params.stay_days })
end)

-- 邀请码 K7ABCD23
flow:command("claim_words", { private = false, args = "glued" }, function(c)
  local p, code = c.params, codes.typed(c.args)
  if not code or c.args:find("?", 1, true) then return false end
  local hint = function(text)
    local vars = { word = p.claim_words[1] }
    if polite.first(c, text .. code, p[text], vars) then c:reply(p[text], vars) end
  end
  if code == "" then return hint("claim_how") end
  local by = codes.valid(code) and invites.owner(c, code)
  if not by then return c:limit("claim", 3, "1h") and c:reply(p.claim_bad, { word = p.claim_words[1] }) end
  if by == c.user then return hint("claim_self") end
  local late = invites.too_late(c)
  if late then return hint(late) end
  people.remember(c)
  local done, why = invites.enter(c, c.user, by, "code")
  if not done then return hint(why == "self" and "claim_self" or "claim_not") end
  c:reply(p.claimed, { who = c:display(by) })
end)

-- ---- what one has --------------------------------------------------------------------------------------------------

flow:command("mine_words", { private = false }, function(c)
  local p, member = c.params, c.member
  people.remember(c)
  local vars = {
    valid = member.valid or 0, held = member.held or 0,
    due = ledger.balance(c, "paid", c.user), waiting = ledger.balance(c, "held", c.user),
    days = p.stay_days, word = p.code_words[1],
  }
  local none = vars.valid + vars.held + vars.due + vars.waiting == 0
  local what = ("%d/%d/%d/%d"):format(vars.valid, vars.held, vars.due, vars.waiting)
  if not polite.news(c, "mine", what, p.seen) then return end
  c:reply(none and p.mine_none or p.mine, vars)
end)

flow:command("board_words", { private = false }, function(c)
  local p, board, lines = c.params, c:board("invites"), {}
  people.remember(c)
  for i, entry in ipairs(board:top(p.top)) do
    local held, valid = c:member_of(entry.id).held or 0, c:member_of(entry.id).valid or 0
    lines[i] = c:format(p.board_line, {
      place = entry.place, name = c:display(entry.id), count = math.floor(entry.score), valid = valid, held = held,
    })
  end
  local own = board:place(c.user)
  if own and own > #lines then
    lines[#lines + 1] = c:format(p.board_own, { place = own, count = math.floor(board:get(c.user)) })
  end
  local text = table.concat(lines, "\n")
  if not polite.news(c, "board", text, p.seen) then return end
  if #lines == 0 then return c:reply(p.board_empty, { word = p.code_words[1] }) end
  c:reply(p.board, { lines = text })
end)

-- ---- staff ---------------------------------------------------------------------------------------------------------

flow:command({ "邀请名单", "邀請名單" }, { private = false, role = "list_role", usage = "use_list" }, function(c)
  local p, lines = c.params, {}
  local last, count = ledger.last(c, "held", 200)
  for i = #last, 1, -1 do
    local entry = last[i]
    if entry.what == "level1" and #lines < 20 then
      local state = c:member_of(entry.ref).state or "void"
      lines[#lines + 1] = c:format(p.staff_line, {
        time = c:time("%m-%d %H:%M", entry.at), by = c:display(entry.to), who = c:display(entry.ref),
        state = c:format(p["state_" .. state]),
      })
    end
  end
  c:reply(p.staff_list, { count = #lines, entries = count, lines = table.concat(lines, "\n") })
end)

-- A command about whoever is @-ed.
local function about(words, options, fn)
  options.private, options.args = false, true
  flow:command(words, options, function(c)
    if #c.mentions ~= 1 then return c:reply(c.params.staff_who) end
    return fn(c, c.mentions[1])
  end)
end

about({ "邀请作废", "邀請作廢" }, { role = "staff_role", usage = "use_void" }, function(c, user)
  local before = c:member_of(user).state
  if not invites.take_back(c, user, "staff", c.user) then return c:reply(c.params.staff_nothing) end
  c:audit("invite_void", { by = c.user, user = user, before = before, after = "void" })
  local by = c:member_of(user).by
  c:reply(c.params.staff_void, { who = c:display(user), by = by and by ~= sop.nobody and c:display(by) or "-" })
end)

about({ "邀请冻结", "邀請凍結" }, { role = "staff_role", usage = "use_freeze" }, function(c, user)
  if c:member_of(user).frozen then return c:reply(c.params.staff_nothing) end
  c:member_of(user).frozen = true
  c:audit("invite_frozen", { by = c.user, user = user, before = "open", after = "frozen" })
  c:reply(c.params.staff_frozen, { who = c:display(user) })
end)

about({ "邀请解冻", "邀請解凍" }, { role = "staff_role", usage = "use_thaw" }, function(c, user)
  if not c:member_of(user).frozen then return c:reply(c.params.staff_nothing) end
  c:member_of(user).frozen = nil
  c:audit("invite_frozen", { by = c.user, user = user, before = "frozen", after = "open" })
  c:reply(c.params.staff_thawed, { who = c:display(user) })
end)

-- 邀请结算 @小美 20: it was paid, outside; here it is entered.
about({ "邀请结算", "邀請結算" }, { role = "settle_role", usage = "use_settle" }, function(c, user)
  local p, n = c.params, math.tointeger(tonumber(sop.match("^\\s*(\\d{1,9})\\s*$", c.args) or ""))
  if not n or n == 0 then return c:reply(p.staff_settle_how) end
  local due = ledger.balance(c, "paid", user)
  if n > due then return c:reply(p.staff_settle_much, { who = c:display(user), due = due }) end
  ledger.enter(c, "paid", "settled", user, "settled", n, nil, c.user)
  c:audit("invite_settled", { by = c.user, user = user, n = n, before = due, after = due - n })
  c:emit("invite_settled", { user = user, n = n })
  c:reply(p.staff_settled, { who = c:display(user), n = n, due = due - n })
end)

local check_books = ledger.checker(flow, { { name = "held" }, { name = "paid" } })

flow:run("check", check_books)

-- Where the flow voucher runs, too, its 对账 begins this check as well.
flow:command({ "邀请对账", "对邀请账", "邀請對賬" }, { private = false, role = "staff_role", usage = "use_check" }, function(c)
  c:audit("ledger_check", { by = c.user })
  check_books(c, { chat = c.via or c.chat })
end)

return flow
