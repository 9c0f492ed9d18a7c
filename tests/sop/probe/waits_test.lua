-- waits_test.lua -- runs: they wait, they go on after a restart and after a death, and a test sees what waits.
local t = sop.test("waits", { playbook = { flows = { "waits" } } })

-- The same with what may happen in between.
local between = {
  nothing = function() end,
  restart = function(g) g:restart() end,
  kill = function(g) g:kill() end,
  death = function(g) g:kill{ during = "commit" } end, -- of the turn that follows
}
local function each(name, fn)
  for _, how in ipairs({ "nothing", "restart", "kill", "death" }) do
    t:case(name .. " (" .. how .. ")", function(g) fn(g, function() between[how](g) end, how) end)
  end
end

each("an answer goes on with the handler", function(g, happens)
  g:says("小美", "报名")
  g:expect{ at = "小美", text = "昵称?" }
  g:expect_runs(1, { flow = "waits", on = "command:报名", who = "小美", waits = "ask", status = "waiting" })
  happens()
  g:says("小美", "美美")
  g:advance("5s")
  g:expect{ at = "小美", text = "你好 美美" }
  g:expect_state("member", "小美", { nick = "美美" })
  g:expect_runs(0)
end)

each("no answer: the time-out goes on with it", function(g, happens)
  g:says("小美", "报名")
  g:equal(g:runs("waits")[1].due, "2026-03-02 10:10:01")
  happens()
  g:advance("10m")
  g:advance("5s")
  g:expect{ at = "小美", text = "超时 timeout" }
  g:expect_runs(0)
end)

each("days go by", function(g, happens, how)
  g:says("小美", "连载")
  for day = 1, 3 do
    happens()
    g:at("2026-03-0" .. 2 + day .. " 09:00")
    g:advance("5s")
    g:expect{ dm = "小美", text = "第" .. day .. "集" }
    g:expect_event("episode", { who = "小美", day = day, late = 0, os = "2026-03-0" .. 2 + day .. " 09:00:00" })
    g:expect_state("member", "小美", { day = day })
    g:expect_runs(day < 3 and 1 or 0)
  end
  g:expect_tags("小美", { "看完" })
  if how ~= "death" then g:silent("3d") end
end)

t:case("a tag, leaving and opting out end it", function(g)
  g:says("小美", "连载")
  g:says("小王", "连载")
  g:says("阿强", "连载")
  g:expect_runs(3, "waits")
  g:tag("小美", "bought")
  g:leave("小王")
  g:says("阿强", "退订")
  g:restart()
  g:at("2026-03-03 09:00")
  for _, who in ipairs({ "小美", "小王", "阿强" }) do g:expect_none{ dm = who } end
  g:expect_runs(0)
end)

each("what is said is gathered", function(g, happens)
  g:says("小美", "接龙")
  g:says("小王", "好")
  happens()
  g:image("阿强", "图")
  g:advance("1m")
  g:advance("5s")
  g:expect{ text = { "小美 小王=好 阿强=", "(window)" } }
  g:says("小美", "接龙")
  for i = 1, 3 do g:says("小王", "第" .. i) end
  g:expect{ text = "小美 小王=第1 小王=第2 小王=第3 (full)" }
  g:expect_runs(0)
end)

each("in loops, pcall and functions", function(g, happens)
  g:says("小美", "猜")
  for i = 1, 3 do
    g:says("小美", "闲聊")
    g:says("小美", "0")
    g:advance("5s")
    g:expect{ at = "小美", text = "第" .. i .. "次不对" }
  end
  happens()
  g:says("小美", "不玩了")
  g:advance("5s")
  g:expect{ at = "小美", text = "4次没猜完" }
end)

each("anybody, by command", function(g, happens)
  g:says("小美", "表决")
  g:says("小美", "同意")
  g:says("小王", "同意")
  happens()
  g:says("阿强", "反对")
  g:says("小美", "结束")
  g:advance("5s")
  g:expect{ text = { "同意2", "反对1" } }
end)

local undisturbed -- what it said then
each("wherever Lua lets one call, and whatever a script sees", function(g, happens)
  g:says("小美", "考验")
  for _ = 1, 8 do
    happens()
    g:advance("1m")
    g:advance("5s")
  end
  g:says("小王", "答案")
  g:advance("1h")
  local seen = g:expect{ dm = "小美", text = { "答案,小王", "closed", "false,aus", "睡了,less" } }
  assert(not seen.text:find("0x", 1, true), seen.text)
  undisturbed = undisturbed or seen.text
  g:equal(seen.text, undisturbed)
  g:expect_state("member", "小美", { deep = 51, at = 3 })
  g:expect_runs(0)
end)

t:case("a message that is waited for, and one that does not arrive", function(g)
  g:says("小美", "送达")
  g:expect{ text = "送出去" }
  g:expect{ at = "小美", text = "到了" }
  g:fail_sends(1, "failed")
  g:says("小美", "送达")
  g:expect{ at = "小美", text = "没到" }
end)

each("a run that is begun, goes on anew each day, and is over", function(g, happens)
  g:says("小美", "开课")
  g:expect{ text = "开了" }
  g:says("小美", "开课")
  g:expect{ text = "running" }
  g:expect_runs(1, { on = "run:lesson", waits = "sleep" })
  for day = 1, 3 do
    g:expect_none{ dm = "小美", text = "毕业" }
    happens()
    g:advance("1d")
    g:advance("5s")
    if day < 3 then g:expect_count(1, { dm = "小美", text = "第" .. day + 1 .. "课" }) end
  end
  g:expect_count(1, { dm = "小美", text = "毕业" })
  g:says("小美", "开课")
  g:expect{ text = "开了" }
  g:says("小美", "退课")
  g:expect{ text = "退了" }
  g:expect_runs(0)
end)
