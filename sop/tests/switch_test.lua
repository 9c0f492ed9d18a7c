-- switch_test.lua -- roles and staff commands in the chat: in the group, in private, in the staff chat.
--
-- | what flows.md says of roles                                    | cases                                                        |
-- |-----------------------------------------------------------------|--------------------------------------------------------------|
-- | owner, hq, region, store, keeper, member                        | roles: each rank may do what the ones below it may           |
-- | given in configuration, playbook or Redis                       | given in the playbook; given in Redis (3 cases)              |
-- | each staff command names the least role                         | the least role of a command is a parameter; 核销 takes a store |
-- | owners and admins of the platform count as keeper if ...        | platform owners and admins ... (2 cases)                     |
-- | 开关 <流程> 开/关/状态                                             | 开关 ... (6 cases)                                            |
-- | 暂停, 恢复                                                       | 暂停 ... 恢复 ... (11 cases)                                   |
-- | 名单                                                             | 名单 ... (3 cases)                                            |
-- | 帮助                                                             | 帮助 ... (4 cases)                                            |
-- | the switch command itself cannot be switched off                | the switch stays: ... (6 cases)                              |
-- | everything staff do is in the audit stream                      | audit: ...                                                   |
-- | (common) one reply per cause                                    | a repeated staff command ...                                 |
-- | (common) staff commands need a role                             | members get silence ...; staff of one store ...              |
local FLOWS = {
  {
    "switch",
    usage = "用法", unknown = "没有{word}", switched_on = "开了 {title}", switched_off = "关了 {title}", switched_default = "默认 {title}",
    already = "早就 {title}", refused = "不行 {title}", state_on = "●{title} {where}", state_off = "○{title} {where}",
    state_paused = "‖{title} {where}", state_paused_till = "‖{title} 到{till} {where}", state_failing = "✕{title}", states = "状态\n{lines}",
    same = "没变", paused = "全停了", paused_till = "全停到{till}", paused_one = "停了 {title}", paused_one_till = "停了 {title} 到{till}",
    pause_usage = "暂停用法", resumed = "全恢复了", resumed_one = "恢复 {title}", nothing_paused = "没有暂停", still_paused = "还停着:{where}",
    still_all = "还全停着:{where}", roster = "名单\n{lines}", roster_empty = "空名单", all_pause_ask = "停{count}个群{till}?",
    all_resume_ask = "恢复{count}个群?", all_paused = "停了{count}个群{till}", all_resumed = "恢复了{count}个群", all_cancelled = "没有改",
    all_none = "没有停着的群", staff_help = "管理命令\n{lines}", which = "哪个群?{command}\n{lines}", which_many = "写群名 {count}",
    which_number = "1到{count}", which_cancelled = "不做了", no_group = "没有群{word}", flow_off = "{group}没开 {line}",
  },
  {
    "common", stopped = "不再打扰", resumed = "又能@了", resumed_already = "没有退订", menu = "菜单\n{lines}", seen = "往上翻",
  },
  {
    "checkin", done = "第{day}天", staff_noted = "补记 {name}", staff_paused = "打卡停", staff_resumed = "打卡恢复",
    staff_list = "已打{done}:{who} 未打{missing}:{others}",
    staff_who = "要@人",
  },
  { "welcome", greet = "欢迎 {names}" },
}

local t = sop.test("switch", { playbook = { flows = FLOWS }, start = "2026-03-02 10:00" })

-- ---- 开关 ----------------------------------------------------------------------------------------------------------

t:case("开关 <流程> 关, 开: by title, a part of it, or the file's name", function(g)
  for _, name in ipairs({ "打卡挑战", "打卡", "checkin", "CHECKIN" }) do
    g:staff("店长", "开关 " .. name .. " 关")
    g:expect{ at = "店长", text = "关了 打卡挑战" }
    g:says("小美", "打卡")
    g:silent()
    g:staff("店长", "开关 " .. name .. " 开")
    g:expect{ at = "店长", text = "开了 打卡挑战" }
  end
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "第1天" }
end)

t:case("开关 <流程> 默认 gives it back to the layers above", function(g)
  g:setting("toggles", {}, "checkin", "off")
  g:staff("店长", "开关 打卡 开")
  g:expect{ text = "开了 打卡挑战" }
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "第1天" }
  g:staff("店长", "开关 打卡 默认")
  g:expect{ text = "默认 打卡挑战" }
  g:says("小王", "打卡")
  g:silent()
end)

t:case("开关 <流程> 状态 tells what decided", function(g)
  g:staff("店长", "开关 打卡 状态")
  g:expect{ at = "店长", text = "●打卡挑战 方案" }
  g:setting("toggles", {}, "checkin", "off")
  g:staff("店长", "开关 打卡")
  g:expect{ text = "○打卡挑战 所有群" }
  g:setting("toggles", { chat = "demo" }, "checkin", "on")
  g:staff("店长", "开关 打卡 状态")
  g:expect{ text = "●打卡挑战 本群" }
end)

t:case("开关 alone shows all states with what decided each", function(g)
  g:setting("chat-tags", {}, "demo", "north")
  g:setting("toggles", { tag = "north" }, "welcome", "off")
  g:setting("paused", { gateway = true }, "checkin", "yes")
  g:staff("店长", "开关")
  local said = g:expect{ at = "店长", text = { "状态", "‖打卡挑战 本账号所有群", "○入群欢迎 标签 north", "●基础 方案" } }
  assert(said.text:find("●开关 方案", 1, true))
end)

t:case("开关 with something unknown: usage, or which flows there are", function(g)
  g:staff("店长", "开关 秒杀 关")
  g:expect{ text = "没有秒杀" }
  g:staff("店长", "开关 打卡 也许")
  g:expect{ text = "用法" }
end)

t:case("开关 under a pause says that the pause holds", function(g)
  g:staff("店长", "暂停")
  g:expect{ text = "全停了" }
  g:staff("店长", "开关 打卡 关")
  g:expect{ text = "关了 打卡挑战" }
  g:staff("店长", "开关 打卡 开")
  g:expect{ text = { "开了 打卡挑战", "还停着:本群" } }
end)

-- ---- 暂停 and 恢复 -------------------------------------------------------------------------------------------------

t:case("暂停 lets all rest, 恢复 goes on; toggles stay as they were", function(g)
  g:staff("店长", "开关 入群 关")
  g:staff("店长", "暂停")
  g:expect{ at = "店长", text = "全停了" }
  g:says("小美", "打卡")
  g:silent()
  g:restart()
  g:says("小美", "打卡")
  g:silent()
  g:staff("店长", "恢复")
  g:expect{ at = "店长", text = "全恢复了" }
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "第1天" }
  g:join("小王")
  g:silent("15s")
end)

t:case("暂停: 退订 and the menu go on", function(g)
  g:staff("店长", "暂停")
  g:expect{ text = "全停了" }
  g:says("小美", "退订")
  g:expect{ plain = true, text = "不再打扰" }
  g:says("小王", "帮助")
  g:expect{ at = "小王", text = "菜单" }
end)

t:case("暂停 2小时 ends by itself", function(g)
  g:staff("店长", "暂停 2小时")
  g:expect{ text = "全停到12:00" }
  g:advance("119m")
  g:says("小美", "打卡")
  g:silent()
  g:advance("2m")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "第1天" }
end)

t:case("暂停: ways to say how long", function(g)
  for _, case in ipairs({
    { "两小时", "12:00" }, { "2 小时", "12:00" }, { "半小时", "10:30" }, { "一个半小时", "11:30" }, { "90分钟", "11:30" }, { "30分", "10:30" },
    { "1h30m", "11:30" }, { "到20:00", "20:00" }, { "到 20:00", "20:00" }, { "到晚上8点半", "20:30" }, { "至 20点", "20:00" },
    { "到明天9点", "03-03 09:00" }, { "到明早", "03-03 08:00" }, { "到 9:00", "03-03 09:00" }, { "1天", "03-03 10:00" }, { "till 18:30", "18:30" },
  }) do
    local text, till = case[1], case[2]
    g:staff("店长", "暂停 " .. text)
    g:expect{ match = "全停到" .. till:gsub("%-", "%%-"):sub(1, -3) }
    g:staff("店长", "恢复")
    g:expect{ text = "全恢复了" }
  end
  for _, text in ipairs({ "到25:00", "很久", "90天", "2小时吧好吗" }) do
    g:staff("店长", "暂停 " .. text)
    g:expect_none{ text = "全停" }
  end
end)

t:case("暂停 <流程>, 恢复 <流程>: one flow rests, the others do not", function(g)
  g:staff("店长", "暂停 打卡 到 20:00")
  g:expect{ text = "停了 打卡挑战 到20:00" }
  g:says("小美", "打卡")
  g:silent()
  g:join("小王")
  g:advance("11s")
  g:expect{ at = "小王", text = "欢迎" }
  g:staff("店长", "恢复 打卡")
  g:expect{ text = "恢复 打卡挑战" }
  g:says("小美", "打卡")
  g:expect{ text = "第1天" }
  g:staff("店长", "恢复 打卡")
  g:expect{ text = "没有暂停" }
end)

t:case("恢复 <流程> while everything rests says so", function(g)
  g:staff("店长", "暂停")
  g:expect{ text = "全停了" }
  g:staff("店长", "恢复 打卡")
  g:expect{ text = "还全停着:本群" }
  g:says("小美", "打卡")
  g:silent()
end)

t:case("恢复 cannot lift what stands in a stronger place, and says so", function(g)
  g:setting("paused", { gateway = true }, "*", "yes")
  g:staff("店长", "恢复")
  g:expect{ text = "还停着:本账号所有群" }
  g:staff("店长", "暂停")
  g:staff("店长", "恢复")
  g:expect{ text = { "全恢复了", "还停着:本账号所有群" } }
  g:says("小美", "打卡")
  g:silent()
  g:setting("paused", { gateway = true }, "*")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "第1天" }
end)

t:case("恢复 means opting in again for members, also while the group rests", function(g)
  g:says("小美", "退订")
  g:staff("店长", "暂停")
  g:says("小美", "恢复")
  g:expect{ at = "小美", text = "又能@了" }
  g:says("小美", "打卡")
  g:silent()
end)

t:case("恢复 by staff who have opted out means opting in, and resuming if the group rests", function(g)
  g:staff("店长", "退订")
  g:expect{ text = "不再打扰" }
  g:staff("店长", "恢复")
  g:expect{ at = "店长", text = "又能@了" }
  g:staff("店长", "退订")
  g:staff("店长", "暂停")
  g:staff("店长", "恢复")
  g:expect{ text = "全恢复了" }
  g:expect{ text = "又能@了" }
end)

t:case("暂停 打卡 is the pause of the flow; 打卡暂停 is the challenge's own", function(g)
  g:staff("店长", "打卡暂停")
  g:expect{ text = "打卡停" }
  g:staff("店长", "打卡恢复")
  g:expect{ text = "打卡恢复" }
  g:staff("店长", "暂停 打卡")
  g:expect{ text = "停了 打卡挑战" }
end)

-- ---- 全部暂停 ------------------------------------------------------------------------------------------------------

local REGION = { flows = FLOWS, staff = { ["playground:店长"] = "store", ["playground:区长"] = "region" } }

t:case("全部暂停 asks, then all groups of one's scope rest; 全部恢复 brings them back", { playbook = REGION }, function(g)
  g:says("小丽", "你好", { chat = "二店" })
  g:says("店长", "全部暂停")
  g:silent()
  g:says("区长", "全部暂停")
  g:expect{ at = "区长", text = "停2个群?" }
  g:restart()
  g:says("区长", "确认")
  g:expect{ at = "区长", text = "停了2个群" }
  g:says("小美", "打卡")
  g:says("小丽", "打卡", { chat = "二店" })
  g:silent()
  g:says("区长", "全部恢复")
  g:expect{ text = "恢复2个群?" }
  g:says("区长", "确认")
  g:expect{ text = "恢复了2个群" }
  g:says("小丽", "打卡", { chat = "二店" })
  g:expect{ chat = "二店", at = "小丽", text = "第1天" }
  g:says("区长", "全部恢复")
  g:expect{ text = "没有停着的群" }
end)

t:case("全部暂停 without a confirmation changes nothing", { playbook = REGION }, function(g)
  g:says("区长", "全部暂停 2小时")
  g:expect{ text = "停1个群,到 12:00?" }
  g:says("区长", "取消")
  g:expect{ text = "没有改" }
  g:says("区长", "全部暂停")
  g:expect{ text = "停1个群?" }
  g:advance("3m")
  g:expect{ text = "没有改" }
  g:says("区长", "确认")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "第1天" }
end)

t:case("全部暂停 asked twice: the newer question counts, the older ends without a word", { playbook = REGION }, function(g)
  g:says("区长", "全部暂停")
  g:advance("30s")
  g:says("区长", "全部暂停 2小时")
  g:expect_count(1, { text = "到 12:00?" })
  g:says("区长", "确认")
  g:expect{ text = "停了1个群,到 12:00" }
  g:silent("5m")
  g:equal(g:audit("paused_all")[1].before.resting, 0)
end)

t:case("全部恢复 where only somebody else's pause holds says so", function(g)
  g:setting("chat-tags", {}, "demo", "north")
  g:setting("staff", { tag = "north" }, "北区", "region")
  g:setting("paused", { gateway = true }, "*", "yes")
  g:dm("北区", "全部恢复")
  g:expect{ dm = "北区", text = "还停着:本账号所有群" }
end)

t:case("全部暂停 by a role for one tag: the others go on", function(g)
  g:says("小丽", "你好", { chat = "二店" })
  g:setting("chat-tags", {}, "二店", "north")
  g:setting("staff", { tag = "north" }, "北区", "region")
  g:dm("北区", "全部暂停")
  g:expect{ dm = "北区", text = "停1个群?" }
  g:dm("北区", "确认")
  g:expect{ dm = "北区", text = "停了1个群" }
  g:says("小丽", "打卡", { chat = "二店" })
  g:silent()
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "第1天" }
end)

t:case("全部暂停 by a role for the whole account also holds for groups that come later", function(g)
  g:setting("staff", { gateway = true }, "总部", "hq")
  g:dm("总部", "全部暂停")
  g:dm("总部", "确认")
  g:expect{ dm = "总部", text = "停了" }
  g:says("小丽", "打卡", { chat = "新店" })
  g:silent()
end)

t:case("a role that is taken between question and confirmation counts no more", function(g)
  g:setting("staff", { gateway = true }, "总部", "hq")
  g:dm("总部", "全部暂停")
  g:expect{ dm = "总部", text = "停1个群?" }
  g:setting("staff", { gateway = true }, "总部")
  g:dm("总部", "确认")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "第1天" }
end)

-- ---- the switch stays ----------------------------------------------------------------------------------------------

t:case("the switch stays: it cannot be switched off or paused from the chat", function(g)
  g:staff("店长", "开关 开关 关")
  g:expect{ text = "不行 开关" }
  g:staff("店长", "暂停 开关")
  g:expect{ text = "不行 开关" }
  g:staff("店长", "开关 switch 关闭")
  g:expect{ text = "不行 开关" }
end)

t:case("opting out stays, too: 退订 cannot be switched off or paused from the chat", function(g)
  g:staff("店长", "开关 基础 关")
  g:expect{ text = "不行 基础" }
  g:staff("店长", "暂停 基础")
  g:expect{ text = "不行 基础" }
  g:says("小美", "退订")
  g:expect{ text = "不再打扰" }
end)

t:case("the switch stays: a toggle in Redis does not touch it", function(g)
  g:setting("toggles", {}, "switch", "off")
  g:setting("toggles", { chat = "demo" }, "switch", "off")
  g:staff("店长", "开关 打卡 关")
  g:expect{ text = "关了 打卡挑战" }
end)

t:case("the switch stays: a pause of everything does not touch it", function(g)
  g:setting("paused", { gateway = true }, "*", "yes")
  g:setting("paused", { chat = "demo" }, "switch", "yes")
  g:staff("店长", "开关 打卡 关")
  g:expect{ text = "关了 打卡挑战" }
end)

t:case("the switch stays: under the kill switch it works and answers", function(g)
  g:setting("paused", {}, "*", "yes")
  g:staff("店长", "开关 打卡")
  g:expect{ at = "店长", text = "‖打卡挑战 所有群" }
  g:says("小美", "打卡")
  g:silent()
end)

-- ---- who may -------------------------------------------------------------------------------------------------------

local ALL = { "开关", "开关 打卡 关", "暂停", "暂停 打卡 2小时", "恢复 打卡", "名单", "全部暂停", "全部恢复", "打卡暂停", "打卡名单", "补记 @小王" }

t:case("members get silence, in the group, in private and in the staff chat", function(g)
  g:says("小王", "你好")
  for _, text in ipairs(ALL) do
    g:says("小美", text)
    g:dm("小美", text)
    g:says("小美", text, { chat = "staff" })
    g:silent()
  end
  g:says("小美", "帮助")
  g:expect_none{ text = "管理命令" }
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "第1天" }
end)

t:case("roles: each rank may do what the ones below it may", function(g)
  for _, role in ipairs({ "keeper", "store", "region", "hq", "owner" }) do
    g:setting("staff", { chat = "demo" }, "小张", role)
    g:says("小张", "开关 打卡 关")
    g:expect{ at = "小张", text = "关了 打卡挑战" }
    g:says("小张", "开关 打卡 开")
    g:expect{ at = "小张", text = "开了 打卡挑战" }
  end
end)

t:case("the least role of a command is a parameter", function(g)
  g:setting("staff", { chat = "demo" }, "小张", "keeper")
  g:param("switch.role", "store")
  g:says("小张", "开关")
  g:says("小张", "暂停")
  g:says("小张", "名单")
  g:silent()
  g:staff("店长", "开关 打卡")
  g:expect{ at = "店长" }
end)

t:case("the least role of the other flows' commands, too: a parameter", {
  playbook = { flows = { "switch", "common", { "checkin", staff_paused = "打卡停" }, { "redpacket", organiser = "小店", contact = "电话" } } },
}, function(g)
  g:setting("staff", { chat = "demo" }, "小张", "keeper")
  g:says("小张", "帮助")
  g:expect{ text = { "打卡名单", "发红包" } }
  g:param("checkin.staff_role", "hq")
  g:param("redpacket.open_role", "store")
  g:says("小张", "打卡暂停")
  g:says("小张", "发红包")
  g:dm("小张", "打卡暂停")
  g:silent()
  g:says("小张", "菜单")
  g:expect_none{ text = "发红包" }
  g:says("店长", "打卡暂停")
  g:silent()
  g:says("店长", "发红包")
  g:expect{ text = "抢" }
  g:param("redpacket.redeem_role", "keeper")
  g:says("小张", "核销 ABCDEFGH")
  g:expect{ at = "小张" }
end)

t:case("given in the playbook, for all its groups", function(g)
  g:says("店长", "开关 打卡", { chat = "二店" })
  g:expect{ chat = "二店", at = "店长", text = "●打卡挑战" }
end)

t:case("given in Redis for one group: at once, there only, and taken at once", function(g)
  g:says("小张", "开关 打卡")
  g:silent()
  g:setting("staff", { chat = "demo" }, "小张", "keeper")
  g:says("小张", "开关 打卡")
  g:expect{ at = "小张" }
  g:says("小张", "开关 打卡", { chat = "二店" })
  g:silent()
  g:setting("staff", { chat = "demo" }, "小张")
  g:says("小张", "开关")
  g:silent()
end)

t:case("given in Redis for a tag: in the groups that have it", function(g)
  g:setting("staff", { tag = "north" }, "小张", "keeper")
  g:says("小张", "开关 打卡")
  g:silent()
  g:setting("chat-tags", {}, "demo", "north")
  g:says("小张", "开关 打卡")
  g:expect{ at = "小张" }
  g:says("小张", "开关 打卡", { chat = "二店" })
  g:silent()
end)

t:case("given in Redis for everything", function(g)
  g:setting("staff", {}, "小张", "keeper")
  g:says("小张", "开关 打卡", { chat = "二店" })
  g:expect{ chat = "二店", at = "小张" }
end)

t:case("staff of one store may not act in another store's group, from wherever they try", function(g)
  g:says("小丽", "你好", { chat = "二店" })
  g:setting("staff", { chat = "demo" }, "小张", "store")
  g:says("小张", "暂停", { chat = "二店" })
  g:silent()
  g:dm("小张", "开关 二店 打卡 关")
  g:expect{ dm = "小张" }
  g:dm("小张", "打卡名单 二店")
  g:expect{ dm = "小张", text = "没有群二店" }
  g:says("小丽", "打卡", { chat = "二店" })
  g:expect{ chat = "二店", text = "第1天" }
end)

t:case("platform owners and admins count as keepers where the playbook says so", {
  playbook = { keepers = true, flows = FLOWS },
}, function(g)
  g:says("小美", "开关 打卡")
  g:silent()
  g:role("小美", "admin")
  g:says("小美", "开关 打卡")
  g:expect{ at = "小美", text = "●打卡挑战" }
  g:role("小美", "member")
  g:says("小美", "开关")
  g:silent()
end)

t:case("platform owners and admins are members where it does not", function(g)
  g:role("小美", "owner")
  g:says("小美", "开关 打卡")
  g:silent()
end)

-- ---- 名单 and 帮助 -------------------------------------------------------------------------------------------------

t:case("名单 tells who has which role, and from where", function(g)
  g:says("小张", "在")
  g:says("小李", "在")
  g:setting("staff", { chat = "demo" }, "小张", "keeper")
  g:setting("staff", {}, "小李", "hq")
  g:staff("店长", "名单")
  local said = g:expect{ at = "店长", text = { "小李 · 总部 · 所有群", "店长 · 店员 · 方案", "小张 · 群管理 · 本群" } }
  assert(said.text:find("小李", 1, true) < said.text:find("小张", 1, true))
end)

t:case("名单 has everybody once, with the highest role", function(g)
  g:setting("staff", { chat = "demo" }, "店长", "keeper")
  g:setting("staff", { gateway = true }, "店长", "region")
  g:staff("店长", "名单")
  local said = g:expect{ text = "店长 · 区域 · 本账号所有群" }
  local _, n = said.text:gsub("店长 ·", "")
  g:equal(n, 1)
end)

t:case("名单 has the platform's owner and admins where they count", { playbook = { keepers = true, flows = FLOWS } }, function(g)
  g:says("小美", "在")
  g:role("小美", "admin")
  g:staff("店长", "名单")
  g:expect{ text = { "小美 · 群管理 · 平台群管", "店长 · 店员 · 方案" } }
end)

t:case("帮助 for staff: their commands by flow, besides the menu", function(g)
  g:staff("店长", "帮助")
  g:expect{ at = "店长", text = { "管理命令", "开关:开关 [流程 开/关/状态] · 暂停", "打卡挑战:" } }
  g:expect{ at = "店长", text = "菜单" }
  g:staff("店长", "帮助")
  g:expect{ text = "往上翻" }
  g:silent()
end)

t:case("帮助 shows what the role allows", {
  playbook = { flows = { "switch", "common", "checkin", { "redpacket", organiser = "小店", contact = "电话" } } },
}, function(g)
  g:setting("staff", { chat = "demo" }, "小张", "keeper")
  g:says("小张", "帮助")
  g:expect_none{ text = "核销" }
  g:says("小张", "菜单")
  g:staff("店长", "帮助")
  g:expect{ at = "店长", text = "核销" }
end)

t:case("帮助 in private: the commands of one's groups, and the menu", function(g)
  g:says("小美", "在")
  g:setting("staff", { chat = "demo" }, "小张", "keeper")
  g:dm("小张", "帮助")
  g:expect{ dm = "小张", text = { "管理命令", "开关:", "打卡挑战:" } }
  g:expect{ dm = "小张", text = "菜单" }
end)

t:case("帮助 has at most eight lines a message", function(g)
  g:staff("店长", "帮助")
  for _, message in ipairs(g:seen()) do
    local _, n = message.text:gsub("\n", "")
    assert(n < 8)
  end
end)

-- ---- in private ----------------------------------------------------------------------------------------------------

t:case("in private: staff of one group only: that group is meant", function(g)
  g:says("小美", "在")
  g:says("小丽", "在", { chat = "二店" })
  g:setting("staff", { chat = "demo" }, "小张", "keeper")
  g:dm("小张", "开关 打卡 关")
  g:expect{ dm = "小张", text = "关了 打卡挑战" }
  g:expect_none{ chat = "demo" }
  g:says("小美", "打卡")
  g:silent()
  g:says("小丽", "打卡", { chat = "二店" })
  g:expect{ chat = "二店", text = "第1天" }
  g:dm("小张", "暂停")
  g:expect{ dm = "小张", text = "全停了" }
  g:dm("小张", "恢复")
  g:expect{ dm = "小张", text = "全恢复了" }
  g:dm("小张", "名单")
  g:expect{ dm = "小张", text = "小张 · 群管理 · 本群" }
end)

t:case("in private: other flows' staff commands, answered there", function(g)
  g:says("小美", "打卡")
  g:setting("staff", { chat = "demo" }, "小张", "keeper")
  g:dm("小张", "打卡名单")
  g:expect{ dm = "小张", text = "已打1:小美" }
  g:dm("小张", "打卡暂停")
  g:expect{ dm = "小张", text = "打卡停" }
  g:dm("小张", "打卡恢复")
  g:expect{ dm = "小张", text = "打卡恢复" }
end)

t:case("in private: members are named by number", function(g)
  g:says("小美", "在")
  g:setting("staff", { chat = "demo" }, "小张", "keeper")
  g:dm("小张", "补记 @" .. g:id("小美"))
  g:expect{ dm = "小张", text = "补记" }
  g:expect_state("member", "小美", { marks = "s" }, "checkin")
end)

t:case("in private: the group by its name, a part of it, or its number", function(g)
  g:says("小美", "在")
  g:says("小丽", "在", { chat = "福利一群" })
  g:says("小红", "在", { chat = "福利二群" })
  for _, name in ipairs({ "福利一群", "一群" }) do
    g:dm("店长", "开关 " .. name .. " 打卡 关")
    g:expect{ dm = "店长", text = { "【福利一群】", "关了 打卡挑战" } }
    g:dm("店长", "开关 " .. name .. " 打卡 开")
    g:expect{ dm = "店长", text = "开了 打卡挑战" }
  end
  g:dm("店长", "打卡名单 福利二群")
  g:expect{ dm = "店长", text = { "【福利二群】", "已打0" } }
  g:dm("店长", "暂停 福利二群 2小时")
  g:expect{ dm = "店长", text = { "【福利二群】", "全停到12:" } }
  g:dm("店长", "暂停 打卡 2小时 福利一群")
  g:expect{ dm = "店长", text = { "【福利一群】", "停了 打卡挑战" } }
end)

t:case("in private: of several groups the bot asks which, and waits over restarts", function(g)
  g:says("小美", "在")
  g:says("小丽", "在", { chat = "福利一群" })
  g:says("小红", "在", { chat = "福利二群" })
  g:dm("店长", "开关 打卡 关")
  local asked = g:expect{ dm = "店长", text = { "哪个群?开关 打卡 关", "1. ", "3. " } }
  local number = asked.text:match("(%d)%. 福利二群")
  g:restart()
  g:dm("店长", number)
  g:expect{ dm = "店长", text = { "【福利二群】", "关了 打卡挑战" } }
  g:says("小红", "打卡", { chat = "福利二群" })
  g:silent()
  g:says("小丽", "打卡", { chat = "福利一群" })
  g:expect{ chat = "福利一群", text = "第1天" }
end)

t:case("in private: asked which, a part of a name narrows the question", function(g)
  g:says("小丽", "在", { chat = "福利一群" })
  g:says("小红", "在", { chat = "福利二群" })
  g:says("小明", "在", { chat = "团购群" })
  g:dm("店长", "打卡名单 福利")
  local asked = g:expect{ dm = "店长", text = { "哪个群?打卡名单", "福利一群", "福利二群" } }
  assert(not asked.text:find("团购群", 1, true))
  g:dm("店长", "9")
  g:expect{ dm = "店长", text = "1到2" }
  g:dm("店长", "２")
  g:expect{ dm = "店长", text = "已打0" }
end)

t:case("in private: asked which, one may change one's mind, or say nothing", function(g)
  g:says("小美", "在")
  g:says("小丽", "在", { chat = "福利一群" })
  g:dm("店长", "打卡名单")
  g:expect{ dm = "店长", text = "哪个群?" }
  g:dm("店长", "取消")
  g:expect{ dm = "店长", text = "不做了" }
  g:dm("店长", "打卡名单")
  g:expect{ dm = "店长", text = "哪个群?" }
  g:silent("11m")
  g:dm("店长", "1")
  g:silent()
end)

t:case("in private: a newer question takes the place of the older", function(g)
  g:says("小美", "在")
  g:says("小丽", "在", { chat = "福利一群" })
  g:dm("店长", "打卡名单")
  g:expect{ dm = "店长", text = "哪个群?打卡名单" }
  g:dm("店长", "开关 打卡 关")
  g:expect{ dm = "店长", text = "哪个群?开关 打卡 关" }
  g:dm("店长", "1")
  g:expect_count(1, { dm = "店长" })
  g:silent("11m")
end)

t:case("in private: a flow that is off there is not silent", function(g)
  g:says("小美", "在")
  g:setting("staff", { chat = "demo" }, "小张", "keeper")
  g:dm("小张", "开关 打卡 关")
  g:dm("小张", "打卡名单")
  g:expect{ dm = "小张", text = "没开 ○打卡挑战" }
end)

t:case("in private: 恢复 is a member's word unless one of their groups rests", function(g)
  g:says("小美", "在")
  g:says("小丽", "在", { chat = "福利一群" })
  g:dm("店长", "恢复")
  g:expect{ dm = "店长", text = "没有退订" }
  g:staff("店长", "暂停")
  g:dm("店长", "恢复")
  g:expect{ dm = "店长", text = "全恢复了" }
  g:dm("店长", "退订")
  g:expect{ dm = "店长", text = "不再打扰" }
  g:dm("店长", "恢复")
  g:expect{ dm = "店长", text = "又能@了" }
end)

t:case("in private: a command counts once although the daemon dies", function(g)
  g:says("小美", "在")
  g:setting("staff", { chat = "demo" }, "小张", "keeper")
  g:kill{ during = "commit" }
  g:dm("小张", "开关 打卡 关")
  g:advance("10s")
  g:expect_count(1, { dm = "小张", text = "关了 打卡挑战" })
  g:equal(#g:audit("toggle"), 1)
end)

-- ---- in the staff chat ---------------------------------------------------------------------------------------------

t:case("in the staff chat: the group that is meant, or the question which", function(g)
  g:says("小美", "打卡")
  g:says("店长", "打卡名单", { chat = "staff" })
  g:expect{ chat = "staff", at = "店长", text = "已打1:小美" }
  g:expect_none{ chat = "demo", text = "已打" }
  g:says("小丽", "在", { chat = "福利一群" })
  g:says("店长", "开关 打卡 关", { chat = "staff" })
  g:expect{ chat = "staff", at = "店长", text = "哪个群?" }
  g:says("店长", "2", { chat = "staff" })
  g:expect{ chat = "staff", at = "店长", text = "关了 打卡挑战" }
  g:says("店长", "暂停 福利一群", { chat = "staff" })
  g:expect{ chat = "staff", text = { "【福利一群】", "全停了" } }
end)

-- ---- audit, and one reply per cause --------------------------------------------------------------------------------

t:case("audit: every command, with who, what, before and after", function(g)
  g:staff("店长", "开关 打卡 关")
  g:staff("店长", "开关 打卡 开")
  local toggles = g:audit("toggle")
  g:equal({ toggles[1].flow, toggles[1].before.state, toggles[1].after.state }, { "checkin", "on", "off" })
  g:equal({ toggles[2].before.state, toggles[2].after.state }, { "off", "on" })
  g:staff("店长", "暂停")
  g:staff("店长", "暂停 2小时")
  g:staff("店长", "恢复")
  local paused = g:audit("paused")
  g:equal({ paused[1].flow, paused[1].after.till, paused[2].before.till }, { "*", "yes", "yes" })
  assert(math.type(paused[2].after.till) == "integer")
  g:equal(#g:audit("resumed"), 1)
  for _, text in ipairs({ "开关", "名单", "帮助" }) do g:staff("店长", text) end
  g:equal(#g:audit("staff_looked"), 3)
end)

t:case("audit: the staff commands of the other flows, with before and after", {
  playbook = {
    flows = { "switch", "checkin", { "redpacket", organiser = "小店", contact = "电话", kind = "coupon", shares = 2 } },
  },
}, function(g)
  g:says("小美", "打卡")
  g:says("小王", "在")
  g:staff("店长", "补记 @小王")
  g:staff("店长", "撤销 @小美")
  local noted, undone = g:audit("checkin_noted"), g:audit("checkin_undone")
  g:equal({ noted[#noted].user, noted[#noted].before, noted[#noted].after, noted[#noted].total }, { g:id("小王"), ".", "s", 1 })
  g:equal({ undone[1].user, undone[1].before, undone[1].after, undone[1].total }, { g:id("小美"), "x", ".", 0 })
  g:staff("店长", "打卡暂停")
  g:staff("店长", "打卡恢复")
  g:equal({ g:audit("checkin_paused")[1].after, g:audit("checkin_resumed")[1].after }, { "paused", "running" })
  g:staff("店长", "打卡名单")
  g:equal(g:audit("staff_looked")[1].command, "打卡名单")

  g:staff("店长", "发红包")
  g:staff("店长", "发红包")
  g:equal({ g:audit("packet_opened")[1].id, g:audit("packet_opened")[1].after }, { 1, "open" })
  g:equal(g:audit("packet_refused")[1].why, "open")
  g:says("小美", "抢")
  local code = g:expect{ dm = "小美" }.text:match(("[2-9A-HJKMNP-Z]"):rep(8))
  g:staff("店长", "核销 " .. code)
  g:staff("店长", "核销 " .. code)
  local redeemed = g:audit("code_redeemed")[1]
  g:equal({ redeemed.before, redeemed.after, redeemed.by }, { "open", "used", g:id("店长") })
  g:equal({ g:audit("code_refused")[1].why, g:audit("code_refused")[1].state }, { "used", "used" })
  g:staff("店长", "作废")
  g:equal({ g:audit("packet_void")[1].before, g:audit("packet_void")[1].after }, { "open", "void" })
end)

t:case("a repeated staff command gets one short answer a day, then silence; news is told", function(g)
  g:staff("店长", "开关")
  g:expect{ text = "状态" }
  g:staff("店长", "开关")
  g:expect{ text = "没变" }
  g:staff("店长", "开关")
  g:silent()
  g:staff("店长", "开关 打卡 关")
  g:expect{ text = "关了" }
  g:staff("店长", "开关")
  g:expect{ text = { "状态", "○打卡挑战" } }
  g:staff("店长", "开关 打卡 关")
  g:expect{ text = "早就" }
  g:staff("店长", "开关 打卡 关")
  g:silent()
  g:staff("店长", "暂停")
  g:expect{ text = "全停了" }
  g:staff("店长", "暂停")
  g:expect{ text = "早就" }
  g:staff("店长", "暂停")
  g:silent()
end)
