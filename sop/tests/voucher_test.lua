-- voucher_test.lua -- vouchers: issued, given, redeemed, checked. What is promised to a group, and the cases that hold it:
--
-- Of every flow
--   command words match tolerantly; a sentence is none         "words in many spellings ..."; tests/data/commands.tsv
--   one reply per cause, one short answer a day, silence       "我的券 twice ...", "who has nothing to give ..."
--   at most ten are @-ed                                       "发券 is for staff ...", "... ten names"
--   退订: no @, no private message; own commands answered      "after 退订 ..."
--   quiet hours hold posts, not answers                        "in quiet hours ..."
--   whole numbers, sums conserved, ledgers only append         "the book ...", "对账 ..."; tests/sop/ledger/voucher_ledger_test.lua
--   staff commands need a role; audit                          "发券 is for staff ...", "作废券 ...", "对账 ..."
-- 券
--   types: face, threshold, store scope, valid days            "a threshold ...", "核销 in other stores ...", "types that ..."
--   gift rule: self, other, either                             "for oneself only ...", "for others only ...", "either ..."
--   no self-gift                                               "to oneself ...", "what was given cannot come back ..."
--   issue by staff, by a flow, from outside                    "发券 ...", "another system ...";
--                                                              referral_test.lua "another flow gives a voucher ..."
--   我的券                                                     "我的券 ...", "我的券 where packets run, too"
--   送券 @人                                                   "送券 ...", "several vouchers ...", "a word for a friend ..."
--   核销: once; when and by whom                               "核销 ...", "核销 of another group ...", "a packet's code ..."
--   expiry reminder                                            "one day before ...", "where one cannot write ..."
--   rebate to the giver, staff enters the amount               "of what a friend spends ...", "the amount may follow ..."
--   append-only ledger, reconciliation command                 "the book ...", "对账 ...", "对账 finds ..."
-- Repeats, deaths, edits, several groups, leaving, WeCom       "a repeated ...", "a death ...", "edited ...", "another group ...",
--                                                              "who left ...", "on WeCom ..."
local TEXTS = {
  issued = "发给 {names} {what} {days}天", code_dm = "你的{what} 券码[{code}] 到{till}", mine = "券{count}张 积分{points} {lines}",
  mine_line = "{what} {code} 到{till}{more};", line_threshold = " 满{least}", line_other = " 送人", mine_none = "没有券 积分{points}",
  mine_sent = "已私信 {count}张", mine_private = "私聊看", seen = "和刚才一样", given = "{at} 送给 {to} {what} 到{till}",
  given_dm = "{giver} 送你{what} 券码[{code}]", token = "{at} 赠送码[{token}] {what}", token_sent = "{at} 赠送码已私信",
  fetched = "{at} 收下 {giver} 的 {what}", fetch_how = "写上赠送码", fetch_none = "没有这个赠送码", gift_none = "没有能送的券",
  gift_over = "{at} {what}不在手里", gift_self_only = "只能自己用", gift_once = "只能送一次", gift_to_self = "不能送自己", gift_one = "一次一位",
  redeemed = "核销成功 {name} {what} {yuan}元", redeemed_rebate = "核销成功 {name} {what} 返{points}", redeemed_later = "核销成功 {name} {what} 待金额",
  redeem_how = "写上券码", redeem_bad = "输错了", redeem_unknown = "没有这个码", redeem_used = "已核销 {time} {by}", redeem_expired = "已过期",
  redeem_void = "作废的码", redeem_scope = "不是本店", redeem_own = "要先送人", redeem_amount = "写上金额", redeem_threshold = "不到{least}",
  rebated = "返利 {name} {points}", rebate_dm = "{friend} 用了 {what} 你得{points}分", rebate_none = "没有返利", rebate_again = "返过{points}",
  rebate_how = "返利要金额", expiring_dm = "明天到期 {what} {code}", expiring = "明天到期 {names}", expiring_more = "明天到期 {names} 还有{rest}",
  expiring_today_dm = "今天到期 {what} {code}", expiring_today = "今天到期 {names}", staff_issue_how = "发券写法 {names}", staff_type = "没有这种 {names}",
  staff_wrong = "有误 {why}", staff_full = "还剩{left}张", staff_issued = "已发{what}{count}张", staff_void = "码作废 {what} {name}",
  staff_nothing = "没有可作废的", book_voucher = "券账", book_rebate = "返利账", staff_good = "平 {book} {entries}笔 {out}",
  staff_bad = "不平 {book} {count}处 坏{broken} {lines}", staff_bad_line = "{who} 账{entered} 余{kept} 券{owned};", staff_busy = "{book}在变",
}

local TYPES = {
  { name = "满减券", face = 1000, threshold = 5000, days = 14 },
  { name = "亲友券", face = 50000, days = 60, gift = "other" },
  { name = "早餐券", face = 800, days = 3, gift = "self" },
  { name = "门店券", face = 2000, days = 10, stores = { "018", "022" } },
}

local function book(params, ...)
  local flow = { "voucher", types = TYPES }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return {
    flows = { "switch", "common", flow, ... },
    staff = { ["playground:店长"] = "store", ["playground:群管"] = "keeper" },
  }
end

local t = sop.test("voucher", { playbook = book(), start = "2026-03-02 10:00" })

-- A command about somebody, whose name stands behind it; they have spoken before, so that everybody knows them.
local spoken = setmetatable({}, { __mode = "k" })
local function to(g, who, whom, text)
  spoken[g] = spoken[g] or {}
  if not spoken[g][whom] then g:says(whom, "hi") end
  spoken[g][whom] = true
  g:says(who, text .. " @" .. whom)
end

-- Issues one and returns its code, from the private message.
local function issue(g, who, what)
  to(g, "店长", who, "发券 " .. (what or "满减券"))
  g:expect{ at = who, text = "发给" }
  return g:expect{ dm = who, text = "券码[" }.text:match("券码%[(%w+)%]")
end

local function give(g, from, friend, what)
  to(g, from, friend, "送券" .. (what and " " .. what or ""))
  g:expect{ at = { from, friend }, text = "送给" }
  return g:expect{ dm = friend, text = "送你" }.text:match("券码%[(%w+)%]")
end

local function ledger_of(g, name)
  local list = {}
  for i, entry in ipairs(g:state("list", "ledger-" .. (name or "voucher")) or {}) do list[i] = entry.what .. " " .. entry.n end
  return list
end

-- ---- issuing -------------------------------------------------------------------------------------------------------

t:case("发券 is for staff; whoever is @-ed gets a code of 8 characters in private", function(g)
  g:says("小王", "在吗")
  to(g, "小美", "小王", "发券 满减券")
  g:silent()
  to(g, "群管", "小王", "发券 满减券")
  g:silent()
  local code = issue(g, "小王")
  g:equal(#code, 8)
  assert(not code:find("[01OIL]"), code)
  g:expect_event("code_issued", { who = "小王", what = "满减券", from = "staff" })
  g:equal(g:audit("voucher_issued")[1].by, g:id("店长"))
  g:equal(ledger_of(g), { "issue 1000" })
end)

t:case("发券 for several; nobody, a wrong name and too many are told to staff", function(g)
  g:staff("店长", "发券 满减券")
  g:expect{ at = "店长", text = "发券写法 满减券 · 亲友券" }
  to(g, "店长", "小美", "发券 咖啡券")
  g:expect{ at = "店长", text = "没有这种" }
  g:says("小美", "hi")
  g:says("小王", "hi")
  g:staff("店长", "发券 早餐券 @小美 @小王")
  g:expect{ at = { "小美", "小王" }, text = "早餐券 3天" }
  g:expect{ dm = "小美", text = "早餐券" }
  g:expect{ dm = "小王", text = "早餐券" }
  g:equal(#g:events("code_issued"), 2)
end)

t:case("the day's number is not exceeded", { playbook = book({ day_max = 2 }) }, function(g)
  issue(g, "小美")
  issue(g, "小美")
  to(g, "店长", "小王", "发券 满减券")
  g:expect{ at = "店长", text = "还剩0张" }
  g:advance("1d")
  issue(g, "小王")
end)

t:case("types that are wrong are told, and nothing is issued", function(g)
  local wrong = {
    { "types[1].face", '[{"name":"a"}]' }, { "types[1].gift", '[{"name":"a","face":1,"gift":"x"}]' }, { "types[1].name", '[{"face":1}]' },
    { "types[2].days", '[{"name":"b","face":1},{"name":"a","face":1,"days":0}]' },
  }
  for _, case in ipairs(wrong) do
    g:param("voucher.types", case[2])
    to(g, "店长", "小美", "发券 a")
    g:expect{ at = "店长", text = "有误 " .. case[1] }
  end
  g:expect_no_event("code_issued")
end)

t:case("another system has one issued, once for each number", function(g)
  g:says("小美", "hi")
  for _ = 1, 2 do g:trigger("issue", { user = "小美", args = { name = "满减券", id = "A1" } }) end
  g:advance("1m")
  g:expect{ dm = "小美", text = "你的满减券" }
  g:equal(#g:events("code_issued"), 1)
end)

-- ---- 我的券 --------------------------------------------------------------------------------------------------------

t:case("我的券 is sent in private; twice gets one short answer, then silence; news are told", function(g)
  g:says("小美", "我的券")
  g:expect{ at = "小美", text = "没有券" }
  issue(g, "小美")
  issue(g, "小美", "亲友券")
  g:says("小美", "我的券")
  g:expect{ at = "小美", text = "已私信 2张" }
  g:expect{ dm = "小美", text = { "满减券", "满50;", "亲友券", "送人" } }
  g:says("小美", "券包")
  g:expect{ at = "小美", text = "和刚才一样" }
  g:says("小美", "我的券")
  g:silent()
  issue(g, "小美", "早餐券")
  g:says("小美", "我的券")
  g:expect{ at = "小美", text = "已私信 3张" }
  g:expect{ dm = "小美" }
end)

t:case("words in many spellings; inside a sentence, as a question or quoted they are none", function(g)
  issue(g, "小美")
  for i, word in ipairs({ "我的券", " /我的券 ", "@小福 我的券", "#我的券", "我的券!!" }) do
    if i > 1 then g:advance("1d") end
    g:says("小美", word)
    g:expect{ dm = "小美", text = "券1张" }
    g:expect{ at = "小美", text = "已私信" }
  end
  g:says("小美", "我的券在哪里看")
  g:says("小美", "送券?")
  g:silent()
end)

t:case("where one cannot write the group sees the code only if it may", {
  playbook = book({ show_codes = false }),
}, function(g)
  g:lacks("dm")
  to(g, "店长", "小美", "发券 满减券")
  g:expect{ at = "小美", text = "发给" }
  g:says("小美", "我的券")
  local answer = g:expect{ at = "小美", text = "私聊看" }
  assert(answer.text:find("••••", 1, true), answer.text)
end)

t:case("after 退订 there is no private message and no @, and 我的券 is answered all the same", function(g)
  g:says("小美", "退订")
  g:expect{}
  to(g, "店长", "小美", "发券 满减券")
  g:expect{ plain = true, text = "发给 小美" }
  g:says("小美", "我的券")
  g:expect{ plain = true, text = "满减券" }
  g:at("2026-03-15 11:00")
  g:silent()
end)

-- ---- 送券 ----------------------------------------------------------------------------------------------------------

t:case("送券 @人 gives the one that expires first; giver and friend are named", function(g)
  issue(g, "小美", "亲友券")
  issue(g, "小美", "满减券")
  give(g, "小美", "小王")
  g:expect_event("voucher_given", { who = "小美", what = "满减券" })
  give(g, "小美", "小王", "亲友券")
  g:equal(#g:events("voucher_given"), 2)
  g:says("小美", "我的券")
  g:expect{ at = "小美", text = "没有券" }
  g:equal(ledger_of(g), { "issue 50000", "issue 1000", "gift 1000", "gift 50000" })
end)

t:case("who has nothing to give hears so, twice a day at most", function(g)
  g:says("小王", "hi")
  for _ = 1, 3 do to(g, "小美", "小王", "送券") end
  g:expect_count(2, { at = "小美", text = "没有能送的券" })
  g:silent()
end)

t:case("for oneself only: it cannot be given", function(g)
  local code = issue(g, "小美", "早餐券")
  to(g, "小美", "小王", "送券")
  g:expect{ at = "小美", text = "只能自己用" }
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "核销成功 小美 早餐券" }
end)

t:case("for others only: the first owner cannot use it, the friend can", function(g)
  local code = issue(g, "小美", "亲友券")
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "要先送人" }
  give(g, "小美", "小王")
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "核销成功 小王 亲友券" }
end)

t:case("either: it may be used or given", function(g)
  local first, second = issue(g, "小美"), issue(g, "小美")
  give(g, "小美", "小王")
  for _, code in ipairs({ first, second }) do
    g:staff("店长", "核销 " .. code .. " 60")
    g:expect{ at = "店长", text = "核销成功" }
  end
end)

t:case("to oneself it cannot be given, nor fetched", function(g)
  issue(g, "小美")
  to(g, "小美", "小美", "送券")
  g:expect{ at = "小美", text = "不能送自己" }
  g:says("小美", "送券")
  g:expect{ at = "小美", text = "已私信" }
  local token = g:expect{ dm = "小美", text = "赠送码[" }.text:match("赠送码%[(%w+)%]")
  g:says("小美", "领券 " .. token)
  g:expect{ at = "小美", text = "不能送自己" }
  g:equal(ledger_of(g), { "issue 1000" })
end)

t:case("what was given cannot be given again, and so cannot come back", function(g)
  issue(g, "小美", "亲友券")
  give(g, "小美", "小王")
  to(g, "小王", "小美", "送券")
  g:expect{ at = "小王", text = "只能送一次" }
  g:equal(#g:events("voucher_given"), 1)
end)

t:case("a word for a friend who is not @-ed: the first one who says it has it, once", function(g)
  issue(g, "小美", "亲友券")
  g:says("小美", "送券")
  g:expect{ at = "小美", text = "已私信" }
  local old = g:expect{ dm = "小美", text = "赠送码[" }.text:match("赠送码%[(%w+)%]")
  g:says("小美", "送券")
  local token = g:expect{ dm = "小美", text = "赠送码[" }.text:match("赠送码%[(%w+)%]")
  g:expect{ at = "小美" }
  g:says("小丽", "领券")
  g:expect{ at = "小丽", text = "写上赠送码" }
  g:says("小丽", "领券 " .. old)
  g:expect{ at = "小丽", text = "没有这个赠送码" }
  g:says("小丽", "领券" .. token:lower())
  g:expect{ at = "小丽", text = "收下 小美 的 亲友券" }
  g:expect{ dm = "小丽", text = "小美 送你亲友券" }
  g:says("小王", "领券 " .. token)
  g:expect{ at = "小王", text = "没有这个赠送码" }
end)

t:case("two friends at once with one word: one has it", function(g)
  issue(g, "小美", "亲友券")
  g:dm("小美", "送券")
  local token = g:expect{ dm = "小美", text = "赠送码[" }.text:match("赠送码%[(%w+)%]")
  g:together(function()
    g:says("小丽", "领券 " .. token)
    g:says("小王", "领券 " .. token)
  end)
  g:expect_count(1, { text = "收下" })
  g:equal(#g:events("voucher_given"), 1)
end)

t:case("several friends are not possible with one", function(g)
  issue(g, "小美")
  g:says("小王", "hi")
  g:says("小丽", "hi")
  g:says("小美", "送券 @小王 @小丽")
  g:expect{ at = "小美", text = "一次一位" }
end)

-- ---- 核销 ----------------------------------------------------------------------------------------------------------

t:case("核销 is for store staff, once; the second try hears when and by whom", function(g)
  local code = issue(g, "小美", "早餐券")
  g:says("小王", "核销 " .. code)
  g:says("群管", "核销 " .. code)
  g:silent()
  g:staff("店长", "核销" .. code:lower())
  g:expect{ at = "店长", text = "核销成功 小美 早餐券 8元" }
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "已核销 03-02 10:0" }
  g:expect_event("code_used", { user = g:id("小美") })
  g:equal(#g:audit("code_redeemed"), 1)
  g:equal(#g:audit("code_refused"), 1)
  g:equal(ledger_of(g), { "issue 800", "used 800" })
end)

t:case("核销 of nothing, of a mistyped and of an unknown code", function(g)
  local code = issue(g, "小美")
  g:staff("店长", "核销")
  g:expect{ at = "店长", text = "写上券码" }
  g:staff("店长", "核销 " .. (code:sub(1, 1) == "2" and "3" or "2") .. code:sub(2))
  g:expect{ at = "店长", text = "输错了" }
  g:staff("店长", "核销 22222222")
  g:expect{ at = "店长", any = { "没有这个码", "输错了" } }
end)

t:case("a threshold: the amount has to be said, and to be enough", function(g)
  local code = issue(g, "小美")
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "写上金额" }
  g:staff("店长", "核销 " .. code .. " 49.99")
  g:expect{ at = "店长", text = "不到50" }
  g:staff("店长", "核销 " .. code:sub(1, 4) .. "-" .. code:sub(5) .. " 50元")
  g:expect{ at = "店长", text = "核销成功 小美 满减券 10元" }
end)

t:case("the amount as cashiers type it", function(g)
  for _, one in ipairs({ { "1,288", 128800 }, { "1，288.5", 128850 }, { "３８８", 38800 }, { "388。5", 38850 }, { "消费60.05元", 6005 } }) do
    local code = issue(g, "小美")
    g:says("店长", "核销 " .. code .. " " .. one[1])
    g:expect{ at = "店长", text = "核销成功" }
    g:equal(g:audit("code_redeemed")[#g:audit("code_redeemed")].amount, one[2], one[1])
  end
end)

t:case("who is @-ed twice gets one", function(g)
  g:says("小美", "hi")
  g:says("店长", "发券 满减券 @小美 @小美")
  g:expect{ at = "小美", text = "发给" }
  g:equal(ledger_of(g), { "issue 1000" })
end)

t:case("a voucher expires after its last day", function(g)
  local code = issue(g, "小美", "早餐券")
  g:at("2026-03-05 20:00")
  g:advance("1d")
  g:expect{ dm = "小美", text = "明天到期" }
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "已过期" }
  g:expect_event("code_expired", { user = g:id("小美") })
  g:equal(ledger_of(g), { "issue 800", "expired 800" })
  g:expect_runs(0)
end)

t:case("作废券 takes one back; it cannot be used or given any more", function(g)
  local code = issue(g, "小美", "亲友券")
  g:says("小美", "作废券 " .. code)
  g:silent()
  g:staff("店长", "作废券 " .. code)
  g:expect{ at = "店长", text = "码作废 亲友券 小美" }
  g:staff("店长", "作废券 " .. code)
  g:expect{ at = "店长", text = "没有可作废的" }
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "作废的码" }
  to(g, "小美", "小王", "送券")
  g:expect{ at = "小美", text = "没有能送的券" }
  g:equal(ledger_of(g), { "issue 50000", "void 50000" })
end)

t:case("核销 in other stores: a type with stores holds there only", {
  playbook = book({ store = "007" }),
}, function(g)
  local code = issue(g, "小美", "门店券")
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "不是本店" }
  g:param("voucher.store", "022")
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "核销成功" }
end)

t:case("核销 of another group's voucher is decided by the group that issued it", function(g)
  local code = issue(g, "小美", "早餐券")
  g:param("voucher.store", "018")
  g:param("voucher.store", "018", { chat = "二店" })
  g:says("店长", "核销 " .. code, { chat = "二店" })
  g:advance("2s")
  g:expect{ chat = "二店", text = "核销成功 小美" }
  g:param("voucher.store", "022", { chat = "三店" })
  local second = issue(g, "小美", "早餐券")
  g:says("店长", "核销 " .. second, { chat = "三店" })
  g:advance("2s")
  g:expect{ chat = "三店", text = "不是本店" }
end)

t:case("another group's voucher is given in this one", function(g)
  local code = issue(g, "小美", "亲友券")
  g:says("小王", "hi", { chat = "二店" })
  g:says("小美", "送券 @小王", { chat = "二店" })
  g:advance("2s")
  g:expect{ chat = "二店", at = { "小美", "小王" }, text = "送给" }
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "核销成功 小王" }
  g:equal(ledger_of(g), { "issue 50000", "gift 50000", "used 50000" })
end)

-- ---- rebate --------------------------------------------------------------------------------------------------------

t:case("of what a friend spends a share goes to the giver, in points", function(g)
  local code = issue(g, "小美", "亲友券")
  give(g, "小美", "小王")
  g:staff("店长", "核销 " .. code .. " 388.50")
  g:expect{ at = "店长", text = "核销成功 小王 亲友券 返77" }
  g:expect{ dm = "小美", text = "小王 用了 亲友券 你得77分" }
  g:expect_state("profile", "小美", { points = 77 })
  g:expect_event("voucher_rebate", { who = "小美", n = 77, amount = 38850 })
  g:equal(ledger_of(g, "rebate"), { "rebate 77" })
  g:staff("店长", "返利 " .. code .. " 500")
  g:expect{ at = "店长", text = "返过77" }
end)

t:case("the amount may follow; who used their own gets nothing; a cap holds", { playbook = book({ rebate_max = 50 }) }, function(g)
  local code = issue(g, "小美", "亲友券")
  give(g, "小美", "小王")
  g:staff("店长", "返利 " .. code .. " 100")
  g:expect{ at = "店长", text = "没有返利" }
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "待金额" }
  g:staff("店长", "返利 " .. code)
  g:expect{ at = "店长", text = "返利要金额" }
  g:says("小王", "返利 " .. code .. " 100")
  g:staff("店长", "返利 " .. code .. " 388")
  g:expect{ at = "店长", text = "返利 小美 50" }
  g:expect{ dm = "小美", text = "你得50分" }
  local own = issue(g, "小丽")
  g:staff("店长", "核销 " .. own .. " 100")
  g:expect{ at = "店长", text = "核销成功 小丽 满减券 10元" }
  g:equal(ledger_of(g, "rebate"), { "rebate 50" })
end)

-- ---- expiry --------------------------------------------------------------------------------------------------------

t:case("one day before the last one its owner is reminded, in private, not who used it", function(g)
  issue(g, "小美", "早餐券")
  local used = issue(g, "小王", "早餐券")
  g:staff("店长", "核销 " .. used)
  g:expect{}
  g:at("2026-03-04 09:59")
  g:silent()
  g:advance("2m")
  g:expect{ dm = "小美", text = "明天到期 早餐券" }
  g:silent("20h")
end)

t:case("where one cannot write the group is told, with ten names", function(g)
  g:lacks("dm")
  for i = 1, 12 do to(g, "店长", "成员" .. i, "发券 早餐券") end
  g:expect_count(12, { text = "发给" })
  g:at("2026-03-04 10:01")
  local post = g:expect{ text = { "明天到期", "还有2" } }
  g:equal(#post.at, 10)
end)

-- ---- with packets --------------------------------------------------------------------------------------------------

for _, order in ipairs({ "before", "behind" }) do
  local playbook = book()
  local packet = {
    "redpacket", nightly = false, kind = "coupon", coupon = "牛奶券", organiser = "店", code_dm = "牛奶 券码[{code}]", mine = "共{count} {lines}",
    redeemed = "核销了 {what}", redeem_unknown = "查无此码", mine_sent = "私信啦",
  }
  table.insert(playbook.flows, order == "before" and 3 or 4, packet)
  t:case("我的券 and 核销 where packets run, too, " .. order .. " this flow", { playbook = playbook }, function(g)
    g:says("店长", "发红包")
    g:expect{}
    g:says("小美", "抢")
    local milk = g:expect{ dm = "小美", text = "牛奶 券码[" }.text:match("%[(%w+)%]")
    to(g, "店长", "小美", "发券 早餐券")
    local code = g:expect{ dm = "小美", text = "早餐券" }.text:match("%[(%w+)%]")
    g:says("小美", "我的券")
    g:expect{ dm = "小美", text = { "牛奶券", "早餐券" } }
    g:staff("店长", "核销 " .. code)
    g:expect{ at = "店长", text = "核销成功 小美 早餐券" }
    g:staff("店长", "核销 " .. milk)
    g:expect{ at = "店长", text = "核销了 牛奶券" }
    g:staff("店长", "核销 23456789")
    g:expect_count(1, { at = "店长", any = { "查无此码", "输错了", "没有这个码", "不对", "有误" } })
    to(g, "店长", "小王", "发券 早餐券")
    local other = g:expect{ dm = "小王", text = "早餐券" }.text:match("%[(%w+)%]")
    g:staff("店长", "作废券 " .. other)
    g:expect{ at = "店长", text = "码作废 早餐券" }
    g:equal(ledger_of(g), { "issue 800", "used 800", "issue 800", "void 800" })
  end)
end

-- ---- 对账 ----------------------------------------------------------------------------------------------------------

t:case("对账 is for staff, and says that all is as it should be", function(g)
  local code = issue(g, "小美", "亲友券")
  issue(g, "小丽")
  give(g, "小美", "小王")
  g:says("小美", "对账")
  g:silent()
  g:staff("店长", "对账")
  g:advance("2s")
  g:expect{ at = "店长", text = { "平 券账 3笔 510", "平 返利账 0笔" } }
  g:staff("店长", "核销 " .. code .. " 100")
  g:expect{ text = "返20" }
  g:staff("店长", "对账")
  g:advance("2s")
  g:expect{ at = "店长", text = { "平 券账 4笔 510", "平 返利账 1笔 20" } }
  g:expect_event("ledger_checked", { good = true })
  g:equal(#g:audit("ledger_check"), 2)
end)

t:case("对账 finds what does not add up, names the account, and tells the staff chat", function(g)
  issue(g, "小美")
  g:edit("lib/ledger.lua", "  move(c, book, to, n)\n", "")
  to(g, "店长", "小王", "发券 满减券")
  g:expect{ at = "小王", text = "发给" }
  g:expect{ dm = "小王" }
  g:staff("店长", "对账")
  g:advance("2s")
  g:expect{ at = "店长", text = { "不平 券账 1处 坏0", "账10 余0 券10;", "平 返利账" } }
  g:expect{ chat = "staff", text = "不平 券账" }
  g:expect_event("ledger_checked", { good = false })
end)

t:case("对账 finds a voucher that was redeemed without an entry", function(g)
  local code = issue(g, "小美", "早餐券")
  g:edit("lib/vouchers.lua", "  ledger.enter(c, \"voucher\", state, record.user, state, record.face, code, by)\n", "")
  g:staff("店长", "核销 " .. code)
  g:expect{ text = "核销成功" }
  g:staff("店长", "对账")
  g:advance("2s")
  g:expect{ at = "店长", text = { "不平 券账 1处", "账8 余8 券-;" } }
  g:expect{ chat = "staff" }
end)

t:case("对账 of a long book takes several turns, and begins anew when it is overtaken", function(g)
  g:edit("lib/ledger.lua", "local PAGE = 1000", "local PAGE = 2")
  for i = 1, 7 do issue(g, "成员" .. i) end
  g:kill{ during = "commit" }
  g:staff("店长", "对账")
  g:advance("5s")
  g:expect_count(1, { at = "店长", text = "平 券账 7笔 70" })
  g:together(function()
    g:staff("店长", "对账")
    to(g, "店长", "成员1", "发券 早餐券")
    to(g, "店长", "成员2", "发券 早餐券")
  end)
  g:advance("5s")
  g:expect_count(1, { at = "店长", text = "平 券账 9笔 86" })
end)

-- A hundred times ten members get one each.
local function crowd(g)
  for i = 1, 100 do
    local names = {}
    for k = 1, 10 do
      names[k] = "@成员" .. i .. "号" .. k
      g:id("成员" .. i .. "号" .. k)
    end
    g:says("店长", "发券 满减券 " .. table.concat(names, " "))
  end
  g:equal(#ledger_of(g), 1000)
end

t:case("对账 of a thousand vouchers, whose records are more than a run may read", { playbook = book({ day_max = 5000 }) }, function(g)
  crowd(g)
  g:says("店长", "对账")
  g:advance("10s")
  g:expect{ at = "店长", text = "平 券账 1000笔" }
end)

t:case("a thousand vouchers with the same last day: their owners are told, and all expire", {
  playbook = book({ day_max = 5000 }),
}, function(g)
  crowd(g)
  g:lacks("dm")
  g:at("2026-03-17 10:30")
  g:equal(#g:events("codes_reminded"), 1)
  g:equal(#g:events("code_expired"), 1000)
end)

t:case("对账 from the staff chat is answered there", function(g)
  issue(g, "小美")
  g:says("店长", "对账", { chat = "staff" })
  g:advance("3s")
  g:expect{ chat = "staff", text = "平 券账 1笔 10" }
end)

t:case("对账 while somebody was forgotten still adds up", { playbook = book({}) }, function(g)
  issue(g, "小美")
  issue(g, "小王")
  g:says("小美", "删除我的数据")
  g:says("小美", "确认删除")
  g:advance("1m")
  g:seen()
  g:staff("店长", "对账")
  g:advance("2s")
  g:expect{ at = "店长", text = "平 券账 2笔" }
end)

t:case("whose giver was forgotten can be used, gives no rebate, and cannot be given on", function(g)
  g:says("小美", "hi")
  local code = issue(g, "小美", "亲友券")
  give(g, "小美", "小王")
  g:says("小美", "我的券")
  g:says("小美", "删除我的数据")
  g:says("小美", "确认删除")
  g:advance("1m")
  g:seen()
  to(g, "小王", "小丽", "送券")
  g:expect{ at = "小王", text = "只能送一次" }
  g:staff("店长", "核销 " .. code .. " 100")
  g:expect{ at = "店长", text = "核销成功 小王" }
  g:staff("店长", "对账")
  g:advance("2s")
  g:expect{ at = "店长", text = { "平 券账 3笔", "平 返利账 0笔" } }
end)

t:case("a voucher of somebody who was forgotten is gone, and the book still adds up", function(g)
  g:says("小美", "hi")
  local code = issue(g, "小美", "亲友券")
  g:says("小美", "删除我的数据")
  g:says("小美", "确认删除")
  g:advance("1m")
  g:seen()
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长" }
  g:at("2026-05-05 11:00")
  g:seen()
  g:staff("店长", "对账")
  g:advance("2s")
  g:expect{ at = "店长", text = "平 券账" }
end)

-- ---- deaths, repeats, edits, platforms -------------------------------------------------------------------------------

for _, moment in ipairs({ "input", "commit" }) do
  t:case("a death during " .. moment .. " gives, redeems and pays once", function(g)
    g:says("小美", "hi")
    g:says("小王", "hi")
    g:kill{ during = moment }
    to(g, "店长", "小美", "发券 亲友券")
    g:advance("3s")
    local code = g:expect{ dm = "小美", text = "券码[" }.text:match("券码%[(%w+)%]")
    g:kill{ during = moment }
    to(g, "小美", "小王", "送券")
    g:advance("3s")
    g:kill{ during = moment }
    g:staff("店长", "核销 " .. code .. " 100")
    g:advance("3s")
    g:expect_count(1, { at = "店长", text = "返20" })
    g:kill{ during = moment }
    g:staff("店长", "对账")
    g:advance("5s")
    g:expect_count(1, { text = "平 券账 3笔 500" })
    g:equal(ledger_of(g), { "issue 50000", "gift 50000", "used 50000" })
    g:expect_state("profile", "小美", { points = 20 })
  end)
end

t:case("a repeated 核销 at once from two chats redeems once", function(g)
  local code = issue(g, "小美", "早餐券")
  g:together(function()
    g:staff("店长", "核销 " .. code)
    g:staff("店长", "核销 " .. code, { chat = "staff" })
  end)
  g:advance("3s")
  g:equal(#g:events("code_used"), 1)
  g:equal(ledger_of(g), { "issue 800", "used 800" })
end)

t:case("edited texts and a restart reach the run that waits for the last day", function(g)
  issue(g, "小美", "早餐券")
  g:restart()
  g:param("voucher.expiring_dm", "快用 {what}")
  g:at("2026-03-04 10:00:30")
  g:expect{ dm = "小美", text = "快用 早餐券" }
end)

t:case("in quiet hours answers do not wait", function(g)
  issue(g, "小美")
  g:at("23:30")
  g:says("小美", "我的券")
  g:expect{ at = "小美", text = "已私信" }
  g:expect{ dm = "小美" }
end)

t:case("who left keeps the voucher: it is a code of the store", function(g)
  local code = issue(g, "小美", "早餐券")
  g:leave("小美")
  g:staff("店长", "核销 " .. code)
  g:expect{ at = "店长", text = "核销成功 小美" }
end)

t:case("on WeCom a voucher is given with a word", function(g)
  g:platform("wecom")
  g:says("小美", "@小福 hi")
  g:trigger("issue", { user = "小美", args = { name = "亲友券", id = "B1" } })
  g:advance("2s")
  g:says("小美", "@小福 送券")
  local token = g:expect{ text = "赠送码[" }.text:match("赠送码%[(%w+)%]")
  g:says("小王", "@小福 领券 " .. token)
  g:expect{ text = "收下" }
  g:says("小王", "@小福 我的券")
  local code = g:expect{ text = "券1张" }.text:match("亲友券 (%w+)")
  g:says("店长", "@小福 核销 " .. code)
  g:expect{ text = "核销成功 小王" }
end)
