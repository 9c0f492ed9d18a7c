-- invites.lua -- who brought whom into a group, and what that is worth: of the flow referral, whose parameters it uses.
-- A member is brought by one person, once in their life in the group; with the person who brought that one (level 2) it ends: there is no
-- level 3, whatever the parameters say. Rewards are entries only (lib/ledger.lua, books "held" and "paid"): promised when somebody comes,
-- taken back if they leave within `stay_days`, due when they stayed. Nothing is paid out here.
-- State, in member_of(whoever): since = when they came (0: before the flow knew them), left, by = who brought them, at = since when that
-- counts, state = "held" | "valid" | "void", r1, r2 = promised to by and to by2; of those who bring: code, name, today = { day, count },
-- held, valid, frozen. Hash "codes" = personal code -> user; board "invites" = how many they brought and who did not leave early; list
-- "came-<day>" = who was brought that day; and by lib/known.lua who ever was, also if they were forgotten since.
local codes = require("lib.codes")
local known = require("lib.known")
local ledger = require("lib.ledger")
local points = require("lib.points")
local vouchers = require("lib.vouchers")

local invites = {}

-- ---- who is whose --------------------------------------------------------------------------------------------------

-- The personal code of the speaker.
function invites.code(c)
  if not c.member.code then
    local book = c:hash("codes")
    local code = codes.make(c:secret(14))
    while book[code] do code = codes.make(c:secret(14)) end
    book[code] = c.user
    c.member.code, c.member.since = code, c.member.since or 0
  end
  return c.member.code
end

function invites.owner(c, code)
  return c:hash("codes")[code]
end

-- The same number more or less in a state, for the one who brought them.
local function count(c, member, state, n)
  if not member.by or member.by == sop.nobody then return end
  local first = c:member_of(member.by)
  first[state] = (first[state] or 0) + n
end

-- One more for today; false if the day's number is used up.
local function within_day(c, member)
  local today = member.today
  local so_far = today and today.day == c:day() and today.count or 0
  if so_far >= c.params.day_max then return false end
  member.today = { day = c:day(), count = so_far + 1 }
  return true
end

-- Notes that `by` brought `user`. Returns true, or nil and why it does not count: "self", "staff", "gone", "frozen", "again",
-- "full".
function invites.enter(c, user, by, how)
  local p = c.params
  if by == user or by == c.me then return nil, "self" end
  if p.exclude_staff and c:has_role("keeper", by) then return nil, "staff" end
  local member, first = c:member_of(user), c:member_of(by)
  if first.left then return nil, "gone" end
  first.since = first.since or 0 -- who brings others has been here: they are brought by nobody any more
  if first.frozen then return nil, "frozen" end
  if known.is(c, "brought", user) then return nil, "again" end
  if not within_day(c, first) then return nil, "full" end
  known.note(c, "brought", user)

  local second = first.by and first.state ~= "void" and not c:member_of(first.by).frozen and first.by or nil
  member.by, member.state, member.at, member.r1 = by, "held", c:now(), p.reward
  ledger.enter(c, "held", "level1", ledger.HOUSE, by, p.reward, user)
  if second and p.reward_second > 0 then
    member.by2, member.r2 = second, p.reward_second
    ledger.enter(c, "held", "level2", ledger.HOUSE, second, p.reward_second, user)
  end
  count(c, member, "held", 1)
  c:board("invites"):add(by, 1)
  c:list("came-" .. c:day()):push(user)
  c:start("mature", { day = c:day() }, { key = "mature." .. c:day(), user = false })
  c:emit("invited", { user = user, by = by, second = second, how = how })
  return true
end

-- Everybody whom a reward of this member went to: a list of { user, n, level }; sop.nobody for who was forgotten.
local function rewarded(member)
  local list = { { user = member.by or sop.nobody, n = member.r1 or 0, level = 1 } }
  if member.r2 then list[2] = { user = member.by2 or sop.nobody, n = member.r2, level = 2 } end
  return list
end

-- Takes an invite back: what was promised, or, if it was due already, what was due. `why`: "left", "staff".
function invites.take_back(c, user, why, staff)
  local member = c:member_of(user)
  local state = member.state
  if state ~= "held" and state ~= "valid" then return false end
  for _, one in ipairs(rewarded(member)) do
    if state == "held" then
      ledger.enter(c, "held", "back", one.user, ledger.HOUSE, one.n, user, staff)
    else
      ledger.enter(c, "paid", "void", one.user, "void", one.n, user, staff)
      if c.params.credit then points.give(c, one.user, -one.n, "referral.void") end
    end
  end
  count(c, member, state, -1)
  local board = c:board("invites")
  local score = member.by and board:get(member.by)
  if score and score > 1 then board:add(member.by, -1) elseif score then board:remove(member.by) end
  member.state = "void"
  c:emit("invite_void", { user = user, by = member.by, why = why, n = member.r1, second = member.by2 })
  return true
end

-- They stayed: the rewards are due.
function invites.confirm(c, user)
  local member = c:member_of(user)
  if member.state ~= "held" then return false end
  for _, one in ipairs(rewarded(member)) do
    ledger.enter(c, "held", "due", one.user, "paid", one.n, user)
    ledger.enter(c, "paid", "level" .. one.level, ledger.HOUSE, one.user, one.n, user)
    if c.params.credit and one.n > 0 then points.give(c, one.user, one.n, "referral.level" .. one.level) end
  end
  if c.params.voucher ~= "" and member.by and member.by ~= sop.nobody then
    vouchers.grant(c, member.by, c.params.voucher, "referral." .. user)
  end
  count(c, member, "held", -1)
  count(c, member, "valid", 1)
  member.state = "valid"
  c:emit("invite_valid", { user = user, by = member.by, n = member.r1, second = member.by2 })
  return true
end

-- ---- coming and going ----------------------------------------------------------------------------------------------

local TWICE = 120 -- seconds within which a join that is reported twice, first without who invited, is one

-- Somebody came. Only the first time counts.
function invites.came(c, user, by, at)
  local member = c:member_of(user)
  local again = member.left ~= nil or member.since and (member.by or at - member.since > TWICE)
  member.left = nil
  if again then return end
  member.since = member.since or at
  if by then invites.enter(c, user, by, "join") end
end

-- Somebody went: within the time, what was promised for them is taken back.
function invites.went(c, user, at)
  local member = c:member_of(user)
  member.since, member.left = member.since or 0, at
  if member.state ~= "held" then return end
  if at - member.at < c.params.stay_days * 86400 then
    invites.take_back(c, user, "left")
  else
    invites.confirm(c, user)
  end
end

-- May this member still say who brought them? nil, or why not (the name of a text).
function invites.too_late(c)
  local member = c.member
  if member.by then return "claim_again" end
  if member.code or member.held or member.valid then return "claim_late" end
  if not member.since then -- never seen coming: where the platform reports joins, they were here before
    if c:can("join") then return "claim_late" end
    member.since = c:now()
  end
  if member.since == 0 or c:now() - member.since > sop.duration(c.params.claim_within) then return "claim_late" end
end

return invites
