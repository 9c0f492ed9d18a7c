-- steps_test.lua -- steps and looks of `sopd test` that flow authors asked for, each used once as docs/lua.md has it.
local words = require("beside.words")

local t = sop.test("steps", { playbook = { flows = { "steps" }, quiet = false } })

t:case("a file beside the test is loaded once", function(g)
  g:equal(words.greeting, "问候")
  g:equal(words.next(), require("beside.words").next() - 1)
  for _, name in ipairs({ "beside.nowhere", "../steps_test", "beside..words", ".words", "beside/words", "", "beside.circle" }) do
    local good, why = pcall(require, name)
    g:equal(good, false, name)
    assert(type(why) == "string" and why ~= "")
  end
end)

t:case("sop.sha256 is that of flows, and of everybody", function(g)
  g:equal(sop.sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  g:equal(sop.sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  g:says("小美", "封")
  g:expect{ text = sop.sha256("封"):sub(1, 8) }
end)

t:case("a field is written as with redis-cli, and taken out", function(g)
  g:write("hash", "prices", { ["菠菜"] = "2.9 元" })
  g:says("小美", "看")
  g:expect{ at = "小美", text = "价格 2.9 元,没说过" }
  g:write("hash", "prices", { ["菠菜"] = { yuan = 3 }, ["白菜"] = 1 })
  g:write("member", "小美", { said = 7 })
  g:says("小美", "看")
  g:expect{ at = "小美", text = "价格 3,7" }
  g:equal(g:state("hash", "prices", "白菜"), 1)
  g:write("hash", "prices", { ["菠菜"] = false })
  g:says("小美", "看")
  g:expect{ at = "小美", text = "价格 没有,7" }
  g:equal(pcall(g.write, g, "counter", "x", { a = 1 }), false)
end)

t:case("anywhere looks into every chat", function(g)
  g:says("小美", "悄悄")
  g:expect_none{ text = "只有你看见" }
  g:equal(pcall(g.expect_none, g, { text = "只有你看见", anywhere = true }), false)
  g:equal(#g:seen{ anywhere = true }, 1)
  g:expect{ text = "只有你看见", anywhere = true }
  g:expect_count(0, { text = "别的", anywhere = true })
end)

t:case("a toggle is a step: what it wakes is seen after it", function(g)
  g:says("小美", "睡")
  g:silent()
  g:toggle("steps", "off")
  g:advance("20m")
  g:silent()
  g:toggle("steps", "on")
  g:expect{ text = "睡醒了" }
end)

t:case("who was named once is known, also after a death", function(g)
  local id = g:id("小王")
  g:says("小美", "问候 @小王")
  g:expect{ at = "小王", text = "好" }
  g:expect_event("greeted", { who = "小王" })
  g:kill()
  g:equal(g:id("小王"), id)
  g:says("小美", "问候 @小王")
  g:expect{ at = "小王", text = "好" }
  g:expect_tags("阿强", {})
  g:restart()
  g:says("小美", "问候 @阿强")
  g:expect{ at = "阿强", text = "好" }
  g:says("小美", "问候 @没人")
  g:expect{ text = "谁好" }
end)

t:case("what was done is reported twice, and counts once", function(g)
  g:says("小美", "看")
  g:expect{ at = "小美", text = "没有" }
  g:equal(g:again(), 1)
  g:silent("1m")
  g:together(function()
    g:says("小美", "看")
    g:says("小王", "看")
  end)
  g:expect_count(2, { text = "价格" })
  g:equal(g:again(), 2)
  g:silent("1m")
end)
