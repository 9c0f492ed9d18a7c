-- verify_picks.lua -- draws the winners of a draw anew and compares. Runs in the sandbox of lua/luaconf.h behind what
-- cli/ctl/ctl_verify.c writes in front of it: `fair` (lib/fair.lua of the SOP folder) and `record` (as sop/flows/draw.lua keeps it, with
-- `entered`, who took part). Returns { checked = numbers drawn, passed = how many of them were passed over } or { problem = the first
-- difference }.
-- luacheck: read_globals fair record

local NOBODY = "~" -- stands where a member was forgotten

local function problem(format, ...)
  return { problem = string.format(format, ...) }
end

local function whole(n)
  return math.type(n) == "integer" and n >= 0
end

-- nil if everything that is computed with is there.
local function incomplete()
  if type(record.seed) ~= "string" then return problem("the seed is not recorded") end
  if not whole(record.entrants) or not whole(record.picks) or not whole(record.count) then
    return problem("how many took part and were drawn is not recorded")
  end
  if #record.entered ~= record.entrants then
    return problem("%d took part by the record, but %d are listed", record.entrants, #record.entered)
  end
  local out = record.out or {}
  if #out ~= record.picks then return problem("%d numbers were drawn by the record, but %d are listed", record.picks, #out) end
  if record.picks > record.entrants then return problem("more numbers were drawn than there are") end
end

-- One number a member.
local function twice()
  local seen = {}
  for no, entrant in ipairs(record.entered) do
    local user = tostring(entrant.user)
    if user ~= NOBODY and seen[user] then
      return problem("number %d is the second of %s (%s)", no, tostring(entrant.name), user)
    end
    seen[user] = true
  end
end

-- The numbers as they were drawn, none of them twice.
local function numbers()
  local left = {}
  for no = 1, record.entrants do left[no] = no end
  for i, no in ipairs(record.out or {}) do
    local n = record.entrants - i + 1 -- so many are left
    local place = fair.pick(record.seed, i, n)
    local drawn = left[place]
    for k = place, n do left[k] = left[k + 1] end -- there is no table.remove here
    if no ~= drawn then return problem("number drawn as the %dth: the record says %s, the seed gives %d", i, tostring(no), drawn) end
  end
end

-- The winners are those numbers in that order, without those that were passed over; each is who had the number.
local function winners()
  local at, claimed, list = 1, 0, record.winners or {}
  for _, no in ipairs(record.out or {}) do
    local winner, entrant = list[at], record.entered[no]
    if winner and winner.no == no then
      if entrant.user ~= winner.user then
        return problem("number %d is of %s, but %s won with it", no, tostring(entrant.user), tostring(winner.user))
      end
      at, claimed = at + 1, claimed + (winner.state == "claimed" and 1 or 0)
    end
  end
  if at <= #list then return problem("number %s won, but was not drawn, or not in this order", tostring(list[at].no)) end
  if claimed > record.count then return problem("%d were given, but there were only %d", claimed, record.count) end
  return { checked = record.picks, passed = record.picks - #list }
end

return incomplete() or twice() or numbers() or winners()
