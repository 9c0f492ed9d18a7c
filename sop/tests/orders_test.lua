-- orders_test.lua -- an order tags who bought, ends the onboarding, gives points, and counts once.
local t = sop.test("orders", { playbook = { flows = { "orders" } }, start = "2026-03-02 10:00" })

t:case("who bought something gets the tag; nothing is said", function(g)
  g:order("小美", { id = "A1", amount = 1250 })
  g:expect_tags("小美", { "bought" })
  g:silent("1h")
  g:advance("2d")
  g:order("小美", { id = "A2", amount = 750 })
  local profile = g:state("profile", "小美")
  g:equal({ profile.orders, profile.spent, profile.last_order - profile.first_order }, { 2, 2000, 2 })
  g:equal(#g:events("points"), 0)
end)

t:case("an order reported twice counts once, also over a restart and a death", function(g)
  g:order("小美", { id = "A1", amount = 1250 })
  g:order("小美", { id = "A1", amount = 1250 })
  g:restart()
  g:kill{ during = "commit" }
  g:order("小美", { id = "A2", amount = 100 })
  g:order("小美", { id = "A1", amount = 1250 })
  g:equal(g:state("profile", "小美").orders, 2)
  g:equal(#g:events("order"), 2)
end)

t:case("an order that the shop reports again weeks later counts once, too", {
  playbook = { flows = { { "orders", cents_per_point = 100 } } },
}, function(g)
  g:order("小美", { id = "A1", amount = 1299 })
  g:advance("20d")
  g:order("小美", { id = "A1", amount = 1299 })
  g:order("小张", { id = "A1", amount = 1299 })
  g:order("小美", { id = "A2", amount = 200 })
  g:equal(g:state("profile", "小美").points, 14)
  g:equal(g:state("profile", "小美").orders, 2)
  g:expect_state("profile", "小张", { points = false })
end)

t:case("points for what was paid, where the playbook gives some", {
  playbook = { flows = { { "orders", cents_per_point = 100, tag = "" } } },
}, function(g)
  g:order("小美", { id = "A1", amount = 1299 })
  g:order("小美", { id = "A2", amount = 99 })
  g:expect_event("points", { user = g:id("小美"), n = 12, why = "order.A1" })
  g:equal(g:state("profile", "小美").points, 12)
  g:equal(#g:events("points"), 1)
  g:expect_tags("小美", {})
end)

t:case("an order that names no group counts in the private chat", { playbook = { private = true, flows = { "orders" } } }, function(g)
  g:order("小美", { id = "A1", amount = 100, chat = false })
  g:expect_tags("小美", { "bought" })
end)

t:case("the first order ends the onboarding of a newcomer", {
  playbook = { flows = { "orders", { "welcome", onboarding = true } } },
}, function(g)
  g:join("小美")
  g:join("阿强")
  g:advance("1d")
  local before = #g:events("touched")
  assert(before >= 2)
  g:order("小美", { id = "A1", amount = 100 })
  g:advance("8d")
  local touched = {}
  for i, e in ipairs(g:events("touched")) do
    for _, user in ipairs(i > before and e.users or {}) do touched[user] = true end
  end
  g:equal(touched, { [g:id("阿强")] = true })
  g:equal(#g:runs(), 0)
end)
