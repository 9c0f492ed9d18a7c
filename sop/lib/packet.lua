-- packet.lua -- a red packet as such: what it costs, whether the budgets allow it, what the next grab takes out of it. Of the flow
-- redpacket, whose parameters it reads and whose group fields `spent` and `total` it keeps.
--
-- The sums that always hold: what was given + what is left = what was booked when the packet opened; group.total = the costs of open
-- packets + what ended ones have given, less what 作废 took back.
local fair = require("lib.fair")

local packet = {}

-- The most that one prize of a draw may be worth, in cents: 50,000 yuan, by the rules on prize promotion (有奖销售).
packet.TOP_VALUE = 5000000

packet.SHARES_MAX = 800 -- so that one turn can also take all of them back

-- ---- budget --------------------------------------------------------------------------------------------------------

local function spent_today(c)
  local spent = c.group.spent
  return spent and spent[1] == c:day() and spent[2] or 0
end

-- Books an amount (negative: returns it) on the group's day and total. What is returned on a later day returns to the total only.
function packet.book(c, amount, day)
  if day == c:day() then c.group.spent = { day, spent_today(c) + amount } end
  c.group.total = (c.group.total or 0) + amount
end

-- nil if the amount fits into every budget, else the name and size of the one that it would break.
function packet.over_budget(c, amount)
  local p = c.params
  if amount > p.packet_max then return p.budget_packet, p.packet_max end
  if spent_today(c) + amount > p.day_max then return p.budget_day, p.day_max - spent_today(c) end
  if (c.group.total or 0) + amount > p.group_max then return p.budget_group, p.group_max - (c.group.total or 0) end
end

-- ---- what is in it --------------------------------------------------------------------------------------------------

local function whole(n, least, most)
  return math.type(n) == "integer" and n >= least and n <= most
end

-- The announced prizes, checked, how many they are and what they cost; nil and the place of the first fault.
local function weigh(list)
  local prizes, count, cost = {}, 0, 0
  for i, prize in ipairs(list) do
    local fault = type(prize.name) ~= "string" and "name" or not whole(prize.count, 1, packet.SHARES_MAX) and "count"
      or not whole(prize.cost or 0, 0, math.maxinteger) and "cost" or not whole(prize.value or 0, 0, packet.TOP_VALUE) and "value"
    if fault then return nil, "prizes[" .. i .. "]." .. fault end
    prizes[i] = { name = prize.name, count = prize.count, cost = prize.cost or 0, value = prize.value }
    count, cost = count + prize.count, cost + prize.count * prizes[i].cost
  end
  if count < 1 or count > packet.SHARES_MAX then return nil, "prizes" end
  return prizes, count, cost
end

-- A packet after the parameters, not yet open, and its offer (what is announced and may not change while it is open); nil and the
-- reason when the parameters do not make one.
function packet.prepare(c, total, shares)
  local p = c.params
  local one, offer = { kind = p.kind, shares = shares or p.shares }, { days = p.valid_days }
  if p.kind == "points" then
    one.total = total or p.total
    one.cost = one.total
    if one.shares < 1 or one.total < one.shares then return nil, one.total .. " / " .. one.shares end
  elseif p.kind == "prizes" then
    local prizes, count, cost = weigh(p.prizes)
    if not prizes then return nil, count end
    one.shares = math.max(one.shares, count)
    one.cost = cost + (one.shares - count) * p.consolation
    one.counts = {}
    for i, prize in ipairs(prizes) do one.counts[i] = prize.count end
    offer.prizes, offer.consolation = prizes, p.consolation
  else
    one.cost = one.shares * p.coupon_cost
    offer.coupon, offer.cost, offer.value = p.coupon, p.coupon_cost, p.coupon_value
  end
  return one, offer
end

-- Has the speaker had a share of this packet? It is noted so that it holds for whoever had themselves forgotten in between, and says
-- nothing about anybody when the packet is over and its salt gone.
function packet.had(c, one)
  local who = sop.sha256((one.salt or one.seed) .. c.user):sub(1, 20)
  return not c:once("packet-" .. one.id .. "-" .. who, { ttl = "2h", scope = "group" })
end

-- What the next grab brings, taken out of the packet: the amount of a points packet, the position of a prize (0: a blank), 1 for a
-- coupon. Second result: how much of the budget it uses.
function packet.draw(one, offer)
  local i = one.shares - one.left + 1
  local got, cost
  if one.kind == "points" then
    got = fair.share(one.seed, i, one.rest, one.left)
    one.rest, cost = one.rest - got, got
  elseif one.kind == "prizes" then
    got = fair.prize(one.seed, i, one.counts, one.left) or 0
    if got > 0 then one.counts[got] = one.counts[got] - 1 end
    cost = got > 0 and offer.prizes[got].cost or offer.consolation
  else
    got, cost = 1, offer.cost
  end
  one.left, one.spent = one.left - 1, one.spent + cost
  return got, cost
end

return packet
