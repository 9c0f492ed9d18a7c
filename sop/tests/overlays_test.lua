-- overlays_test.lua -- one playbook for a brand: what a region, a store or a single group has of its own, and what admins set in Redis
-- above it. docs/lua.md, "Overlays".
local t = sop.test("overlays", {
  playbook = {
    locked = { "checkin.makeup_days" },
    flows = { "switch", { "checkin", done = "第{day}天 {call}", already = "打过" }, common = false },
    overlays = {
      { level = "store", name = "store-018", groups = { { tag = "store-018" } }, persona = { call = "街坊" },
        flows = { checkin = { already = "十八店今天打过" }, common = true } },
      { level = "region", name = "north", groups = { { tag = "north" } }, persona = { call = "老铁" },
        staff = { ["playground:区长"] = "region" },
        flows = { checkin = { already = "华北打过", done = "华北第{day}天 {call}" } } },
      { level = "region", name = "south", groups = { { tag = "south" } }, flows = { checkin = false } },
      { level = "group", name = "sample", groups = { { tag = "sample" } }, flows = { checkin = true } },
    },
  },
  start = "2026-03-02 10:00",
})

-- What is said to the first 打卡 of the day, and to the second.
local function twice(g, done, already)
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = done }
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = already }
end

t:case("without a tag the playbook holds", function(g)
  twice(g, "第1天 宝子", "打过")
end)

t:case("a region has its own words and voice", { tags = { "north" } }, function(g)
  twice(g, "华北第1天 老铁", "华北打过")
end)

t:case("a store is narrower than its region, whatever the order of its tags", { tags = { "north", "store-018" } }, function(g)
  twice(g, "华北第1天 街坊", "十八店今天打过")
end)

t:case("a region switches a flow off, a group switches it on again", { tags = { "south" } }, function(g)
  g:says("小美", "打卡")
  g:silent("1m")
  g:setting("chat-tags", { chat = "demo" }, "demo", "sample")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "第1天 宝子" }
end)

t:case("admins are stronger than any overlay, and a chat than a tag", { tags = { "north", "store-018" } }, function(g)
  g:setting("params", { tag = "north" }, "checkin.already", "华北的管理员说打过")
  twice(g, "华北第1天 街坊", "华北的管理员说打过")
  g:setting("params", { chat = "demo" }, "checkin.already", "本群说打过")
  g:says("小明", "打卡")
  g:expect{ at = "小明", text = "华北第1天 街坊" }
  g:says("小明", "打卡")
  g:expect{ at = "小明", text = "本群说打过" }
  g:setting("toggles", { chat = "demo" }, "checkin", "off")
  g:says("小红", "打卡")
  g:silent("1m")
end)

t:case("a toggle switches on what an overlay switches off", { tags = { "south" } }, function(g)
  g:setting("toggles", { tag = "south" }, "checkin", "on")
  g:says("小美", "打卡")
  g:expect{ at = "小美", text = "第1天 宝子" }
end)
