-- survey_test.lua -- asked in private, thanked with a code; bad marks reach staff.
local t = sop.test("survey", { playbook = { flows = { "survey" } }, start = "2026-03-02 10:00" })

t:case("two answers in private, a code, and nothing of it in the group", function(g)
  g:says("小美", "评价")
  g:expect{ at = "小美", text = "我私聊你" }
  g:expect{ dm = "小美", text = "发 1 到 5" }
  g:dm("小美", "5")
  g:expect{ dm = "小美", text = "收到 5 分" }
  g:advance("1d")
  g:restart() -- she answers the next day, and the daemon has been updated
  g:dm("小美", "水果很新鲜,袋子可以厚一点")
  local thanks = g:expect{ dm = "小美", text = { "满 30 减 5", "03月17日" } }
  local code = thanks.text:match("%x%x%x%x%x%x%x%x")
  g:expect_event("surveyed", { who = "小美", mark = 5 })
  g:expect_none{ chat = "staff" }
  g:says("小美", "评价")
  g:expect{ at = "小美", text = "已经评过" }
  g:says("店长", "兑券" .. code:lower())
  g:expect{ at = "店长", text = "可以用:满 30 减 5" }
  g:says("店长", "兑券 " .. code)
  g:expect{ text = "没有这张券" }
end)

t:case("a bad mark is told to staff at once", function(g)
  g:dm("小美", "评价")
  g:expect{ dm = "小美", text = "发 1 到 5" }
  g:dm("小美", "2")
  g:dm("小美", "等了半小时")
  g:expect{ chat = "staff", text = "小美 打了 2 分:等了半小时" }
end)

t:case("what is said in the group is no answer; two days of silence end it", function(g)
  g:says("小美", "评价")
  g:says("小美", "5")
  g:says("小美", "评价")
  g:expect{ at = "小美", text = "在私聊里等你" }
  g:advance("2d")
  g:expect_runs(0)
  g:expect_no_event("surveyed")
end)
