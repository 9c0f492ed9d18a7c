-- live_test.lua -- live streams, sentence by sentence. What flows.md says (sections 11 and 15), and the cases that hold it:
--
-- Of every flow
--   command words match; a command in a sentence is none       "预约 in many spellings ..."
--   one reply per cause, a short answer once a day, silence    "预约 twice ...", "取消预约 ...", "直播预告 ..."
--   at most ten are @-ed in one message                        "more than ten who booked ..."
--   退订: no @, no private message                              "who opted out, left or took it back is not called"
--   quiet hours hold posts, not answers                        "a live in quiet hours ..." (2 cases)
--   staff commands need a role                                 "members and keepers may not ..."
-- 直播提醒
--   T-24h, T-1h, T-5min, start, end                            "a live from a day before to its end"
--   预约                                                        "预约 ..." (5 cases), "by private message ..."
--   by playbook or by staff                                    "a live of the playbook ...", "直播改期 ...", "直播取消 ..."
--   started and ended as reported from outside, or by staff    "a shop system reports ...", "直播开始 and 直播结束 ..."
--   every planned post gets an outcome                         "a live from a day before ...", "a live put in late ...", "直播取消 ...",
--                                                              "switched off ..."
-- Repeats, restarts, deaths: "a restart ...", "a death ..."; several groups: "two groups ..."; WeCom: "on WeCom ..."; edits: "a live of the
-- playbook is moved, and taken out".
local TEXTS = {
  remind_day = "前一天 {title} {time} {word}", remind_hour = "前一小时 {title} 约{count}", remind_soon = "五分钟 {title} {link}",
  remind_start = "开播 {title} {link}", remind_end = "下播 {title}", called = "叫 {names} 来", called_more = "叫 {names} 来 还有{rest}",
  called_dm = "私 {title} {time}",
  booked = "{at} 约好 {id} {date} {time}", booked_already = "{at} 早约了", booked_on = "{at} 正在播", unbooked = "{at} 退了{id}",
  not_booked = "{at} 没约过",
  none = "{at} 没有直播", seen = "说过", list = "预告\n{lines}", list_line = "{id} {date} {time} {title}", moved = "改期 {title} {date} {time}",
  cancelled = "不播了 {title}", staff_how = "怎么写", staff_put = "排了{id} {date} {time} {title}", staff_none = "没这场{id}", staff_done = "办了{id}",
  staff_booked = "{id}约{count}:{names}", plan_wrong = "表错 {id}",
}

local function book(params)
  local flow = { "live" }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return {
    flows = { "switch", "common", flow },
    staff = { ["playground:店长"] = "store", ["playground:群管"] = "keeper" },
  }
end

local t = sop.test("live", { playbook = book(), start = "2026-03-02 10:00" })

local function with(params, start)
  return { playbook = book(params), start = start }
end

-- Outcomes as "1.day=sent 1.hour=sent ...", in their order.
local function outcomes(g)
  local list = {}
  for i, event in ipairs(g:events("planned_post")) do
    list[i] = event.id .. "=" .. event.outcome .. (event.why and "(" .. event.why .. ")" or "")
  end
  return table.concat(list, " ")
end

local function put(g, when)
  g:staff("店长", "直播排期 " .. (when or "3月4日 20:00") .. " 春季新品 https://live.example.com/8")
  g:expect{ at = "店长", text = "春季新品" }
end

t:case("a live from a day before to its end", function(g)
  put(g)
  g:at("2026-03-03 19:59")
  g:silent()
  g:at("2026-03-03 20:01")
  g:expect{ text = "前一天 春季新品 20:00 预约", plain = true }
  g:at("2026-03-04 19:01")
  g:expect{ text = "前一小时 春季新品 约0" }
  g:at("2026-03-04 19:56")
  g:expect{ text = "五分钟 春季新品 https://live.example.com/8" }
  g:at("2026-03-04 20:01")
  g:expect{ text = "开播 春季新品" }
  g:expect_event("live_started", { id = "1" })
  g:at("2026-03-04 21:29")
  g:silent()
  g:at("2026-03-04 21:31")
  g:expect{ text = "下播" }
  g:expect_event("live_ended", { id = "1" })
  g:equal(outcomes(g), "1.day=sent 1.hour=sent 1.soon=sent 1.start=sent 1.end=sent")
end)

t:case("a live put in late has only the posts that are still to come", function(g)
  put(g, "今天 10:30")
  g:at("2026-03-02 13:00")
  g:expect_count(1, { text = "五分钟" })
  g:expect_none{ text = "前一小时" }
  g:equal(outcomes(g), "1.soon=sent 1.start=sent 1.end=sent")
end)

t:case("预约 is answered, and called by name five minutes before", function(g)
  put(g)
  g:says("小美", "预约")
  g:expect{ at = "小美", text = "约好 1 03月04日 20:00" }
  g:says("小张", "预约")
  g:expect{ at = "小张" }
  g:expect_event("live_booked", { id = "1", who = "小美" })
  g:at("2026-03-04 19:57")
  g:expect{ text = "前一小时 春季新品 约2", plain = true }
  g:expect{ text = "五分钟", plain = true }
  g:expect_count(1, { at = { "小美", "小张" }, text = "叫" })
  g:staff("店长", "预约名单")
  g:expect{ text = { "1约2:", "小美", "小张" } }
end)

t:case("预约 twice counts once, gets a short answer once, then silence", function(g)
  put(g)
  g:says("小美", "预约")
  g:expect{ text = "约好" }
  g:says("小美", "预约")
  g:expect{ at = "小美", text = "早约了" }
  g:says("小美", "预约")
  g:expect{ text = "说过" }
  g:says("小美", "预约")
  g:silent("1m")
  g:equal(#g:events("live_booked"), 1)
end)

t:case("预约 without a live, and of the second by its number", function(g)
  g:says("小美", "预约")
  g:expect{ at = "小美", text = "没有直播" }
  put(g)
  put(g, "3月5日 20:00")
  g:says("小美", "预约 2")
  g:expect{ at = "小美", text = "约好 2 03月05日" }
  g:at("2026-03-04 21:00")
  g:expect_none{ text = "叫" }
  g:at("2026-03-05 19:57")
  g:expect{ at = "小美", text = "叫" }
end)

t:case("预约 in many spellings; in a sentence, as a question or quoted it is none", function(g)
  put(g)
  for i, words in ipairs({ "预约", " 预约! ", "@小福 预约", "#预约", "我要预约", "預約" }) do
    g:says("人" .. i, words)
    g:expect{ at = "人" .. i, text = "约好" }
  end
  for _, words in ipairs({ "预约?", "怎么预约呀", "预约 明天理发可以吗" }) do g:says("小王", words) end
  g:silent()
end)

t:case("预约 while it is on", function(g)
  put(g, "今天 10:30")
  g:at("2026-03-02 10:40")
  g:says("小美", "预约")
  g:expect{ at = "小美", text = "正在播" }
end)

t:case("取消预约, and 取消预约 of who has none", function(g)
  put(g)
  g:says("小美", "取消预约")
  g:expect{ at = "小美", text = "没约过" }
  g:says("小美", "预约")
  g:expect{ text = "约好" }
  g:says("小美", "取消预约")
  g:expect{ at = "小美", text = "退了1" }
  g:says("小美", "预约") -- counts, and is not told again the same day
  g:silent()
  g:says("小美", "取消预约")
  g:silent()
  g:at("2026-03-04 19:57")
  g:expect_none{ text = "叫" }
end)

t:case("who opted out, left or took it back is not called", function(g)
  put(g)
  for _, who in ipairs({ "小美", "小张", "小王" }) do g:says(who, "预约") end
  g:says("小美", "退订")
  g:leave("小张")
  g:at("2026-03-04 19:57")
  g:expect_count(1, { at = "小王", text = "叫" })
  local call = g:events("live_called")[1]
  g:equal(call.users, 1)
end)

t:case("more than ten who booked: ten a message, the rest by count", with({ portions = 2 }), function(g)
  put(g)
  for i = 1, 23 do g:says("人" .. i, "预约") end
  g:at("2026-03-04 19:58")
  local sizes, last = {}, nil
  for _, message in ipairs(g:seen{ text = "叫 " }) do
    sizes[#sizes + 1], last = #message.at, message.text
  end
  g:equal(sizes, { 10, 10 })
  assert(last:find("还有3", 1, true), last)
end)

t:case("by private message, where the playbook says so; else in the group", with({ by_dm = true }), function(g)
  put(g)
  for i = 1, 17 do g:says("人" .. i, "预约") end
  g:at("2026-03-04 19:58")
  g:advance("2m")
  for i = 1, 17 do g:expect_count(1, { dm = "人" .. i, text = "私 春季新品 20:00" }) end
  g:expect_none{ text = "叫 " }
end)

t:case("by private message, but the platform has none", with({ by_dm = true }), function(g)
  g:lacks("dm")
  put(g)
  g:says("小美", "预约")
  g:at("2026-03-04 19:58")
  g:expect{ at = "小美", text = "叫 " }
end)

t:case("直播预告 lists what is coming; the same twice is answered once", function(g)
  g:says("小美", "直播预告")
  g:expect{ text = "没有直播" }
  put(g)
  put(g, "3月5日 20:00")
  g:says("小美", "直播预告")
  g:expect{ at = "小美", text = { "1 03月04日 20:00", "2 03月05日 20:00" } }
  g:says("小美", "直播预告")
  g:expect{ text = "说过" }
  g:says("小美", "直播预告")
  g:silent("1m")
end)

t:case("a live of the playbook is adopted, with its own length", with({
  lives = { { id = "春", date = "2026-03-04", at = "20:00", title = "春季新品", minutes = 30 }, { date = "2026-04-01", at = "20:00",
  title = "以后" } },
}), function(g)
  g:at("2026-03-04 20:40")
  g:expect{ text = "前一天 春季新品" }
  g:expect{ text = "下播 春季新品" }
  g:equal(outcomes(g), "春.day=sent 春.hour=sent 春.soon=sent 春.start=sent 春.end=sent")
end)

t:case("a live of the playbook is moved, and taken out", with({
  lives = { { id = "春", date = "2026-03-04", at = "20:00", title = "春季新品" } },
}), function(g)
  g:at("2026-03-03 08:00")
  g:param("live.lives", '[{"id":"春","date":"2026-03-05","at":"21:00","title":"春季新品"}]')
  g:at("2026-03-04 08:00")
  g:expect{ text = "前一天 春季新品 20:00" } -- the old time still held on the evening before: lists are read at 04:10
  g:says("小美", "直播预告")
  g:expect{ text = "春 03月05日 21:00" }
  g:param("live.lives", "[]")
  g:at("2026-03-06 08:00")
  g:expect_none{ text = "开播" }
  g:equal(outcomes(g), "春.day=sent 春.hour=skipped(moved) 春.soon=skipped(moved) 春.start=skipped(moved) 春.end=skipped(moved) "
    .. "春.day=sent 春.hour=skipped(withdrawn) 春.soon=skipped(withdrawn) 春.start=skipped(withdrawn) 春.end=skipped(withdrawn)")
end)

t:case("a live of the playbook that staff moved keeps their time; words and link follow the list", with({
  lives = { { id = "春", date = "2026-03-05", at = "20:00", title = "春季新品" } },
}), function(g)
  g:at("2026-03-03 08:00")
  g:staff("店长", "直播改期 春 3月6日 21:00")
  g:expect{ text = "改期 春季新品 03月06日 21:00", plain = true }
  g:expect{ text = "排了春" }
  g:param("live.lives", '[{"id":"春","date":"2026-03-05","at":"20:00","title":"春装","link":"https://live.example.com/9"}]')
  g:at("2026-03-04 08:00")
  g:says("小美", "直播预告")
  g:expect{ text = "春 03月06日 21:00 春装" }
  g:at("2026-03-06 21:05")
  g:expect_count(1, { text = "开播 春装 https://live.example.com/9" })
end)

t:case("a live of the playbook that is over and gets a new date, or was taken out and comes back, is planned anew", with({
  lives = {
    { id = "春", date = "2026-03-04", at = "20:00", title = "春季新品" }, { id = "夏", date = "2026-03-05", at = "12:00", title = "夏装" },
  },
}), function(g)
  g:at("2026-03-03 09:00")
  g:says("小美", "预约")
  g:expect{ text = "约好 春" }
  g:param("live.lives", '[{"id":"春","date":"2026-03-04","at":"20:00","title":"春季新品"}]')
  g:at("2026-03-04 09:00")
  g:param("live.lives", '[{"id":"春","date":"2026-03-11","at":"20:00","title":"春季新品"},'
    .. '{"id":"夏","date":"2026-03-05","at":"12:00","title":"夏装"}]')
  g:staff("店长", "直播开始 春")
  g:expect{ text = "开播 春季新品" }
  g:at("2026-03-05 13:00")
  g:expect_count(1, { text = "开播 夏装" })
  g:at("2026-03-11 20:05")
  g:expect_count(1, { text = "开播 春季新品" })
  g:expect_none{ text = "叫 " }
end)

t:case("an odd entry of the list does not take the others with it, and staff are told", function(g)
  g:param("live.lives", '[5,{"id":"b","date":"2026-03-05","at":"8点"},{"id":"m","date":"2026-03-05","at":"20:00","minutes":"1h"},'
    .. '{"id":7,"date":"2026-03-05","at":"20:00","title":"春季新品"}]')
  g:at("2026-03-05 20:05")
  g:expect_count(1, { text = "开播 春季新品" })
  for _, id in ipairs({ "#1", "b", "m" }) do g:expect_count(1, { chat = "staff", text = "表错 " .. id }) end
  g:equal(outcomes(g), "7.day=sent 7.hour=sent 7.soon=sent 7.start=sent")
end)

t:case("直播排期 never takes the number of a live of the list", with({
  lives = { { id = "1", date = "2026-03-04", at = "20:00", title = "春季新品" } },
}), function(g)
  g:at("2026-03-03 09:00")
  g:staff("店长", "直播排期 3月6日 20:00 夏装")
  g:expect{ at = "店长", text = "排了2" }
  g:says("小美", "直播预告")
  g:expect{ text = { "1 03月04日 20:00 春季新品", "2 03月06日 20:00 夏装" } }
end)

t:case("直播改期 tells the group, keeps the bookings, and skips what was planned", function(g)
  put(g)
  g:says("小美", "预约")
  g:expect{ text = "约好" }
  g:staff("店长", "直播改期 1 3月5日 21:00")
  g:expect{ text = "改期 春季新品 03月05日 21:00", plain = true }
  g:expect{ at = "店长", text = "排了1" }
  g:staff("店长", "直播改期 3月5日 21:00")
  g:expect{ at = "店长", text = "排了1" }
  g:at("2026-03-04 23:00")
  g:expect_count(1, { text = "前一天 春季新品 21:00" })
  g:expect_none{ text = "开播" }
  g:at("2026-03-05 21:01")
  g:expect{ at = "小美", text = "叫 " }
  g:expect{ text = "开播" }
  g:equal(outcomes(g), "1.day=skipped(moved) 1.hour=skipped(moved) 1.soon=skipped(moved) 1.start=skipped(moved) 1.end=skipped(moved) "
    .. "1.day=sent 1.hour=sent 1.soon=sent 1.start=sent")
end)

t:case("直播改期 without a number, while one is on, means the next", function(g)
  put(g, "今天 10:30")
  put(g, "今天 20:30")
  g:at("2026-03-02 11:00")
  g:staff("店长", "直播改期 今天 21:30")
  g:expect{ text = "改期 春季新品 03月02日 21:30", plain = true }
  g:expect{ at = "店长", text = "排了2" }
end)

t:case("直播取消 tells the group; everything planned is skipped", function(g)
  put(g)
  g:says("小美", "预约")
  g:expect{ text = "约好" }
  g:staff("店长", "直播取消")
  g:expect{ text = "不播了 春季新品" }
  g:staff("店长", "直播取消")
  g:expect{ text = "没这场" }
  g:at("2026-03-05 12:00")
  g:silent()
  g:equal(outcomes(g), "1.day=skipped(cancelled) 1.hour=skipped(cancelled) 1.soon=skipped(cancelled) 1.start=skipped(cancelled) "
    .. "1.end=skipped(cancelled)")
  g:equal(g:audit("live_cancelled")[1].before, "planned")
end)

t:case("直播取消 while a post is on its way: nobody is called, and it does not begin", with({ notify = { "start" } }), function(g)
  put(g, "今天 12:00")
  g:says("小美", "预约")
  g:expect{ text = "约好 1" }
  g:at("2026-03-02 11:58")
  g:together(function()
    g:staff("店长", "直播开始")
    g:staff("店长", "直播取消")
  end)
  g:at("2026-03-02 12:30")
  g:expect_none{ text = "叫 " }
  g:says("小美", "直播预告")
  g:expect{ text = "没有直播" }
  g:equal(#g:events("live_started"), 0)
end)

t:case("直播改期 while a post waits for the end of the quiet hours: only the new time is told", function(g)
  put(g, "3月4日 07:10")
  g:at("2026-03-03 07:15")
  g:staff("店长", "直播改期 1 3月6日 12:00")
  g:at("2026-03-05 13:00")
  g:expect_count(1, { text = "前一天 春季新品 12:00" })
  g:expect_none{ text = "07:10 预约" }
end)

t:case("直播取消 from the staff chat is answered there", function(g)
  put(g)
  g:staff("店长", "直播取消 1", { chat = "staff" })
  g:expect{ chat = "staff", text = "办了1" }
  g:expect{ text = "不播了", plain = true }
end)

t:case("a shop system reports that it started earlier, and ended", function(g)
  put(g)
  g:at("2026-03-04 19:30")
  g:expect{ text = "前一小时" }
  g:trigger("live", { args = { what = "started" } })
  g:expect{ text = "开播" }
  g:trigger("live", { args = { what = "started" } })
  g:at("2026-03-04 20:10")
  g:expect_none{ text = "开播" }
  g:trigger("live", { args = { what = "ended", id = "1" } })
  g:expect{ text = "下播" }
  g:trigger("live", { args = { what = "other" } })
  g:at("2026-03-04 22:10")
  g:silent()
  g:equal(outcomes(g), "1.day=sent 1.hour=sent 1.soon=skipped(past) 1.start=sent 1.end=sent")
end)

t:case("it begins once, however often it is said while the post is on its way", function(g)
  put(g, "今天 12:00")
  g:at("2026-03-02 11:58")
  g:together(function()
    g:staff("店长", "直播开始")
    g:staff("店长", "直播开始")
    g:trigger("live", { args = { what = "started", id = 1 } })
  end)
  g:at("2026-03-02 12:10")
  g:expect_count(1, { text = "开播" })
  g:equal(#g:events("live_started"), 1)
  g:trigger("live", { args = { what = "ended", id = 1 } }) -- a number is as good as its text
  g:expect{ text = "下播" }
end)

t:case("直播开始 and 直播结束 by staff", function(g)
  put(g)
  g:at("2026-03-04 19:58")
  g:staff("店长", "直播开始")
  g:expect_count(1, { text = "开播" })
  g:at("2026-03-04 20:30")
  g:staff("店长", "直播结束")
  g:expect_count(1, { text = "下播" })
  g:staff("店长", "直播结束")
  g:expect{ text = "没这场" }
  g:at("2026-03-04 22:10")
  g:silent()
end)

t:case("a live in quiet hours: what falls into them is blocked", function(g)
  put(g, "3月3日 23:30")
  g:says("小美", "预约")
  g:expect{ text = "约好" }
  g:at("2026-03-04 03:00")
  g:silent()
  g:equal(outcomes(g), "1.day=blocked(quiet) 1.hour=blocked(quiet) 1.soon=blocked(quiet) 1.start=blocked(quiet) 1.end=blocked(quiet)")
end)

t:case("a live in quiet hours, with anytime", with({ anytime = true }), function(g)
  put(g, "3月3日 23:30")
  g:says("小美", "预约")
  g:expect{ text = "约好" }
  g:at("2026-03-04 03:00")
  g:expect{ text = "前一小时" }
  g:expect{ at = "小美", text = "叫 " }
  g:expect{ text = "开播" }
  g:expect{ text = "下播" }
end)

t:case("a live in quiet hours, with anytime, by private message", with({ anytime = true, by_dm = true }), function(g)
  put(g, "3月3日 23:30")
  g:says("小美", "预约")
  g:expect{ text = "约好" }
  g:at("2026-03-03 23:29")
  g:expect_count(1, { dm = "小美", text = "私 春季新品 23:30" })
end)

t:case("members and keepers may not put, move, cancel, start or look", function(g)
  put(g)
  for _, words in ipairs({ "直播排期 明天 20:00 甲", "直播改期 1 明天 20:00", "直播取消", "直播开始", "直播结束", "预约名单" }) do
    g:says("小美", words)
    g:staff("群管", words)
  end
  g:silent()
end)

t:case("直播排期 that cannot be read, is past, or is there already", function(g)
  for _, words in ipairs({ "直播排期", "直播排期 明天", "直播排期 昨天 20:00 甲", "直播排期 13月1日 20:00 甲", "直播改期 后天" }) do
    g:staff("店长", words)
    g:expect{ at = "店长", text = "怎么写" }
  end
  put(g)
  put(g)
  g:says("小美", "直播预告")
  g:expect_none{ text = "2 03月" }
end)

t:case("a restart between booking and live, and a death in each way, call once", function(g)
  put(g)
  g:says("小美", "预约")
  g:expect{ text = "约好" }
  g:restart()
  g:kill{ during = "commit" }
  g:says("小张", "预约")
  g:advance("5s")
  g:expect_count(1, { at = "小张", text = "约好" })
  for _, at in ipairs({ "2026-03-03 19:59", "2026-03-04 18:59", "2026-03-04 19:54" }) do
    g:at(at)
    g:kill{ during = "commit" }
  end
  g:at("2026-03-04 19:59")
  g:expect_count(1, { text = "前一天" })
  g:expect_count(1, { text = "前一小时 春季新品 约2" })
  g:expect_count(1, { text = "五分钟" })
  g:expect_count(1, { at = { "小美", "小张" }, text = "叫 " })
  g:equal(outcomes(g), "1.day=sent 1.hour=sent 1.soon=sent")
end)

t:case("switched off over the live: what was due is blocked the next morning", function(g)
  put(g)
  g:at("2026-03-04 12:00")
  g:expect{ text = "前一天" }
  g:toggle("live", "off")
  g:at("2026-03-05 12:00")
  g:toggle("live", "on")
  g:at("2026-03-06 12:00")
  g:silent()
  local list = outcomes(g)
  for _, step in ipairs({ "hour", "soon", "start", "end" }) do assert(list:find("1." .. step .. "=blocked", 1, true), list) end
  g:says("小美", "直播预告")
  g:expect{ text = "没有直播" }
end)

t:case("on WeCom, in a group in which somebody wrote", function(g)
  g:platform("wecom")
  g:staff("店长", "@小福 直播排期 今天 12:00 春季新品")
  g:expect{ text = "排了1" }
  g:says("小美", "@小福 预约")
  g:expect{ text = "约好 1" }
  g:at("2026-03-02 12:05")
  g:expect{ text = "叫 " }
  g:expect{ text = "开播" }
  g:equal(outcomes(g), "1.hour=sent 1.soon=sent 1.start=sent")
end)

t:case("two groups have lives of their own", function(g)
  put(g)
  g:says("小张", "预约", { chat = "二店" })
  g:expect{ chat = "二店", at = "小张", text = "没有直播" }
end)

t:case("a live that is over for a week is forgotten, with its bookings", function(g)
  put(g, "今天 10:30")
  g:says("小美", "预约")
  g:at("2026-03-12 08:00")
  g:equal(g:state("hash", "lives", "1"), nil)
  g:equal(#(g:state("set", "booked-1") or {}), 0)
end)
