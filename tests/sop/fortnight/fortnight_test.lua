-- fortnight_test.lua -- each shipped playbook through two weeks of three groups with 200 members each: what a business would see before
-- it lets the playbook at its customers. Members come in crowds and one by one, leave and come back, speak, check in, grab, ask, buy and
-- opt out, by the habits in the table at the end; 1 % of what they do is heard twice, because the daemon dies over it (its commit has
-- been sent, the answer has not come, and the platform reports the event again), and five times another process goes on.
-- A ctest for each playbook writes all that was said, and what is kept in the end, to build/transcripts/<playbook>.txt.
--
-- What must hold in every playbook:
--   nothing is given twice        the events of ONCE are unique; the points that were given sum up to the balances
--   nobody is greeted twice       at most as many greetings as times that somebody came
--   quiet hours are kept          in them (habits: quiet) only members who just spoke hear something, and what may come anytime (a pattern)
--   posts stay within bounds      all of a day, those that the bot begins, all of the first day (habits: most, begun, first)
--   no crowd is named             at most ten names a message
--   nothing fails                 no error of the daemon, no failed run, no flow that rests, no alarm
--   and things do happen          the events that the habits name, at least so often (must)
--
-- Habits of a playbook: { most, begun, first, must, quiet, anytime, tags = further tags of each group, day = { deeds } }. A deed is what a
-- share of the members does:
--   at = "20:00", within = 60    the time, and over how many seconds they spread (default: an hour)
--   share = 0.3                  of those who are there; the same ones are keener every day
--   says, shows, tells, buys     a text, or several of which each says one; a picture with a caption; in private; an order of so many cents
--   talks = { "报名", "小美" }   one text after the other, 20 seconds apart
--   staff = "店长"               somebody of staff says it, about each member of the share; without a share once
--   on = { 1, 8 }, once = true   only on these days of the fourteen (default: every day); nobody does it a second time
-- In a text {me} is the speaker, {member} and {other} @ the member and another, {code} a coupon code of the member.
local START, DAY = 2, 86400 -- 2026-03-02 is a Monday
local GROUPS = { "demo", "二群", "三群" }
local MEMBERS, FOUNDERS = 200, 150 -- of a group; those who come on its first day
local SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧"
local GIVEN = { "婷", "芳", "敏", "静", "丽", "娟", "艳", "霞", "秀英", "桂香", "伟", "强", "磊", "洋", "勇", "军", "杰", "涛", "明", "小雨" }

local ONCE = { -- events, and what of their data is there once; what concerns no member: once in each group
  checked_in = { "user", "day" }, milestone = { "user", "day" }, challenge_finished = { "user" }, grabbed = { "user", "id" },
  code_issued = { "user", "code" }, code_used = { "user", "code" }, code_expired = { "user", "code" }, order = { "user", "order" },
  packet_opened = { "id" }, packet_closed = { "id" },
}
local NEVER = { "flow_stopped", "flow_paused", "run_failed", "run_stuck", "member_ignored", "alarm" }

-- ---- chance, names, times ------------------------------------------------------------------------------------------

local function draw(seed)
  local x = seed
  return function(n) -- 1 to n
    x = (x * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff
    return (x >> 24) % n + 1
  end
end

-- 600 names, no two alike.
local function people(one)
  local surnames, all = {}, {}
  for _, code in utf8.codes(SURNAMES) do surnames[#surnames + 1] = utf8.char(code) end
  for _, given in ipairs(GIVEN) do
    for _, surname in ipairs(surnames) do all[#all + 1] = surname .. given end
  end
  for i = #all, 2, -1 do
    local k = one(i)
    all[i], all[k] = all[k], all[i]
  end
  return all
end

-- Seconds since the midnight at which the fortnight begins.
local function seconds(text)
  local day, h, m, s = text:match("(%d%d) (%d%d):(%d%d):?(%d*)$")
  return (tonumber(day) - START) * DAY + h * 3600 + m * 60 + (tonumber(s) or 0)
end

local function clock(text) return text:sub(1, 2) * 3600 + text:sub(4, 5) * 60 end

-- ---- what happens --------------------------------------------------------------------------------------------------

-- The world of a fortnight: groups of members { name, keen, here }, and the plan, a list of { at, deed, group, who, text }.
local function world(habits, one)
  local names, w = people(one), { groups = {}, plan = {}, came = {} }
  for i, chat in ipairs(GROUPS) do
    local group = { chat = chat, members = {} }
    for k = 1, MEMBERS do
      local name = table.remove(names)
      group.members[k] = { name = name, keen = one(1000) / 1000, here = k > FOUNDERS and math.huge or 0 }
      w.came[name] = 1
    end
    w.groups[i] = group
  end
  function w.add(at, deed, group, who, text, about)
    w.plan[#w.plan + 1] = { at = at, deed = deed, group = group, who = who, text = text, about = about or who }
  end
  w.habits, w.one = habits, one
  return w
end

-- Who comes, goes, and comes again.
local function moves(w)
  local one = w.one
  for _, group in ipairs(w.groups) do
    for k, member in ipairs(group.members) do
      local day = k <= FOUNDERS and 0 or one(13)
      local at = day * DAY + (k <= FOUNDERS and clock("09:10") + one(3600) or clock("08:00") + one(16 * 3600))
      member.here = at + 30
      local friend = k > FOUNDERS and k % 3 == 0 and group.members[one(20)].name or nil
      w.add(at, "join", group, member.name, friend)
      if k % 25 == 0 and at < 10 * DAY then -- some go, every second of them comes back
        member.gone = at + DAY + one(2 * DAY)
        w.add(member.gone, "leave", group, member.name)
        if k % 50 == 0 then
          member.back = member.gone + DAY
          w.add(member.back, "join", group, member.name)
          w.came[member.name] = 2
        end
      end
    end
  end
end

local function there(member, at)
  return at > member.here and not (member.gone and at > member.gone - 60 and not (member.back and at > member.back + 60))
end

local function variant(w, texts) return type(texts) == "table" and texts[w.one(#texts)] or texts end

-- What somebody does by a deed: which kind, and the text (or for an order the cents).
local function kind_of(w, deed)
  for _, kind in ipairs{ "shows", "tells", "says" } do
    if deed[kind] then return kind, variant(w, deed[kind]) end
  end
  return "buys", deed.buys[1] + w.one(deed.buys[2] - deed.buys[1])
end

-- A deed of one day in one group.
local function plan_deed(w, deed, day, group)
  local from, within = day * DAY + clock(deed.at), deed.within or 3600
  if not deed.share then return w.add(from, "says", group, deed.staff, variant(w, deed.says)) end
  deed.done = deed.done or {}
  for _, member in ipairs(group.members) do
    local at = from + w.one(within)
    local wants = w.one(1000) / 1000 <= 2 * member.keen * deed.share
    if wants and there(member, at) and not (deed.once and deed.done[member.name]) then
      deed.done[member.name] = true
      if not deed.talks then
        local kind, text = kind_of(w, deed)
        w.add(at, kind, group, deed.staff or member.name, text, member.name)
      end
      for n, texts in ipairs(deed.talks or {}) do w.add(at + 20 * n, "says", group, member.name, variant(w, texts), member.name) end
    end
  end
end

local function make_plan(w)
  moves(w)
  for day = 0, 13 do
    for _, deed in ipairs(w.habits.day) do
      local on = {}
      for _, one in ipairs(deed.on or { day + 1 }) do on[one] = true end
      if on[day + 1] then
        for _, group in ipairs(w.groups) do plan_deed(w, deed, day, group) end
      end
    end
  end
  for i, step in ipairs(w.plan) do step.place = i end
  table.sort(w.plan, function(a, b)
    if a.at ~= b.at then return a.at < b.at end
    return a.place < b.place
  end)
end

-- A coupon code of a member: the person at the till does not know which of them are used.
local function code_of(g, name)
  local codes = {}
  for field in pairs(g:state("profile", name) or {}) do codes[#codes + 1] = field:match("^code:(%w+)$") end
  table.sort(codes)
  return codes[1]
end

-- The text with its names and codes; nil if there is no code.
local function filled(g, w, step)
  local text = step.text or ""
  text = text:gsub("{other}", "@" .. step.group.members[w.one(FOUNDERS)].name):gsub("{member}", "@" .. step.about):gsub("{me}", step.who)
  if not text:find("{code}", 1, true) then return text end
  local code = code_of(g, step.about)
  return code and (text:gsub("{code}", code))
end

local DEEDS = {
  join = function(g, _, step) g:join(step.who, { chat = step.group.chat, by = step.text }) end,
  leave = function(g, _, step) g:leave(step.who, { chat = step.group.chat }) end,
  says = function(g, text, step) g:says(step.who, text, { chat = step.group.chat }) end,
  shows = function(g, text, step) g:image(step.who, text, { chat = step.group.chat }) end,
  tells = function(g, text, step) g:dm(step.who, text) end,
}

-- The last step that happens at once with step i: within the same three seconds, at most 20.
local function batch(plan, i)
  local last = i
  if plan[i].deed == "buys" then return i end
  while plan[last + 1] and plan[last + 1].at < plan[i].at + 3 and plan[last + 1].deed ~= "buys" and last - i < 19 do last = last + 1 end
  return last
end

-- Another process goes on, five times in the fortnight: after an orderly end, or after none.
local function maybe_restart(g, w, i)
  if w.lives > 5 or i < #w.plan * w.lives // 6 then return end
  if w.lives % 2 == 0 then g:kill() else g:restart() end
  w.lives = w.lives + 1
end

local function play(g, w)
  local plan, i = w.plan, 1
  w.repeated, w.lives = 0, 1
  while i <= #plan do
    local first, last = i, batch(plan, i)
    local wait = plan[i].at - seconds(g:time()) - 1
    if wait > 0 then g:advance(wait .. "s") end
    maybe_restart(g, w, i)
    if plan[i].deed == "buys" then
      g:order(plan[i].who, { id = "A" .. i, amount = plan[i].text, chat = plan[i].group.chat })
    else
      local missing = 0.012 * last - w.repeated
      if missing > 0 and (last - first >= 2 or missing > 5) then -- rather several at once: a death takes longer than all else
        g:kill{ during = "commit" }
        w.repeated = w.repeated + last - first + 1
      end
      g:together(function()
        for n = first, last do
          local text = filled(g, w, plan[n])
          if text then DEEDS[plan[n].deed](g, text, plan[n]) end
        end
      end)
    end
    i = last + 1
  end
  g:at("2026-03-16 08:00")
end

-- ---- what must hold ------------------------------------------------------------------------------------------------

local function check_once(g)
  for name, fields in pairs(ONCE) do
    local times = {}
    for _, data in ipairs(g:events(name)) do
      local key = {}
      for n, field in ipairs(fields) do key[n] = tostring(data[field]) end
      key = table.concat(key, " ")
      times[key] = (times[key] or 0) + 1
      assert(times[key] <= (fields[1] == "user" and 1 or #GROUPS), name .. " once more: " .. key)
    end
  end
end

local function check_points(g, w)
  local sums = {}
  for _, data in ipairs(g:events("points")) do sums[data.user] = (sums[data.user] or 0) + data.n end
  for _, group in ipairs(w.groups) do
    for _, member in ipairs(group.members) do
      local given, kept = sums[g:id(member.name)] or 0, g:state("profile", member.name, "points") or 0
      g:equal(kept, given, "points of " .. member.name)
    end
  end
end

local function check_greetings(g, w)
  local times = {}
  for _, data in ipairs(g:events("greeted")) do
    for _, user in ipairs(data.users) do times[user] = (times[user] or 0) + 1 end
  end
  for name, came in pairs(w.came) do
    local n = times[g:id(name)] or 0
    assert(n <= came, name .. " came " .. came .. " times and was greeted " .. n .. " times")
  end
end

-- Answers a question: is a message of that moment into a chat an answer, to somebody whom it names, or to somebody who opted out
-- and is therefore not named?
local function answering(w)
  local said, silent, opted = {}, {}, {}
  for _, step in ipairs(w.plan) do
    for _, who in ipairs(step.deed ~= "join" and step.deed ~= "leave" and { step.who, step.about } or {}) do
      said[who] = said[who] or {}
      table.insert(said[who], step.at)
    end
    opted[step.who] = opted[step.who] or step.text == "退订"
    if opted[step.who] then silent[#silent + 1] = step end
  end
  return function(line, at)
    for _, name in ipairs(line.at) do
      for _, moment in ipairs(said[name] or {}) do
        if moment <= at + 5 and moment > at - 900 then return true end
      end
    end
    for _, step in ipairs(silent) do
      if #line.at == 0 and step.group.chat == line.chat and step.at <= at + 5 and step.at > at - 60 then return true end
    end
    return false
  end
end

-- What a chat heard: { day = { most, begun } } from 0, each message looked at.
local function heard(g, w, chat, answers)
  local days, quiet, anytime = {}, w.habits.quiet or { "22:30", "07:30" }, w.habits.anytime
  for _, line in ipairs(g:seen{ chat = chat }) do
    local at = seconds(line.time)
    local day, time, place = at // DAY, at % DAY, chat .. ", " .. line.time .. ": " .. line.text
    local answer = answers(line, at)
    assert(#line.at <= 10, "more than ten names: " .. place)
    local awake = time >= clock(quiet[2]) and time < clock(quiet[1]) or anytime and line.text:find(anytime)
    assert(answer or awake, "in the quiet hours: " .. place)
    days[day] = days[day] or { most = 0, begun = 0 }
    days[day].most = days[day].most + 1
    if not answer then days[day].begun = days[day].begun + 1 end
  end
  return days
end

-- The first day is not like the others: it greets 150 people.
local function check_posts(g, w)
  local answers, highest = answering(w), { most = 0, begun = 0, first = 0 }
  for _, group in ipairs(w.groups) do
    for day, n in pairs(heard(g, w, group.chat, answers)) do
      highest.first = math.max(highest.first, day == 0 and n.most or 0)
      for what in pairs(n) do
        if day > 0 then highest[what] = math.max(highest[what], n[what]) end
      end
    end
  end
  for what, n in pairs(highest) do
    local bound = w.habits[what] or 300
    assert(n <= bound, ("a group had %d messages on a day, and at most %d were to be (%s)"):format(n, bound, what))
  end
  return highest
end

local function check_sound(g, w)
  for _, name in ipairs(NEVER) do g:equal(g:events(name), {}, name) end
  for _, status in ipairs{ "failed", "stuck" } do g:expect_runs(0, { status = status }) end
  for name, least in pairs(w.habits.must) do
    local n = #g:events(name)
    assert(n >= least, ("%s: %d, and at least %d were to be"):format(name, n, least))
  end
  assert(w.lives == 6 and g:deaths() >= 2 and w.repeated >= 0.01 * #w.plan, "five restarts, and 1 % heard twice")
end

local function fortnight(playbook, habits)
  local t = sop.test("fortnight", { playbook = playbook, tags = { playbook }, start = ("2026-03-%02d 09:00"):format(START) })
  t:case(playbook, function(g)
    local w = world(habits, draw(7))
    for i, chat in ipairs(GROUPS) do
      local own = habits.tags and habits.tags[i] or ""
      g:setting("chat-tags", {}, chat, own == "" and playbook or own .. "," .. playbook)
    end
    make_plan(w)
    play(g, w)
    local highest = check_posts(g, w)
    check_sound(g, w)
    check_once(g)
    check_points(g, w)
    check_greetings(g, w)
    print(("  %s: %d deeds, %d heard twice, %d deaths; most messages of a group %d a day, %d begun by the bot, %d on the first day"):format(
      playbook, #w.plan, w.repeated, g:deaths(), highest.most, highest.begun, highest.first))
  end)
end

-- ---- habits --------------------------------------------------------------------------------------------------------

local TALK = { "早", "大家好", "谢谢", "昨天买的真不错", "今天好冷啊", "孩子放学了", "刚下班", "周末有空来看看", "哈哈", "收到" }
local GRABS = { "抢", "抢!", "抢红包", "我要", "拼手气" }
-- In every group: somebody who chats at night, those who want to be left alone, and an order now and then.
local function common(day)
  day[#day + 1] = { at = "08:40", share = 0.12, says = TALK }
  day[#day + 1] = { at = "23:10", share = 0.02, says = { "晚安", "我的券", "还没睡的举手" } }
  day[#day + 1] = { at = "12:00", share = 0.01, once = true, says = "退订" }
  day[#day + 1] = { at = "15:00", share = 0.03, buys = { 900, 20000 } }
  return day
end

fortnight("grocery", {
  most = 200, begun = 60, anytime = "今日鲜品",
  must = {
    greeted = 100, grabbed = 1500, code_issued = 300, code_used = 50, order = 100, points = 500, ladder_rung = 300, presale_ordered = 200,
    handoff_called = 20, planned_post = 40,
  },
  day = common{
    { at = "11:30", share = 0.06, says = { "几点关门?", "送货吗?", "今天有草莓吗?", "鸡蛋多少钱?", "菜新鲜吗" } },
    { at = "20:00", share = 0.4, within = 40, says = GRABS },
    { at = "20:05", share = 0.1, says = { "抢", "我的券", "谢谢" } },
    { at = "18:00", share = 0.2, staff = "店长", says = { "核销 {code}", "核销{code}" } },
    { at = "10:30", on = { 2, 4, 6, 9, 11, 13 }, staff = "店长", says = "接龙 明日草莓\n草莓 25元/盒 限40 每人2" },
    { at = "10:35", on = { 2, 4, 6, 9, 11, 13 }, share = 0.2, within = 20000, says = { "+1", "+2", "+1 草莓", "取消" } },
    { at = "21:10", staff = "店长", says = "卖完 叶菜" },
    { at = "21:15", within = 600, share = 0.02, says = { "几折", "人工", "人工 少找了零钱" } },
    { at = "21:26", staff = "店长", says = "我来" },
    { at = "21:30", staff = "店长", says = "完成" },
  },
})

fortnight("beauty-28-days", {
  most = 280, begun = 30,
  must = { checked_in = 2000, milestone = 100, code_issued = 20, touched = 300, voted = 50, faq_answered = 20, contest_won = 3 },
  day = common{
    { at = "07:40", share = 0.15, within = 7200, shows = { "打卡", "打卡!", "早起打卡" } },
    { at = "12:20", share = 0.05, says = { "怎么打卡?", "漏了一天怎么办", "敏感肌能用吗?", "防晒多久补一次?" } },
    { at = "20:00", share = 0.4, within = 7000, shows = { "打卡", "今天的打卡", "打卡💪" } },
    { at = "21:00", share = 0.08, says = { "打卡", "补卡", "我的打卡", "打卡榜" } },
    { at = "14:00", share = 0.1, staff = "店长", says = "核销 {code}" },
    { at = "11:00", on = { 6, 13 }, staff = "店长", says = "发起投票 下周想学什么 | 防晒 | 发型 | 穿搭 | 6小时" },
    { at = "11:05", on = { 6, 13 }, share = 0.3, within = 15000, says = { "投 1", "投 2", "投3", "票数" } },
    { at = "10:00", on = { 3 }, staff = "店长", says = "征集 给群起个名 | 8小时" },
    { at = "10:05", on = { 3 }, share = 0.2, within = 20000, says = { "起名 美丽日记", "起名 素颜小队", "起名 二十八天", "起名 {me}的花园" } },
    { at = "18:30", on = { 3 }, staff = "店长", says = "入围 1 2 3" },
    { at = "18:35", on = { 3 }, share = 0.3, within = 7200, says = { "投 1", "投 2", "投 3" } },
    { at = "19:00", on = { 14 }, staff = "店长", says = "抽奖 正装一份 3份 200元 30分钟" },
    { at = "19:01", on = { 14 }, share = 0.3, within = 1200, says = "参加" },
    { at = "19:31", on = { 14 }, share = 0.5, within = 1000, says = "领取" },
  },
})

fortnight("mother-baby", {
  most = 160, begun = 30, first = 400, quiet = { "21:30", "08:00" },
  must = { greeted = 100, touched = 300, newcomer_answered = 50, segment_tagged = 50, voucher_given = 5, winback = 20 },
  day = common{
    { at = "10:20", share = 0.4, once = true, says = { "1", "2", "3", "4", "两岁" } },
    { at = "10:40", share = 0.06, says = { "尿不湿买几码?", "宝宝发烧怎么办?", "几天发货?", "能退货吗" } },
    { at = "16:00", share = 0.05, shows = { "", "看我家宝宝" } },
    { at = "19:00", on = { 5, 12 }, staff = "店长", says = "发红包" },
    { at = "19:00", on = { 5, 12 }, share = 0.2, within = 300, says = GRABS },
    { at = "14:00", on = { 3, 8 }, staff = "店长", share = 0.1, says = { "发券 姐妹券 {member}", "发券 满 199 减 30 券 {member}" } },
    { at = "16:00", on = { 4, 9 }, share = 0.1, says = { "送券 {other}", "送券 姐妹券 {other}", "我的券" } },
    { at = "17:00", share = 0.08, staff = "店长", says = { "核销 {code} 260", "核销 {code}" } },
    { at = "10:50", share = 0.02, says = { "人工", "人工 奶粉罐凹了" } },
  },
})

fortnight("jewellery", {
  most = 120, begun = 20, quiet = { "21:00", "09:30" },
  must = { greeted = 60, code_issued = 20, touched = 100, planned_post = 20, voucher_given = 5, voucher_rebate = 1 },
  day = common{
    { at = "11:00", share = 0.03, says = { "可以清洗吗?", "戒指能改圈吗?", "今天金价多少?", "有证书吗" } },
    { at = "18:30", on = { 3, 10 }, staff = "店长", says = "发红包" },
    { at = "18:30", on = { 3, 10 }, share = 0.2, within = 300, says = GRABS },
    { at = "11:40", on = { 2, 6 }, staff = "店长", share = 0.05, says = "发券 亲友券 {member}" },
    { at = "15:00", on = { 3, 7, 8 }, share = 0.2, says = { "送券 {other}", "我的券" } },
    { at = "16:00", share = 0.1, staff = "店长", says = { "核销 {code} 3600", "核销 {code}" } },
  },
})

fortnight("restaurant", {
  most = 150, begun = 20, quiet = { "22:00", "09:30" },
  must = { greeted = 100, code_issued = 300, code_used = 50, first_order = 50, signup_applied = 30 },
  day = common{
    { at = "11:10", share = 0.05, says = { "今晚有位吗?", "几点打烊?", "停车方便吗?", "可以送餐吗", "要等位吗" } },
    { at = "16:30", share = 0.25, within = 200, says = GRABS },
    { at = "10:00", on = { 3 }, staff = "店长", says = "开报名 新菜试吃\n名额 20\n时间 周六18:00\n地点 好味馆" },
    { at = "10:10", on = { 3, 4 }, share = 0.1, once = true, talks = { "报名", { "小张", "李姐", "阿明" }, { "2", "3位", "四" }, "6688" } },
    { at = "19:00", share = 0.1, staff = "店长", says = "核销 {code}" },
  },
})

fortnight("live-commerce", {
  most = 250, begun = 30, quiet = { "23:00", "08:30" },
  must = { greeted = 100, grabbed = 1500, points = 1500, touched = 300, live_booked = 50, live_ended = 6, invited = 30, invite_valid = 5 },
  day = common{
    { at = "18:30", share = 0.06, says = { "几点开播?", "什么时候发货?", "160 穿什么码?", "能退货吗", "有回放吗" } },
    { at = "20:30", share = 0.4, within = 60, says = GRABS },
    { at = "11:00", on = { 2, 9 }, staff = "店长", says = "直播排期 明天 20:00 春装上新" },
    { at = "12:00", on = { 2, 3, 9, 10 }, share = 0.2, says = { "预约", "直播预告" } },
    { at = "13:00", share = 0.02, says = { "我的邀请码", "邀请榜", "我的邀请" } },
    { at = "21:30", on = { 4, 11 }, staff = "店长", says = "发红包 200 40" },
    { at = "21:30", on = { 4, 11 }, share = 0.3, within = 60, says = GRABS },
    { at = "22:00", share = 0.05, says = { "我的积分", "买到啦", "谢谢主播" } },
  },
})

fortnight("recruit", {
  most = 240, begun = 30, first = 400, quiet = { "20:30", "09:00" },
  must = { greeted = 100, newcomer_answered = 50, signup_applied = 40, signup_over = 3 },
  day = common{
    { at = "10:00", share = 0.4, once = true, says = { "1", "2", "3", "100人" } },
    { at = "09:40", on = { 2 }, staff = "店长", says = "开报名 百家企业早餐\n名额 30\n时间 3月12日 8:00\n截止 3月10日 18:00" },
    {
      at = "10:00", on = { 2, 3, 4 }, share = 0.15, once = true,
      talks = { "报名", { "四海科技", "云山设计", "新禾教育", "远望咨询" }, { "60", "120人", "30" }, { "国贸大厦 12 层", "望京 SOHO 3 座" }, "6688" },
    },
    { at = "15:30", on = { 3, 4, 5 }, staff = "店长", says = { "通过 1 2 3", "通过 4 5 6 7", "拒绝 8 名额有限", "报名名单" } },
    { at = "10:30", share = 0.08, says = { "怎么报名?", "还有名额吗", "几点送?", "要钱吗?", "送到望京吗?" } },
    { at = "15:00", share = 0.03, says = { "已经提交了", "人工", "谢谢招募官" } },
  },
})

fortnight("hq-and-stores", {
  most = 200, begun = 30, quiet = { "22:30", "08:00" },
  must = { greeted = 100, grabbed = 1000, checked_in = 500, planned_post = 20, faq_answered = 50 },
  tags = { "store-018", "store-019,north", "" },
  day = common{
    { at = "09:30", on = { 1, 2, 3 }, share = 0.3, once = true, says = "报名" },
    { at = "19:00", share = 0.3, within = 5000, says = { "打卡", "签到", "打卡!" } },
    { at = "19:30", share = 0.3, within = 60, says = GRABS },
    { at = "20:00", share = 0.3, within = 60, says = GRABS },
    { at = "18:00", share = 0.1, staff = "店长", says = "核销 {code}" },
    { at = "11:30", share = 0.04, says = { "几点关门?", "会员卡通用吗?", "在哪", "积分怎么看" } },
  },
})
