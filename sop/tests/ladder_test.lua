-- ladder_test.lua -- the evening's discounts, sentence by sentence. What is promised to a group, and the cases that hold it:
--
-- Of every flow
--   command words match tolerantly                             "the words in many spellings ..."
--   one reply per cause, one short answer a day, silence       "折扣 tells the price of now ..."
--   quiet hours hold posts, not answers                        "rungs in the quiet hours ...", "折扣 is answered in the quiet hours"
--   staff commands need a role                                 "members may not ...", "the least role is a parameter"
-- 晚间折扣梯
--   a table of times and discounts                             "ten rungs ...", "a table that is wrong ...", "after midnight ..."
--   one short post per rung                                    "ten rungs ...", "a restart ...", "a death ...", "a line that was down ..."
--   per store                                                  "two groups of one store ...", "another store ..."
--   卖完 <品>                                                  "卖完 takes ...", "卖完 of something unknown ...", "tonight's list ..."
--   跳过                                                       "跳过 leaves out the next rung, or the one named"
--   停                                                         "停 ends the evening, 继续折扣 takes it up"
--   a busy group gets the rung merged into the next post       "a busy group ...", "the last rung ...", "not two rungs in a row ..."
--   ends early when all is sold out                            "all sold out ...", "without a list ...", "补货 ..."
--   past quiet hours by an explicit parameter                  "past_quiet ..."
--   metrics                                                    "every rung has an outcome"
local TEXTS = {
  rung = "档 {time} {what}{offer}{left}", rung_merged = "并 {earlier} 档 {time} {what}{offer}{left}", rung_last = "末档 {time} {offer}{left}",
  left = " 剩:{items}", sold_all = "全卖完 明晚{time}", asked = "现在{what}{offer}", asked_next = " 下一档{time} {offer}",
  asked_before = "没开始 {time} {offer}", asked_over = "结束了 {time}", asked_again = "没变", staff_list = "品单 {items}",
  staff_sold = "记下 {items}{left}", staff_back = "补上 {items}{left}", staff_which = "没有{name} 有{items}", staff_skipped = "不发 {time} {offer}",
  staff_no_rung = "没这一档{time}", staff_stopped = "停了", staff_on = "接着 {time} {offer}", staff_ended = "收摊", staff_wrong = "写错 {group} {why}",
}

local function book(params)
  local flow = { "ladder" }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return {
    flows = { "switch", "common", flow },
    staff = { ["playground:店长"] = "store", ["playground:群管"] = "keeper" },
  }
end

local t = sop.test("ladder", { playbook = book(), start = "2026-03-02 18:00" })
local goods = book({ items = { "叶菜", "豆腐", "鲜肉" } })

local function outcomes(g)
  local list = {}
  for i, event in ipairs(g:events("ladder_rung")) do list[i] = event.rung .. " " .. event.outcome end
  return list
end

local function chatter(g, n)
  g:together(function()
    for i = 1, n do g:says("成员" .. i, "今天的菜真新鲜" .. i) end
  end)
end

-- ---- the table -----------------------------------------------------------------------------------------------------

t:case("ten rungs, from 9折 to 免费送", { playbook = book({ past_quiet = true }) }, function(g)
  g:at("18:59")
  g:silent()
  g:at("19:00:01")
  local first = g:expect{ text = "档 19:00 今日鲜品9折", plain = true }
  g:equal(first.time:sub(1, 17), "2026-03-02 19:00:")
  g:silent("20m")
  g:at("19:30:01")
  g:expect{ text = "档 19:30 今日鲜品8折" }
  g:at("23:29")
  g:expect_count(7, { text = "档 " })
  g:at("23:31")
  g:expect{ text = "末档 23:30 免费送" }
  g:silent("3h")
  g:expect_event("ladder_ended", { why = "done", posts = 10 })
  g:expect_runs(0)
  g:at("19:01")
  g:expect{ text = "档 19:00 今日鲜品9折" }
end)

t:case("rungs in the quiet hours are left out", function(g)
  g:at("22:01")
  g:expect_count(7, { text = "档 " })
  g:silent("10h")
  g:equal(#g:events("ladder_rung"), 10)
  g:equal({ outcomes(g)[7], outcomes(g)[8], outcomes(g)[10] }, { "22:00 sent", "22:30 quiet", "23:30 quiet" })
  g:expect_event("ladder_ended", { why = "done", posts = 7 })
end)

t:case("past_quiet posts them all the same", { playbook = book({ past_quiet = true, rungs = { "22:00 3折", "23:00 1折" } }) }, function(g)
  g:at("23:00:05")
  g:expect{ text = "档 22:00" }
  g:expect{ text = "末档 23:00 1折" }
end)

t:case("after midnight is the same evening", {
  playbook = book({ past_quiet = true, rungs = { "23:30 2折", "00:30 1折", "01:15 免费送" } }),
}, function(g)
  g:at("23:30:05")
  g:expect{ text = "档 23:30" }
  g:at("00:30:05")
  g:expect{ text = "档 00:30" }
  g:staff("店长", "停")
  g:expect{ at = "店长", text = "停了" }
  g:silent("3h")
end)

t:case("a table that is wrong is told to staff, and nothing is posted", function(g)
  for i, wrong in ipairs({ '["19:00 9折","18:30 8折"]', '["七点 9折"]', '["25:00 9折"]', '["19:00"]', "[]" }) do
    g:param("ladder.rungs", wrong)
    g:at(("2026-03-%02d 18:31"):format(i + 1))
    g:expect{ chat = "staff", text = "写错" }
    g:silent("2h")
  end
end)

t:case("only on the weekdays that are named", { playbook = book({ weekdays = { "2", "3" }, rungs = { "19:00 9折" } }) }, function(g)
  g:at("19:01") -- Monday
  g:silent()
  g:advance("1d")
  g:expect{ text = "末档 19:00" }
  g:advance("2d")
  g:expect_count(1, { text = "末档 19:00" })
end)

-- ---- staff ---------------------------------------------------------------------------------------------------------

t:case("卖完 takes goods off the list", { playbook = goods }, function(g)
  g:at("19:01")
  g:expect{ text = "档 19:00 今日鲜品9折 剩:叶菜、豆腐、鲜肉" }
  g:staff("店长", "卖完 豆腐")
  g:expect{ at = "店长", text = "记下 豆腐 剩:叶菜、鲜肉" }
  g:at("19:31")
  g:expect{ text = "8折 剩:叶菜、鲜肉" }
  g:staff("店长", "卖完 鲜肉") -- a repetition changes nothing
  g:staff("店长", "卖完 鲜肉")
  g:expect_count(2, { at = "店长", text = "记下 鲜肉 剩:叶菜" })
  g:at("20:01")
  g:expect{ text = "7折 剩:叶菜" }
  g:expect_event("ladder_sold", { offer = "9折" })
end)

t:case("卖完 of something unknown asks which; a part of a name is enough", { playbook = goods }, function(g)
  g:staff("店长", "卖完")
  g:expect{ at = "店长", text = "没有卖完 有叶菜、豆腐、鲜肉" }
  g:staff("店长", "卖完 牛奶")
  g:expect{ at = "店长", text = "没有牛奶 有叶菜、豆腐、鲜肉" }
  g:staff("店长", "卖完 豆、肉")
  g:expect{ at = "店长", text = "记下 豆腐、鲜肉 剩:叶菜" }
end)

t:case("all sold out ends the evening early", { playbook = goods }, function(g)
  g:at("19:01")
  g:expect{ text = "档 19:00" }
  g:staff("店长", "卖完 叶菜 豆腐")
  g:expect{ at = "店长", text = "记下 叶菜、豆腐 剩:鲜肉" }
  g:staff("店长", "卖完 鲜肉")
  g:expect{ text = "全卖完 明晚19:00", plain = true }
  g:silent("6h")
  g:expect_event("ladder_ended", { why = "sold_out", posts = 1 })
  g:expect_runs(0)
  g:at("19:01")
  g:expect{ text = "剩:叶菜、豆腐、鲜肉" }
end)

t:case("sold out in the quiet hours: staff hear of it, the group does not", { playbook = goods }, function(g)
  g:at("22:31")
  g:staff("店长", "卖完 全部")
  g:expect{ at = "店长", text = "收摊" }
  g:expect_none{ text = "全卖完" }
end)

t:case("补货 does not take up an evening that was stopped; 继续折扣 not one that is sold out", { playbook = goods }, function(g)
  g:at("19:01")
  g:staff("店长", "停")
  g:staff("店长", "补货 豆腐")
  g:at("20:31")
  g:equal(#g:events("ladder_ended"), 1)
  g:staff("店长", "卖完 全部")
  g:staff("店长", "继续折扣")
  g:expect{ at = "店长", text = "收摊" }
  g:at("21:31")
  g:expect_none{ text = "全卖完" }
end)

t:case("without a list 卖完 alone ends it, and a name is only noted", function(g)
  g:at("19:01")
  g:expect{ text = "档 19:00" }
  g:staff("店长", "卖完 叶菜")
  g:expect{ at = "店长", text = "记下 叶菜" }
  g:at("19:31")
  g:expect{ text = "8折" }
  g:staff("店长", "卖完")
  g:expect{ text = "全卖完" }
  g:silent("6h")
end)

t:case("补货 puts goods back, also after everything was sold out", { playbook = goods }, function(g)
  g:at("19:01")
  g:expect{ text = "档 19:00" }
  g:staff("店长", "卖完 全部")
  g:expect{ text = "全卖完" }
  g:staff("店长", "补货 豆腐")
  g:expect{ at = "店长", text = "补上 豆腐 剩:豆腐" }
  g:at("19:31")
  g:expect{ text = "8折 剩:豆腐" }
end)

t:case("tonight's list is what staff say, for tonight only", { playbook = goods }, function(g)
  g:staff("店长", "今晚打折 草莓,蓝莓 香菜")
  g:expect{ at = "店长", text = "品单 草莓、蓝莓、香菜" }
  g:at("19:01")
  g:expect{ text = "剩:草莓、蓝莓、香菜" }
  g:staff("店长", "今晚打折")
  g:expect{ at = "店长", text = "品单 草莓、蓝莓、香菜" }
  g:advance("1d")
  g:expect{ text = "档 19:00 今日鲜品9折 剩:叶菜、豆腐、鲜肉" }
  local kept = 0
  for _ in pairs(g:state("hash", "evening")) do kept = kept + 1 end
  g:equal(kept, 0) -- yesterday's is forgotten
end)

t:case("跳过 leaves out the next rung, or the one named", function(g)
  g:at("18:40")
  g:staff("店长", "跳过")
  g:expect{ at = "店长", text = "不发 19:00 9折" }
  g:staff("店长", "跳过 20:30")
  g:expect{ at = "店长", text = "不发 20:30 6折" }
  g:staff("店长", "跳过 12:00")
  g:expect{ at = "店长", text = "没这一档12:00" }
  g:at("19:29")
  g:silent()
  g:at("19:31")
  g:expect{ text = "档 19:30" }
  g:at("20:59")
  g:expect{ text = "档 20:00" }
  g:expect_none{ text = "档 20:30" }
  g:equal(outcomes(g), { "19:00 skipped", "19:30 sent", "20:00 sent", "20:30 skipped" })
end)

t:case("停 ends the evening, 继续折扣 takes it up", function(g)
  g:at("19:01")
  g:expect{ text = "档 19:00" }
  g:staff("店长", "停")
  g:expect{ at = "店长", text = "停了" }
  g:at("20:10")
  g:silent()
  g:staff("店长", "继续折扣")
  g:expect{ at = "店长", text = "接着 20:00 7折" }
  g:expect{ text = "档 20:00 今日鲜品7折" }
  g:at("20:31")
  g:expect{ text = "档 20:30" }
  g:expect_none{ text = "档 19:30" }
  g:staff("店长", "停")
  g:advance("1d")
  g:expect{ text = "档 19:00" } -- tomorrow is another evening
end)

t:case("members may not; where there is no evening 停 and 跳过 are no words of ours", function(g)
  g:at("19:01")
  g:expect{ text = "档 19:00" }
  for _, text in ipairs({ "停", "跳过", "卖完", "卖完 叶菜", "补货 叶菜", "今晚打折 叶菜", "继续折扣" }) do g:says("小美", text) end
  g:silent()
  g:at("12:00")
  g:staff("店长", "停")
  g:staff("店长", "跳过")
  g:expect_none{ at = "店长" }
end)

t:case("the least role is a parameter", { playbook = book({ role = "store" }) }, function(g)
  g:at("19:01")
  g:staff("群管", "停")
  g:expect_none{ at = "群管" }
  g:staff("店长", "停")
  g:expect{ at = "店长", text = "停了" }
end)

t:case("the words in many spellings; not inside a sentence, not quoted", { playbook = goods }, function(g)
  g:at("19:01")
  for _, text in ipairs({ "/卖完 叶菜", " 卖完,叶菜 ", "@小福 卖完 叶菜", "賣完 叶菜", "#售罄 叶菜" }) do
    g:staff("店长", text)
    g:expect{ at = "店长", text = "记下 叶菜" }
  end
  g:staff("店长", "豆腐快卖完了大家抓紧")
  g:expect_none{ at = "店长" }
  local id = g:says("小美", "停")
  g:reply("店长", "哈哈", { to = id })
  g:expect_none{ at = "店长" }
end)

t:case("from the staff chat it is the group's evening, and the answer goes there", { playbook = goods }, function(g)
  g:at("19:01")
  g:expect{ text = "档 19:00" }
  g:says("店长", "卖完 叶菜", { chat = "staff" })
  g:expect{ chat = "staff", text = "记下 叶菜" }
  g:says("店长", "卖完 全部", { chat = "staff" })
  g:expect{ text = "全卖完" }
  g:expect{ chat = "staff", text = "收摊" }
end)

-- ---- a busy group --------------------------------------------------------------------------------------------------

t:case("a busy group gets the rung merged into the next post", function(g)
  g:at("19:29:45")
  g:expect{ text = "档 19:00" }
  chatter(g, 16)
  g:at("19:31")
  g:silent()
  g:at("20:00:05")
  g:expect{ text = "并 19:30 8折 档 20:00 今日鲜品7折" }
  g:equal(outcomes(g), { "19:00 sent", "19:30 merged", "20:00 sent" })
end)

t:case("fifteen messages are not busy, and what was said long before does not count", function(g)
  g:at("19:28")
  chatter(g, 40)
  g:at("19:29:45")
  chatter(g, 15)
  g:at("19:30:05")
  g:expect{ text = "档 19:30" }
end)

t:case("not two rungs in a row: the next one is posted, busy or not", function(g)
  for _, at in ipairs({ "18:59:45", "19:29:45" }) do
    g:at(at)
    chatter(g, 20)
  end
  g:at("19:30:05")
  g:expect{ text = "并 19:00 9折 档 19:30" }
end)

t:case("the last rung is posted in a busy group, too", { playbook = book({ rungs = { "19:00 免费送" } }) }, function(g)
  g:at("18:59:45")
  chatter(g, 20)
  g:at("19:00:05")
  g:expect{ text = "末档 19:00 免费送" }
end)

t:case("nor is the last one lost that may be posted: what comes after it is quiet, or skipped", function(g)
  g:at("21:59:45")
  chatter(g, 20)
  g:at("22:31")
  g:expect{ text = "档 22:00 今日鲜品3折" }
  g:at("18:45")
  for _, at in ipairs({ "21:30", "22:00" }) do g:staff("店长", "跳过 " .. at) end
  g:at("20:59:45")
  chatter(g, 20)
  g:at("22:31")
  g:expect{ text = "档 21:00 今日鲜品5折" }
end)

-- ---- restarts, gaps, switches --------------------------------------------------------------------------------------

t:case("a restart between two rungs, or while it listens, changes nothing", function(g)
  g:at("18:31")
  g:restart()
  g:at("18:59:50")
  g:restart()
  g:at("19:00:05")
  g:expect_count(1, { text = "档 19:00" })
  g:restart()
  g:at("19:30:05")
  g:expect_count(1, { text = "档 19:30" })
end)

t:case("a death in the middle posts a rung once, and notes 卖完 once", { playbook = goods }, function(g)
  g:at("18:59")
  g:kill{ during = "commit" }
  g:at("19:00:05")
  g:advance("30s")
  g:expect_count(1, { text = "档 19:00" })
  g:kill{ during = "commit" }
  g:staff("店长", "卖完 叶菜")
  g:advance("10s")
  g:expect_count(1, { at = "店长", text = "记下 叶菜" })
  g:equal(#g:events("ladder_sold"), 1)
end)

t:case("on again on the next day it does not take that day's words for the evening's", {
  playbook = book({ store = "018" }),
}, function(g)
  g:says("小美", "早", { chat = "二群" })
  g:at("19:01")
  g:expect{ text = "档 19:00" }
  g:toggle("ladder", "off")
  g:at("12:00")
  g:says("店长", "卖完", { chat = "二群" })
  g:toggle("ladder", "on")
  g:advance("1m")
  g:expect_none{ text = "全卖完" }
end)

t:case("switched off it says nothing; on again it goes on with the rung of the time, and tells no stale ones", function(g)
  g:at("19:01")
  g:expect{ text = "档 19:00" }
  g:toggle("ladder", "off")
  g:at("20:40")
  g:silent()
  g:toggle("ladder", "on")
  g:at("21:01")
  g:expect{ text = "档 21:00" }
  g:expect_none{ text = "档 19:30" }
end)

t:case("an edited text reaches an evening that runs", function(g)
  g:at("19:01")
  g:expect{ text = "档 19:00" }
  g:param("ladder.rung", "新{time}")
  g:at("19:31")
  g:expect{ text = "新19:30" }
end)

t:case("an edited table holds from the next evening", function(g)
  g:at("19:01")
  g:param("ladder.rungs", '["19:00 5折","21:15 1折"]')
  g:at("21:16")
  g:expect_none{ text = "21:15" }
  g:advance("1d")
  g:expect{ text = "档 19:00 今日鲜品5折" }
end)

-- ---- groups and stores ---------------------------------------------------------------------------------------------

t:case("two groups of one store share what is sold out and stopped", {
  playbook = book({ store = "018", items = { "叶菜", "豆腐" } }),
}, function(g)
  g:says("小美", "早", { chat = "二群" })
  g:at("19:01")
  g:expect{ text = "档 19:00" }
  g:expect{ chat = "二群", text = "档 19:00" }
  g:staff("店长", "卖完 叶菜")
  g:at("19:31")
  g:expect{ chat = "二群", text = "档 19:30 今日鲜品8折 剩:豆腐" }
  g:staff("店长", "卖完 豆腐")
  g:at("20:01")
  g:expect_count(1, { chat = "二群", text = "全卖完" })
  g:silent("1h")
end)

t:case("what one group of a store takes up again goes on in the others, from the next rung", {
  playbook = book({ store = "018", items = { "叶菜", "豆腐" } }),
}, function(g)
  g:says("小美", "早", { chat = "二群" })
  g:at("19:01")
  g:staff("店长", "停")
  g:at("20:10")
  g:expect_none{ chat = "二群", text = "档 19:30" }
  g:staff("店长", "继续折扣")
  g:at("20:31")
  g:expect{ chat = "二群", text = "档 20:30" }
  g:staff("店长", "卖完 全部")
  g:at("21:01")
  g:expect_count(1, { chat = "二群", text = "全卖完" })
  g:at("21:10")
  g:says("店长", "补货 豆腐", { chat = "二群" })
  g:at("21:31")
  g:expect{ text = "档 21:30 今日鲜品4折 剩:豆腐" }
  g:expect{ chat = "二群", text = "档 21:30 今日鲜品4折 剩:豆腐" }
  g:at("23:59")
  g:expect_runs(0)
end)

t:case("another store has an evening of its own", { playbook = goods }, function(g)
  g:says("小美", "早", { chat = "二群" })
  g:param("ladder.rungs", '["19:10 半价","20:00 免费"]', { chat = "二群" })
  g:at("19:11")
  g:expect{ text = "档 19:00" }
  g:expect{ chat = "二群", text = "档 19:10 今日鲜品半价" }
  g:staff("店长", "停")
  g:at("20:01")
  g:expect{ chat = "二群", text = "末档 20:00" }
end)

-- ---- members -------------------------------------------------------------------------------------------------------

t:case("折扣 tells the price of now, once; then one short word, then silence; the next rung is news", { playbook = goods }, function(g)
  g:says("小美", "折扣")
  g:expect{ at = "小美", text = "没开始 19:00 9折" }
  g:at("19:01")
  g:says("小美", "折扣")
  g:expect{ at = "小美", text = "现在今日鲜品9折 下一档19:30 8折 剩:叶菜、豆腐、鲜肉" }
  g:says("小美", "几折")
  g:expect{ at = "小美", text = "没变" }
  g:says("小美", "折扣")
  g:expect_none{ at = "小美" }
  g:at("19:31")
  g:says("小美", "折扣")
  g:expect{ at = "小美", text = "现在今日鲜品8折" }
  g:staff("店长", "停")
  g:says("小美", "折扣")
  g:expect{ at = "小美", text = "结束了" }
end)

t:case("the last rung holds after its time; where there is no evening 折扣 is no word of ours", {
  playbook = book({ past_quiet = true, weekdays = { "1" } }),
}, function(g)
  g:at("23:31")
  g:expect{ text = "末档 23:30" }
  g:says("小美", "折扣")
  g:expect{ at = "小美", text = "现在今日鲜品免费送" }
  g:at("18:00") -- Tuesday
  g:says("小美", "折扣")
  g:at("20:00")
  g:says("小美", "折扣")
  g:expect_none{ at = "小美" }
end)

t:case("折扣 is answered in the quiet hours, and without @ after 退订", function(g)
  g:says("小美", "退订")
  g:at("22:40")
  g:expect_count(7, { text = "档 " })
  g:says("小美", "折扣")
  g:expect{ plain = true, text = "现在今日鲜品2折 下一档23:00 1折" }
end)

t:case("every rung has an outcome", { playbook = book({ rungs = { "19:00 9折", "19:30 8折", "20:00 7折", "22:40 5折" } }) }, function(g)
  g:at("18:45")
  g:staff("店长", "跳过 19:30")
  g:at("19:59:45")
  chatter(g, 20)
  g:at("23:00")
  g:equal(outcomes(g), { "19:00 sent", "19:30 skipped", "20:00 sent", "22:40 quiet" })
  g:expect_event("ladder_rung", { rung = "19:00", offer = "9折", outcome = "sent", with = 0 })
  g:equal(#g:audit("ladder_skipped"), 1)
end)

t:case("on WeCom it runs where somebody has spoken to the bot", { playbook = goods }, function(g)
  g:platform("wecom")
  g:says("小美", "@小福 折扣")
  g:expect{ text = "没开始" }
  g:at("19:01")
  g:expect{ text = "档 19:00" }
  g:says("店长", "@小福 卖完 叶菜")
  g:expect{ text = "记下 叶菜" }
end)
