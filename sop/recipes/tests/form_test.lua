-- form_test.lua -- the sign-up form: checked answers, second tries, ways out.
local t = sop.test("form", { playbook = { flows = { "form" } }, start = "2026-03-02 10:00" })

t:case("three answers make an entry", function(g)
  g:says("小美", "报名")
  g:expect{ at = "小美", text = "怎么称呼" }
  g:says("小美", "美美")
  g:expect{ at = "小美", text = "尾号" }
  g:restart() -- a deploy while she looks for her phone
  g:says("阿强", "我也在看") -- somebody else's words are no answer
  g:says("小美", "6688")
  g:expect{ at = "小美", text = "几位" }
  g:says("小美", "2位")
  g:expect{ at = "小美", text = "收到!美美 2 位,尾号 6688" }
  g:expect_event("signed_up", { who = "小美", people = 2 })
  g:says("小美", "报名")
  g:expect{ at = "小美", text = "已经报上" }
  g:expect_runs(0)
end)

t:case("a wrong answer gets a hint, three end it", function(g)
  g:says("小美", "报名")
  g:says("小美", "美美")
  g:says("小美", "我找找")
  g:expect{ at = "小美", text = "四位数字" }
  g:says("小美", "66889")
  g:expect{ at = "小美", text = "四位数字" }
  g:says("小美", "算了")
  g:expect{ at = "小美", text = "想报名随时再发" }
  g:expect_runs(0)
  g:equal(g:state("hash", "forms"), {})
end)

t:case("取消, ten minutes of silence and leaving end it", function(g)
  for _, who in ipairs{ "小美", "阿强", "小王" } do
    g:join(who)
    g:says(who, "报名")
  end
  g:says("小美", "取消")
  g:expect{ at = "小美", text = "想报名随时再发" }
  g:leave("小王")
  g:expect_runs(1, { who = "阿强" })
  g:advance("10m")
  g:expect{ at = "阿强", text = "想报名随时再发" }
  g:expect_runs(0)
end)

t:case("whoever begins at night is asked at once", { start = "2026-03-02 23:30" }, function(g)
  g:says("小美", "报名")
  g:expect{ at = "小美", text = "怎么称呼" }
end)

t:case("one form at a time; the list goes to staff", function(g)
  g:says("小美", "报名")
  g:says("小美", "报名")
  g:expect{ at = "小美", text = "还开着呢" }
  for _, text in ipairs{ "美美", "6688", "3" } do g:says("小美", text) end
  g:staff("店长", "报名名单")
  g:expect{ chat = "staff", text = { "报名 3 位", "1. 美美 3 位(6688)" } }
end)
