-- fraud_test.lua -- what somebody tries who wants two prizes of one, a gift to themselves, an invite twice, or an order after the cut-off.
-- Each of them gets what everybody gets, and the books of the others stay right.
--
-- | what is tried                                                       | case                                                          |
-- |---------------------------------------------------------------------|---------------------------------------------------------------|
-- | being forgotten, to be new                                          | "forgetting oneself ..." (5)                                  |
-- | a day's points in every group                                       | "the first word of a day ..."                                 |
-- | a voucher for oneself, through a friend, or twice                   | "a voucher ..." (5)                                           |
-- | one code at two tills                                               | "one code at two tills ..."                                   |
-- | two claims, two codes, each other's code                            | "a prize claimed twice ...", "two codes at once ...", ...     |
-- | a share of a budget that was not it                                 | "a code of a draw taken back ..."                             |
-- | said after the cut-off, with an earlier time                        | "what comes in after the cut-off ..."                         |
local TYPES = {
  { name = "甲券", face = 1000, days = 9 }, { name = "乙券", face = 5000, days = 9, gift = "other", rebate = 20 },
  { name = "丙券", face = 300, days = 9, gift = "self" },
}
local playbook = {
  quiet = false,
  flows = {
    "switch", "common",
    { "voucher", types = TYPES, day_max = 1000, code_dm = "券码[{code}]", given_dm = "券码[{code}]", token = "赠送码[{token}]" },
    { "redpacket", nightly = false, exclude_staff = false, kind = "prizes", prizes = { { name = "奶", count = 3, cost = 7 } }, shares = 3,
      organiser = "店", code_dm = "奖码[{code}]", open_prizes = "开", rules = "规则", sealed = "{hash}", results = "结果", grabbed = "抢过",
      none_planned = "没有" },
    { "draw", organiser = "店", cost = 50, code_dm = "抽码[{code}]", redraws = 0 },
    { "presale", opened = "开团", closed = "截止", list = "接龙" }, { "referral", stay_days = 2, code = "邀请码[{code}]" },
  },
  staff = { ["playground:店长"] = "store" },
}
local t = sop.test("redpacket", { playbook = playbook, start = "2026-03-02 09:00" })

-- The last such code that somebody was told, in private or (`chat`) in the group.
local function told(g, who, what, chat)
  local found
  for _, message in ipairs(g:seen(chat and { at = who } or { dm = who })) do found = message.text:match(what .. "%[(%w+)%]") or found end
  return found
end

local function forget(g, who)
  g:dm(who, "删除我的数据")
  g:dm(who, "确认删除")
  g:advance("5s")
end

local function arrive(g, ...)
  for _, who in ipairs({ ... }) do g:says(who, "大家好") end
end

-- How many rewards of the first level are due.
local function due(g)
  local n = 0
  for _, entry in ipairs(g:state("list", "ledger-paid", "referral") or {}) do n = n + (entry.what == "level1" and 1 or 0) end
  return n
end

-- ---- being forgotten, to be new --------------------------------------------------------------------------------------

t:case("forgetting oneself brings no second share of a packet", function(g)
  arrive(g, "小美", "小张")
  g:staff("店长", "发红包")
  g:says("小美", "抢")
  forget(g, "小美")
  g:says("小美", "抢")
  g:says("小张", "抢")
  g:advance("5s")
  local grabs = g:state("list", "grabs-1")
  g:equal({ #grabs, grabs[1].user, grabs[2].user }, { 2, "~", g:id("小张") })
  g:advance("20m")
  local kept = g:state("list", "packets")[1]
  g:equal({ kept.left, kept.salt }, { 1, nil })
  g:staff("店长", "发红包")
  g:says("小美", "抢")
  g:advance("5s")
  g:equal(#g:state("list", "grabs-2"), 1)
end)

t:case("forgetting oneself brings no second number in a draw that counts", function(g)
  arrive(g, "小美")
  g:staff("店长", "抽奖 草莓 2份 2分钟")
  g:says("小美", "参加")
  forget(g, "小美")
  g:says("小美", "参加")
  g:says("小美", "参加")
  g:advance("3m")
  g:says("小美", "领取")
  g:says("小美", "领取")
  g:advance("5s")
  g:equal(#g:events("code_issued"), 1)
end)

t:case("forgetting oneself makes nobody a newcomer again: before leaving", function(g)
  arrive(g, "小美")
  g:join("小新", { by = "小美" })
  g:advance("4d")
  g:equal(due(g), 1)
  arrive(g, "小新")
  forget(g, "小新")
  g:leave("小新")
  g:advance("1h")
  g:join("小新", { by = "小美" })
  g:advance("4d")
  g:equal(due(g), 1)
end)

t:case("forgetting oneself makes nobody a newcomer again: after leaving", function(g)
  arrive(g, "小美", "小张")
  g:join("小新", { by = "小美" })
  g:advance("4d")
  g:leave("小新")
  g:advance("1h")
  forget(g, "小新")
  g:join("小新", { by = "小张" })
  g:advance("4d")
  g:equal(due(g), 1)
  g:join("小方", { by = "小张" })
  g:advance("4d")
  g:equal(due(g), 2)
end)

t:case("forgetting oneself brings no second coupon for a first order", {
  playbook = {
    quiet = false,
    flows = { "switch", "common", { "redpacket", nightly = false }, { "firstorder", greet_after = "1m", greet = "首单[{code}]" } },
    staff = { ["playground:店长"] = "store" },
  },
}, function(g)
  g:join("小新")
  g:advance("2m")
  g:staff("店长", "核销 " .. told(g, "小新", "首单"))
  g:equal(#g:events("code_used"), 1)
  g:order("小新", { id = "A1", amount = 3900 })
  g:advance("1m")
  g:command{ op = "forget", user = "小新" }
  g:advance("5s")
  g:leave("小新")
  g:advance("1h")
  g:equal(#g:events("code_issued"), 0) -- it is forgotten, too
  g:join("小新")
  g:advance("1h")
  g:equal(#g:events("code_issued"), 0)
  g:join("小方")
  g:advance("1h")
  g:equal(#g:events("code_issued"), 1)
end)

t:case("the first word of a day brings points once, whatever groups it is said in", {
  playbook = { quiet = false, flows = { "switch", "common", { "segment", points_day = 3 } } },
}, function(g)
  g:together(function()
    g:says("小美", "早")
    g:says("小美", "早", { chat = "二店" })
    g:says("小美", "早", { chat = "三店" })
  end)
  g:advance("1h")
  g:says("小美", "在吗", { chat = "四店" })
  g:equal(g:state("profile", "小美", "points"), 3)
end)

-- ---- vouchers --------------------------------------------------------------------------------------------------------

t:case("a voucher of which a newer word was asked for is not fetched with the old one, also when that is on its way", function(g)
  arrive(g, "小美", "小张")
  g:says("小张", "大家好", { chat = "二店" })
  g:staff("店长", "发券 甲券 @小美")
  g:dm("小美", "送券")
  g:advance("1s")
  local old = told(g, "小美", "赠送码")
  g:together(function()
    g:says("小张", "领券 " .. old, { chat = "二店" })
    g:says("小美", "送券")
  end)
  g:advance("5s")
  g:equal(#g:events("voucher_given"), 0)
  g:says("小张", "领券 " .. told(g, "小美", "赠送码"), { chat = "二店" })
  g:advance("5s")
  g:expect_event("voucher_given", { user = g:id("小美"), to = g:id("小张") })
end)

t:case("a voucher that three fetch at once in three groups is given once", function(g)
  arrive(g, "小美", "小张")
  g:says("小王", "大家好", { chat = "二店" })
  g:says("小李", "大家好", { chat = "三店" })
  g:staff("店长", "发券 甲券 @小美")
  g:dm("小美", "送券")
  g:advance("1s")
  local word = told(g, "小美", "赠送码")
  g:together(function()
    g:says("小王", "领券 " .. word, { chat = "二店" })
    g:says("小李", "领券 " .. word, { chat = "三店" })
    g:says("小张", "领券 " .. word)
    g:says("小美", "领券 " .. word)
  end)
  g:advance("5s")
  g:equal(#g:events("voucher_given"), 1)
end)

t:case("a voucher for others does not come back to its first owner, by name, by word or by a third", function(g)
  arrive(g, "小美", "小张", "小王")
  g:staff("店长", "发券 乙券 @小美")
  g:says("小美", "送券 @小张")
  g:says("小张", "送券 @小美")
  g:says("小张", "送券 @小王")
  g:dm("小张", "送券")
  g:advance("5s")
  g:equal(#g:events("voucher_given"), 1)
  g:equal(told(g, "小张", "赠送码"), nil)
end)

t:case("a voucher for others is not used by its first owner", function(g)
  arrive(g, "小美")
  g:staff("店长", "发券 乙券 @小美")
  g:advance("1s")
  g:says("小美", "送券 @小美")
  g:says("小美", "送券 @小福")
  g:staff("店长", "核销 " .. told(g, "小美", "券码") .. " 100")
  g:advance("5s")
  g:equal({ #g:events("voucher_given"), #g:events("code_used") }, { 0, 0 })
end)

t:case("a voucher given at the moment at which it is redeemed is one or the other", function(g)
  arrive(g, "小美", "小张")
  g:staff("店长", "发券 甲券 @小美")
  g:advance("1s")
  local code = told(g, "小美", "券码")
  g:staff("店长", "大家好", { chat = "二店" })
  g:together(function()
    g:staff("店长", "核销 " .. code, { chat = "二店" })
    g:says("小美", "送券 @小张")
    g:staff("店长", "核销 " .. code)
  end)
  g:advance("5s")
  g:equal({ #g:events("code_used"), #g:audit("code_redeemed") }, { 1, 1 })
  local left = {}
  for account, n in pairs(g:state("hash", "balances-voucher", nil, "voucher")) do left[account] = n end
  g:equal(left, { house = -1000, used = 1000 })
end)

t:case("one code at two tills and in the staff chat at once is redeemed once", function(g)
  arrive(g, "小美")
  g:staff("店长", "发券 甲券 @小美")
  g:advance("1s")
  local code = told(g, "小美", "券码")
  g:staff("店长", "大家好", { chat = "二店" })
  g:together(function()
    g:staff("店长", "核销 " .. code)
    g:staff("店长", "核销 " .. code, { chat = "二店" })
    g:staff("店长", "核销 " .. code, { chat = "staff" })
  end)
  g:advance("5s")
  g:equal({ #g:events("code_used"), #g:audit("code_redeemed") }, { 1, 1 })
end)

-- ---- packets and draws -----------------------------------------------------------------------------------------------

t:case("a code of a draw taken back leaves the budget of the packets alone", function(g)
  arrive(g, "小美")
  g:staff("店长", "发红包")
  g:says("小美", "抢")
  g:advance("20m")
  local total = g:state("group", "total")
  g:staff("店长", "抽奖 草莓 1份 2分钟")
  g:says("小美", "参加")
  g:advance("3m")
  g:says("小美", "领取")
  g:advance("5s")
  g:staff("店长", "作废 " .. told(g, "小美", "抽码"))
  g:equal(#g:events("code_void"), 1)
  g:equal(g:state("group", "total"), total)
end)

t:case("a prize claimed twice at once is one code", function(g)
  arrive(g, "小美", "小张")
  g:staff("店长", "抽奖 草莓 2份 2分钟")
  g:says("小美", "参加")
  g:says("小张", "参加")
  g:advance("3m")
  g:together(function()
    for _ = 1, 3 do g:says("小美", "领取") end
    g:dm("小美", "领取")
  end)
  g:advance("5s")
  g:equal(#g:events("code_issued"), 1)
end)

t:case("a draw that is void takes back what it gave, also when codes have become valid for another time since", function(g)
  arrive(g, "小美")
  g:staff("店长", "抽奖 草莓 1份 2分钟")
  g:says("小美", "参加")
  g:advance("3m")
  g:param("draw.valid_days", "3")
  g:says("小美", "领取")
  g:advance("5s")
  g:param("draw.valid_days", "5")
  g:staff("店长", "作废抽奖")
  g:advance("5s")
  g:equal(#g:events("code_void"), 1)
end)

-- ---- invites ---------------------------------------------------------------------------------------------------------

t:case("two codes at once count for one; and who was brought brings nobody back", function(g)
  arrive(g, "小美", "小张")
  g:says("小美", "我的邀请码")
  g:says("小张", "我的邀请码")
  local codes = { told(g, "小美", "邀请码", true), told(g, "小张", "邀请码", true) }
  g:join("小新")
  g:together(function()
    g:says("小新", "邀请码 " .. codes[1])
    g:says("小新", "邀请码 " .. codes[2])
  end)
  g:says("小新", "我的邀请码")
  g:says("小美", "邀请码 " .. told(g, "小新", "邀请码", true))
  g:advance("4d")
  g:equal({ due(g), #g:events("invited") }, { 1, 1 })
end)

-- ---- sales -----------------------------------------------------------------------------------------------------------

t:case("what comes in after the cut-off with an earlier time changes nothing any more", function(g)
  arrive(g, "小美")
  g:staff("店长", "接龙 早市\n鸡蛋 5元 限5\n截止 10:00\n提货 明天16:00-19:00")
  g:says("小美", "+2")
  g:advance("2h")
  g:missed("90m", function()
    g:says("小美", "+5")
    g:says("小美", "取消")
  end)
  g:advance("5s")
  g:equal(g:state("hash", "list-1", g:id("小美"), "presale").have, { A = 2 })
end)

t:case("who leaves is off the list that is open, and marked as gone on those that are closed", function(g)
  arrive(g, "小美")
  g:staff("店长", "接龙 早市\n鸡蛋 5元 限5\n截止 10:00\n提货 明天16:00-19:00")
  g:says("小美", "+2")
  g:advance("2h")
  g:staff("店长", "接龙 晚市\n牛奶 5元 限5\n截止 20:00")
  g:says("小美", "+1")
  g:leave("小美")
  g:advance("1s")
  g:equal(g:state("hash", "list-2", g:id("小美"), "presale"), nil)
  g:equal(g:state("hash", "list-1", g:id("小美"), "presale").left, true)
end)
