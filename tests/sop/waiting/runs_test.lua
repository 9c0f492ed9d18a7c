-- runs_test.lua -- runs that handlers begin, end and begin anew; rules that end them.
local t = sop.test("runs", { playbook = { flows = { "runs" }, quiet = false }, start = "2026-03-02 10:00" })

t:case("a run goes on by itself", function(g)
  g:says("小美", "开始")
  g:expect{ text = "started" }
  for i = 1, 3 do
    g:restart()
    g:advance("1h")
    g:expect{ text = "step " .. i .. " for 小美" }
  end
  g:expect{ text = "steps over" }
  g:silent("1d")
end)

t:case("its first words answer whoever began it, also at night; later ones wait for the morning", {
  playbook = { flows = { "runs" } }, start = "2026-03-02 23:30",
}, function(g)
  g:says("小美", "招呼")
  g:expect{ text = "hello 小美" }
  g:restart()
  g:silent("1h")
  g:says("阿强", "招呼") -- answered, although something waits for the morning
  g:expect{ text = "hello 阿强" }
  g:silent("6h")
  g:at("07:31")
  g:expect{ text = "still here, 小美" }
end)

t:case("whom it is about, by name if they began it", function(g)
  g:says("阿强", "早")
  g:says("小美", "招呼 @阿强")
  g:expect{ text = "hello " .. g:id("阿强") }
  g:restart()
  g:says("小美", "招呼")
  g:expect{ text = "hello 小美" }
  g:restart()
  g:advance("11m")
  g:expect{ text = "still here, 小美" }
  g:expect{ text = "hello 小美" } -- c:continue keeps it
end)

t:case("one of a key", function(g)
  g:says("小美", "开始")
  g:expect{ text = "started" }
  g:says("小美", "在吗")
  g:expect{ text = "running" }
  g:restart()
  g:says("小美", "开始")
  g:expect{ text = "not started: running" }
  g:says("阿强", "在吗")
  g:expect{ text = "not running" }
  g:says("阿强", "开始")
  g:expect{ text = "started" }
  g:advance("4h")
  g:says("小美", "在吗")
  g:expect{ text = "not running" }
  g:says("小美", "两次")
  g:expect{ text = "truenilrunningtrue" }
end)

t:case("by name, for nobody, with arguments", function(g)
  g:says("小美", "按名")
  g:restart()
  g:advance("61m")
  g:expect{ text = "step 3 for name" }
  g:expect{ text = "step 3 for flow.name" }
  g:expect{ text = "user nil, type start, text [], args" }
  g:expect{ text = { "user " .. g:id("小美"), "args [1,2]" } }
end)

t:case("in another chat", function(g)
  g:dm("小美", "在吗")
  g:says("小美", "别处 @" .. g:id("小美"))
  g:advance("61m")
  g:expect{ dm = "小美", text = "step 3 for elsewhere" }
end)

t:case("cancelled by key and by id", function(g)
  g:says("小美", "停")
  g:expect{ text = "nothing to cancel" }
  g:says("小美", "开始")
  g:expect{ text = "started" }
  g:says("小美", "停")
  g:expect{ text = "cancelled" }
  g:says("小美", "在吗")
  g:expect{ text = "not running" }
  g:says("小美", "记住")
  g:restart()
  g:says("小美", "停它")
  g:expect{ text = "true" }
  g:silent("1d")
end)

t:case("cancelled and begun again in one handler", function(g)
  g:says("小美", "开始")
  g:expect{ text = "started" }
  g:says("小美", "重来")
  g:expect{ text = "started again" }
  g:says("小美", "在吗")
  g:expect{ text = "running" }
  g:restart()
  g:advance("61m")
  g:expect{ text = "step 1 for again" }
  g:says("小美", "停")
  g:expect{ text = "cancelled" }
  g:silent("1d")
end)

t:case("ends itself, keeping what it did, whatever pcall is around", function(g)
  g:says("小美", "自停")
  g:restart()
  g:advance("1h")
  g:expect{ text = "the end" }
  g:equal(g:state("member", "小美", "before"), "kept")
  g:equal(g:state("member", "小美", "after"), "kept as well")
  g:silent("1d")
end)

t:case("c:continue begins anew with arguments and an empty journal", function(g)
  g:says("小美", "循环")
  g:expect{ text = "round 1" }
  for n = 2, 3 do
    g:restart()
    g:advance("24h1m")
    g:expect{ text = "round " .. n }
  end
  g:advance("24h1m")
  g:expect{ text = "loop over after 3" }
  g:says("小美", "立刻循环")
  g:expect{ text = "again 立刻循环" }
  g:silent("3d")
end)

t:case("a tag ends it when it wakes", function(g)
  g:says("小美", "开始")
  g:advance("1h")
  g:expect{ text = "step 1" }
  g:tag("小美", "bought")
  g:restart()
  g:silent("1d")
  g:says("小美", "在吗")
  g:expect{ text = "not running" }
end)

t:case("a tag that another flow gave, and one that is no reason", function(g)
  g:says("小美", "开始")
  g:says("小美", "打标 other")
  g:advance("1h")
  g:expect{ text = "step 1" }
  g:says("小美", "打标 gone")
  g:silent("1d")
end)

t:case("opting out ends it", function(g)
  g:says("小美", "开始")
  g:says("小美", "别理我")
  g:restart()
  g:expect{ text = "started" }
  g:silent("1d")
end)

t:case("leaving ends it at once", function(g)
  g:join("小美")
  g:says("小美", "开始")
  g:expect{ text = "started" }
  g:restart()
  g:leave("小美")
  g:join("小美")
  g:says("小美", "在吗")
  g:expect{ text = "not running" }
  g:says("小美", "等人")
  g:leave("小美")
  g:says("阿强", "我答")
  g:silent("2d")
end)

t:case("somebody else's leaving does not", function(g)
  g:join("小美")
  g:join("阿强")
  g:says("小美", "等人")
  g:leave("阿强")
  g:says("小王", "我答")
  g:expect{ text = "answered" }
end)

t:case("a flow that is off sleeps; it goes on late when it is on again", function(g)
  g:says("小美", "开始")
  g:expect{ text = "started" }
  g:toggle("runs", "off")
  g:silent("5h")
  g:restart()
  g:toggle("runs", "on")
  g:advance("10m")
  g:expect{ text = "step 1" }
  g:advance("3h")
  g:expect{ text = "steps over" }
end)

t:case("what is wrong is said at once", function(g)
  g:says("小美", "开错")
  g:expect{ text = "done" }
  local wanted = {
    "was not declared", 'no flow:run("stepps"); did you mean "steps"?', "not a number", "given as a table, not as a string",
    'did you mean "key"?', "cannot become JSON", "given as a table, not as a string",
    "say when", 'did you mean "leaves"?', 'did you mean "key"?',
  }
  local errors = g:state("group", "errors")
  for i, text in ipairs(wanted) do
    assert(errors[i]:find("false ", 1, true) == 1 and errors[i]:find(text, 1, true), i .. ": " .. tostring(errors[i]))
  end
end)
