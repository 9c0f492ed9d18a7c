-- fortnight.lua -- each shipped playbook through two weeks of three groups with 200 members each: what a business would see before it lets
-- the playbook at its customers. Members come in crowds and one by one, leave and come back, speak, check in, grab, ask, buy and opt out,
-- by the habits in books/; 1 % of what they do is reported twice, and five times another process goes on, thrice after a death over what
-- it was doing. What must hold then stands in checks.lua; `play` puts the parts together and writes the transcript.
--
-- Habits of a playbook: { most, begun, first, must, quiet, anytime, planned, skipped, coverage, tags = further tags of each group,
-- day = deeds }.
-- A deed is what a share of the members does:
--   at = "20:00", within = 60    the time, and over how many seconds they spread (default: an hour)
--   share = 0.3                  of those who are there; the same ones are keener every day
--   says, shows, tells, buys     a text, or several of which each says one; a picture with a caption; in private; an order of so many cents
--   talks = { "报名", "小美" }   one text after the other, 20 seconds apart, all but the first in private
--   staff = "店长"               somebody of staff says it, of each member of the share; without a share once, or `times` with {n} = 1, 2 ...
--                                `every` so many seconds
--   answer = "有的"              staff answer the member, one and a half minutes later
--   newcomers = true             only who came within a day
--   on = { 1, 8 }, once = true   only on these days of the fourteen (default: every day); nobody does it a second time
--   group = 2                    only in that group
--   crowd = true                 they are told together, not each by name
--   gives = "checked_in"         each who does it is to have that event, once a day
-- In a text {me} is the speaker, {member} and {other} @ the member and another, {code} a coupon code of the member.
local plan, check = ...

local function fortnight(playbook, habits)
  local start = ("2026-03-%02d 09:00"):format(plan.START)
  local t = sop.test("fortnight", { playbook = playbook, tags = { playbook }, start = start })
  t:case(playbook, function(g)
    local w = plan.world(habits, plan.draw(7))
    for i, chat in ipairs(plan.GROUPS) do
      local own = habits.tags and habits.tags[i] or ""
      g:setting("chat-tags", {}, chat, own == "" and playbook or own .. "," .. playbook)
    end
    plan.make_plan(w)
    plan.play(g, w)
    local highest, coverage = check(g, w)
    local told = "  %d deeds, %d heard twice, %d deaths; most messages a day: %d, %d begun by the bot, %d on the first day; %d %% answered"
    print(told:format(#w.plan, w.repeated, g:deaths(), highest.most, highest.begun, highest.first, coverage))
  end)
end

-- In every group: somebody who chats at night, those who want to be left alone, and an order now and then.
local TALK = { "早", "大家好", "谢谢", "昨天买的真不错", "今天好冷啊", "孩子放学了", "刚下班", "周末有空来看看", "哈哈", "收到" }
local function common(day)
  day[#day + 1] = { at = "08:40", share = 0.12, says = TALK }
  day[#day + 1] = { at = "23:10", share = 0.02, says = { "晚安", "我的券", "还没睡的举手" } }
  day[#day + 1] = { at = "12:00", share = 0.01, once = true, says = "退订" }
  day[#day + 1] = { at = "15:00", share = 0.03, buys = { 900, 20000 } }
  return day
end

return fortnight, common
