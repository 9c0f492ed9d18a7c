-- segment.lua -- knows its members: tags by rule, growth and levels, super users, stages of life, and who has gone silent.
--
-- A rule gives a tag for what members say (keyword, pattern), do (photo, order, joining by somebody's invitation), or when they do
-- it (time slot), after so many days on which it happened. What they do makes them grow: levels follow, with a word when one is
-- reached. The scan once a day sets the stage by the days since they came (0-7 new, 7-30 growing, 30-90 mature, from 90 on sleeping,
-- unless they spoke lately), lets scores fade, names the best fifth super users, and finds who has been silent for 7, 14 or 30 days:
-- they get a tag, and a win-back run writes to them, to so many a day. Whoever speaks again is welcomed, and counted. All of it are
-- tags (阶段:, 等级:, 沉默:, 超级用户) which other flows require or exclude (`only_tags`, `not_tags`), and which belong to the member in all
-- groups of the gateway.
--
-- State: list "members" = everybody seen here; member.known, member.left, member.today = { day, times scored }, member.silent = days
-- of the last tag, member.wake = they have not been written to for it yet, member["rule:<tag>"] = { day, times }, member.name;
-- profile.growth, profile.came, profile.seen = days; profile.woken = until when who comes back was won back; board "score"; set
-- "super"; group.counts = of the last scan; group.backs = { day, win-backs begun }; group.scan = sums of a scan that is under way.
local audience = require("lib.audience")
local duty = require("lib.duty")
local people = require("lib.people")
local points = require("lib.points")
local polite = require("lib.polite")
local segments = require("lib.segments")
local talk = require("lib.talk")
local together = require("lib.together")

local flow = sop.flow("segment", {
  title = "分层",
  menu = "menu_line",
  wants = {
    join = "members are new from their first word on",
    dm = "win-back words come in the group",
    unmentioned = "only what mentions the bot counts",
    at = "members are named in plain text",
  },
  params = {
    rules = {
      "table", default = {},
      help = "打标签的规则:{ tag = 标签, on = \"message\"|\"photo\"|\"order\"|\"join\", words = { 关键词 }, pattern = 正则, "
        .. "from = \"22:00\", to = \"02:00\", inviter = id 或 \"any\", amount = 至少多少分, times = 有几天这样就算, drop = { 去掉的标签 } }",
    },
    score_message = { "integer", default = 1, min = 0, max = 100, help = "说一句话的成长值" },
    score_photo = { "integer", default = 2, min = 0, max = 100, help = "发一张图的成长值" },
    score_order = { "integer", default = 10, min = 0, max = 10000, help = "一单的成长值" },
    score_yuan = { "integer", default = 1, min = 0, max = 1000, help = "每消费 10 元再加多少成长值" },
    times = { "integer", default = 5, min = 1, max = 100, help = "每天最多几句话算成长值" },
    points_day = { "integer", default = 0, min = 0, max = 1000, help = "每天第一次说话送几积分" },
    fade = { "integer", default = 3, min = 0, max = 50, help = "评分每天减少百分之几(成长值不减)" },
    levels = {
      "table", help = "等级:{ from = 成长值, name = 名字 },从低到高",
      default = { { from = 0, name = "新芽" }, { from = 50, name = "常客" }, { from = 200, name = "老友" }, { from = 800, name = "铁粉" } },
    },
    super_share = { "integer", default = 20, min = 1, max = 100, help = "评分最高的百分之几是超级用户" },
    super_least = { "integer", default = 5, min = 1, max = 1000, help = "有评分的人少于这么多就不评超级用户" },
    growing = { "integer", default = 7, min = 1, max = 365, help = "来了几天算成长期" },
    mature = { "integer", default = 30, min = 1, max = 365, help = "来了几天算成熟期" },
    sleeping = { "integer", default = 90, min = 1, max = 3650, help = "来了几天算沉睡期" },
    awake = { "integer", default = 30, min = 0, max = 3650, help = "这么多天内说过话的老群友仍算成熟期,0 为不看" },
    silent1 = { "integer", default = 7, min = 1, max = 365, help = "几天没说话算第一级沉默" },
    silent2 = { "integer", default = 14, min = 1, max = 365, help = "几天没说话算第二级沉默" },
    silent3 = { "integer", default = 30, min = 1, max = 365, help = "几天没说话算第三级沉默" },
    scan = { "clock", default = "10:20", help = "每天几点盘点" },
    winback = { "boolean", default = true, help = "沉默的人是否去唤醒" },
    winbacks = { "integer", default = 10, min = 0, max = 500, help = "每群每天最多唤醒几个人" },
    wait = { "duration", default = "3d", min = "1h", max = "14d", help = "唤醒后等多久" },
    back_points = { "integer", default = 0, min = 0, max = 10000, help = "被唤醒回来的人送几积分" },
    only_tags = { "strings", default = {}, help = "只唤醒有这些标签的人" },
    not_tags = { "strings", default = {}, help = "不唤醒有这些标签的人" },
    names = { "integer", default = 10, min = 1, max = 10, help = "一条消息最多 @ 几个人" },

    mine_words = { "strings", default = { "我的等级", "我的成长值", "等级" }, help = "群友看自己的等级" },
    counts_words = { "strings", default = { "分层", "分层统计" }, help = "员工看分层" },
    tag_words = { "strings", default = { "打标签" }, help = "员工:打标签 @人 标签" },
    untag_words = { "strings", default = { "去标签" }, help = "员工:去标签 @人 标签" },

    menu_line = { "text", help = "菜单里的一行" },
    level_up = { "text", help = "升级了;{level}" },
    mine = { "text", help = "我的等级;{level} {growth} {need} {next}" },
    mine_top = { "text", help = "我的等级,已到最高;{level} {growth}" },
    seen = { "text", help = "刚看过" },
    back1 = { "text", help = "第一级沉默的唤醒,私信;{name}" },
    back2 = { "text", help = "第二级沉默的唤醒,私信" },
    back3 = { "text", help = "第三级沉默的唤醒,私信" },
    back_group = { "text", help = "唤醒,群里;{names}" },
    returned = { "text", help = "被唤醒的人回来了" },
    counts = { "text", help = "分层统计;{lines}" },
    counts_line = { "text", help = "统计的一行;{tag} {count}" },
    no_counts = { "text", help = "还没盘点过;{time}" },
    tag_usage = { "text", help = "打标签的写法;{word}" },
    tagged = { "text", help = "已打标签;{name} {tag}" },
    untagged = { "text", help = "已去标签;{name} {tag}" },
  },
})

local PORTION = 100 -- members whom one turn of the scan looks at

local post = flow:run("post", function(c, args) together.post(c, args, c.params.names) end)

-- ---- tags by rule --------------------------------------------------------------------------------------------------

-- Does what happened fit the rule? `what` is message, photo, order or join.
local function fits(c, rule, what)
  local on = rule.on or "message"
  if on ~= what and not (on == "message" and what == "photo") then return false end
  if rule.from and not duty.between(c:time("%H:%M"), rule.from, rule.to or "24:00") then return false end
  if rule.words and not talk.has(sop.fold(c.text), rule.words) then return false end
  if rule.pattern and not sop.match(rule.pattern, sop.fold(c.text)) then return false end
  if rule.inviter and not (c.inviter and (rule.inviter == "any" or rule.inviter == c.inviter)) then return false end
  return not rule.amount or what == "order" and c.order.amount >= rule.amount
end

-- A rule counts once a day; the tag comes when it has counted often enough.
local function apply_rules(c, what)
  for _, rule in ipairs(c.params.rules) do
    if fits(c, rule, what) then
      local field = "rule:" .. rule.tag
      local done = c.member[field] or { 0, 0 }
      if done[1] ~= c:day() and not c:has_tag(rule.tag) then
        c.member[field] = { c:day(), done[2] + 1 }
        if done[2] + 1 >= (rule.times or 1) then
          c:tag(rule.tag)
          for _, tag in ipairs(rule.drop or {}) do c:untag(tag) end
          c:emit("segment_tagged", { user = c.user, tag = rule.tag })
        end
      end
    end
  end
end

-- ---- growth and levels ---------------------------------------------------------------------------------------------

-- The speaker grows by n. A level that is reached is told, not at night and not to those who are not there.
local function grow(c, n, quietly)
  if n <= 0 then return end
  local p = c.params
  local growth = c:add(c.profile, "growth", n)
  c:board("score"):add(c.user, n)
  local before, now = segments.level(p.levels, growth - n), segments.level(p.levels, growth)
  if not now or before == now and growth > n then return end
  segments.retag(c, c.user, "等级:", now.name)
  if before == now then return end
  c:emit("level_up", { user = c.user, level = now.name, growth = growth })
  if not quietly and not c:quiet_until() and not c:opted_out() then c:reply(p.level_up, { level = now.name }) end
end

-- ---- who is there --------------------------------------------------------------------------------------------------

-- The speaker was seen: known from now on, and no longer silent.
local function seen(c)
  local member, profile, today = c.member, c.profile, c:day()
  if not member.known then
    member.known = true
    c:list("members"):push(c.user)
  end
  if member.left then member.left = nil end
  people.remember(c)
  if not profile.came then
    profile.came = today
    segments.retag(c, c.user, "阶段:", "新人")
  end
  if profile.seen ~= today then profile.seen = today end
end

local function no_longer_silent(c, user)
  local member = c:member_of(user)
  member.silent, member.wake = nil, nil
  segments.retag(c, user, "沉默:", nil)
end

-- Somebody who was silent speaks.
local function returned(c)
  local days, till = c.member.silent, c.profile.woken
  if not days then return end
  no_longer_silent(c, c.user)
  c:cancel{ key = "winback|" .. c.user }
  local won = till and c:now() < till and c:once("back|" .. till, { scope = "gateway", ttl = "30d" }) or false
  c:emit("returned", { user = c.user, days = days, won = won })
  if not won then return end
  if c.params.back_points > 0 then points.give(c, c.user, c.params.back_points, "segment.back") end
  if not c:quiet_until() then c:reply(c.params.returned) end
end

-- Asking for one's level makes nobody grow: the answer would change by being asked for.
local function asks_for_level(c)
  for _, word in ipairs(c.command and c.params.mine_words or {}) do
    if sop.fold(word) == sop.fold(c.command) then return true end
  end
  return false
end

-- Members are looked at; the account itself, other bots and staff are not.
local function is_member(c)
  return not c.from_bot and c.user ~= c.me and not c:has_role("keeper")
end

flow:on("message", { private = false }, function(c)
  if not is_member(c) then return end
  local p, member, today = c.params, c.member, c:day()
  local scored = member.today
  if not scored or scored[1] ~= today then scored = { today, 0 } end
  local photo = talk.has_picture(c.message)
  if scored[2] == 0 then
    seen(c)
    returned(c)
    if p.points_day > 0 and c:once("day|" .. c:today(), { scope = "gateway", ttl = "2d" }) then
      points.give(c, c.user, p.points_day, "segment.day") -- points are those of all groups, so is the first word
    end
  end
  if scored[2] < p.times and not asks_for_level(c) then
    member.today = { today, scored[2] + 1 }
    grow(c, photo and p.score_photo or p.score_message)
  end
  apply_rules(c, photo and "photo" or "message")
end)

flow:on("join", { private = false }, function(c)
  if not is_member(c) then return end
  seen(c)
  apply_rules(c, "join")
end)

flow:on("order", { private = false }, function(c)
  if not is_member(c) then return end
  seen(c)
  grow(c, c.params.score_order + c.order.amount // 1000 * c.params.score_yuan, true)
  apply_rules(c, "order")
end)

flow:on("leave", { private = false }, function(c)
  if c.member.known then c.member.left = true end
  c:board("score"):remove(c.user)
  if c:set("super"):remove(c.user) then c:untag("超级用户") end
end)

-- ---- the scan ------------------------------------------------------------------------------------------------------

-- Writes to somebody who has been silent, once for all groups that they are silent in. What they say ends it (see `returned`).
-- args: step, seen = the day on which they were seen last.
local winback = flow:run("winback", function(c, args)
  c:stop_when{ leaves = true, opts_out = true }
  if not c:once("winback|" .. args.step .. "|" .. args.seen, { scope = "gateway", ttl = "60d" }) then return end
  together.wait_out_quiet(c)
  local sent = c:can("dm") and c:dm(c.user, c.params["back" .. args.step], { name = c:display(c.user) }, { policy = "drop" })
  if not sent then together.say(c, post, "back_group") end
  c.profile.woken = c:now() + sop.duration(c.params.wait)
  c:emit("winback", { user = c.user, step = args.step, by = sent and "dm" or "group" })
  c:sleep(c.params.wait)
  if c.profile.seen ~= args.seen then return end -- they spoke in another group
  c:emit("winback_failed", { user = c.user, step = args.step })
end)

-- False: the day's number is used up.
local function begin_winback(c, user, step, last)
  local p = c.params
  if not p.winback or c:opted_out(user) or not audience.fits(c, p.only_tags, p.not_tags, user) then return end
  local backs = c.group.backs
  if not backs or backs[1] ~= c:day() then backs = { c:day(), 0 } end
  if backs[2] >= p.winbacks then return false end
  if c:start(winback, { step = step, seen = last }, { user = user, key = "winback|" .. user }) then
    c.group.backs = { backs[1], backs[2] + 1 }
  end
end

local function look_at_silence(c, user, counts)
  local p, member, profile = c.params, c:member_of(user), c:profile_of(user)
  local last = profile.seen or c:day()
  local days = c:day() - last
  local step = days >= p.silent3 and 3 or days >= p.silent2 and 2 or days >= p.silent1 and 1 or nil
  if not step then
    if member.silent then no_longer_silent(c, user) end -- they spoke in another group
    return
  end
  local limit = p["silent" .. step]
  segments.count(counts, "沉默:" .. limit)
  if (member.silent or 0) < limit then
    member.silent, member.wake = limit, true
    segments.retag(c, user, "沉默:", tostring(limit))
    c:emit("silent", { user = user, days = days })
  end
  if member.wake and begin_winback(c, user, step, last) ~= false then member.wake = nil end -- else tomorrow
end

local function look_at(c, user, counts)
  local p, profile = c.params, c:profile_of(user)
  local came = profile.came
  if not came then return end -- forgotten: 删除我的数据
  if c:has_role("keeper", user) then -- a member who has become staff
    c:board("score"):remove(user)
    return
  end
  local quiet = c:day() - (profile.seen or came)
  local stage = segments.stage(p, c:day() - came, quiet)
  segments.retag(c, user, "阶段:", stage)
  segments.count(counts, "阶段:" .. stage)
  local level = segments.level(p.levels, profile.growth or 0)
  if level then segments.count(counts, "等级:" .. level.name) end
  look_at_silence(c, user, counts)
  local score = c:board("score"):get(user)
  if score and p.fade > 0 then
    score = score * (100 - p.fade) / 100
    if score < 0.5 then c:board("score"):remove(user) else c:board("score"):set(user, score) end
  end
end

-- The best of those who have a score: they get the tag, who is no longer among them loses it.
local function name_super_users(c, counts)
  local p, board, before = c.params, c:board("score"), c:set("super")
  local n = board:count()
  local best, is_best = n >= p.super_least and board:top(math.max(1, n * p.super_share // 100)) or {}, {}
  for _, entry in ipairs(best) do is_best[entry.id] = true end
  for _, user in ipairs(before:all()) do
    if not is_best[user] then
      before:remove(user)
      c:untag("超级用户", user)
    end
  end
  for _, entry in ipairs(best) do
    if before:add(entry.id) or not c:has_tag("超级用户", entry.id) then c:tag("超级用户", entry.id) end -- another group took it
  end
  counts["超级用户"] = #best
end

-- args: from = the place in the list of members with which to go on.
local scan = flow:run("scan", function(c, args)
  local from, list = args.from or 1, c:list("members")
  local counts = from > 1 and c.group.scan or {}
  local users = list:range(from, from + PORTION - 1)
  for _, user in ipairs(users) do
    if user ~= sop.nobody and not c:member_of(user).left then look_at(c, user, counts) end
  end
  if #users == PORTION then
    c.group.scan = counts
    c:sleep("1s")
    c:continue{ from = from + PORTION }
  end
  name_super_users(c, counts)
  c.group.scan, c.group.counts = nil, counts
  c:emit("segments", { counts = counts })
end)

flow:at("scan", { late = "6h" }, function(c) c:start(scan, nil, { key = "scan", user = false }) end)

-- ---- commands ------------------------------------------------------------------------------------------------------

flow:command("mine_words", { private = false }, function(c)
  local p, growth = c.params, c.profile.growth or 0
  local level, following = segments.level(p.levels, growth)
  if not level or not polite.news(c, "level", level.name .. growth, p.seen) then return end
  if not following then return c:reply(p.mine_top, { level = level.name, growth = growth }) end
  c:reply(p.mine, { level = level.name, growth = growth, need = following.from - growth, next = following.name })
end)

flow:command("counts_words", { role = "keeper", private = false }, function(c)
  local p, counts, lines, tags = c.params, c.group.counts, {}, {}
  if not counts then return c:reply(p.no_counts, { time = p.scan }) end
  for tag in pairs(counts) do tags[#tags + 1] = tag end
  table.sort(tags)
  for i, tag in ipairs(tags) do lines[i] = c:format(p.counts_line, { tag = tag, count = counts[tag] }) end
  c:reply(p.counts, { lines = table.concat(lines, "\n") })
end)

local function tag_by_staff(c, words, change, text, name)
  local user, tag = c.mentions[1], c.args:gsub("^%s+", ""):gsub("%s+$", "")
  if not user or tag == "" or #tag > 60 then return c:reply(c.params.tag_usage, { word = words[1] }) end
  change(tag, user)
  c:audit(name, { user = user, tag = tag })
  c:reply(text, { name = c:display(user), tag = tag })
end

flow:command("tag_words", { role = "keeper", private = false, args = true, usage = "打标签 @人 标签" }, function(c)
  tag_by_staff(c, c.params.tag_words, function(tag, user) c:tag(tag, user) end, c.params.tagged, "tagged")
end)

flow:command("untag_words", { role = "keeper", private = false, args = true, usage = "去标签 @人 标签" }, function(c)
  tag_by_staff(c, c.params.untag_words, function(tag, user) c:untag(tag, user) end, c.params.untagged, "untagged")
end)

return flow
