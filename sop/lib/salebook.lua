-- salebook.lua -- the sales (接龙) of a group as they are kept, and what is told of them: the numbered list, the totals, what was not
-- fetched. Of the flow presale, whose parameters and texts it uses (the state is described there).
local csv = require("lib.csv")
local lists = require("lib.lists")
local people = require("lib.people")
local sale = require("lib.sale")

local book = {}

local function group_name(c)
  return c.chat_name ~= "" and c.chat_name or c.chat
end

function book.get(c, id)
  return id and c:hash("sales")[tostring(id)]
end

function book.keep(c, sold)
  c:hash("sales")[tostring(sold.id)] = sold
end

function book.list(c, sold)
  return lists.open(c, tostring(sold.id), sale.limits(sold))
end

-- When a message was said: what came in late, after a gap of the line, counts by the platform's time.
local function said_at(c)
  return c.event.history and c.event.time or c:now()
end

-- The sale that takes orders, nil if none does.
function book.open(c)
  local sold = book.get(c, c.group.open)
  local at = said_at(c)
  return sold and at >= sold.opened and at < sold.closes and sold or nil
end

-- "3月5日 16:00" or, today, "16:00".
local function clock(c, at)
  return c:time(c:time("%Y-%m-%d", at) == c:time("%Y-%m-%d") and "%H:%M" or "%m-%d %H:%M", at)
end

-- What all texts about a sale may name.
function book.about(c, sold, more)
  local vars = {
    id = sold.id, title = sop.text(sold.title), close = clock(c, sold.closes), from = clock(c, sold.from), till = c:time("%H:%M",
      sold.till),
    place = sop.text(sold.place and c:format(c.params.at_place, { place = sold.place }) or ""), word = c.params.cancel_words[1],
      group = group_name(c),
    minutes = math.max(1, (sold.closes - c:now() + 59) // 60),
  }
  for name, value in pairs(more or {}) do vars[name] = value end
  return vars
end

-- The numbered list as a text, and how many are on it.
function book.lines(c, sold, all)
  local p, lines = c.params, {}
  for i, entry in ipairs(all) do
    if i > p.list_lines then
      lines[i] = c:format(p.list_more, { count = #all - p.list_lines })
      break
    end
    local waits = {}
    for item in pairs(entry.wait) do waits[item] = select(2, lists.of(entry, item)) end
    local line = c:format(p.list_line, { no = entry.no, name = entry.name, what = sale.pieces(sold, entry.have) })
    local rest = sale.pieces(sold, waits)
    lines[i] = line .. (rest ~= "" and c:format(p.list_wait, { what = rest }) or "")
  end
  return table.concat(lines, "\n")
end

local MOVED_POSTS = 3 -- so many who moved up at once hear it from the list

-- Tells those who moved up, ten a message; of very many the first thirty.
function book.tell_moved(c, sold, moved)
  local ids, seen = {}, {}
  for _, one in ipairs(moved) do
    c:emit("presale_moved_up", { id = sold.id, user = one.user, no = one.no, item = one.item, n = one.n })
    if not seen[one.user] then
      seen[one.user] = true
      ids[#ids + 1] = one.user
    end
  end
  for i, portion in ipairs(people.portions(ids, 10)) do
    if i > MOVED_POSTS then break end
    c:say(c.params.moved_up, book.about(c, sold, { names = people.mentions(portion) }), { answer = true, late = "30m" })
  end
end

-- The totals for purchasing: a text, and { people, units, cents, waiting }.
function book.totals(c, sold, list, all)
  local p, lines, sum = c.params, {}, { people = 0, units = 0, waiting = 0 }
  local have, wait = list:count()
  for i, item in ipairs(sold.items) do
    local letter = sale.letter(i)
    local n, rest = have[letter] or 0, wait[letter] or 0
    sum.units, sum.waiting = sum.units + n, sum.waiting + rest
    lines[i] = c:format(p.staff_total, { name = item.name, n = n, unit = item.unit or "份" })
      .. (rest > 0 and c:format(p.staff_waiting, { n = rest }) or "")
  end
  for _, entry in ipairs(all) do
    if next(entry.have) then sum.people = sum.people + 1 end
  end
  sum.cents = sale.cost(sold, have)
  return c:format(p.staff_totals, book.about(c, sold, {
    lines = table.concat(lines, "\n"), people = sum.people, units = sum.units, yuan = sale.yuan(sum.cents),
  })), sum
end

-- Those with something to fetch that is not fetched.
function book.unfetched(c, sold)
  local missing = {}
  for _, entry in ipairs(book.list(c, sold):all()) do
    if next(entry.have) and not entry.taken then missing[#missing + 1] = entry end
  end
  return missing
end

-- The sale that a number is of: 提货 3 of the one whose pick-up is nearest, 提货 7-3 of sale 7.
function book.for_pickup(c, id)
  if id then return book.get(c, id) end
  local best
  for _, sold in pairs(c:hash("sales")) do
    local done = sold.state == "over" and 1e9 or 0
    local away = math.abs(sold.from - c:now()) + done
    if (sold.state == "closed" or sold.state == "over") and (not best or away < best.away) then best = { sold = sold, away = away } end
  end
  return best and best.sold or book.get(c, c.group.open)
end

-- What a spreadsheet gets: a line for each item of each entry.
local HEAD = { "sale", "title", "no", "user", "name", "item", "price", "n", "amount", "waiting", "ordered", "picked_up", "by" }

-- The sale as CSV, and how many lines it has: the part of it behind `skip` lines, and how many to skip for the next part.
function book.csv(c, sold, skip)
  local rows = {}
  for _, entry in ipairs(book.list(c, sold):all()) do
    for i, item in ipairs(sold.items) do
      local n, wait = lists.of(entry, sale.letter(i))
      if n + wait > 0 then
        local taken = entry.taken
        rows[#rows + 1] = {
          sold.id, sold.title, entry.no, entry.user, entry.name, item.name, item.price and sale.yuan(item.price) or "", n,
          item.price and sale.yuan(item.price * n) or "", wait, c:time("%Y-%m-%d %H:%M", entry.at),
          taken and c:time("%Y-%m-%d %H:%M", taken.at) or "", taken and taken.by_name or "",
        }
      end
    end
  end
  local text, more = csv.part(HEAD, rows, skip)
  return text, #rows, more
end

return book
