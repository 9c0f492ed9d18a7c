-- vouchers.lua -- what may be done with a voucher: its types, issuing, giving, redeeming, the rebate for whoever gave it. Of the flow
-- voucher, whose parameters and texts it uses. A voucher is a code (lib/codes.lua) of the book "voucher", its record has besides:
--   face, threshold (cents), gift = "self" | "other" | "either", rebate (percent), stores (numbers, or nil), first = who got it first,
--   given, giver (once it was given; who was forgotten is no giver any more),
--   token (while it can be fetched with 领券), spent (cents, when redeemed), rebated = points of the giver
-- All of it is written in the chat that issued the voucher, and so are its books (lib/ledger.lua): "voucher", in cents of face value, and
-- "rebate", in points. The gateway-wide hash "voucher-gifts" finds the voucher of a token.
local codes = require("lib.codes")
local ledger = require("lib.ledger")
local points = require("lib.points")

local vouchers = {}

vouchers.BOOK = "voucher"

-- ---- types ---------------------------------------------------------------------------------------------------------

local function whole(n, least, most)
  return n == nil or math.type(n) == "integer" and n >= least and n <= most
end

-- What is wrong with a type of voucher as the playbook has it, nil if nothing is.
local function fault_of(kind)
  if type(kind) ~= "table" or type(kind.name) ~= "string" or not kind.name:find("%S") then return "name" end
  if kind.face == nil or not whole(kind.face, 1, 10000000) then return "face" end
  if not whole(kind.threshold, 0, 100000000) then return "threshold" end
  if not whole(kind.days, 1, 366) then return "days" end
  if not whole(kind.rebate, 0, 100) then return "rebate" end
  if kind.gift ~= nil and kind.gift ~= "self" and kind.gift ~= "other" and kind.gift ~= "either" then return "gift" end
  if kind.stores ~= nil and type(kind.stores) ~= "table" then return "stores" end
end

-- The type that is called `name`, as complete as a record needs it; nil and what is wrong.
function vouchers.kind(c, name)
  for i, kind in ipairs(c.params.types) do
    local fault = fault_of(kind)
    if fault then return nil, "types[" .. i .. "]." .. fault end
    if sop.fold(kind.name) == sop.fold(name) then
      return {
        what = kind.name, face = kind.face, threshold = kind.threshold or 0, days = kind.days or c.params.valid_days,
        gift = kind.gift or "either", rebate = kind.rebate or c.params.rebate_percent, stores = kind.stores,
      }
    end
  end
  return nil
end

-- The names of all types, for those who mistyped one.
function vouchers.names(c)
  local names = {}
  for i, kind in ipairs(c.params.types) do names[i] = type(kind) == "table" and tostring(kind.name) or "?" end
  return table.concat(names, " · ")
end

-- "59.90", "60" for so many cents.
function vouchers.yuan(cents)
  if cents < 0 then return "-" .. vouchers.yuan(-cents) end
  return cents % 100 == 0 and tostring(cents // 100) or string.format("%d.%02d", cents // 100, cents % 100)
end

-- ---- issuing -------------------------------------------------------------------------------------------------------

-- How many more this group may issue today.
function vouchers.left_today(c)
  local issued = c.group.issued
  return c.params.day_max - (issued and issued.day == c:day() and issued.count or 0)
end

-- Issues one. `from` names the cause ("staff", "referral.3300000001"). Returns its code and last day; nil if the day's number is used up.
function vouchers.issue(c, user, kind, from, by)
  local left = vouchers.left_today(c)
  if left <= 0 then return nil end
  local code, till = codes.issue(c, user, kind.what, kind.days, from, 0, {
    book = vouchers.BOOK, face = kind.face, threshold = kind.threshold, gift = kind.gift, rebate = kind.rebate,
    stores = kind.stores and sop.copy(kind.stores) or nil, first = user,
  })
  ledger.enter(c, "voucher", "issue", ledger.HOUSE, user, kind.face, code, by)
  c.group.issued = { day = c:day(), count = c.params.day_max - left + 1 }
  c:start("expiry", { till = till }, { key = "expiry." .. till, user = false })
  return code, till
end

-- For other flows: a voucher of that name for a member, once for each cause. It is the flow voucher that issues it, right after this turn.
function vouchers.grant(c, user, name, cause)
  return c:start("voucher.issue", { name = name, user = user, cause = cause }, { key = "grant." .. cause, user = false })
end

-- ---- ends ----------------------------------------------------------------------------------------------------------

local function gifts(c)
  return c:hash("voucher-gifts", { scope = "gateway" })
end

local function drop_token(c, record)
  if record.token then gifts(c)[record.token] = nil end
  record.token = nil
end

-- Ends a voucher: "used", "void" or "expired".
function vouchers.finish(c, code, record, state, by, by_name, store)
  drop_token(c, record)
  ledger.enter(c, "voucher", state, record.user, state, record.face, code, by)
  codes.finish(c, code, record, state, by, by_name, store)
end

-- ---- giving --------------------------------------------------------------------------------------------------------

-- Why a voucher cannot be given away by `user` (the name of a text), nil if it can.
function vouchers.kept_by(c, record, user)
  if record.state or record.till < c:day() then return "gift_over" end
  if record.user ~= user then return "gift_over" end
  if record.gift == "self" then return "gift_self_only" end
  if record.given then return "gift_once" end
end

-- Gives a voucher away, in the chat that issued it. Returns true, or nil and why not (the name of a text).
function vouchers.give(c, code, from, to, to_name)
  local record = codes.find(c, code)
  if not record then return nil, "gift_over" end
  local why = vouchers.kept_by(c, record, from)
  if why then return nil, why end
  if to == from or to == record.first then return nil, "gift_to_self" end
  drop_token(c, record)
  record.given, record.giver, record.giver_name = true, from, record.name
  codes.pass(c, code, record, to, to_name)
  ledger.enter(c, "voucher", "gift", from, to, record.face, code, from)
  c:emit("voucher_given", { user = from, to = to, code = codes.mask(code), what = record.what })
  return true, record
end

-- A word with which somebody else can fetch the voucher of `user`, in the chat that issued it; the one before is void. The word and the
-- record; nil and why not (the name of a text).
function vouchers.token(c, code, user)
  local record = codes.find(c, code)
  local why = not record and "gift_over" or vouchers.kept_by(c, record, user)
  if why then return nil, why end
  drop_token(c, record)
  local token = codes.make(c:secret(14))
  while gifts(c)[token] do token = codes.make(c:secret(14)) end
  record.token = token
  gifts(c)[token] = code
  codes.keep(c, code, record)
  return token, record
end

-- The voucher behind such a word: code, record; nil if there is none (any more).
function vouchers.behind(c, token)
  local code = gifts(c)[token]
  local record = code and codes.find(c, code)
  if record and record.token == token and not record.state then return code, record end
end

-- ---- redeeming -----------------------------------------------------------------------------------------------------

-- The sum of money in cents that stands behind the code ("K7AB-CD23 388.5元"), nil if there is none.
function vouchers.amount(text, code)
  local spread = code:gsub("(.)", "%1[ -]?"):sub(1, -6)
  local rest = sop.match("(?i)" .. spread .. "\\s*(.*)$", text:sub(1, 100))
  local yuan, cents = sop.match("^\\D*(\\d{1,3}(?:,\\d{3}){1,2}|\\d{1,7})(?!,?\\d)(?:[.。](\\d{1,2})(?!\\d))?", sop.fold(rest or ""))
  if not yuan then return nil end
  cents = cents and cents ~= "" and (cents .. "0"):sub(1, 2) or "0"
  return math.tointeger(tonumber((yuan:gsub(",", "")))) * 100 + math.tointeger(tonumber(cents))
end

-- May this cashier redeem it? `store` is that of the chat in which they ask. A type with stores of its own holds there; else it is the
-- store of the group that issued it; where no store is known it takes the role in that group.
local function in_scope(c, record, by, store)
  local p = c.params
  if record.stores then
    if store == "" then return c:has_role(p.redeem_role, by) end
    for _, one in ipairs(record.stores) do
      if one == store then return true end
    end
    return false
  end
  if p.scope == "any" then return true end
  if p.store ~= "" and store ~= "" then return p.store == store end
  return c:has_role(p.redeem_role, by)
end

-- The giver's share of what the friend spent, in points. Entered once for a voucher. Returns how many, 0 for none.
local function rebate(c, code, record, amount, by)
  if not record.giver or record.giver == sop.nobody or record.rebated or not amount then return 0 end
  local n = math.min(amount * record.rebate // 10000, c.params.rebate_max)
  if n <= 0 then return 0 end
  record.rebated = n
  ledger.enter(c, "rebate", "rebate", ledger.HOUSE, record.giver, n, code, by)
  points.give(c, record.giver, n, "rebate." .. codes.mask(code))
  c:emit("voucher_rebate", { user = record.giver, friend = record.user, n = n, amount = amount, code = codes.mask(code) })
  c:dm(record.giver, c.params.rebate_dm, { friend = record.name, what = record.what, points = n })
  return n
end

-- Redeems a voucher in the chat that issued it: everything is decided here, one turn at a time. `amount`: what is spent with it, in cents,
-- nil if the cashier did not say. Returns the answer as a text.
function vouchers.redeem(c, code, by, by_name, store, amount)
  local p, record = c.params, codes.find(c, code)
  if not record then return c:format(p.redeem_unknown) end -- forgotten in the meantime
  local vars = {
    what = record.what, code = code, name = record.name or "", till = c:date(record.till), yuan = vouchers.yuan(record.face),
    least = vouchers.yuan(record.threshold),
  }
  local refused = function(why, text)
    c:audit("code_refused", { code = codes.mask(code), by = by, why = why, state = record.state or "open" })
    return c:format(text, vars)
  end
  if not in_scope(c, record, by, store) then return refused("scope", p.redeem_scope) end
  if record.state == "used" then
    vars.time, vars.by = c:time("%m-%d %H:%M", record.when), record.by_name
    return refused("used", p.redeem_used)
  end
  if record.state == "void" then return refused("void", p.redeem_void) end
  if record.state == "expired" or record.till < c:day() then return refused("expired", p.redeem_expired) end
  if record.gift == "other" and not record.given then return refused("own", p.redeem_own) end
  if record.threshold > 0 and not amount then return refused("amount", p.redeem_amount) end
  if record.threshold > 0 and amount < record.threshold then return refused("threshold", p.redeem_threshold) end
  record.spent = amount
  vars.points = rebate(c, code, record, amount, by)
  vouchers.finish(c, code, record, "used", by, by_name, store ~= "" and store or nil)
  c:audit("code_redeemed", {
    code = codes.mask(code), user = record.user, by = by, store = store ~= "" and store or nil, amount = amount, before = "open",
    after = "used",
  })
  if vars.points > 0 then return c:format(p.redeemed_rebate, vars) end
  return c:format(record.giver and not amount and record.rebate > 0 and p.redeemed_later or p.redeemed, vars)
end

-- The amount said later, for a voucher that is redeemed: the rebate of the giver. Returns the answer.
function vouchers.rebate(c, code, by, store, amount)
  local p, record = c.params, codes.find(c, code)
  if not record then return c:format(p.redeem_unknown) end
  if not in_scope(c, record, by, store) then return c:format(p.redeem_scope) end
  if record.state ~= "used" or not record.giver then return c:format(p.rebate_none) end
  if record.rebated then return c:format(p.rebate_again, { points = record.rebated }) end
  record.spent = amount
  local n = rebate(c, code, record, amount, by)
  if n == 0 then return c:format(p.rebate_none) end
  codes.keep(c, code, record)
  c:audit("rebate", { code = codes.mask(code), user = record.giver, by = by, amount = amount, before = 0, after = n })
  return c:format(p.rebated, { name = record.giver_name or "", points = n, what = record.what })
end

-- ---- 对账 ----------------------------------------------------------------------------------------------------------

-- For lib/ledger.lua: whose the voucher of an entry is as its record says, and what it is worth. Only where it was issued counts, and only
-- while it is good.
function vouchers.look(c)
  return function(entry)
    if entry.what ~= "issue" then return nil end
    local record = codes.find(c, entry.ref)
    if record and not record.state then return record.user, record.face end
  end
end

-- The rebates: what was entered for a giver is what their vouchers say; each is looked at at its own entry.
function vouchers.look_rebate(c)
  return function(entry)
    local record = entry.what == "rebate" and codes.find(c, entry.ref)
    if entry.what ~= "rebate" then return nil end
    return entry.to, record and (record.rebated or 0) or entry.n -- a record that is forgotten cannot tell
  end
end

return vouchers
