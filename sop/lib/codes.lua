-- codes.lua -- coupons and prizes that are fetched in a store: codes, their records, and what may be done with them.
-- A code is 8 characters without look-alikes (no 0 O 1 I L), the last one a check character that finds every single wrong
-- character and every swap of neighbours. Its record stands in the gateway-wide hash "codes" and is written only by turns
-- of the chat that issued it, so that two cashiers can never both redeem it:
--   { chat, user, what, cost, from = cause, till = last valid day, at, day = issued, state = "used" | "void" | "expired" or nil, by, when }
-- and with it the names of user and by as they were. A flow whose codes have rules of their own (voucher) gives a record its name in `book`
-- and further fields: then no other flow redeems it.
-- The hash "due-<day>" of the issuing chat ("<book>-due-<day>") lists the codes whose last day that is; u:<user> has a field "code:<CODE>".
local codes = {}

local LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ" -- 31, a prime: that is what makes the check character catch swaps

local function check(body)
  local sum = 0
  for i = 1, #body do
    sum = sum + i * (LETTERS:find(body:sub(i, i), 1, true) - 1)
  end
  return LETTERS:sub(sum % #LETTERS + 1, sum % #LETTERS + 1)
end

-- A new code from 14 random bytes in hexadecimal.
function codes.make(secret)
  local body = ""
  for i = 1, 7 do
    local n = tonumber(secret:sub(i * 4 - 3, i * 4), 16) % #LETTERS
    body = body .. LETTERS:sub(n + 1, n + 1)
  end
  return body .. check(body)
end

-- Is it a code at all, with the right check character?
function codes.valid(code)
  if #code ~= 8 then return false end
  for i = 1, 8 do
    if not LETTERS:find(code:sub(i, i), 1, true) then return false end
  end
  return check(code:sub(1, 7)) == code:sub(8)
end

-- The code in what somebody typed behind the word: in capitals, without blanks and dashes, whatever stands around it ("券码:k7ab-cd23
-- 谢谢"). "" if they typed nothing but signs; nil if it is a remark about something else ("核销了吗"); else what may be a mistyped code.
function codes.typed(text)
  local rest = text:gsub("券码", ""):gsub("[码碼号號]", ""):gsub("^[%p%s]+", "")
  if not rest:find("[%w\128-\255]") then return "" end
  for run in rest:gmatch("[%w%s-]+") do
    local code = run:upper():gsub("[%s-]", "")
    if codes.valid(code:sub(1, 8)) then return code:sub(1, 8) end
  end
  for _, bracket in ipairs({ "【", "「", "『", "(", "“", ":" }) do
    if rest:sub(1, #bracket) == bracket then rest = rest:sub(#bracket + 1) end
  end
  local first = rest:match("^%w[%w%s-]*")
  if not first then return nil end
  return (first:upper():gsub("[%s-]", ""))
end

-- "K7••••Q2", for the eyes of a whole group.
function codes.mask(code)
  return code:sub(1, 2) .. "••••" .. code:sub(7)
end

local function book(c)
  return c:hash("codes", { scope = "gateway" })
end

local function due(c, day, name)
  return c:hash((name and name .. "-due-" or "due-") .. day, { scope = "chat" })
end

-- Has the owners of the codes whose last day is `till` reminded, and the codes expired when it is over: a run of the flow redpacket.
function codes.watch(c, till)
  c:start("redpacket.expiry", { till = till }, { key = "expiry." .. till, user = false })
end

-- Issues a code to a user, valid for `days` days from today. `from` names the cause ("packet.12"), `cost` is what it
-- used of that cause's budget, `more` further fields of the record. Returns the code and its last day, which is to be watched.
function codes.issue(c, user, what, days, from, cost, more)
  local code = codes.make(c:secret(14))
  while book(c)[code] do code = codes.make(c:secret(14)) end
  local till = c:day() + days
  local record = more and sop.copy(more) or {}
  record.chat, record.user, record.name, record.what, record.from, record.cost = c.chat, user, c:display(user), what, from, cost or 0
  record.till, record.at, record.day = till, c:now(), c:day()
  book(c)[code] = record
  due(c, till, record.book)[code] = user
  c:profile_of(user)["code:" .. code] = till
  c:emit("code_issued", { user = user, code = codes.mask(code), what = what, till = c:date(till), from = from, cost = cost or 0 })
  return code, till
end

-- The record of a code, nil if there is none.
function codes.find(c, code)
  return book(c)[code]
end

-- Writes a record back, in the chat that issued it.
function codes.keep(c, code, record)
  book(c)[code] = record
end

-- Gives a code to somebody else, in the chat that issued it.
function codes.pass(c, code, record, user, name)
  c:profile_of(record.user)["code:" .. code] = nil
  record.user, record.name = user, name
  book(c)[code] = record
  due(c, record.till, record.book)[code] = user
  c:profile_of(user)["code:" .. code] = record.till
end

-- Ends a code in the chat that issued it: state "used", "void" or "expired"; `store`: the number of the store in which it was used.
function codes.finish(c, code, record, state, by, by_name, store)
  record.state, record.by, record.by_name, record.when = state, by, by_name, c:now()
  book(c)[code] = record
  c:profile_of(record.user)["code:" .. code] = nil
  c:emit("code_" .. state, {
    user = record.user, code = codes.mask(code), what = record.what, by = by, hours = (c:now() - record.at) // 3600,
    from = record.from, cost = record.cost, store = store,
  })
end

-- The valid codes of a user, soonest expiry first: a list of { code, what, till, record }.
function codes.of(c, user)
  local list = {}
  for field, till in pairs(c:profile_of(user)) do
    local code = field:match("^code:(%w+)$")
    local record = code and till >= c:day() and book(c)[code]
    if record and not record.state then
      list[#list + 1] = { code = code, what = record.what, till = till, record = record }
    end
  end
  table.sort(list, function(a, b) return a.till < b.till or a.till == b.till and a.code < b.code end)
  return list
end

-- The codes of this chat whose last day is `day`, all or only those of one cause: a list of { code, user, record }.
function codes.ending(c, day, from)
  local list = {}
  for code, user in pairs(due(c, day)) do
    local record = book(c)[code]
    if record and (not from or record.from == from) then list[#list + 1] = { code = code, user = user, record = record } end
  end
  return list
end

-- Who has or had codes of this chat (and of this book, if any) whose last day is `day`: ids in order, and the codes of each. Their records
-- are not read.
function codes.owners(c, day, name)
  local ids, by_user = {}, {}
  for code, user in pairs(due(c, day, name)) do
    if not by_user[user] then
      by_user[user] = {}
      ids[#ids + 1] = user
    end
    table.insert(by_user[user], code)
  end
  table.sort(ids)
  return ids, by_user
end

-- Forgets all codes of this chat whose last day was `day`, at the end of the time that records are kept.
function codes.forget(c, day, name)
  for code, user in pairs(due(c, day, name)) do
    book(c)[code] = nil
    c:profile_of(user)["code:" .. code] = nil
  end
  c:drop(due(c, day, name))
end

return codes
