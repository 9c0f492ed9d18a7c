-- verify_draw.lua -- computes a packet anew and compares. Runs in the sandbox of lua/luaconf.h behind what cli/ctl/ctl_verify.c writes in
-- front of it: `fair` (lib/fair.lua of the SOP folder), `record` and `grabs` (as sop/flows/redpacket.lua keeps them). Returns
-- { checked = number of grabs } or { problem = the first difference }.
-- luacheck: read_globals fair record grabs

local function problem(format, ...)
  return { problem = string.format(format, ...) }
end

local function whole(n)
  return math.type(n) == "integer" and n >= 0
end

local function name_of(grab)
  return string.format("%s (%s)", tostring(grab.name), tostring(grab.user))
end

-- What a place in the list of prizes stands for.
local function prize_name(place)
  local prize = record.offer.prizes[place]
  return prize and tostring(prize.name) or place == 0 and "nothing" or "prize " .. tostring(place)
end

-- nil if everything that is computed with is there.
local function incomplete()
  if record.kind ~= "points" and record.kind ~= "prizes" and record.kind ~= "coupon" then return problem("its kind is unknown") end
  if type(record.seed) ~= "string" then return problem("the seed is not recorded") end
  if not whole(record.shares) or not whole(record.left) then return problem("its shares are not recorded") end
  if record.kind == "points" and not whole(record.total) then return problem("its total is not recorded") end
  if record.kind == "prizes" then
    for i, prize in ipairs(record.offer and record.offer.prizes or {}) do
      if not whole(prize.count) then return problem("the number of prize %d is not recorded", i) end
    end
    if not record.offer or not record.offer.prizes then return problem("its prizes are not recorded") end
  end
  if #grabs ~= record.shares - record.left then
    return problem("%d of %d shares were taken, but there are %d grabs", record.shares - record.left, record.shares, #grabs)
  end
end

-- One grab a member.
local function twice()
  local seen = {}
  for i, grab in ipairs(grabs) do
    local user = tostring(grab.user)
    if seen[user] then return problem("grab %d is the second of %s", i, name_of(grab)) end
    seen[user] = true
  end
end

local function points()
  local rest = record.total
  for i, grab in ipairs(grabs) do
    local share = fair.share(record.seed, i, rest, record.shares - i + 1)
    if grab.got ~= share then
      return problem("share %d, of %s: the record says %s, the seed gives %d", i, name_of(grab), tostring(grab.got), share)
    end
    rest = rest - share
  end
  if record.rest ~= rest then return problem("the rest: the record says %s, the seed leaves %d", tostring(record.rest), rest) end
end

local function prizes()
  local counts = {}
  for i, prize in ipairs(record.offer.prizes) do counts[i] = prize.count end
  for i, grab in ipairs(grabs) do
    local place = fair.prize(record.seed, i, counts, record.shares - i + 1) or 0
    if grab.got ~= place then
      return problem("chance %d, of %s: the record says %s, the seed gives %s", i, name_of(grab), prize_name(grab.got),
        prize_name(place))
    end
    if place > 0 then counts[place] = counts[place] - 1 end
  end
  for i, count in ipairs(counts) do
    local recorded = record.counts and record.counts[i]
    if recorded ~= count then
      return problem("%s: the record says %s left, the seed leaves %d", prize_name(i), tostring(recorded), count)
    end
  end
end

local function coupons()
  for i, grab in ipairs(grabs) do
    if grab.got ~= 1 then return problem("grab %d, of %s: the record says %s coupons", i, name_of(grab), tostring(grab.got)) end
  end
end

local kinds = { points = points, prizes = prizes, coupon = coupons }
return incomplete() or twice() or kinds[record.kind]() or { checked = #grabs }
