-- ledger.lua -- books that only grow: vouchers, rebates and rewards of a group. An entry moves a whole number from one account to another,
-- so all accounts of a book together are always 0. Accounts are ids of members, and words for what is nobody's: "house" (where things come
-- from), "used", "expired", "void", "paid", "settled". Nothing is ever changed or taken out; a mistake is an entry in the other direction.
-- Of the flows voucher and referral; points have the profile and the event stream instead (lib/points.lua).
-- State, of the flow in the chat: list "ledger-<book>" = { what, from, to, n, ref, by, at } in order, hash "balances-<book>" = what every
-- account has (none: 0), hash "proof-<book>" = sums while the book is checked.
local ledger = {}

ledger.HOUSE = "house"

local NOBODYS = { house = true, used = true, expired = true, void = true, paid = true, settled = true } -- accounts that are no member's

local PAGE = 1000 -- entries looked at in one turn
local AGAIN = 3 -- how often a check that was overtaken by new entries begins anew

local function entries(c, book)
  return c:list("ledger-" .. book)
end

local function balances(c, book)
  return c:hash("balances-" .. book)
end

local function move(c, book, account, n)
  if account == sop.nobody then return end -- whoever it was has no account any more
  local fields = balances(c, book)
  local sum = (fields[account] or 0) + n
  fields[account] = sum ~= 0 and sum or nil
end

-- What an account has.
function ledger.balance(c, book, account)
  return balances(c, book)[account] or 0
end

-- Enters n (a whole number above 0; 0 is no entry) from one account to another; nil: of somebody who was forgotten.
-- `what` says why, `ref` for which thing, `by` who did it.
function ledger.enter(c, book, what, from, to, n, ref, by)
  if math.type(n) ~= "integer" or n < 0 then error("a ledger takes whole numbers, not " .. tostring(n), 2) end
  from, to = from or sop.nobody, to or sop.nobody -- a member who was forgotten
  if n == 0 or from == to then return end
  entries(c, book):push({ what = what, from = from, to = to, n = n, ref = ref, by = by, at = c:now() })
  move(c, book, from, -n)
  move(c, book, to, n)
end

-- The last `count` entries, oldest first; and how many there are.
function ledger.last(c, book, count)
  return entries(c, book):range(-count, -1), entries(c, book):len()
end

-- ---- 对账 ----------------------------------------------------------------------------------------------------------

local function well_formed(entry)
  return type(entry) == "table" and math.type(entry.n) == "integer" and entry.n > 0 and type(entry.from) == "string"
    and type(entry.to) == "string" and entry.from ~= entry.to
end

-- Adds up one page of the book. `look(entry)`, if given, returns an account and what the things themselves say that it has.
local function add_page(c, book, proof, from, look)
  local page, sums, broken = entries(c, book):range(from + 1, from + PAGE), {}, 0
  local function count(account, n) sums[account] = (sums[account] or 0) + n end
  for _, entry in ipairs(page) do
    if well_formed(entry) then
      count(entry.from, -entry.n)
      count(entry.to, entry.n)
      local owner, worth
      if look then owner, worth = look(entry) end
      if owner then count("=" .. owner, worth) end
    else
      broken = broken + 1
    end
  end
  for account, n in pairs(sums) do proof[account] = (proof[account] or 0) + n end
  return #page, broken
end

-- Compares what was added up with what is kept. Who was forgotten has no account any more: what they had stands under sop.nobody in the
-- entries, and with that the sum is 0 all the same.
local function compare(c, book, proof, looked)
  local entered, owned, kept = {}, {}, {}
  for account, n in pairs(proof) do
    if account:sub(1, 1) == "=" then owned[account:sub(2)] = n else entered[account] = n end
  end
  local sum, wrong = entered[sop.nobody] or 0, {}
  for account, n in pairs(balances(c, book)) do kept[account], sum = n, sum + n end
  local accounts = {}
  for account in pairs(entered) do accounts[account] = true end
  for account in pairs(kept) do accounts[account] = true end
  for account in pairs(owned) do accounts[account] = true end
  accounts[sop.nobody] = nil
  for account in pairs(accounts) do
    local a, b = entered[account] or 0, kept[account] or 0
    if a ~= b or looked and not NOBODYS[account] and (owned[account] or 0) ~= a then
      wrong[#wrong + 1] = { account = account, entered = a, kept = b, owned = looked and owned[account] or nil }
    end
  end
  return wrong, sum, kept
end

-- One turn of the check of a book. `state` is what the turn before returned, {} at first. Returns a state while there is more to do, then
-- nil and the result: { entries, broken, sum, wrong = { { account, entered, kept, owned } }, kept, good }; { busy = true } if it could not
-- be finished because of new entries. A book that fits into one page is checked in one turn.
function ledger.check(c, book, state, look)
  local proof, length = c:hash("proof-" .. book), entries(c, book):len()
  if not state.done then
    c:drop(proof)
    state = { done = 0, broken = 0, length = length, again = state.again or 0 }
  end
  if look and state.length ~= length then -- a thing that was looked at may have moved since
    if state.again == AGAIN then return nil, { busy = true } end
    return { again = state.again + 1 }
  end
  local count, broken = add_page(c, book, proof, state.done, look)
  state.done, state.broken = state.done + count, state.broken + broken
  if state.done < length then return state end
  local wrong, sum, kept = compare(c, book, proof, look ~= nil)
  c:drop(proof)
  return nil, {
    entries = length, broken = state.broken, sum = sum, wrong = wrong, kept = kept,
    good = #wrong == 0 and sum == 0 and state.broken == 0,
  }
end

-- A result as a text of the flow: its texts staff_good, staff_bad, staff_bad_line, staff_busy. `show` writes a sum.
function ledger.report(c, name, result, show)
  local p, vars = c.params, { book = c:format(name) }
  if result.busy then return c:format(p.staff_busy, vars) end
  vars.entries, vars.out, vars.broken = result.entries, show(-(result.kept[ledger.HOUSE] or 0)), result.broken
  if result.good then return c:format(p.staff_good, vars) end
  local lines = {}
  for i = 1, math.min(#result.wrong, 5) do
    local one = result.wrong[i]
    lines[i] = c:format(p.staff_bad_line, {
      who = NOBODYS[one.account] and one.account or c:display(one.account), entered = show(one.entered), kept = show(one.kept),
      owned = one.owned and show(one.owned) or "-",
    })
  end
  vars.count, vars.lines = #result.wrong, table.concat(lines, "\n")
  return c:format(p.staff_bad, vars)
end

-- For a flow that has books: registers their check, a page in a turn of its own, by timers, since with the records it is more than a run's
-- journal takes; returns the function that begins it, begin(c, { chat = where the answer goes }). `books` in order: { name, look = for
-- ledger.check, show = for ledger.report }; a book's name in the answer is the parameter book_<name>. Staff are told if one is wrong.
function ledger.checker(flow, books)
  local function next_page(c, args)
    c:timer("check", { after = "0s", key = "check", args = args })
  end

  flow:timer("check", function(c, args)
    local at, lines = args.book or 1, args.lines or {}
    local book = books[at]
    local state, result = ledger.check(c, book.name, args.state or {}, book.look and book.look(c))
    if state then return next_page(c, { book = at, lines = lines, state = state, chat = args.chat, bad = args.bad }) end
    lines[at] = ledger.report(c, c.params["book_" .. book.name], result, book.show or tostring)
    local bad = args.bad or not result.good
    if at < #books then return next_page(c, { book = at + 1, lines = lines, chat = args.chat, bad = bad }) end
    c:emit("ledger_checked", { good = not bad })
    local text = sop.text(table.concat(lines, "\n"))
    if args.chat == c.chat then
      c:reply(text, nil, { answer = true })
    else
      c:say(text, nil, { chat = args.chat, answer = true })
    end
    if bad then c:staff(text) end
  end)
  return next_page
end

return ledger
