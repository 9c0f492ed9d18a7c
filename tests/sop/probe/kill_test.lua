-- kill_test.lua -- an engine that ends as by kill -9: what is committed stays and is done once, what is not is done by the next one.
local t = sop.test("probe", { playbook = { flows = { "probe" } } })

for _, moment in ipairs({ "input", "commit" }) do
  t:case("during " .. moment .. ": an answer is given once, state counts once", function(g)
    g:kill{ during = moment }
    g:says("小美", "数")
    g:advance("5s")
    g:expect{ at = "小美", text = "第1次" }
    g:expect_state("member", "小美", { said = 1 })
    g:equal(g:state("counter", "said"), 1)
    g:expect_event("said", { who = "小美", n = 1 })
    g:expect_no_event("said", { n = 2 })
    g:silent("1h")
    g:says("小美", "数")
    g:expect{ at = "小美", text = "第2次" }
    g:silent("1h")
  end)
end

t:case("during send: an answer may come twice, state counts once", function(g)
  g:kill{ during = "send" }
  g:says("小美", "数")
  g:advance("5s")
  g:expect_count(2, { at = "小美", text = "第1次" })
  g:equal(#g:events("said"), 1)
  g:silent("1h")
end)

t:case("during send: a broadcast is not repeated", function(g)
  g:says("小美", "群发")
  g:kill{ during = "send" }
  g:advance("1h")
  g:expect_count(1, { text = "广播" })
end)

t:case("a timer whose turn dies fires again, once", function(g)
  g:says("小美", "定时")
  g:kill{ during = "commit" }
  g:advance("11m")
  g:expect{ at = "小美", text = "时间到" }
  g:silent("1d")
end)

t:case("what was committed and waits for its time is there after a death", function(g)
  g:says("小美", "定时")
  g:kill()
  g:advance("9m")
  g:silent()
  g:kill()
  g:advance("2m")
  g:expect{ at = "小美", text = "时间到" }
end)

t:case("everybody of one moment is heard again, each once", function(g)
  g:kill{ during = "commit" }
  g:together(function()
    for i = 1, 20 do g:says("成员" .. i, "数") end
  end)
  g:advance("1m")
  for i = 1, 20 do g:expect_count(1, { at = "成员" .. i }) end
  g:equal(g:state("counter", "said"), 20)
end)

t:case("coming and going", function(g)
  g:kill{ during = "input" }
  g:join("小美")
  g:expect{ text = "小美 来了" }
  g:kill{ during = "commit" }
  g:leave("小美")
  g:advance("5s")
  g:expect_count(1, { text = "小美 走了" })
end)

t:case("what the platform reports again counts once", function(g)
  g:join("小美")
  g:equal(g:again(), 1)
  g:together(function()
    for i = 1, 3 do g:says("成员" .. i, "数") end
  end)
  g:equal(g:again(), 3)
  g:advance("1m")
  g:expect_count(1, { text = "小美 来了" })
  for i = 1, 3 do g:expect_count(1, { at = "成员" .. i }) end
  g:equal(g:state("counter", "said"), 3)
end)
