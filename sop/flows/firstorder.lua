-- firstorder.lua -- a newcomer's way to the first order.
--
-- Who joins gets a private greeting with a coupon for the first order, and follow-ups on the days 1, 3 and 7, until they have
-- bought: the tag `bought` (of the flow orders or of another system), an order that a shop system reports in this group, or the
-- coupon redeemed in the store ends it, and so does 退订 or leaving. Where one cannot write to members, they are @-ed in the group,
-- several in one message, and fetch the coupon with 我的券. A member gets one coupon on this gateway, however many groups they join and
-- however often. Where the platform tells of no joins, the first word of a member begins it. The coupon is a code of the flow
-- redpacket, which redeems it (核销) and lets it expire: run both. Onboarding of the flow welcome writes on the same days: switch on
-- one of them.
--
-- Who is a newcomer in several groups at once is greeted in each, and followed up by one of them, whichever comes first.
--
-- State: member.start = day on which it began, member.greeted, member.ordered = day of the first order, member.name;
-- profile.first_coupon = day on which it was given, profile.first_code = its code; set "together-*" = who shares the next message.
local audience = require("lib.audience")
local codes = require("lib.codes")
local known = require("lib.known")
local people = require("lib.people")
local together = require("lib.together")

local flow = sop.flow("firstorder", {
  title = "新客首单",
  wants = {
    join = "it begins with a member's first word",
    dm = "greeting and follow-ups come in the group, the coupon is fetched with 我的券",
    at = "newcomers are named in plain text",
  },
  params = {
    greet_after = { "duration", default = "2m", min = "5s", max = "12h", help = "进群后多久发首单问候" },
    coupon = { "string", default = "首单 5 元券", help = "首单券的名字,留空不发券(要同时开 redpacket 才能核销)" },
    cost = { "integer", default = 500, min = 0, max = 1000000, help = "一张券值多少分" },
    valid_days = { "integer", default = 7, min = 1, max = 365, help = "券有效几天" },
    coupons = { "integer", default = 100, min = 0, max = 100000, help = "每群每天最多发几张首单券,超过的只问候" },
    day1 = { "integer", default = 1, min = -1, max = 60, help = "第一次跟进在进群后第几天,-1 为不发" },
    day2 = { "integer", default = 3, min = -1, max = 60, help = "第二次跟进在进群后第几天,-1 为不发" },
    day3 = { "integer", default = 7, min = -1, max = 60, help = "第三次跟进在进群后第几天,-1 为不发" },
    touch_at = { "clock", default = "10:30", help = "跟进的时间" },
    touch_late = { "duration", default = "8h", min = "1m", max = "24h", help = "晚了这么久的跟进就不发了" },
    stop_tag = { "string", default = "bought", help = "有这个标签的人不再跟进" },
    first_word = { "boolean", default = false, help = "平台有进群通知时,也从老群友的第一句话开始" },
    names = { "integer", default = 10, min = 1, max = 10, help = "一条消息最多 @ 几个人" },
    only_tags = { "strings", default = {}, help = "只对有这些标签的人" },
    not_tags = { "strings", default = {}, help = "不对有这些标签的人" },

    greet = { "text", help = "私信问候,带券;{name} {what} {code} {till}" },
    greet_plain = { "text", help = "私信问候,没有券;{name}" },
    greet_group = { "text", help = "群里问候,带券;{names} {what}" },
    greet_group_plain = { "text", help = "群里问候,没有券;{names}" },
    touch1 = { "text", help = "第一次跟进,私信;{name} {what} {code} {till}" },
    touch2 = { "text", help = "第二次跟进,私信" },
    touch3 = { "text", help = "第三次跟进,私信" },
    touch_plain = { "text", help = "跟进,没有可用的券,私信;{name}" },
    touch_group = { "text", help = "跟进,群里;{names}" },
    thanks = { "text", help = "首单后的感谢,私信;{name}" },
  },
})

local TOUCHES = 3

local post = flow:run("post", function(c, args) together.post(c, args, c.params.names) end)

-- The coupon of the user of this run, whichever group gave it: its code and its record; nil if there is none.
local function coupon_of(c)
  local code = c:profile_of(c.user).first_code
  return code, code and codes.find(c, code)
end

-- Says it in private, else in the group together with others.
local function say(c, text, group_text, vars)
  vars.name = c:display(c.user)
  if c:can("dm") and c:dm(c.user, c.params[text], vars, { policy = "drop" }) then return "dm" end
  together.say(c, post, group_text, { what = c.params.coupon })
  return "group"
end

-- One coupon a member, whatever groups they join.
local function issue(c)
  local p, profile = c.params, c:profile_of(c.user)
  if p.coupon == "" or p.coupons == 0 or profile.first_coupon or known.is(c, "coupon", c.user, "gateway") then return nil end
  if not c:limit("coupons", math.max(1, p.coupons), "1d", { scope = "group" }) then return nil end
  if not c:once("coupon", { scope = "gateway" }) then return nil end -- another of their groups is giving it in this moment
  profile.first_coupon = c:day()
  known.note(c, "coupon", c.user, "gateway")
  local code, till = codes.issue(c, c.user, p.coupon, p.valid_days, "firstorder", p.cost)
  codes.watch(c, till)
  profile.first_code = code
  return code, till
end

local function greet(c)
  local code, till = issue(c)
  c:member_of(c.user).greeted = true
  local by
  if code then
    by = say(c, "greet", "greet_group", { what = c.params.coupon, code = code, till = c:date(till) })
  else
    by = say(c, "greet_plain", "greet_group_plain", {})
  end
  c:emit("firstorder_touched", { user = c.user, step = 0, by = by, coupon = code ~= nil })
end

local function touch(c, step)
  if not c:once("touch|" .. step, { scope = "gateway" }) then return end -- another of their groups did
  local code, record = coupon_of(c)
  if not record or record.state or record.till < c:day() then code = nil end
  local by
  if code then
    by = say(c, "touch" .. step, "touch_group", { what = c.params.coupon, code = code, till = c:date(record.till) })
  else
    by = say(c, "touch_plain", "touch_group", {})
  end
  c:emit("firstorder_touched", { user = c.user, step = step, by = by, coupon = code ~= nil })
end

-- They bought: nobody follows up any more. Counted once, whatever groups they are in: true then.
local function bought(c, amount)
  local member = c:member_of(c.user)
  if not member.start or member.ordered then return false end
  member.ordered = c:day()
  if c.params.stop_tag ~= "" then c:tag(c.params.stop_tag, c.user) end
  if not c:once("first_order", { scope = "gateway" }) then return false end
  c:emit("first_order", { user = c.user, days = c:day() - member.start, amount = amount })
  return true
end

-- One newcomer. args: start = the day on which it began, fresh = they have not been greeted yet.
local sequence = flow:run("sequence", function(c, args)
  local p = c.params
  c:stop_when{ tag = p.stop_tag ~= "" and p.stop_tag or nil, leaves = true, opts_out = true }
  local greeted = 0
  if args.fresh then
    c:sleep(p.greet_after)
    together.wait_out_quiet(c)
    greet(c)
    greeted = c:now()
  end
  for step = 1, TOUCHES do
    local day = p["day" .. step]
    if day >= 0 and c:moment(args.start + day, p.touch_at) > greeted then
      local late = c:sleep_until{ date = c:date(args.start + day), at = p.touch_at }
      together.wait_out_quiet(c)
      local _, record = coupon_of(c)
      if record and record.state == "used" then
        bought(c)
        return
      end
      if late <= sop.duration(p.touch_late) then touch(c, step) end
    end
  end
end)

local function begin(c)
  local p, member = c.params, c.member
  if c.user == c.me or c.from_bot or member.ordered or c:running(c.user) then return end
  if p.stop_tag ~= "" and c:has_tag(p.stop_tag) or c:opted_out() or c:has_role("keeper") then return end
  if not audience.fits(c, p.only_tags, p.not_tags) then return end
  local fresh = not member.greeted
  if fresh then member.start = c:day() end
  people.remember(c)
  c:start(sequence, { start = member.start, fresh = fresh }, { key = c.user })
end

flow:on("join", { private = false }, begin)

flow:on("message", { private = false }, function(c)
  if c.event.late or not c.params.first_word and c:can("join") or c.member.start then return end
  begin(c)
end)

flow:on("order", { private = false }, function(c)
  local p = c.params
  local member = c.member
  if not member.start or member.ordered then return end
  local first = bought(c, c.order.amount)
  c:cancel{ key = c.user }
  if first and c:can("dm") then c:dm(c.user, p.thanks, { name = c:display(c.user) }, { policy = "drop" }) end
end)

return flow
