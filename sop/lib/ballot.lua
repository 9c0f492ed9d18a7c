-- ballot.lua -- a vote on numbered options: one voice for each member, which may be changed while the vote is open. Of the flows vote and
-- contest; of both together at most one is open in a chat, since members say 投 2 to either.
-- State: group.ballot = { id, title, options = texts, counts = voices of each, voters, opened, closes, change }, hash "votes-<id>" = user
-- -> option; hash "ballot" of the chat, field "open" = { flow, title, closes }.
local ballot = {}

local STALE = 86400 -- seconds after its end at which one that never closed (its flow was off) does not stand in the way any more

local function lock(c)
  return c:hash("ballot", { scope = "chat" })
end

-- The title of what is open in another flow, nil if nothing is.
function ballot.elsewhere(c)
  local open = lock(c).open
  if open and open.flow ~= c.flow and c:now() < open.closes + STALE then return open.title end
end

-- Opens one: { id, title, options, closes, change }.
function ballot.open(c, one)
  one.opened, one.voters, one.counts = c:now(), 0, {}
  for i = 1, #one.options do one.counts[i] = 0 end
  lock(c).open = { flow = c.flow, title = one.title, closes = one.closes }
  c.group.ballot = one
end

-- When it was said: what came in late, after a gap of the line, counts by the platform's time.
local function moment(c)
  return c.event.history and c.event.time or c:now()
end

-- The open ballot of this flow, nil if none is.
function ballot.current(c)
  local one = c.group.ballot
  local at = moment(c)
  return one and at >= one.opened and at < one.closes and one or nil
end

local DIGITS = {
  ["一"] = 1, ["二"] = 2, ["两"] = 2, ["三"] = 3, ["四"] = 4, ["五"] = 5, ["六"] = 6, ["七"] = 7, ["八"] = 8, ["九"] = 9, ["十"] = 10,
}

-- Which option the text names: a place, 0 for a number that none has, nil if it names nothing ("2", "2号", "第二个", "B", or the option
-- itself).
function ballot.choice(one, text)
  local folded = sop.fold(text)
  for i, option in ipairs(one.options) do
    if sop.fold(option) == folded then return i end
  end
  local word = sop.match("^[\\s:,.、给]*(?:第\\s*)?(\\d{1,3}|[一二两三四五六七八九十]|[a-z])\\s*(?:[号號个個票项項]|选项)?[\\s!.~。,]*$", folded)
  if not word then return nil end
  local n = math.tointeger(tonumber(word)) or DIGITS[word] or word:byte() - 96
  return n >= 1 and n <= #one.options and n or 0
end

-- Counts the speaker's voice: "new", "changed", "same" (it was that already), or "kept" (they have voted, and it may not be changed).
function ballot.cast(c, one, place)
  local votes = c:hash("votes-" .. one.id)
  local before = votes[c.user]
  if not one.counts[before] then before = nil end -- somebody edited it
  if before == place then return "same" end
  if before and not one.change then return "kept" end
  if before then one.counts[before] = one.counts[before] - 1 else one.voters = one.voters + 1 end
  one.counts[place] = one.counts[place] + 1
  votes[c.user] = place
  c.group.ballot = one
  return before and "changed" or "new"
end

-- The options, most voices first; of equal ones that which stands first: a list of { place, text, votes }.
function ballot.ranking(one)
  local list = {}
  for i, option in ipairs(one.options) do list[i] = { place = i, text = option, votes = one.counts[i] } end
  table.sort(list, function(a, b) return a.votes > b.votes or a.votes == b.votes and a.place < b.place end)
  return list
end

-- "1. 火锅", a line each.
function ballot.lines(one)
  local lines = {}
  for i, option in ipairs(one.options) do lines[i] = i .. ". " .. option end
  return table.concat(lines, "\n")
end

-- "火锅 12 票", best first, a line each; `line` is the text for one of them.
function ballot.result(c, one, line)
  local lines = {}
  for i, entry in ipairs(ballot.ranking(one)) do
    lines[i] = c:format(line, { place = entry.place, text = entry.text, votes = entry.votes })
  end
  return table.concat(lines, "\n")
end

-- Ends it: nobody can vote any more, and another may open. Its voices are counted once more (who was forgotten has none, and may have
-- voted again) and dropped, its sums are the caller's to keep.
function ballot.close(c)
  local one = c.group.ballot
  if not one then return nil end
  local votes = c:hash("votes-" .. one.id)
  one.voters = 0
  for i = 1, #one.options do one.counts[i] = 0 end
  for _, place in pairs(votes) do
    if one.counts[place] then one.counts[place], one.voters = one.counts[place] + 1, one.voters + 1 end
  end
  c:drop(votes)
  c.group.ballot = nil
  local open = lock(c).open
  if open and open.flow == c.flow then lock(c).open = nil end
  return one
end

return ballot
