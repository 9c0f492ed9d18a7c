-- referral_test.lua -- invites: who brought whom, and what they are owed. What is promised to a group, and the cases that hold it:
--
-- Of every flow
--   command words match tolerantly; a sentence is none         "words in many spellings ..."; tests/data/commands.tsv
--   one reply per cause, one short answer a day, silence       "我的邀请码 ...", "邀请榜 ..."
--   at most ten are @-ed                                       "more than ten ..."
--   退订: no @; own commands answered                          "after 退订 ..."
--   quiet hours hold posts, not answers                        "in quiet hours ..."
--   whole numbers, sums conserved, ledgers only append         "对账 ..."; tests/sop/ledger/referral_ledger_test.lua
--   staff commands need a role; audit                          "邀请作废 ...", "邀请冻结 ...", "邀请结算 ...", "邀请名单 ..."
-- 邀请
--   counted from the join event's inviter                      "an invite counts from the join ..."
--   else by personal code                                      "a newcomer says ...", "邀请码 ...", "on WeCom ..."
--   valid when they stayed 7 days                              "an invite counts ...", "one run for a day"
--   taken back if the invitee leaves within                    "who leaves within ...", "who leaves later ..."
--   two levels at most                                         "two levels ...", "one level ..."
--   nobody twice, nobody themselves                            "who comes back ...", "nobody brings themselves", "the same join ..."
--   ledger only, settlement outside                            "an invite counts ...", "邀请结算 ...", "rewards may also be points",
--                                                              "another flow gives a voucher ..."
--   邀请榜                                                     "邀请榜 ..."
--   share-for-reward texts are refused by `sopd check`         tests/e2e/test_lint.py
-- Repeats, deaths, edits, several groups                       "a death ...", "the same join ...", "edited ...", "groups do not mix"
local TEXTS = {
  code = "码[{code}] {word} {days}天", seen = "和刚才一样", claimed = "记下 {who}", claim_how = "写上码 {word}", claim_bad = "码不对",
  claim_self = "自己的码", claim_again = "记过了", claim_late = "不是新人", claim_not = "用不了", mine = "有效{valid} 等{held} 应得{due} 待{waiting}",
  mine_none = "还没有", board = "榜 {lines}", board_line = "{place}.{name} {count}({valid});", board_own = "你第{place}:{count}",
  board_empty = "榜空", matured = "谢谢 {names} {days}天", matured_more = "谢谢 {names} 还有{rest}", staff_list = "名单{count} {lines}",
  staff_line = "{by}>{who} {state};", state_held = "新", state_valid = "有效", state_void = "作废", staff_who = "@ 一个人",
  staff_void = "作废了 {by}>{who}", staff_nothing = "没有可改的", staff_frozen = "冻结 {who}", staff_thawed = "解冻 {who}",
  staff_settle_how = "写法", staff_settle_much = "{who} 只有{due}", staff_settled = "结算 {who} {n} 剩{due}", book_held = "待账", book_paid = "奖账",
  staff_good = "平 {book} {entries}笔 {out}", staff_bad = "不平 {book} {count}处", staff_bad_line = "{who} {entered} {kept}", staff_busy = "在变",
}

local function book(params, ...)
  local flow = { "referral" }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return {
    flows = { "switch", "common", flow, ... },
    staff = { ["playground:店长"] = "store", ["playground:群管"] = "keeper" },
  }
end

local t = sop.test("referral", { playbook = book(), start = "2026-03-02 10:00" })

local function entries(g, name)
  local list = {}
  for i, entry in ipairs(g:state("list", "ledger-" .. name) or {}) do list[i] = entry.what .. " " .. entry.n end
  return list
end

local function code_of(g, who)
  g:says(who, "我的邀请码")
  return g:expect{ at = who, text = "码[" }.text:match("码%[(%w+)%]")
end

local function about(g, who, text, whom)
  g:id(whom)
  g:says(who, text:gsub("@", "@" .. whom, 1) .. "")
end

-- ---- coming and going ----------------------------------------------------------------------------------------------

t:case("an invite counts from the join event, and is valid when the newcomer has stayed seven days", function(g)
  g:says("小美", "hi")
  g:join("小王", { by = "小美" })
  g:silent()
  g:expect_event("invited", { user = g:id("小王"), by = g:id("小美"), how = "join" })
  g:equal(entries(g, "held"), { "level1 10" })
  g:says("小美", "我的邀请")
  g:expect{ at = "小美", text = "有效0 等1 应得0 待10" }
  g:at("2026-03-10 09:59")
  g:expect_no_event("invite_valid")
  g:at("2026-03-10 10:01")
  g:expect{ at = "小美", text = "谢谢" }
  g:expect_event("invite_valid", { user = g:id("小王"), n = 10 })
  g:says("小美", "我的邀请")
  g:expect{ at = "小美", text = "有效1 等0 应得10 待0" }
  g:equal(entries(g, "held"), { "level1 10", "due 10" })
  g:equal(entries(g, "paid"), { "level1 10" })
  g:equal(g:state("profile", "小美", "points"), nil)
  g:expect_runs(0)
  g:silent("3d")
end)

t:case("who leaves within seven days takes the reward along, of both levels", function(g)
  g:says("小美", "hi")
  g:join("小王", { by = "小美" })
  g:join("小丽", { by = "小王" })
  g:equal(entries(g, "held"), { "level1 10", "level1 10", "level2 2" })
  g:at("2026-03-09 09:59")
  g:leave("小丽")
  g:expect_event("invite_void", { user = g:id("小丽"), why = "left" })
  g:equal(entries(g, "held"), { "level1 10", "level1 10", "level2 2", "back 10", "back 2" })
  g:says("小王", "我的邀请")
  g:expect{ at = "小王", text = "还没有" }
  g:at("2026-03-10 10:01")
  g:expect{ at = "小美", text = "谢谢" }
  g:equal(#g:events("invite_valid"), 1)
end)

t:case("who leaves later leaves it: valid is valid", function(g)
  g:says("小美", "hi")
  g:join("小王", { by = "小美" })
  g:at("2026-03-09 10:05")
  g:leave("小王")
  g:expect_event("invite_valid", { user = g:id("小王") })
  g:join("小丽", { by = "小美" })
  g:at("2026-03-18 10:01")
  g:expect{ at = "小美", text = "谢谢" }
  g:leave("小丽")
  g:expect_no_event("invite_void")
  g:equal(entries(g, "paid"), { "level1 10", "level1 10" })
end)

t:case("two levels at most: who brought the one who brought, and nobody above", function(g)
  g:says("甲", "hi")
  g:join("乙", { by = "甲" })
  g:join("丙", { by = "乙" })
  g:join("丁", { by = "丙" })
  g:equal(entries(g, "held"), { "level1 10", "level1 10", "level2 2", "level1 10", "level2 2" })
  for _, entry in ipairs(g:state("list", "ledger-held")) do
    assert(entry.ref ~= g:id("丁") or entry.to ~= g:id("甲"), "a third level")
  end
end)

t:case("one level, where the second is nothing", { playbook = book({ reward_second = 0 }) }, function(g)
  g:says("甲", "hi")
  g:join("乙", { by = "甲" })
  g:join("丙", { by = "乙" })
  g:equal(entries(g, "held"), { "level1 10", "level1 10" })
end)

t:case("who comes back counts for nobody any more", function(g)
  g:says("小美", "hi")
  g:join("小王", { by = "小美" })
  g:leave("小王")
  g:join("小王", { by = "小美" })
  g:leave("老人")
  g:join("老人", { by = "小美" })
  g:equal(#g:events("invited"), 1)
  g:equal(entries(g, "held"), { "level1 10", "back 10" })
  g:at("2026-03-12 11:00")
  g:expect_no_event("invite_valid")
end)

t:case("the same join reported twice counts once, also if only the second says who invited", function(g)
  g:says("小美", "hi")
  g:together(function()
    g:join("小王", { by = "小美" })
    g:join("小王", { by = "小美" })
  end)
  g:join("小丽")
  g:join("小丽", { by = "小美" })
  g:equal(#g:events("invited"), 2)
end)

t:case("nobody brings themselves; staff do not count, unless they may", function(g)
  g:join("小王", { by = "小王" })
  g:join("小丽", { by = "店长" })
  g:expect_no_event("invited")
  g:param("referral.exclude_staff", "false")
  g:join("小张", { by = "店长" })
  g:equal(#g:events("invited"), 1)
end)

t:case("so many a day and no more", { playbook = book({ day_max = 2 }) }, function(g)
  g:says("小美", "hi")
  for i = 1, 4 do g:join("成员" .. i, { by = "小美" }) end
  g:equal(#g:events("invited"), 2)
  g:advance("1d")
  g:join("成员9", { by = "小美" })
  g:equal(#g:events("invited"), 3)
end)

-- ---- codes ---------------------------------------------------------------------------------------------------------

t:case("我的邀请码 is the same for good, answered once a day, then a short word, then silence", function(g)
  local code = code_of(g, "小美")
  g:equal(#code, 8)
  g:says("小美", "我的邀请码")
  g:expect{ at = "小美", text = "和刚才一样" }
  g:says("小美", "我的邀请码")
  g:silent()
  g:advance("1d")
  g:equal(code_of(g, "小美"), code)
end)

t:case("a newcomer says whose code they have, within three days, and once", function(g)
  local code = code_of(g, "小美")
  g:join("小王")
  g:says("小王", "邀请码 " .. code:lower())
  g:expect{ at = "小王", text = "记下 小美" }
  g:expect_event("invited", { user = g:id("小王"), by = g:id("小美"), how = "code" })
  g:says("小王", "邀请码 " .. code)
  g:expect{ at = "小王", text = "记过了" }
  g:join("小丽")
  g:advance("73h")
  g:says("小丽", "邀请码" .. code)
  g:expect{ at = "小丽", text = "不是新人" }
  g:equal(#g:events("invited"), 1)
end)

t:case("邀请码 of one's own, of nobody, without a code, by somebody who was here before", function(g)
  local code = code_of(g, "小美")
  g:says("小美", "邀请码 " .. code)
  g:expect{ at = "小美", text = "自己的码" }
  g:says("老王", "邀请码 " .. code)
  g:expect{ at = "老王", text = "不是新人" }
  g:join("小王")
  for _ = 1, 3 do g:says("小王", "邀请码") end
  g:expect_count(2, { at = "小王", text = "写上码 邀请码" })
  g:says("小王", "邀请码 22222223")
  g:expect{ at = "小王", text = "码不对" }
  g:expect_no_event("invited")
end)

t:case("two who hold each other's code do not bring each other", function(g)
  g:join("小王")
  g:join("小丽")
  local one, two = code_of(g, "小王"), code_of(g, "小丽")
  g:says("小王", "邀请码 " .. two)
  g:says("小丽", "邀请码 " .. one)
  g:expect_no_event("invited")
end)

t:case("the code of somebody who has left, or is frozen, does not count", function(g)
  local gone, frozen = code_of(g, "小美"), code_of(g, "小丽")
  g:leave("小美")
  about(g, "店长", "邀请冻结 @", "小丽")
  g:expect{ text = "冻结" }
  g:join("小王")
  g:says("小王", "邀请码 " .. gone)
  g:expect{ at = "小王", text = "用不了" }
  g:says("小王", "邀请码 " .. frozen)
  g:expect{ at = "小王", text = "用不了" }
  g:expect_no_event("invited")
end)

t:case("words in many spellings; in a sentence or as a question they are none", function(g)
  for _, word in ipairs({ " 我的邀请 ", "/我的邀请", "@小福 我的邀请", "我的邀请!" }) do
    g:says("小美", word)
    g:expect{ at = "小美", text = "还没有" }
    g:advance("1d")
  end
  g:says("小美", "我的邀请在哪看呀")
  g:says("小美", "邀请码?")
  g:says("小美", "邀请码在哪里看")
  g:silent()
end)

-- ---- 邀请榜 --------------------------------------------------------------------------------------------------------

t:case("邀请榜 has the ten who brought most, and one's own place; who left early is not in it", { playbook = book({ top = 2 }) }, function(g)
  g:says("小美", "邀请榜")
  g:expect{ at = "小美", text = "榜空" }
  for _, name in ipairs({ "甲", "乙", "丙" }) do code_of(g, name) end
  for i = 1, 3 do g:join("a" .. i, { by = "甲" }) end
  for i = 1, 2 do g:join("b" .. i, { by = "乙" }) end
  g:join("c1", { by = "丙" })
  g:says("丙", "邀请榜")
  g:expect{ at = "丙", text = { "1.甲 3(0);", "2.乙 2(0);", "你第3:1" } }
  g:leave("a1")
  g:leave("a2")
  g:leave("c1")
  g:says("丙", "邀请榜")
  g:expect{ at = "丙", text = { "1.乙 2(0);", "2.甲 1(0);" } }
  g:says("丙", "邀请榜")
  g:expect{ at = "丙", text = "和刚才一样" }
  g:says("丙", "邀请榜")
  g:silent()
end)

t:case("more than ten are thanked in one post with ten names", function(g)
  for i = 1, 12 do
    code_of(g, "甲" .. i)
    g:join("乙" .. i, { by = "甲" .. i })
  end
  g:at("2026-03-10 10:01")
  local post = g:expect{ text = "还有2" }
  g:equal(#post.at, 10)
  g:equal(#g:events("invite_valid"), 12)
end)

t:case("after 退订 nobody is thanked with an @, and 我的邀请 is answered", function(g)
  g:says("小美", "退订")
  g:expect{}
  g:join("小王", { by = "小美" })
  g:at("2026-03-10 10:01")
  g:silent()
  g:says("小美", "我的邀请")
  g:expect{ plain = true, text = "有效1" }
end)

t:case("in quiet hours nothing is posted, answers do not wait", { playbook = book({ mature_at = "23:00" }) }, function(g)
  g:says("小美", "hi")
  g:join("小王", { by = "小美" })
  g:at("2026-03-10 23:30")
  g:says("小美", "我的邀请")
  g:expect{ at = "小美", text = "等1" }
  g:at("2026-03-11 07:31")
  g:expect{ at = "小美", text = "谢谢" }
end)

t:case("one run for a day, asleep over restarts and edits", function(g)
  g:says("小美", "hi")
  for i = 1, 3 do g:join("成员" .. i, { by = "小美" }) end
  g:expect_runs(1, { on = "run:mature", waits = "sleep" })
  g:restart()
  g:param("referral.matured", "多谢 {names}")
  g:at("2026-03-10 10:01")
  g:expect_count(1, { at = "小美", text = "多谢" })
  g:equal(#g:events("invite_valid"), 3)
end)

t:case("rewards may also be points, and are taken back as such", { playbook = book({ credit = true }) }, function(g)
  g:says("小美", "hi")
  g:join("小王", { by = "小美" })
  g:equal(g:state("profile", "小美", "points"), nil)
  g:at("2026-03-10 10:01")
  g:expect{ at = "小美" }
  g:expect_state("profile", "小美", { points = 10 })
  about(g, "店长", "邀请作废 @", "小王")
  g:expect{ text = "作废了" }
  g:expect_state("profile", "小美", { points = 0 })
  g:equal(entries(g, "paid"), { "level1 10", "void 10" })
end)

t:case("another flow gives a voucher for it, once", {
  playbook = book({ voucher = "谢友券" }, { "voucher", types = { { name = "谢友券", face = 500 } }, code_dm = "得{what}" }),
}, function(g)
  g:says("小美", "hi")
  g:join("小王", { by = "小美" })
  g:join("小丽", { by = "小王" })
  g:at("2026-03-10 10:01")
  g:expect{ at = "小美", text = "谢谢" }
  g:expect_count(1, { dm = "小美", text = "得谢友券" })
  g:expect_count(1, { dm = "小王", text = "得谢友券" })
  g:equal(#g:events("code_issued"), 2)
end)

t:case("a day with very many: all are settled, with points and a voucher each, and one post", {
  playbook = book({ day_max = 1000, credit = true, voucher = "谢友券" }, { "voucher", types = { { name = "谢友券", face = 500 } } }),
}, function(g)
  g:says("祖", "hi")
  for k = 1, 12 do g:join("老" .. k, { by = "祖" }) end
  for i = 1, 90 do g:join("新" .. i, { by = "老" .. (i % 12 + 1) }) end
  g:at("2026-03-10 10:05")
  g:expect_count(1, { text = "谢谢" })
  g:equal(#g:seen{ text = { "谢谢", "还有3" } }[1].at, 10)
  g:equal(#g:events("invite_valid"), 102)
  g:equal(#g:events("code_issued"), 102)
  g:equal(g:state("hash", "balances-held"), { house = -1200, paid = 1200 })
end)

-- ---- staff ---------------------------------------------------------------------------------------------------------

t:case("邀请作废 is for store staff, once, and says whose it was", function(g)
  code_of(g, "小美")
  g:join("小王", { by = "小美" })
  about(g, "小美", "邀请作废 @", "小王")
  about(g, "群管", "邀请作废 @", "小王")
  g:silent()
  g:staff("店长", "邀请作废")
  g:expect{ at = "店长", text = "@ 一个人" }
  about(g, "店长", "邀请作废 @", "小王")
  g:expect{ at = "店长", text = "作废了 小美>" }
  about(g, "店长", "邀请作废 @", "小王")
  g:expect{ at = "店长", text = "没有可改的" }
  g:equal(g:audit("invite_void")[1].by, g:id("店长"))
  g:equal(entries(g, "held"), { "level1 10", "back 10" })
end)

t:case("邀请冻结 and 邀请解冻", function(g)
  g:says("小美", "hi")
  about(g, "店长", "邀请冻结 @", "小美")
  g:expect{ at = "店长", text = "冻结" }
  g:join("小王", { by = "小美" })
  about(g, "店长", "邀请解冻 @", "小美")
  g:expect{ at = "店长", text = "解冻" }
  g:join("小丽", { by = "小美" })
  g:equal(#g:events("invited"), 1)
  g:equal(#g:audit("invite_frozen"), 2)
end)

t:case("邀请结算 enters what was paid outside, never more than is due", function(g)
  g:says("小美", "hi")
  g:join("小王", { by = "小美" })
  g:at("2026-03-10 10:01")
  g:expect{ at = "小美" }
  about(g, "店长", "邀请结算 @ 11", "小美")
  g:expect{ at = "店长", text = "只有10" }
  about(g, "店长", "邀请结算 @", "小美")
  g:expect{ at = "店长", text = "写法" }
  about(g, "店长", "邀请结算 @ 6", "小美")
  g:expect{ at = "店长", text = "6 剩4" }
  g:says("小美", "我的邀请")
  g:expect{ at = "小美", text = "应得4" }
  g:expect_event("invite_settled", { user = g:id("小美"), n = 6 })
  g:equal(g:audit("invite_settled")[1].after, 4)
  g:equal(entries(g, "paid"), { "level1 10", "settled 6" })
end)

t:case("邀请名单 shows who brought whom, and how it stands", function(g)
  code_of(g, "小美")
  g:join("小王", { by = "小美" })
  g:join("小丽", { by = "小美" })
  g:leave("小丽")
  g:staff("群管", "邀请名单")
  g:expect{ at = "群管", text = { "名单2", "小美>小王 新;", "小美>小丽 作废;" } }
  g:says("小美", "邀请名单")
  g:silent()
end)

t:case("对账 says that both books are as they should be; with the flow voucher both answer", {
  playbook = book({}, { "voucher", staff_good = "券平 {book} {entries}" }),
}, function(g)
  g:says("小美", "hi")
  g:join("小王", { by = "小美" })
  g:join("小丽", { by = "小王" })
  g:at("2026-03-10 10:01")
  g:expect{ at = { "小美", "小王" } }
  g:staff("店长", "对账")
  g:advance("3s")
  g:expect_count(1, { at = "店长", text = { "平 待账 6笔 22", "平 奖账 3笔 22" } })
  g:expect_count(1, { at = "店长", text = "券平" })
  g:staff("店长", "邀请对账")
  g:advance("3s")
  g:expect_count(1, { at = "店长", text = "平 待账" })
  g:silent()
  g:says("小美", "邀请对账")
  g:silent()
end)

t:case("对账 after somebody was forgotten still adds up", function(g)
  g:says("小美", "hi")
  g:join("小王", { by = "小美" })
  g:join("小丽", { by = "小王" })
  g:says("小美", "删除我的数据")
  g:says("小美", "确认删除")
  g:advance("1m")
  g:seen()
  g:staff("店长", "邀请对账")
  g:advance("3s")
  g:expect{ at = "店长", text = { "平 待账", "平 奖账" } }
  g:at("2026-03-10 10:01")
  g:seen()
  g:staff("店长", "邀请对账")
  g:advance("3s")
  g:expect{ at = "店长", text = { "平 待账", "平 奖账" } }
end)

-- ---- deaths, groups, platforms ---------------------------------------------------------------------------------------

for _, moment in ipairs({ "input", "commit" }) do
  t:case("a death during " .. moment .. " counts an invite once, and takes it back once", function(g)
    g:says("小美", "hi")
    g:kill{ during = moment }
    g:join("小王", { by = "小美" })
    g:advance("3s")
    g:kill{ during = moment }
    g:join("小丽", { by = "小美" })
    g:advance("3s")
    g:kill{ during = moment }
    g:leave("小丽")
    g:advance("3s")
    g:equal(entries(g, "held"), { "level1 10", "level1 10", "back 10" })
    g:at("2026-03-10 10:01")
    g:expect_count(1, { at = "小美", text = "谢谢" })
    g:equal(entries(g, "paid"), { "level1 10" })
  end)
end

t:case("groups do not mix: who is new in one may be old in the other", function(g)
  g:says("小美", "hi")
  g:says("小美", "hi", { chat = "二店" })
  g:join("小王", { by = "小美" })
  g:join("小王", { by = "小美", chat = "二店" })
  g:equal(#g:events("invited"), 2)
  g:equal(entries(g, "held"), { "level1 10" })
end)

t:case("on WeCom, where nobody is seen coming, the code is the way", function(g)
  g:platform("wecom")
  g:says("小美", "@小福 我的邀请码")
  local code = g:expect{ text = "码[" }.text:match("码%[(%w+)%]")
  g:says("小王", "@小福 邀请码 " .. code)
  g:expect{ text = "记下" }
  g:says("小王", "@小福 邀请码 " .. code)
  g:expect{ text = "记过了" }
  g:advance("9d")
  g:equal(#g:events("invite_valid"), 1)
end)
