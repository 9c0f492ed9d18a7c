-- likes_test.lua -- 集赞, sentence by sentence. What is promised, and the cases that hold it:
--
-- Of every flow
--   one reply per cause, one short answer a day, silence      "集赞规则 ..."
--   退订: no @, no private message                            "who opted out ..."
--   money is whole cents, sums are conserved, ledgers append  "the ledger ...", "a budget ..."
--   staff commands need a role                                "only store staff ...", "only headquarters ..."
-- 集赞
--   off by default                                            "off by default ...", "no playbook of ours ..."
--   in-store review only                                      "a claim is what staff saw ...", "nothing is ever posted ..."
--   with a warning that platforms forbid inducing             "before anything else: the warning ...", "集赞停止 ..."
--   one like one yuan, up to thirty                           "a claim ...", "thirty at most"
--   once a member and campaign                                "once a member ..."
--   mistakes                                                  "集赞撤销 ..." (2)
--   restarts, kills, several groups                           "a restart ...", "killed ...", "two groups ..."
local TEXTS = {
  warning = "警告 {word}", closed = "没启用", accepted = "已确认 {name}", stopped = "已停", how = "每个{cents} 最多{most}", seen = "刚说过",
  usage = "写法{word}", few = "至少{least}", done = "{who} 得{what} {till}", done_code = "{what} {code}", already = "{name}领过",
  no_budget = "剩{left}",
  undone = "撤{name}{what}", no_claim = "没得撤", coupon = "{yuan}元券", list = "共{count} {yuan}元 {lines}", list_line = "{name}:{likes}:{yuan}",
  empty = "空的",
}

local function book(params, open)
  local flow = { "likes", open = open ~= false, acceptor = "hq" }
  for name, value in pairs(TEXTS) do flow[name] = value end
  for name, value in pairs(params or {}) do flow[name] = value end
  return { flows = { "switch", "common", { "redpacket", organiser = "店", contact = "店长", nightly = false }, flow } }
end

local t = sop.test("likes", { playbook = book(), start = "2026-03-02 10:00" })

-- The warning was read here.
local function accept(g, chat)
  g:setting("staff", { chat = chat or "demo" }, "总部", "hq")
  g:says("总部", "集赞确认", chat and { chat = chat })
  g:expect{ at = "总部", text = "已确认 总部", chat = chat }
end

t:case("off by default: it does nothing, staff are told that it is off", { playbook = book(nil, false) }, function(g)
  g:says("小美", "你好")
  g:says("小美", "集赞规则")
  g:silent("1m")
  g:staff("店长", "集赞 @小美 28")
  g:expect{ at = "店长", text = "没启用" }
  g:setting("staff", { chat = "demo" }, "总部", "hq")
  g:says("总部", "集赞确认")
  g:expect{ at = "总部", text = "没启用" }
  g:equal(g:state("group", "accepted"), nil)
end)

t:case("no playbook of ours is on by a word: the parameter open is false unless given", {
  playbook = { flows = { { "likes", closed = "没启用" } } },
}, function(g)
  g:says("小美", "你好")
  g:staff("店长", "集赞 @小美 28")
  g:expect{ text = "没启用" }
end)

t:case("before anything else: the warning, until headquarters confirm it in this group", function(g)
  g:says("小美", "你好")
  g:staff("店长", "集赞 @小美 28")
  g:expect{ at = "店长", text = "警告 集赞确认" }
  g:says("小美", "集赞规则")
  g:silent("1m")
  g:equal(#g:events("code_issued"), 0)
  accept(g)
  g:equal(#g:audit("likes_accepted"), 1)
  g:staff("店长", "集赞 @小美 28")
  g:expect{ at = "小美", text = "得28元券" }
end)

t:case("only headquarters may confirm", function(g)
  g:staff("店长", "集赞确认")
  g:says("小美", "集赞确认")
  g:silent("1m")
  g:equal(g:state("group", "accepted"), nil)
end)

t:case("a claim is what staff saw: a coupon, the code in private", function(g)
  g:says("小美", "你好")
  accept(g)
  g:staff("店长", "集赞 @小美 28")
  g:expect{ at = "小美", text = { "得28元券", "2026-03-09" } }
  local code = g:expect{ dm = "小美", text = "28元券" }.text:match("%w%w%w%w%w%w%w%w$")
  g:expect_event("likes_claimed", { who = "小美", likes = 28, cents = 2800, by = g:id("店长") })
  g:expect_event("code_issued", { who = "小美", cost = 2800, from = "likes.1" })
  g:staff("店长", "核销 " .. code)
  g:expect_event("code_used", { who = "小美" })
end)

t:case("thirty at most", function(g)
  g:says("小美", "你好")
  accept(g)
  g:staff("店长", "集赞 @小美 500")
  g:expect{ at = "小美", text = "得30元券" }
  g:expect_event("likes_claimed", { likes = 500, cents = 3000 })
end)

t:case("how it must be written; too few; nobody gives to themselves", { playbook = book{ least = 10 } }, function(g)
  g:says("小美", "你好")
  accept(g)
  g:staff("店长", "集赞 28")
  g:expect{ text = "写法集赞" }
  g:staff("店长", "集赞 @小美")
  g:expect{ text = "写法集赞" }
  g:staff("店长", "集赞 @店长 28")
  g:expect{ text = "写法集赞" }
  g:staff("店长", "集赞 @小美 9")
  g:expect{ text = "至少10" }
  g:staff("店长", "集赞 @小美 " .. ("9"):rep(400)) -- no number of likes
  g:expect{ text = "写法集赞" }
  g:equal(#g:events("code_issued"), 0)
end)

t:case("only store staff enter, take back and look", function(g)
  g:says("小美", "你好")
  accept(g)
  g:setting("staff", { chat = "demo" }, "小李", "keeper")
  for _, who in ipairs({ "小王", "小李" }) do
    g:says(who, "集赞 @小美 28")
    g:says(who, "集赞撤销 @小美")
    g:says(who, "集赞记录")
    g:says(who, "集赞停止")
  end
  g:silent("1m")
  g:equal(#g:events("code_issued"), 0)
end)

t:case("once a member and campaign", function(g)
  g:says("小美", "你好")
  accept(g)
  g:staff("店长", "集赞 @小美 28")
  g:expect{ at = "小美" }
  g:staff("店长", "集赞 @小美 30")
  g:expect{ at = "店长", text = "小美领过" }
  g:equal(#g:events("code_issued"), 1)
  g:param("likes.campaign", "2")
  g:staff("店长", "集赞 @小美 30")
  g:expect{ at = "小美", text = "得30元券" }
end)

t:case("a campaign that comes back knows who has claimed, and what was spent", { playbook = book{ budget = 5000 } }, function(g)
  g:says("小美", "你好")
  g:says("小王", "你好")
  accept(g)
  g:staff("店长", "集赞 @小美 30")
  g:expect{ at = "小美" }
  g:param("likes.campaign", "2")
  g:staff("店长", "集赞 @小美 30")
  g:expect{ at = "小美" }
  g:param("likes.campaign", "1")
  g:staff("店长", "集赞 @小美 30")
  g:expect{ at = "店长", text = "小美领过" }
  g:staff("店长", "集赞 @小王 30")
  g:expect{ at = "店长", text = "剩20" }
  g:equal(#g:events("code_issued"), 2)
end)

t:case("a budget for each group and campaign", { playbook = book{ budget = 5000 } }, function(g)
  g:says("小美", "你好")
  g:says("小王", "你好")
  accept(g)
  g:staff("店长", "集赞 @小美 30")
  g:expect{ at = "小美" }
  g:staff("店长", "集赞 @小王 30")
  g:expect{ at = "店长", text = "剩20" }
  g:staff("店长", "集赞 @小王 20")
  g:expect{ at = "小王", text = "得20元券" }
end)

t:case("集赞撤销 voids the code and gives the budget back; the ledger keeps both", function(g)
  g:says("小美", "你好")
  accept(g)
  g:staff("店长", "集赞 @小美 28")
  g:expect{ at = "小美" }
  g:staff("店长", "集赞撤销 @小美")
  g:expect{ at = "店长", text = "撤小美28元券" }
  g:expect_event("code_void", { who = "小美" })
  g:expect_event("likes_undone", { who = "小美", cents = 2800 })
  g:expect_state("group", { ["spent:1"] = 0 })
  g:staff("店长", "集赞撤销 @小美")
  g:expect{ text = "没得撤" }
  g:staff("店长", "集赞 @小美 10")
  g:expect{ at = "小美", text = "得10元券" }
  local sum = 0
  for _, entry in ipairs(g:state("list", "claims")) do sum = sum + entry.cents end
  g:equal(sum, 1000)
end)

t:case("集赞撤销 of a coupon that was used is refused", function(g)
  g:says("小美", "你好")
  accept(g)
  g:staff("店长", "集赞 @小美 28")
  local code = g:expect{ dm = "小美" }.text:match("%w%w%w%w%w%w%w%w$")
  g:staff("店长", "核销 " .. code)
  g:staff("店长", "集赞撤销 @小美")
  g:expect{ at = "店长", text = "没得撤" }
end)

t:case("the ledger: 集赞记录", function(g)
  g:says("小美", "你好")
  accept(g)
  g:staff("店长", "集赞记录")
  g:expect{ text = "空的" }
  g:staff("店长", "集赞 @小美 28")
  g:staff("店长", "集赞记录")
  g:expect{ at = "店长", text = { "共1 28元", "小美:28:28" } }
end)

t:case("集赞规则 tells where: at the till; again one short answer, then silence", function(g)
  accept(g)
  g:says("小美", "集赞规则")
  g:expect{ at = "小美", text = "每个1 最多30" }
  g:says("小美", "集赞规则")
  g:expect{ at = "小美", text = "刚说过" }
  g:says("小美", "集赞规则")
  g:silent("1m")
end)

t:case("nothing is ever posted of its own accord", function(g)
  accept(g)
  g:says("小美", "集赞啦大家帮我点一下")
  g:says("小美", "集赞")
  g:silent("3d")
end)

t:case("集赞停止 ends it until it is confirmed again", function(g)
  g:says("小美", "你好")
  accept(g)
  g:staff("店长", "集赞停止")
  g:expect{ text = "已停" }
  g:staff("店长", "集赞 @小美 28")
  g:expect{ text = "警告" }
  g:equal(#g:audit("likes_stopped"), 1)
end)

t:case("who opted out is not @-ed and not written to", function(g)
  g:says("小美", "退订")
  g:expect()
  accept(g)
  g:staff("店长", "集赞 @小美 28")
  g:expect{ plain = true, text = "得28元券" }
  g:expect_none{ dm = "小美" }
end)

t:case("two groups confirm and spend each for themselves", function(g)
  g:says("小美", "你好")
  g:says("小美", "你好", { chat = "二店" })
  accept(g)
  g:says("店长", "集赞 @小美 28", { chat = "二店" })
  g:expect{ chat = "二店", text = "警告" }
end)

t:case("a restart changes nothing", function(g)
  g:says("小美", "你好")
  accept(g)
  g:restart()
  g:staff("店长", "集赞 @小美 28")
  g:expect{ at = "小美" }
  g:restart()
  g:staff("店长", "集赞 @小美 28")
  g:expect{ text = "领过" }
end)

t:case("killed in the middle: one coupon, one entry", function(g)
  g:says("小美", "你好")
  g:says("小王", "你好")
  accept(g)
  for i, who in ipairs({ "小美", "小王" }) do
    g:kill{ during = i == 1 and "input" or "commit" }
    g:staff("店长", "集赞 @" .. who .. " 28")
    g:advance("10s")
    g:expect_count(1, { at = who, text = "得28元券" })
  end
  g:equal(#g:events("code_issued"), 2)
  g:equal(#g:state("list", "claims"), 2)
end)
