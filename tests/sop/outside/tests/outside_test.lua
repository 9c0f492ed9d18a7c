-- outside_test.lua -- orders, triggers, tags and points from outside systems; what is refused, and that each counts once.
local t = sop.test("shop", { playbook = { flows = { "shop" } }, start = "2026-03-02 10:00" })

t:case("an order reaches the flows of its group and is a business event", function(g)
  g:order("小美", { id = "A1001", amount = 1250, items = { { name = "鸡蛋", n = 2 } }, data = { shop = "幸福路" } })
  g:expect{ text = "下单 A1001:1250 分,鸡蛋", at = { "小美" } }
  g:expect_event("order", { user = g:id("小美"), order = "A1001", amount = 1250, data = { shop = "幸福路" }, source = "commands" })
  local shown = g:expect_event("shown", { text = "A1001", number = 1250 })
  g:equal(shown.order.items[1].n, 2)
  g:equal(g:state("profile", "小美").spent, 1250)
  g:equal(#g:refused(), 0)
end)

t:case("the same order twice counts once", function(g)
  g:order("小美", { id = "A1", amount = 100 })
  g:restart()
  g:order("小美", { id = "A1", amount = 100 })
  g:order("小美", { id = "A2", amount = 100 })
  g:equal(g:state("profile", "小美").orders, 2)
  g:equal(#g:events("order"), 2)
end)

t:case("points, tags and opting out", function(g)
  g:command{ op = "points", user = "小美", points = 30, reason = "问卷" }
  g:command{ op = "points", user = "小美", points = -10 }
  g:command{ op = "points", user = "小美", points = 5, id = "p-1" }
  g:command{ op = "points", user = "小美", points = 5, id = "p-1" }
  g:equal(g:state("profile", "小美").points, 25)
  g:expect_event("points", { user = g:id("小美"), n = 30, why = "问卷", source = "commands" })
  g:expect_event("points", { n = 5, id = "p-1" })
  g:command{ op = "tag", user = "小美", tag = "vip" }
  g:command{ op = "tag", user = "小美", tag = "north" }
  g:command{ op = "untag", user = "小美", tag = "vip" }
  g:expect_tags("小美", { "north" })
  g:command{ op = "opt_out", user = "小美" }
  g:command{ op = "opt_out", user = "小美" }
  g:equal(#g:events("opted_out"), 1)
  g:order("小美", { id = "A1", amount = 1 })
  g:expect{ text = "下单 A1" }
  g:command{ op = "opt_in", user = "小美" }
  g:equal(#g:events("opted_in"), 1)
end)

t:case("a trigger runs its handler with its arguments", function(g)
  g:trigger("evening", { args = { what = "鸡蛋八折" } })
  g:expect{ text = "晚上好,今晚 鸡蛋八折" }
  g:expect_event("triggered", { type = "trigger", sub = "evening", args = { what = "鸡蛋八折" } })
  g:trigger("evening")
  g:expect{ text = "没有活动" }
end)

t:case("a trigger may wait, over restarts and kills", function(g)
  g:trigger("slow", { user = "小美", args = { seconds = 600, what = "牛奶" } })
  g:expect{ text = "600 秒后见" }
  g:restart()
  g:advance("5m")
  g:kill()
  g:advance("6m")
  g:expect{ text = g:id("小美") .. " 要 牛奶" }
end)

t:case("a trigger for all groups, and for those with a tag", function(g)
  g:says("甲", "大家好", { chat = "north" })
  g:says("乙", "大家好", { chat = "south" })
  g:trigger("evening", { all = true, args = { what = "满减" } })
  for _, chat in ipairs({ "demo", "north", "south" }) do g:expect{ chat = chat, text = "满减" } end
  g:trigger("evening", { tag = "nobody" })
  g:equal(g:refused()[1].reason, "no group that it names has this trigger")
end)

t:case("what cannot be done is refused with its reason", function(g)
  local wrong = {
    { { user = "小美" }, 'field "op" is missing' },
    { { op = "dance", user = "小美" }, 'op "dance" is not known' },
    { { op = "points", user = "小美" }, 'field "points" is missing for points' },
    { { op = "points", user = "小美", points = "many" }, 'field "points" must be a whole number' },
    { { op = "points", user = "小美", points = 0 }, "and not 0" },
    { { op = "points", user = "小美", points = 1, amout = 3 }, 'field "amout" is not known' },
    { { op = "points", user = "小美", points = 1, flow = "x" }, 'field "flow" does not belong to points' },
    { { op = "order", user = "小美", order = "A", amount = -1 }, "must be cents" },
    { { op = "order", user = "小美", order = "A", amount = 1, items = "eggs" }, 'field "items" must be a JSON array' },
    { { op = "tag", user = "小美", tag = "x", gateway = "other" }, "names another gateway" },
    { { op = "tag", user = "小美", tag = "x", ["until"] = 1 }, "too late" },
    { { op = "trigger", flow = "shop", name = "evening" }, "needs one of" },
    { { op = "trigger", flow = "nope", name = "evening", chat = "demo" }, 'flow "nope" is not served in this chat' },
    { { op = "trigger", flow = "shop", name = "nope", chat = "demo" }, 'flow "shop" has no trigger of this name' },
    { { op = "trigger", flow = "shop", name = "evening", chat = "demo", args = "[1]" }, 'field "args" must be a JSON object' },
  }
  for i, w in ipairs(wrong) do
    g:command(w[1])
    local dead = g:refused()
    g:equal(#dead, i)
    assert(dead[i].reason:find(w[2], 1, true), dead[i].reason .. " is not: " .. w[2])
    g:equal(dead[i].op, w[1].op)
  end
  g:silent("1m")
end)

t:case("a flow that is off takes no trigger", function(g)
  g:toggle("shop", "off")
  g:trigger("evening")
  g:equal(g:refused()[1].reason, 'flow "shop" is off in this chat')
  g:equal(g:refused()[1].name, "evening")
  g:silent("1m")
end)

t:case("orders can be gathered", function(g)
  g:says("小美", "收单")
  g:order("小美", { id = "A1", amount = 100 })
  g:order("阿强", { id = "A2", amount = 100 })
  g:advance("11m")
  g:expect{ text = "2 单" }
end)

t:case("a death before, during and after its commit: once", function(g)
  for i, during in ipairs({ "input", "commit", "send" }) do
    g:kill{ during = during }
    g:order("小美", { id = "A" .. i, amount = 10 })
    g:expect{ text = "下单 A" .. i }
    g:equal(g:state("profile", "小美").orders, i)
  end
  g:kill{ during = "commit" }
  g:command{ op = "points", user = "小美", points = 7 }
  g:equal(g:state("profile", "小美").points, 7)
  g:equal(g:deaths(), 4)
end)
