-- plan.lua -- who does what when in a fortnight of three groups, by the habits of a playbook; and playing it. A part of the test that
-- `play` puts together (see there); gets the size of the fortnight and returns what the other parts use.
local size = ...
local START, DAY, DAYS, MEMBERS = 2, 86400, size.days, size.members -- 2026-03-02 is a Monday
local FOUNDERS = MEMBERS * 3 // 4 -- those who come on the first day
local GROUPS = { "demo", "二群", "三群" }
local SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧"
local HELLO = { "大家好呀", "来啦", "看看有什么新鲜的", "嗯嗯", "今天天气真好", "学习了", "好的", "哈喽" }
local GIVEN = { "婷", "芳", "敏", "静", "丽", "娟", "艳", "霞", "秀英", "桂香", "伟", "强", "磊", "洋", "勇", "军", "杰", "涛", "明", "小雨" }

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
      local day = k <= FOUNDERS and 0 or one(DAYS - 1)
      local at = day * DAY + (k <= FOUNDERS and clock("09:10") + one(3600) or clock("08:00") + one(16 * 3600))
      member.here = at + 30
      local friend = k > FOUNDERS and k % 3 == 0 and group.members[one(math.min(20, FOUNDERS))].name or nil
      w.add(at, "join", group, member.name, friend)
      local hello = (day + one(DAYS - day) - 1) * DAY + clock("10:00") + one(10 * 3600) -- nobody is silent all the time
      if hello > at then w.add(hello, "says", group, member.name, HELLO[one(#HELLO)]) end
      if k % 25 == 0 and at < (DAYS - 4) * DAY then -- some go, every second of them comes back
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
  if not deed.share then
    for n = 1, deed.times or 1 do
      local text = variant(w, deed.says):gsub("{n}", n)
      w.add(from + (deed.every or 15) * (n - 1), "says", group, deed.staff, text)
    end
    return
  end
  deed.done = deed.done or {}
  for _, member in ipairs(group.members) do
    local at = from + w.one(within)
    local wants = w.one(1000) / 1000 <= 2 * member.keen * deed.share
    local here = there(member, at) and not (deed.newcomers and at - member.here > DAY)
    if wants and here and not (deed.once and deed.done[member.name]) then
      deed.done[member.name] = true
      if not deed.talks then
        local kind, text = kind_of(w, deed)
        w.add(at, kind, group, deed.staff or member.name, text, member.name)
        w.plan[#w.plan].gives, w.plan[#w.plan].crowd = deed.gives, deed.crowd
        if deed.answer then w.add(at + 90, "says", group, "店长", "{member} " .. variant(w, deed.answer), member.name) end
      end
      for n, texts in ipairs(deed.talks or {}) do w.add(at + 20 * n, n > 1 and "tells" or "says", group, member.name, variant(w, texts)) end
    end
  end
end

local function make_plan(w)
  moves(w)
  for day = 0, DAYS - 1 do
    for _, deed in ipairs(w.habits.day) do
      local on = {}
      for _, one in ipairs(deed.on or { day + 1 }) do on[one] = true end
      for i, group in ipairs(w.groups) do
        if on[day + 1] and (not deed.group or deed.group == i) then plan_deed(w, deed, day, group) end
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

-- Another process goes on, five times in the fortnight: after an orderly end, after none, and after a death over what comes next, which
-- is then heard again.
local ENDS = {
  function(g) g:restart() end,
  function(g) g:kill() end,
  function(g) g:kill{ during = "commit" } end,
  function(g) g:kill{ during = "send" } end,
  function(g) g:kill{ during = "input" } end,
}

local function maybe_end(g, w, i)
  if w.lives > #ENDS or i < #w.plan * w.lives // (#ENDS + 1) then return end
  ENDS[w.lives](g)
  w.lives = w.lives + 1
end

-- Does the steps from first to last at once; one in a hundred is reported twice by the platform.
local function act(g, w, first, last)
  local plan = w.plan
  if plan[first].deed == "buys" then
    return g:order(plan[first].who, { id = "A" .. first, amount = plan[first].text, chat = plan[first].group.chat })
  end
  g:together(function()
    for n = first, last do
      local text = filled(g, w, plan[n])
      plan[n].done = text ~= nil
      if text then DEEDS[plan[n].deed](g, text, plan[n]) end
    end
  end)
  if 0.0101 * last > w.repeated then w.repeated = w.repeated + g:again() end
end

local function play(g, w)
  local plan, i = w.plan, 1
  w.repeated, w.lives = 0, 1
  while i <= #plan do
    local last = batch(plan, i)
    local wait = plan[i].at - seconds(g:time()) - 1
    if wait > 0 then g:advance(wait .. "s") end
    maybe_end(g, w, i)
    act(g, w, i, last)
    i = last + 1
  end
  g:at(("2026-03-%02d 08:00"):format(START + DAYS))
end

return {
  START = START, DAY = DAY, DAYS = DAYS, MEMBERS = MEMBERS, GROUPS = GROUPS, draw = draw, seconds = seconds, clock = clock, world = world,
  make_plan = make_plan, play = play,
}
