-- edit_test.lua -- SOPs are edited while runs wait: they end as they began, new ones are new, and a corrected text is there at once.
local t = sop.test("waits", { playbook = { flows = { { "waits", greeting = "你好 {nick}" } } } })

local FILE = "flows/waits.lua"

for _, how in ipairs({ "in memory", "after a restart" }) do
  local function between(g) if how == "after a restart" then g:restart() end end

  t:case("another script: " .. how, function(g)
    g:says("小美", "连载")
    g:at("2026-03-03 09:00")
    g:expect{ dm = "小美", text = "第1集" }
    g:edit(FILE, "for day = 1, 3 do", "for day = 1, 2 do c:log(c.group.any)")
    g:says("小王", "连载")
    between(g)
    for day = 4, 8 do g:at("2026-03-0" .. day .. " 09:00") end
    g:expect_count(2, { dm = "小美" })
    g:expect_count(2, { dm = "小王" })
    g:expect_tags("小美", { "看完" })
    g:expect_tags("小王", { "看完" })
    g:expect_runs(0)
  end)

  t:case("another text: " .. how, function(g)
    g:says("小美", "报名")
    g:param("waits.greeting", "欢迎 {nick}")
    between(g)
    g:says("小美", "美美")
    g:expect{ at = "小美", text = "欢迎 美美" }
  end)

  t:case("c:continue goes on with the new script: " .. how, function(g)
    g:says("小美", "开课")
    g:edit(FILE, "第{day}课", "第{day}讲")
    between(g)
    g:advance("1d")
    g:expect{ dm = "小美", text = "第2讲" }
  end)
end

t:case("a broken script is refused, the old one goes on", function(g)
  local ok, why = pcall(g.edit, g, FILE, "return flow", "return flaw")
  assert(not ok and why:find("waits.lua", 1, true), why)
  g:says("小美", "报名")
  g:expect{ at = "小美", text = "昵称?" }
  g:restart()
  g:says("小美", "美美")
  g:expect{ at = "小美", text = "你好 美美" }
end)

t:case("an edit is only for its case", function(g)
  g:says("小美", "开课")
  g:expect{ dm = "小美", text = "第1课" }
end)
