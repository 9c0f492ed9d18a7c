-- results.lua -- what a red packet tells: the announcement, the lines of a batch, the closing words. Of the flow redpacket, whose texts it
-- uses.
local fair = require("lib.fair")

local results = {}

-- ---- the announcement ----------------------------------------------------------------------------------------------

-- "(价值 59.90 元)" behind the name of what is worth so many cents; nothing where that is not said.
local function worth(c, cents)
  if not cents or cents == 0 then return "" end
  local yuan = cents % 100 == 0 and tostring(cents // 100) or string.format("%d.%02d", cents // 100, cents % 100)
  return c:format(c.params.worth, { yuan = yuan })
end

-- "一箱牛奶 ×1(价值 60 元)", a line each, with the number of chances below.
local function prize_list(c, packet, offer)
  local lines = {}
  for i, prize in ipairs(offer.prizes) do
    lines[i] = c:format(c.params.prize_line, { name = prize.name, count = prize.count }) .. worth(c, prize.value)
  end
  lines[#lines + 1] = c:format(c.params.chances, { shares = packet.shares })
  return table.concat(lines, "\n")
end

-- The announcement: what the rules on prize draws ask for, and the seal of the seed.
function results.announcement(c, packet, offer)
  local p = c.params
  local vars = {
    total = packet.total, shares = packet.shares, word = p.grab_words[1], minutes = sop.duration(p.lasts) // 60,
    what = offer.coupon and offer.coupon .. worth(c, offer.value), prizes = offer.prizes and prize_list(c, packet, offer) or nil,
    till = c:time("%H:%M", packet.closes), days = p.valid_days,
    claim = c:format(packet.kind == "points" and p.claim or p.claim_code, { days = p.valid_days }),
    organiser = p.organiser, contact = c:format(p.contact),
  }
  local lines = {
    c:format(p["open_" .. packet.kind], vars), c:format(p.rules, vars), c:format(p.sealed, { hash = fair.commitment(packet.seed) }),
  }
  return table.concat(lines, "\n")
end

-- ---- results and closing words -------------------------------------------------------------------------------------

-- What one grab brought, as a text.
local function result_line(c, packet, grab)
  local p, got, mask = c.params, grab.got, grab.code
  local line
  if packet.kind == "points" then
    line = c:format(p.result_points, { amount = got })
  elseif packet.kind == "prizes" then
    line = c:format(p.result_prize, { what = c.group.offer.prizes[got].name })
  else
    line = c:format(p.result_coupon, { what = c.group.offer.coupon })
  end
  if not mask then return line end
  return line .. " " .. c:format(p.result_code, { code = mask, word = p.mine_words[1] })
end

-- The grabs that were not told yet, a line each, as segments; an empty list if there are none. Marks them as told. Names are mentions
-- while they are few, plain names otherwise.
function results.untold(c, packet)
  local p, blanks, winners = c.params, 0, {}
  local grabs = c:list("grabs-" .. packet.id):range(packet.told + 1, -1)
  packet.told = packet.told + #grabs
  for _, grab in ipairs(grabs) do
    if packet.kind == "prizes" and grab.got == 0 then blanks = blanks + 1 else winners[#winners + 1] = grab end
  end

  local text, few = {}, #winners <= p.results_names
  for i = 1, math.min(#winners, p.results_lines) do
    local grab = winners[i]
    if i > 1 then text[#text + 1] = sop.text("\n") end
    text[#text + 1] = few and not c:opted_out(grab.user) and sop.at(grab.user) or sop.text(grab.name)
    text[#text + 1] = sop.text(" " .. result_line(c, packet, grab))
  end
  local tail = {}
  if #winners > p.results_lines then tail[1] = c:format(p.results_more, { count = #winners - p.results_lines }) end
  if blanks > 0 then
    local consoled = c.group.offer.consolation > 0
    tail[#tail + 1] = c:format(consoled and p.result_consoled or p.result_blanks, { count = blanks, points = c.group.offer.consolation })
  end
  if #tail > 0 then text[#text + 1] = sop.text((#text > 0 and "\n" or "") .. table.concat(tail, "\n")) end
  return text
end

-- The closing words below the last results.
function results.summary(c, packet)
  local p, offer, grabs = c.params, c.group.offer, packet.shares - packet.left
  local closing = packet.left == 0 and p.closed_empty or grabs == 0 and p.closed_nobody or p.closed_time
  local lines = { c:format(closing, { count = grabs, seconds = c:now() - packet.opened }) }
  if packet.lucky then lines[#lines + 1] = c:format(p.luckiest, { name = packet.lucky, amount = packet.best }) end
  if packet.kind == "points" and packet.rest > 0 then
    lines[#lines + 1] = c:format(p.left_points, { rest = packet.rest, left = packet.left })
  elseif packet.left > 0 then
    local left = packet.kind == "coupon" and offer.coupon .. " ×" .. packet.left
    if not left then
      local rest = {}
      for i, count in ipairs(packet.counts) do
        if count > 0 then rest[#rest + 1] = offer.prizes[i].name .. " ×" .. count end
      end
      left = table.concat(rest, " · ")
    end
    if left ~= "" then lines[#lines + 1] = c:format(p.left_prizes, { left = left }) end
  end
  lines[#lines + 1] = c:format(p.unsealed, { seed = packet.seed, id = packet.id })
  return table.concat(lines, "\n")
end

return results
