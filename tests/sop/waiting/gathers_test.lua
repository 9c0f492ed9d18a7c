-- gathers_test.lua -- c:gather: what is collected, when the window closes, who else sees it.
local t = sop.test("gathers", { playbook = { flows = { "gathers" }, quiet = false }, start = "2026-03-02 10:00" })

t:case("joins within the window become one message", function(g)
  g:join("小美")
  g:advance("3s")
  g:join("小王")
  g:join("阿强")
  g:advance("10s")
  g:expect{ text = "小美,小王,阿强 window" }
  g:expect_count(1)
  g:join("晚来")
  g:advance("11s")
  g:expect{ text = "晚来 window" }
  g:silent("1h")
end)

t:case("a restart in the window loses nobody", function(g)
  g:join("小美")
  g:join("小王")
  g:restart()
  g:join("阿强")
  g:kill()
  g:advance("10s")
  g:expect{ text = "小美,小王,阿强 window" }
  g:silent("1h")
end)

t:case("after a restart all that follows is gathered, not only the next", function(g)
  g:says("小美", "接龙")
  g:says("阿强", "一")
  g:restart()
  g:says("阿强", "二")
  g:advance("1s")
  g:says("小王", "三")
  g:expect{ text = "full: 阿强=一 阿强=二 小王=三" }
end)

t:case("all at once", function(g)
  g:together(function()
    for i = 1, 20 do g:join("新人" .. i) end
  end)
  g:advance("11s")
  local message = g:expect{ text = { "新人1,", "新人20 window" } }
  g:equal(select(2, message.text:gsub(",", "")), 19)
  g:expect_count(1)
end)

t:case("max ends it", function(g)
  g:says("小美", "接龙")
  g:says("阿强", "一")
  g:says("小王", "二")
  g:silent("2s")
  g:restart()
  g:says("阿强", "三")
  g:expect{ text = "full: 阿强=一 小王=二 阿强=三" }
  g:says("阿强", "四")
  g:silent("2m")
end)

t:case("the window ends it, also with nothing in it", function(g)
  g:says("小美", "接龙")
  g:advance("61s")
  g:expect{ text = "window: " }
end)

t:case("commands are not gathered, and its own flow does not hear what is", function(g)
  g:says("小美", "接龙")
  g:says("阿强", "收错")
  g:expect{ text = "done" }
  g:says("阿强", "听着")
  g:expect_none{ text = "heard" }
  g:advance("1m")
  g:expect{ text = "window: 阿强=听着" }
  g:says("阿强", "听着")
  g:expect{ text = "heard" }
end)

t:case("only from some", function(g)
  g:says("小美", "我说")
  g:says("小美", "一")
  g:says("阿强", "听")
  g:expect{ text = "heard 听" }
  g:restart()
  g:says("小美", "二")
  g:advance("1m")
  g:expect{ text = "2 from me" }
end)

t:case("only what fits", function(g)
  g:says("小美", "报数")
  g:says("小美", "一")
  g:says("小美", "1")
  g:restart()
  g:says("阿强", "22")
  g:expect{ text = "2 numbers, full" }
end)

t:case("several kinds of events", function(g)
  g:says("小美", "谁来谁走")
  g:join("小王")
  g:leave("小王", { by = "小美" })
  g:restart()
  g:advance("1m")
  g:expect{ text = "seen: join, leave by somebody" }
end)

t:case("what is wrong is said at once", function(g)
  g:says("小美", "收错")
  g:expect{ text = "done" }
  local wanted = {
    "say which events", 'no event "joins"; did you mean "join"?', "say which events", "between 1 and 500", 'did you mean "window"?',
    "must be a duration", "is wrong at byte",
  }
  local errors = g:state("group", "errors")
  for i, text in ipairs(wanted) do
    assert(errors[i]:find("false ", 1, true) == 1 and errors[i]:find(text, 1, true), i .. ": " .. tostring(errors[i]))
  end
end)
