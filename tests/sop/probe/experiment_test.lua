-- experiment_test.lua -- c:experiment: one variant a unit, told once, outcomes counted once, whatever ends in between.
local t = sop.test("trials", {
  playbook = { flows = { { "trials" } }, quiet = false, staff = {} },
  start = "2026-03-02 10:00",
})


t:case("a group has one variant, told once, and its outcomes are counted", function(g)
  g:says("小张", "买") -- before anybody saw anything: it does not count
  g:says("小美", "招呼")
  local first = g:expect{ match = "^用 [AB]$" }.text
  g:says("小张", "买")
  g:restart()
  for _ = 1, 3 do
    g:says("小美", "招呼")
    g:expect{ text = first }
  end
  g:says("小张", "买")
  g:equal(#g:events("exposed"), 1)
  local told = g:expect_event("exposed", { experiment = "hello", by = "group" })
  g:equal("用 " .. told.variant, first)
  g:says("小张", "结果")
  g:expect{ text = { "hello group 1: 2 of 8; A and B: too few", "not over (1 of 40 units so far)" } }
end)

t:case("what happens in another group, and to nobody who was exposed, does not count", function(g)
  g:says("小美", "招呼")
  g:says("小张", "买", { chat = "二店" })
  g:says("小张", "买", { chat = "二店" })
  g:says("小张", "结果")
  g:expect{ text = "hello group 1: 0 of 2;" }
end)

t:case("a member has one variant in all groups", function(g)
  g:says("小美", "我的")
  local said = g:expect{ match = "用 [AB]$" }.text
  g:says("小美", "我的", { chat = "二店" })
  g:expect{ text = said, chat = "二店" }
  g:equal(#g:events("exposed"), 1)
  g:order("小美", { id = "1", amount = 100 })
  g:order("小张", { id = "2", amount = 100 })
  g:order("小美", { id = "3", amount = 100, chat = false })
  g:says("小张", "结果")
  g:expect{ text = "mine member 1: 2 of 0" }
  g:expect_event("exposed", { experiment = "mine", by = "member", unit = g:id("小美") })
end)

t:case("a variant holds over a wait, and over a restart in it", function(g)
  g:param("trials.nap", "1h")
  g:says("小美", "我的")
  g:restart()
  g:advance("2h")
  g:expect{ match = "^小美 用 [AB]$" }
  g:equal(#g:events("exposed"), 1)
end)

t:case("who was exposed keeps the variant when others are added, and when weights change", function(g)
  for i = 1, 12 do g:says("人" .. i, "我的") end
  local before = {}
  for _, one in ipairs(g:seen()) do before[one.text] = true end
  g:param("trials.variants", '["C","B","A"]')
  g:param("trials.weights", "[5,1,1]")
  for i = 1, 12 do g:says("人" .. i, "我的") end
  for _, one in ipairs(g:seen()) do assert(before[one.text], one.text) end
  g:equal(#g:events("exposed"), 12)
end)

t:case("a variant that is gone leaves its units to the others", function(g)
  g:param("trials.weights", "[1,0]")
  g:says("小美", "我的")
  g:expect{ text = "用 A" }
  g:param("trials.variants", '["B","C"]')
  g:says("小美", "我的")
  g:expect{ text = "用 B" }
  g:says("小美", "我的")
  g:equal(#g:events("exposed"), 2)
end)

t:case("a death in the commit exposes and counts once", function(g)
  g:kill{ during = "commit" }
  g:says("小美", "招呼")
  g:advance("5s")
  g:kill{ during = "commit" }
  g:says("小张", "买")
  g:advance("5s")
  g:equal(#g:events("exposed"), 1)
  g:equal(#g:events("bought"), 1)
  g:says("小张", "结果")
  g:expect{ text = "hello group 1: 1 of 2;" }
end)

t:case("wrong arguments are named", function(g)
  for i, text in ipairs({
    "a list of 2 to 8 names", '"A" is there twice', 'by is "group" or "member", not "person"', "weights has 1 numbers for 2 variants",
    'no option "outcomes"; did you mean "outcome"?', 'till is a date such as "2026-12-31", not "soon"', "has a blank",
    'per goes with by = "group"', "too long (41 bytes, at most 40)",
  }) do
    g:says("小美", "错" .. i)
    g:expect{ text = { "false", text } }
  end
end)

t:case("a member who is forgotten is not in it any more", function(g)
  g:says("小美", "我的")
  g:says("小张", "我的")
  g:command{ op = "forget", user = "小美" }
  g:advance("1m")
  g:says("小张", "结果")
  g:expect{ text = "mine member 1:" }
end)
