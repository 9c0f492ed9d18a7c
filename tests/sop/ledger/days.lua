-- days.lua -- the frame of the tests beside it: random days of a flow, with restarts and deaths of the daemon in any order, and checks
-- every few steps. A test has its deeds, reckons in its world what they must bring, and says what must hold.
local days = {}

local WAYS = { "no", "within", "after" }
local TITLES = { no = "", within = ", deaths within steps", after = ", deaths after steps" }
local MOMENTS = { "input", "commit", "send" }

-- A sequence of chances that depends on the seed only: roll(n) is one of 1 to n.
local function dice(seed)
  local state = seed * 7919 + 12345
  return function(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return (state >> 8) % n + 1
  end
end

local function choose(deeds, roll)
  local all = 0
  for _, deed in ipairs(deeds) do all = all + deed[1] end
  local n = roll(all)
  for _, deed in ipairs(deeds) do
    if n <= deed[1] then return deed end
    n = n - deed[1]
  end
end

-- ---- for deeds and checks --------------------------------------------------------------------------------------------

-- The clock as seconds since 1970, the business day that it is in, and how many seconds of that are over.
function days.clock(g)
  local year, month, day, hour, minute, second = g:time():match("(%d+)-(%d+)-(%d+) (%d+):(%d+):(%d+)")
  year, month = tonumber(year), tonumber(month)
  if month <= 2 then year, month = year - 1, month + 12 end
  local date = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + tonumber(day) - 719469
  local at = date * 86400 + tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second)
  return at - 8 * 3600, (at - 4 * 3600) // 86400, (at - 4 * 3600) % 86400
end

-- Learns what the messages that g:seen(where) gives say in brackets: `words` = { ["券码"] = list } adds the code of 券码[7KQ4] to the list,
-- once; list.again is a code that a second message has said.
function days.learn(g, where, words)
  for _, message in ipairs(g:seen(where)) do
    for word, list in pairs(words) do
      for code in message.text:gmatch(word .. "%[(%w+)%]") do
        if not list[code] then
          list[#list + 1], list[code] = code, message.id
        elseif list[code] ~= message.id then
          list.again = code
        end
      end
    end
  end
end

-- The entries of a book, of which those known from the time before must be unchanged; and that they add up. Returns the sums by account,
-- too.
function days.read_book(g, name, known)
  local list, sums = g:state("list", "ledger-" .. name) or {}, {}
  assert(#list >= #known, name .. ": entries are gone")
  for i, entry in ipairs(list) do
    assert(math.type(entry.n) == "integer" and entry.n > 0 and entry.from ~= entry.to, name .. ": entry " .. i)
    sums[entry.from], sums[entry.to] = (sums[entry.from] or 0) - entry.n, (sums[entry.to] or 0) + entry.n
    local line = ("%s %s %s %d %s %d"):format(entry.what, entry.from, entry.to, entry.n, entry.ref or "-", entry.at)
    assert(not known[i] or known[i] == line, name .. ": entry " .. i .. " was changed")
    known[i] = line
  end
  local kept, total = g:state("hash", "balances-" .. name) or {}, 0
  for account, n in pairs(kept) do
    total = total + n
    g:equal(n, sums[account], name .. ": balance of " .. account)
  end
  for account, n in pairs(sums) do assert(n == 0 or kept[account] == n, name .. ": " .. account .. " is not kept") end
  g:equal(total, 0, name .. ": all balances together")
  return list, sums
end

-- ---- the days --------------------------------------------------------------------------------------------------------

-- One case: the days of a seed. `way`: the daemon dies in the middle of steps, or after them, or not at all.
local function play(g, plan, seed, way)
  local roll, world = dice(seed), plan.begin(g)
  world.way = way
  for step = 1, plan.steps do
    if plan.before then plan.before(g, world) end
    local deed, how = choose(plan.deeds, roll), ""
    if way == "within" and roll(plan.within or 4) == 1 then
      how = MOMENTS[roll(#MOMENTS)]
      g:kill{ during = how }
    end
    deed[3](g, roll, world)
    if way == "after" and step % (plan.after or 10) == 0 then g:kill() end
    if plan.listen then plan.listen(g, world) end
    if step % plan.every == 0 then
      if plan.settle and way == "within" then g:advance(plan.settle) end
      local ok, why = pcall(plan.check, g, world)
      local dying = how ~= "" and ", dying in " .. how or ""
      if not ok then error(("seed %d, step %d, %s%s: %s"):format(seed, step, deed[2], dying, why), 0) end
    end
  end
  g:staff("店长", plan.last) -- is answered in any case, so that a death which is still to come comes
  g:advance(plan.rest)
  local happened = plan.finish(g, world, plan.check(g, world)) or {}
  local all = plan.happened
  all.played = all.played + 1
  for what, times in pairs(all.times) do all.times[what] = times + (happened[what] or #g:events(what)) end
end

-- What must happen in all days of a file together, once a seed at the least: names of events, or of what `finish` counts.
function days.happened(...)
  local all = { played = 0, planned = 0, times = {} }
  for _, what in ipairs({ ... }) do all.times[what] = 0 end
  return all
end

-- The cases of a plan:
--   title; seeds, steps, every (steps between checks); happened (of days.happened)
--   begin(g) -> world, a table of the test's own; world.way is how the daemon dies: "no", "within" or "after"
--   deeds = { { weight, name, function(g, roll, world) }, ... }
--   before(g, world), listen(g, world): before and after every step, if there
--   check(g, world): what must hold; raises an error
--   last = what staff say in the end, rest = how long it then rests; finish(g, world, what the last check returned) -> { what = times }
--   settle = how long after a death within a step a check waits; within, after: one step of how many has a death
function days.cases(t, plan)
  for i, way in ipairs(WAYS) do
    for n = 1, plan.seeds do
      local seed = i * 1000 + n
      t:case(("%s%s: seed %d"):format(plan.title, TITLES[way], seed), function(g) play(g, plan, seed, way) end)
    end
  end
  plan.happened.planned, plan.happened.seeds = plan.happened.planned + #WAYS * plan.seeds, plan.seeds
end

-- The case after all others.
function days.all_happened(t, all)
  t:case("in these days all of it happened", function()
    if all.played < all.planned then return end -- only some of them were played
    for what, times in pairs(all.times) do assert(times >= all.seeds, what .. " came " .. times .. " times only") end
  end)
end

return days
