-- prizes.lua -- hands somebody a prize of a draw or a contest: a code (lib/codes.lua), by private message where the gateway can, else for
-- 我的券. Of the flows contest and draw, which have the parameter `valid_days` and the text `code_dm`. The flow redpacket answers 我的券 and
-- 核销, and reminds of codes: it should run in the same group.
local codes = require("lib.codes")

local prizes = {}

-- The most that one prize may be worth, in cents: 50,000 yuan, by the rules on prize promotion.
prizes.TOP_VALUE = 5000000

-- "60" for 6000 cents, "12.50" for 1250.
function prizes.yuan(cents)
  return cents % 100 == 0 and tostring(cents // 100) or string.format("%d.%02d", cents // 100, cents % 100)
end

-- Issues the code, valid for `days`. `from` is the cause ("draw.3"). Returns it masked, and whether it was sent in private.
function prizes.hand(c, user, what, from, cost, days)
  local code, till = codes.issue(c, user, what, days or c.params.valid_days, from, cost)
  codes.watch(c, till)
  local sent = c:can("dm") and not c:opted_out(user)
    and c:dm(user, c.params.code_dm, { what = what, code = code, till = c:date(till) }, { late = "1h" })
  return codes.mask(code), sent and true or false
end

-- Makes void what a cause has given since `day`, valid for `days`, and nobody has redeemed. Returns how many codes were taken back, and
-- how many had been used.
function prizes.take_back(c, from, day, days)
  local taken, used = 0, 0
  days = days or c.params.valid_days
  for till = day + days, c:day() + days do
    for _, entry in ipairs(codes.ending(c, till, from)) do
      if not entry.record.state then
        codes.finish(c, entry.code, entry.record, "void", c.user, c.name)
        taken = taken + 1
      elseif entry.record.state == "used" then
        used = used + 1
      end
    end
  end
  return taken, used
end

return prizes
