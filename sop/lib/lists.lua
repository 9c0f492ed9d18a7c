-- lists.lua -- a numbered list in which members ask for so many of an item, with limits, and a waiting list that moves up.
--
-- Whoever comes first gets the lowest number, and keeps it; the number of somebody who left the list is not given again. What an item's
-- limit does not cover waits, piece by piece, in the order in which it was asked for; what is given back goes to the first who waits.
-- A list of the name "7" is kept in this flow's data of the chat: hash "list-7", user -> { no, name, at, have = { item = n }, wait =
-- { item = { { n, t = ticket } } }, and what the flow adds }; hash "tally-7", item -> n given, and "#" = the last number, "@" = the last
-- ticket; list "queue-7-<item>" = { user, t } in the order of the tickets, those that are no more among them.
local lists = {}

local List = {}
List.__index = List

local LOOK = 50 -- tickets read at once

-- The list of that name. `limits`: item -> how many there are; an item without one never runs out. `whole`: a wish is given as a whole
-- or waits as a whole (a party of three), and what is too few for the first who waits is kept for them.
function lists.open(c, name, limits, whole)
  return setmetatable({
    c = c, name = name, limits = limits or {}, whole = whole or false, entries = c:hash("list-" .. name), tally = c:hash("tally-" .. name),
  }, List)
end

local function sum(tickets)
  local n = 0
  for _, ticket in ipairs(tickets or {}) do n = n + ticket.n end
  return n
end

-- How many of an item an entry has, and how many it waits for.
function lists.of(entry, item)
  return entry.have[item] or 0, sum(entry.wait[item])
end

-- How many an entry has in all, and how many it waits for.
function lists.sums(entry)
  local have, wait = 0, 0
  for _, n in pairs(entry.have) do have = have + n end
  for _, tickets in pairs(entry.wait) do wait = wait + sum(tickets) end
  return have, wait
end

function List:entry(user)
  return self.entries[user]
end

-- Keeps what the flow has changed of an entry.
function List:put(user, entry)
  self.entries[user] = entry
end

-- The entry of a user, made with the next number if there is none.
function List:enter(user, name)
  local entry = self.entries[user]
  if entry then return entry end
  local no = (self.tally["#"] or 0) + 1
  self.tally["#"] = no
  entry = { no = no, name = name, at = self.c:now(), have = {}, wait = {} }
  self.entries[user] = entry
  return entry
end

-- How many of an item are left; nil: no end of them.
function List:left(item)
  local limit = self.limits[item]
  return limit and math.max(0, limit - (self.tally[item] or 0))
end

local function queue(self, item)
  return self.c:list("queue-" .. self.name .. "-" .. item)
end

-- Gives what is free of an item to those who wait, in their order. Returns a list of { user, name, no, item, n }, and whether somebody
-- waits for more than is free.
function List:move_up(item)
  local free, moved, line, blocked = self:left(item), {}, queue(self, item), false
  if not self.tally["@"] then return moved, false end -- nobody has ever waited
  while free and free > 0 and not blocked do
    local first = line:range(1, LOOK)
    local done = 0
    for _, place in ipairs(first) do
      if free == 0 then break end
      local entry = place.user ~= sop.nobody and self.entries[place.user] or nil
      local tickets = entry and entry.wait[item]
      local mine = tickets and tickets[1]
      if mine and mine.t == place.t then
        blocked = self.whole and mine.n > free
        if blocked then break end
        local n = math.min(free, mine.n)
        free, mine.n = free - n, mine.n - n
        entry.have[item] = (entry.have[item] or 0) + n
        self.tally[item] = (self.tally[item] or 0) + n
        moved[#moved + 1] = { user = place.user, name = entry.name, no = entry.no, item = item, n = n }
        local rest = mine.n
        if rest == 0 then
          table.remove(tickets, 1)
          if #tickets == 0 then entry.wait[item] = nil end
        end
        self.entries[place.user] = entry
        if rest > 0 then break end
      end
      done = done + 1
    end
    for _ = 1, done do line:shift() end
    if #first < LOOK then break end
  end
  return moved, blocked
end

-- Sets what a user, who is on the list, wants of an item to n pieces in all. Returns how many of them are given, how many wait, and who
-- moved up because of it.
function List:set(user, item, n)
  local moved, blocked = self:move_up(item) -- should somebody have been forgotten
  local entry = self.entries[user]
  local have, waits = lists.of(entry, item)
  local tickets = entry.wait[item] or {}
  if n > have + waits then
    local more = n - have - waits
    local left = (waits > 0 or blocked) and 0 or self:left(item)
    if self.whole and left and left < more then left = 0 end
    local got = left and math.min(more, left) or more
    if got > 0 then
      have = have + got
      self.tally[item] = (self.tally[item] or 0) + got
    end
    if more > got then
      local t = (self.tally["@"] or 0) + 1
      self.tally["@"] = t
      tickets[#tickets + 1] = { n = more - got, t = t }
      queue(self, item):push({ user = user, t = t })
    end
  else
    local less = have + waits - n
    while less > 0 and #tickets > 0 do -- the latest wish goes first
      local last = tickets[#tickets]
      local took = math.min(less, last.n)
      less, last.n = less - took, last.n - took
      if last.n == 0 then table.remove(tickets) end
    end
    have = have - less
    if less > 0 then self.tally[item] = self.tally[item] - less end
  end
  entry.have[item] = have > 0 and have or nil
  entry.wait[item] = #tickets > 0 and tickets or nil
  self.entries[user] = entry
  for _, one in ipairs((self:move_up(item))) do moved[#moved + 1] = one end
  have, waits = lists.of(self.entries[user], item)
  return have, waits, moved
end

-- Takes a user off the list. Returns the entry as it was (nil if there was none), and who moved up.
function List:remove(user)
  local entry, moved = self.entries[user], {}
  if not entry then return nil, moved end
  self.entries[user] = nil
  for item, n in pairs(entry.have) do
    self.tally[item] = self.tally[item] - n
  end
  local items = {}
  for item in pairs(entry.have) do items[item] = true end
  for item in pairs(entry.wait) do items[item] = true end
  for item in pairs(items) do
    for _, one in ipairs((self:move_up(item))) do moved[#moved + 1] = one end
  end
  return entry, moved
end

-- All entries in the order of their numbers; each has its `user`.
function List:all()
  local all = {}
  for user, entry in pairs(self.entries) do
    entry.user = user
    all[#all + 1] = entry
  end
  table.sort(all, function(a, b) return a.no < b.no end)
  return all
end

-- The entry of a number, nil if there is none.
function List:find(no)
  for user, entry in pairs(self.entries) do
    if entry.no == no then
      entry.user = user
      return entry
    end
  end
end

-- How many of each item are given, and how many are waited for, counted anew: a member who was forgotten left without a word, and what
-- they had is free again. Returns both, and who moved up.
function List:count()
  local have, wait, moved = {}, {}, {}
  for _, entry in pairs(self.entries) do
    for item, n in pairs(entry.have) do have[item] = (have[item] or 0) + n end
    for item, tickets in pairs(entry.wait) do wait[item] = (wait[item] or 0) + sum(tickets) end
  end
  for item, n in pairs(self.tally) do
    if item ~= "#" and item ~= "@" and n ~= (have[item] or 0) then self.tally[item] = have[item] or 0 end
  end
  for item in pairs(self.limits) do
    if (wait[item] or 0) > 0 then
      for _, one in ipairs((self:move_up(item))) do
        moved[#moved + 1] = one
        have[item], wait[item] = (have[item] or 0) + one.n, wait[item] - one.n
      end
    end
  end
  return have, wait, moved
end

-- Forgets the whole list.
function List:drop()
  for item in pairs(self.tally) do
    if item ~= "#" and item ~= "@" then queue(self, item):clear() end
  end
  self.c:drop(self.entries)
  self.c:drop(self.tally)
end

-- "3", "3 5", "3-8", "3号": at most 15 numbers, and what stands behind them; nil if there is none.
function lists.numbers(text)
  local list, rest = {}, sop.fold(text)
  while true do
    local a, b, more = sop.match("^[\\s,、#]*(\\d{1,5})\\s*(?:号|(?:-|~|到)\\s*(\\d{1,5})号?)?(?=[\\s,、]|$|\\D)(.*)$", rest)
    if not a then break end
    a = math.tointeger(tonumber(a))
    b = b and b ~= "" and math.tointeger(tonumber(b)) or a
    for no = a, math.min(b, a + 14) do
      if #list < 15 then list[#list + 1] = no end
    end
    rest = more
  end
  return #list > 0 and list or nil, (rest:gsub("^[%s,:]+", ""))
end

return lists
