-- ladder.lua -- 晚间折扣梯: what is left in the evening gets cheaper by the clock, and the group hears it, one short post a rung.
--
-- A table of times and offers (19:00 9折, 19:30 8折 ... 23:30 免费送). At `begins` the evening is laid out; a run then goes from rung to
-- rung. Before each it listens for half a minute: where the group is busy the rung is not posted, but said together with the next one
-- (which is posted in any case, and so is the last). Rungs in the quiet hours are left out unless `past_quiet` says otherwise. When
-- everything on tonight's list is sold out the evening ends early. Members may ask 折扣. Staff: 今晚打折 <品> ..., 卖完 <品>, 补货 <品>,
-- 跳过 [时间], 停, 继续折扣.
--
-- `store` makes the groups of one store share what staff say: what is sold out is sold out in all of them.
-- State: group.evening = { day, rungs = { { at, clock, offer } ... }, next = the rung that comes next, held = those not said yet, posts,
-- ended = why }, group.now = { day, place } of the rung that holds; hash "evening" (of the flow here) or "ladder-<store>" (of the
-- gateway): "<day>|items" = tonight's list, "<day>|sold|<item>" (no item: everything), "<day>|skip|<clock>", "<day>|stop" = true. Fields
-- of other days are dropped when an evening begins.
local rungs = require("lib.rungs")
local polite = require("lib.polite")

local flow = sop.flow("ladder", {
  title = "晚间折扣梯",
  menu = "menu_line",
  kind = "broadcast",
  wants = { unmentioned = "staff and members say the words with a mention of the bot" },
  params = {
    begins = { "clock", default = "18:30", help = "每天几点排好当晚的折扣梯(要早于第一档)" },
    rungs = {
      "strings", help = "折扣梯,每档「时间 折扣」,按先后写,过了零点接着写 00:30",
      default = {
        "19:00 9折", "19:30 8折", "20:00 7折", "20:30 6折", "21:00 5折", "21:30 4折", "22:00 3折", "22:30 2折", "23:00 1折", "23:30 免费送",
      },
    },
    weekdays = { "strings", default = {}, help = "只在星期几有(1 到 7),不写就是每天" },
    past_quiet = { "boolean", default = false, help = "安静时段里的几档也发(默认不发)" },
    busy = { "integer", default = 15, min = 1, max = 200, help = "半分钟里超过多少条消息就算热闹,这一档并到下一条" },
    late = { "duration", default = "15m", min = "1m", max = "2h", help = "晚了多久以内还补发" },
    store = { "string", default = "", help = "门店编号;一家店的几个群写成一样,卖完、跳过、停都一起算" },
    what = { "string", default = "今日鲜品", help = "打折的是什么" },
    items = { "strings", default = {}, help = "每晚的品单,不写就不列;当晚可用「今晚打折」改" },
    role = { "choice", default = "keeper", values = { "keeper", "store", "region", "hq", "owner" }, help = "至少什么角色可以用管理口令" },

    ask_words = {
      "strings", help = "成员查询的口令",
      default = { "折扣", "今晚折扣", "现在几折", "现在几折?", "几折", "几折?", "打几折", "有折扣吗", "有折扣吗?", "折扣表" },
    },
    list_words = { "strings", default = { "今晚打折" }, help = "管理:当晚的品单,后面跟品名" },
    sold_words = { "strings", default = { "卖完", "售罄", "卖光", "賣完" }, help = "管理:卖完,后面跟品名;没有品单时单说就是全部" },
    back_words = { "strings", default = { "补货", "補貨" }, help = "管理:又有了" },
    skip_words = { "strings", default = { "跳过", "跳過" }, help = "管理:跳过下一档,或跟时间" },
    stop_words = { "strings", default = { "停", "停止折扣" }, help = "管理:今晚到此为止" },
    on_words = { "strings", default = { "继续折扣", "繼續折扣" }, help = "管理:停了以后接着来" },

    menu_line = { "text", help = "菜单里的一行" },
    rung = { "text", help = "一档" },
    rung_merged = { "text", help = "前面有一档没发,这条一起说" },
    rung_last = { "text", help = "最后一档" },
    left = { "text", help = "还有哪些" },
    sold_all = { "text", help = "今晚都卖完了" },
    asked = { "text", help = "成员查询:现在几折" },
    asked_next = { "text", help = "成员查询:下一档" },
    asked_before = { "text", help = "成员查询:还没开始" },
    asked_over = { "text", help = "成员查询:今晚结束了" },
    asked_again = { "text", help = "重复查询(每天最多说一次)" },
    staff_list = { "text", help = "管理:今晚的品单" },
    staff_sold = { "text", help = "管理:记下卖完" },
    staff_back = { "text", help = "管理:记下补货" },
    staff_which = { "text", help = "管理:没有这个品" },
    staff_skipped = { "text", help = "管理:跳过一档" },
    staff_no_rung = { "text", help = "管理:没有这一档" },
    staff_stopped = { "text", help = "管理:停了" },
    staff_on = { "text", help = "管理:接着来" },
    staff_ended = { "text", help = "管理:都卖完了(别处下的命令)" },
    staff_wrong = { "text", help = "管理:折扣梯写错了" },
    use_list = { "text", help = "帮助里的写法:今晚打折" },
    use_sold = { "text", help = "帮助里的写法:卖完" },
    use_back = { "text", help = "帮助里的写法:补货" },
    use_skip = { "text", help = "帮助里的写法:跳过" },
  },
})

local LISTEN = 30 -- seconds before a rung in which it is heard whether the group is busy

-- ---- an evening ----------------------------------------------------------------------------------------------------

-- What staff said about this evening, of all groups of the store.
local function said(c)
  local store = c.params.store
  return store ~= "" and c:hash("ladder-" .. store, { scope = "gateway" }) or c:hash("evening")
end

-- The evening of today, nil if there is none (yet).
local function evening_of(c)
  local evening = c.group.evening
  return evening and evening.day == c:day() and evening or nil
end

-- Tonight's list, and what of it is not sold out.
local function stock(c)
  local flags, day, left = said(c), c:day(), {}
  local items = flags[day .. "|items"] or c.params.items
  for _, item in ipairs(items) do
    if not flags[day .. "|sold|" .. item] then left[#left + 1] = item end
  end
  return items, left
end

local function all_sold(c)
  local items, left = stock(c)
  return #items > 0 and #left == 0 or said(c)[c:day() .. "|sold|"] == true
end

local function left_line(c)
  local _, left = stock(c)
  return #left > 0 and c:format(c.params.left, { items = table.concat(left, "、") }) or ""
end

local function outcome(c, rung, how, data)
  data = data or {}
  data.rung, data.offer, data.outcome = rung.clock, rung.offer, how
  c:emit("ladder_rung", data)
end

-- Ends the evening; `why` is "sold_out", "stopped" or "done". Says so where everything is sold and the group has heard of it at all;
-- true if it did.
local function finish(c, evening, why)
  evening.ended = why
  c.group.evening = evening
  c:emit("ladder_ended", { why = why, posts = evening.posts })
  if why == "sold_out" and evening.posts > 0 and not (c:quiet_until() and not c.params.past_quiet) then
    local vars = { what = c.params.what, time = evening.rungs[1].clock }
    return c:say(c.params.sold_all, vars, { policy = "drop", anytime = c.params.past_quiet })
  end
end

local function post(c, evening, rung)
  local p, earlier = c.params, {}
  for i, place in ipairs(evening.held) do earlier[i] = evening.rungs[place].clock .. " " .. evening.rungs[place].offer end
  local text = evening.next == #evening.rungs and p.rung_last or #earlier > 0 and p.rung_merged or p.rung
  c:say(text, { time = rung.clock, offer = rung.offer, what = p.what, left = left_line(c), earlier = table.concat(earlier, "、") }, {
    policy = "drop", late = p.late, anytime = p.past_quiet, if_late = "merge",
  })
  evening.posts, evening.held = evening.posts + 1, {}
  outcome(c, rung, "sent", { with = #earlier })
end

-- Will a rung later this evening be posted when its time comes, as far as one can know?
local function coming_after(c, evening)
  local flags = said(c)
  for place = evening.next + 1, #evening.rungs do
    local rung = evening.rungs[place]
    if not flags[evening.day .. "|skip|" .. rung.clock] and (c.params.past_quiet or not c:quiet_until(rung.at)) then return true end
  end
  return false
end

-- What is to be done with the rung whose time it is: "stopped", "sold_out", "skipped", "quiet", "late", "merged" or "sent".
local function verdict(c, evening, rung, late, busy)
  local flags, day, coming = said(c), evening.day, evening.rungs[evening.next + 1]
  if day ~= c:day() then return "late" end -- the flow was off, what is said today is not about that evening
  if flags[day .. "|stop"] then return "stopped" end
  if all_sold(c) then return "sold_out" end
  if flags[day .. "|skip|" .. rung.clock] then return "skipped" end
  if c:quiet_until() and not c.params.past_quiet then return "quiet" end
  if late > sop.duration(c.params.late) or coming and rung.at + late >= coming.at then return "late" end
  if busy and #evening.held == 0 and coming_after(c, evening) then return "merged" end
  return "sent"
end

-- From rung to rung, a fresh run for each.
local walk = flow:run("evening", function(c, args)
  local evening = c.group.evening
  local rung = evening and evening.day == args.day and evening.rungs[evening.next]
  if not rung then return end
  c:sleep_until(rung.at - LISTEN)
  local _, heard = c:gather{ events = "message", till = rung.at, max = c.params.busy + 1 }
  local late = c:sleep_until(rung.at) -- a full group is known at once, but what it means is decided when it is time

  evening = c.group.evening
  local shared = c.params.store ~= "" -- then it goes on in silence: another group of the store may take the evening up again
  if not evening or evening.day ~= args.day or evening.ended and (not shared or evening.day ~= c:day()) then return end
  local what = verdict(c, evening, rung, late, heard == "full")
  local over = what == "stopped" or what == "sold_out"
  if over and not evening.ended then finish(c, evening, what) end
  if over and not shared then return end
  if not over then evening.ended = nil end
  if what == "sent" then
    post(c, evening, rung)
  elseif not over then
    if what == "merged" then table.insert(evening.held, evening.next) end
    outcome(c, rung, what)
  end
  if what ~= "skipped" then c.group.now = { day = evening.day, place = evening.next } end
  evening.next = evening.next + 1
  c.group.evening = evening
  if evening.next <= #evening.rungs then c:continue(args) end
  if not over then finish(c, evening, "done") end
end)

local function go_on(c)
  c:start(walk, { day = c:day() }, { key = "evening", user = false })
end

-- Is there an evening on that day?
local function wanted(c, day)
  local weekdays, today = c.params.weekdays, c:time("%u", c:moment(day, "12:00"))
  for _, weekday in ipairs(weekdays) do
    if weekday == today then return true end
  end
  return #weekdays == 0
end

flow:at("begins", { late = "8h" }, function(c)
  local p, day = c.params, c:day()
  if not wanted(c, day) then return end
  local list, why = rungs.read(c, day, p.rungs)
  if not list then return c:staff(p.staff_wrong, { why = why, group = c.chat_name ~= "" and c.chat_name or c.chat }) end
  local flags = said(c)
  for field in pairs(flags) do
    if tonumber(field:match("^%d+")) ~= day then flags[field] = nil end
  end
  c.group.evening = { day = day, rungs = list, next = 1, held = {}, posts = 0 }
  c:cancel{ key = "evening" } -- of yesterday, where the flow was off
  go_on(c)
end)

-- ---- members -------------------------------------------------------------------------------------------------------

flow:command("ask_words", { private = false }, function(c)
  local p, evening, now = c.params, evening_of(c), c.group.now
  local text
  local first = not evening and wanted(c, c:day()) and rungs.read(c, c:day(), p.rungs)
  if not evening and (not first or c:now() >= first[1].at) then return false end -- there is none today
  local over = evening and (said(c)[c:day() .. "|stop"] or all_sold(c))
  if over then
    text = c:format(p.asked_over, { time = evening.rungs[1].clock })
  elseif not evening or not now or now.day ~= evening.day then
    local rung = (evening and evening.rungs or first)[1]
    text = c:format(p.asked_before, { time = rung.clock, offer = rung.offer, what = p.what })
  else
    local rung, coming = evening.rungs[now.place], evening.rungs[evening.next]
    text = c:format(p.asked, { what = p.what, offer = rung.offer })
    if coming then text = text .. c:format(p.asked_next, { time = coming.clock, offer = coming.offer }) end
    text = text .. left_line(c)
  end
  local at = now and now.place or 0
  local _, left = stock(c)
  if polite.first(c, "ladder" .. at .. "/" .. #left .. (over and "over" or ""), p.asked_again) then c:reply(sop.text(text)) end
end)

-- ---- staff ---------------------------------------------------------------------------------------------------------

local STAFF = { private = false, role = "role", args = true }

local function staff(words, usage, fn)
  local options = sop.copy(STAFF)
  options.usage = usage
  flow:command(words, options, fn)
end

staff("list_words", "use_list", function(c)
  local p, names, flags, day = c.params, rungs.names(c.args), said(c), c:day()
  if #names > 0 then
    flags[day .. "|items"] = names
    for _, name in ipairs(names) do flags[day .. "|sold|" .. name] = nil end
    flags[day .. "|sold|"] = nil
    c:audit("ladder_items", { items = names })
  end
  local _, left = stock(c)
  c:reply(p.staff_list, { items = #left > 0 and table.concat(left, "、") or p.what })
end)

-- Marks what staff named as sold out, or (`gone` = nil) as there again.
local function mark(c, gone)
  local p, day, flags, items = c.params, c:day(), said(c), stock(c)
  local names, unknown = rungs.choose(items, c.args)
  if gone and #items > 0 and #rungs.names(c.args) == 0 then names, unknown = nil, c.command end -- where there is a list: which?
  if unknown then return c:reply(p.staff_which, { name = unknown, items = table.concat(items, "、") }) end
  if #names == 0 then -- everything
    for _, item in ipairs(items) do flags[day .. "|sold|" .. item] = gone end
    flags[day .. "|sold|"] = gone
    names = { p.what }
  else
    for _, name in ipairs(names) do flags[day .. "|sold|" .. name] = gone end
    if not gone then flags[day .. "|sold|"] = nil end
  end
  local now, evening = c.group.now, evening_of(c)
  local rung = evening and now and now.day == day and evening.rungs[now.place]
  c:audit(gone and "ladder_sold" or "ladder_back", { items = names })
  c:emit(gone and "ladder_sold" or "ladder_back", { items = names, offer = rung and rung.offer or nil })
  return names
end

staff("sold_words", "use_sold", function(c)
  local p, names = c.params, mark(c, true)
  if type(names) ~= "table" then return end
  local evening = evening_of(c)
  if evening and not evening.ended and all_sold(c) then
    if p.store == "" then c:cancel{ key = "evening" } end
    local told = finish(c, evening, "sold_out")
    if c.via or not told then c:reply(p.staff_ended) end
    return
  end
  c:reply(p.staff_sold, { items = table.concat(names, "、"), left = left_line(c) })
end)

-- Takes up an evening that had ended, where rungs are left and nothing else has ended it.
local function take_up(c)
  local evening = evening_of(c)
  if not evening or not evening.ended or not evening.rungs[evening.next] then return end
  if said(c)[evening.day .. "|stop"] or all_sold(c) then return end
  evening.ended = nil
  c.group.evening = evening
  go_on(c)
end

staff("back_words", "use_back", function(c)
  local names = mark(c, nil)
  if type(names) ~= "table" then return end
  take_up(c)
  c:reply(c.params.staff_back, { items = table.concat(names, "、"), left = left_line(c) })
end)

staff("skip_words", "use_skip", function(c)
  local p, evening = c.params, evening_of(c)
  if not evening or evening.ended then return false end -- the word is that of other flows, too
  local place = evening.next
  if c.args:find("%S") then place = rungs.find(evening.rungs, c.args) end
  local flags = said(c)
  while c.args == "" and evening.rungs[place] and flags[evening.day .. "|skip|" .. evening.rungs[place].clock] do
    place = place + 1
  end
  local rung = place and place >= evening.next and evening.rungs[place]
  if not rung then return c:reply(p.staff_no_rung, { time = c.args }) end
  flags[evening.day .. "|skip|" .. rung.clock] = true
  c:audit("ladder_skipped", { rung = rung.clock, offer = rung.offer })
  c:reply(p.staff_skipped, { time = rung.clock, offer = rung.offer })
end)

flow:command("stop_words", { private = false, role = "role" }, function(c)
  local evening = evening_of(c)
  if not evening or evening.ended then return false end
  said(c)[c:day() .. "|stop"] = true
  if c.params.store == "" then c:cancel{ key = "evening" } end
  finish(c, evening, "stopped")
  c:audit("ladder_stopped", { before = "on", after = "off" })
  c:reply(c.params.staff_stopped)
end)

flow:command("on_words", { private = false, role = "role" }, function(c)
  local evening = evening_of(c)
  if not evening or not evening.rungs[evening.next] then return c:reply(c.params.staff_no_rung, { time = "" }) end
  said(c)[c:day() .. "|stop"] = nil
  take_up(c)
  c:audit("ladder_resumed", { before = "off", after = "on" })
  if all_sold(c) then return c:reply(c.params.staff_ended) end
  local place, late = evening.next, sop.duration(c.params.late) -- the rung that holds, where it is not too late for it
  while evening.rungs[place + 1] and (c:now() >= evening.rungs[place + 1].at or c:now() - evening.rungs[place].at > late) do
    place = place + 1
  end
  local rung = evening.rungs[place]
  c:reply(c.params.staff_on, { time = rung.clock, offer = rung.offer })
end)

return flow
