-- likes.lua -- 集赞: a customer shows likes at the till, staff look and enter the number, a coupon is issued. Off by default.
--
-- WARNING: platforms forbid to induce likes and shares, and block accounts and groups for it (docs/flows/likes.md). This flow
-- therefore never asks anybody for a like, never posts of its own accord, and knows only what staff saw in the store. It does
-- nothing until the playbook says open = true, and even then not in a group before somebody of the headquarters has read the warning
-- there and said 集赞确认 (taken back by 集赞停止). One claim a member and campaign; a like is worth `cents`, up to `cap` of them; a budget
-- for each group and campaign. The coupon is a code of the flow redpacket, which redeems it. A claim that was a mistake is taken
-- back while its code is unused; the ledger only grows.
--
-- State: group.accepted = { by, name, at }; group["spent:<campaign>"] = cents; member["claim:<campaign>"] = code; member.name; list
-- "claims" = the ledger: { user, likes, cents, code, by, at, campaign }, a claim that was taken back a second time with negative
-- numbers.
local codes = require("lib.codes")
local polite = require("lib.polite")

local flow = sop.flow("likes", {
  title = "集赞",
  wants = { dm = "the code is fetched with 我的券", at = "nobody can be named, so staff cannot enter anything" },
  params = {
    open = { "boolean", default = false, help = "是否启用。平台禁止诱导点赞和分享,违规会封号封群;只能到店由店员核对,先读 docs/flows/likes.md" },
    campaign = { "string", default = "1", help = "活动编号,换一个编号就能再领一次" },
    cents = { "integer", default = 100, min = 1, max = 10000, help = "一个赞抵多少分" },
    cap = { "integer", default = 30, min = 1, max = 1000, help = "最多算几个赞" },
    least = { "integer", default = 1, min = 1, max = 1000, help = "至少几个赞" },
    budget = { "integer", default = 300000, min = 0, max = 100000000, help = "每群每期一共最多抵多少分" },
    valid_days = { "integer", default = 7, min = 0, max = 365, help = "券有效几天" },
    how_words = { "strings", default = { "集赞规则" }, help = "群友问规则" },
    claim_words = { "strings", default = { "集赞" }, help = "店员录入:集赞 @人 28" },
    undo_words = { "strings", default = { "集赞撤销" }, help = "店员撤销:集赞撤销 @人" },
    list_words = { "strings", default = { "集赞记录" }, help = "店员看记录" },
    accept_words = { "strings", default = { "集赞确认" }, help = "总部确认已读风险提示" },
    stop_words = { "strings", default = { "集赞停止" }, help = "停止" },
    role = { "choice", default = "store", values = { "store", "region", "hq" }, help = "谁能录入" },
    acceptor = { "choice", default = "hq", values = { "hq", "owner" }, help = "谁能确认风险" },

    warning = { "text", help = "风险提示;{word}" },
    closed = { "text", help = "员工:没有启用" },
    accepted = { "text", help = "已确认;{name}" },
    stopped = { "text", help = "已停止" },
    how = { "text", help = "规则;{cents} {cap} {most}" },
    seen = { "text", help = "刚说过" },
    usage = { "text", help = "录入的写法;{word}" },
    few = { "text", help = "赞不够;{least}" },
    done = { "text", help = "录入成功;{who} {what} {till}" },
    done_code = { "text", help = "私信券码;{what} {code} {till}" },
    already = { "text", help = "这一期领过了;{name}" },
    no_budget = { "text", help = "预算不够;{left}" },
    undone = { "text", help = "已撤销;{name} {what}" },
    no_claim = { "text", help = "没有可撤销的" },
    coupon = { "text", help = "券的名字;{yuan}" },
    list = { "text", help = "记录;{count} {yuan} {lines}" },
    list_line = { "text", help = "记录的一行;{name} {likes} {yuan}" },
    empty = { "text", help = "还没有记录" },
  },
})

local function yuan(cents)
  return cents % 100 == 0 and tostring(cents // 100) or string.format("%.2f", cents / 100)
end

-- May anything be done here? Tells staff why not.
local function ready(c)
  local p = c.params
  if not p.open then
    c:reply(p.closed)
    return false
  end
  if not c.group.accepted then
    c:reply(p.warning, { word = p.accept_words[1] })
    return false
  end
  return true
end

-- The fields of this campaign: cents spent of its budget, and a member's code. Those of earlier ones stay: a number may come back.
local function field(c, what)
  return what .. ":" .. c.params.campaign
end

local function spent(c)
  return c.group[field(c, "spent")] or 0
end

flow:command("accept_words", { role = "acceptor", private = false }, function(c)
  local p = c.params
  if not p.open then return c:reply(p.closed) end
  if not c.group.accepted then
    c.group.accepted = { by = c.user, name = c.name, at = c:now() }
    c:audit("likes_accepted", { campaign = p.campaign })
  end
  c:reply(p.accepted, { name = c.group.accepted.name })
end)

flow:command("stop_words", { role = "role", private = false }, function(c)
  if c.group.accepted then
    c.group.accepted = nil
    c:audit("likes_stopped", { campaign = c.params.campaign })
  end
  c:reply(c.params.stopped)
end)

flow:command("how_words", { private = false }, function(c)
  local p = c.params
  if not p.open or not c.group.accepted then return end
  if not polite.first(c, "how", p.seen) then return end
  c:reply(p.how, { cents = yuan(p.cents), cap = p.cap, most = yuan(p.cap * p.cents) })
end)

-- What staff saw at the till is entered here: the only way to a coupon.
flow:command("claim_words", { role = "role", private = false, args = true, usage = "集赞 @人 赞数" }, function(c)
  local p = c.params
  if not ready(c) then return end
  local user, digits = c.mentions[1], c.args:match("%d+")
  local likes = digits and #digits <= 6 and tonumber(digits)
  if not user or not likes or #c.mentions > 1 or user == c.user then return c:reply(p.usage, { word = p.claim_words[1] }) end
  if likes < p.least then return c:reply(p.few, { least = p.least }) end
  local member = c:member_of(user)
  member.name = c:display(user)
  if member[field(c, "claim")] then return c:reply(p.already, { name = member.name }) end
  local cents = math.min(likes, p.cap) * p.cents
  if spent(c) + cents > p.budget then return c:reply(p.no_budget, { left = yuan(p.budget - spent(c)) }) end

  local what = c:format(p.coupon, { yuan = yuan(cents) })
  local code, till = codes.issue(c, user, what, p.valid_days, "likes." .. p.campaign, cents)
  codes.watch(c, till)
  member[field(c, "claim")] = code
  c.group[field(c, "spent")] = spent(c) + cents
  c:list("claims"):push({ user = user, likes = likes, cents = cents, code = code, by = c.user, at = c:now(), campaign = p.campaign })
  c:emit("likes_claimed", { user = user, likes = likes, cents = cents, campaign = p.campaign, by = c.user })
  c:audit("likes_claimed", { user = user, likes = likes, cents = cents })
  c:say(p.done, { who = sop.at(user), what = what, till = c:date(till) }, { answer = true })
  c:dm(user, p.done_code, { what = what, code = code, till = c:date(till) })
end)

flow:command("undo_words", { role = "role", private = false, args = true, usage = "集赞撤销 @人" }, function(c)
  local p, user = c.params, c.mentions[1]
  local member = user and c:member_of(user)
  local code = member and member[field(c, "claim")]
  local record = code and codes.find(c, code)
  if not record or record.state then return c:reply(p.no_claim) end
  codes.finish(c, code, record, "void", c.user, c.name)
  member[field(c, "claim")] = nil
  c.group[field(c, "spent")] = spent(c) - record.cost
  c:list("claims"):push({
    user = user, likes = 0, cents = -record.cost, code = code, by = c.user, at = c:now(), campaign = p.campaign,
  })
  c:emit("likes_undone", { user = user, cents = record.cost, campaign = p.campaign, by = c.user })
  c:audit("likes_undone", { user = user, cents = record.cost })
  c:reply(p.undone, { name = c:display(user), what = record.what })
end)

flow:command("list_words", { role = "role", private = false }, function(c)
  local p, lines = c.params, {}
  local list = c:list("claims")
  for _, entry in ipairs(list:range(-10, -1)) do
    local name = entry.user == sop.nobody and "-" or c:display(entry.user)
    lines[#lines + 1] = c:format(p.list_line, { name = name, likes = entry.likes, yuan = yuan(entry.cents) })
  end
  if #lines == 0 then return c:reply(p.empty) end
  c:reply(p.list, { count = list:len(), yuan = yuan(spent(c)), lines = table.concat(lines, "\n") })
end)

return flow
