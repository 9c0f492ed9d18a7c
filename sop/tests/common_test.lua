-- common_test.lua -- what all flows have in common: opting out, the menu, the switch.
local t = sop.test("common", {
  playbook = {
    flows = {
      "switch",
      {
        "common", stopped = "不再打扰", stopped_already = "早就退订", resumed = "恢复了", resumed_already = "没有退订",
        menu = "菜单 {lines}", seen = "往上翻",
      },
      { "checkin", done = "成功 第{day}天", already = "打过了" },
      { "welcome", greet = "欢迎 {names}" },
    },
  },
  start = "2026-03-02 10:00",
})

t:case("退订 ends every @; answers to one's own commands still come, without @; 恢复 undoes it", function(g)
  g:says("小美", "退订")
  g:expect{ plain = true, text = "不再打扰" }
  g:says("小美", "打卡")
  g:expect{ plain = true, text = "成功 第1天" }
  g:at("2026-03-03 20:31")
  g:expect_none{ at = "小美" }
  g:says("小美", "恢复")
  g:expect{ at = "小美", text = "恢复了" }
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "第2天" }
end)

t:case("别@我 is the same, also in private", function(g)
  g:dm("小美", "别@我")
  g:expect{ dm = "小美", text = "不再打扰" }
  g:join("小美")
  g:advance("10s")
  g:expect{ plain = true, text = "欢迎 小美" }
end)

t:case("a repeated command gets one short answer a day, then silence", function(g)
  for _ = 1, 4 do g:says("小美", "退订") end
  g:expect_count(1, { text = "不再打扰" })
  g:expect_count(1, { text = "早就退订" })
  g:silent()
end)

t:case("the menu lists what is on", function(g)
  g:says("小美", "帮助")
  g:expect{ at = "小美", text = { "菜单", "打卡" } }
  g:says("小美", "菜单")
  g:expect{ at = "小美", text = "往上翻" }
  g:says("小美", "功能")
  g:silent()
end)

t:case("forms of a command: full-width, prefixes, an @ of the bot; not inside a sentence", function(g)
  for i, text in ipairs({ " 打卡 ", "/打卡", "＃打卡", "！打卡", "@小福 打卡", "打 卡" }) do
    g:says("成员" .. i, text)
    if i <= 5 then g:expect{ at = "成员" .. i, text = "成功" } end
  end
  g:says("小王", "我等会儿去打卡")
  g:silent()
end)

t:case("staff switch a flow off and on; members cannot; the switch itself stays on", function(g)
  g:says("小美", "开关 打卡挑战 关")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "成功" }
  g:staff("店长", "开关 打卡挑战 关")
  g:expect{ at = "店长", text = "打卡挑战" }
  g:says("小王", "打卡")
  g:expect_none{ at = "小王" }
  g:staff("店长", "开关 打卡挑战 开")
  g:expect{ at = "店长" }
  g:says("小王", "打卡")
  g:expect{ at = "小王", text = "成功" }
end)

t:case("platform owners and admins count as keepers where the playbook says so", {
  playbook = { keepers = true, flows = { "switch", { "checkin", staff_paused = "已暂停" } } },
}, function(g)
  g:says("小美", "打卡暂停")
  g:expect_none{ text = "已暂停" }
  g:role("小美", "admin")
  g:says("小美", "打卡暂停")
  g:expect{ at = "小美", text = "已暂停" }
end)
