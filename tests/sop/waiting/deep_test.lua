-- deep_test.lua -- waiting inside pcall, metamethods, iterators and helpers; what a script holds over a wait; what is said and waited for.
local t = sop.test("deep", { playbook = { flows = { "deep" }, quiet = false }, start = "2026-03-02 10:00" })

-- g, but it gives a message whose sending was cut short the seconds after which it is sent again.
local function patient(g)
  local stepped = false
  return setmetatable({}, {
    __index = function(_, name)
      return function(_, ...)
        if name == "expect" and stepped then g:advance("6s") end
        stepped = name ~= "expect"
        return g[name](g, ...)
      end
    end,
  })
end

-- Every case runs undisturbed, and with the daemon ending in each of the ways it can. `quick`: nothing is committed after the disturbance.
local function each(name, fn, quick)
  t:case(name, function(g) fn(g, function() end) end)
  t:case(name .. ", with restarts", function(g) fn(g, function() g:restart() end) end)
  t:case(name .. ", with crashes", function(g) fn(g, function() g:kill() end) end)
  if not quick then
    t:case(name .. ", with crashes inside commits", function(g)
      fn(patient(g), function() g:kill{ during = "commit" } end)
    end)
  end
end

each("inside pcall and xpcall", function(g, disturb)
  g:says("小美", "保护")
  disturb()
  g:advance("61m")
  disturb()
  g:advance("61m")
  g:expect{ text = "true: false thrown after waiting" }
  disturb()
  g:advance("61m")
  g:expect{ text = "handled again" }
end)

each("inside metamethods", function(g, disturb)
  g:says("小美", "元表")
  disturb()
  g:advance("61m")
  g:expect{ text = "field!" }
  for _ = 1, 3 do
    disturb()
    g:advance("61m")
  end
  g:expect{ text = "sum 7 true" }
  disturb()
  g:advance("61m")
  g:expect{ text = "joined text" }
  disturb()
  g:says("小美", "what")
  g:expect{ text = "what?" }
end)

each("inside iterators", function(g, disturb)
  g:says("小美", "迭代")
  for i = 1, 3 do
    disturb()
    g:advance("61m")
    g:expect{ text = "turn " .. i }
  end
  g:expect{ text = "seen 1 2 3" }
end)

each("inside coroutines of the script", function(g, disturb)
  g:says("小美", "协程")
  for _, text in ipairs({ "caught 1 a", "caught 2 b", "caught 3 c" }) do
    disturb()
    g:advance("61m")
    g:expect{ text = text }
  end
  disturb()
  g:says("小美", "within")
  g:expect{ text = "within" }
end)

each("where Lua cannot wait", function(g, disturb)
  g:says("小美", "不能等")
  disturb()
  g:advance("61m")
  g:expect{ text = "slept after all: kept 3" }
  for i, why in ipairs(g:state("group", "errors")) do
    assert(why:find("false ", 1, true) == 1 and why:find("cannot do so inside table.sort", 1, true), i .. ": " .. why)
  end
end)

each("inside helpers that call themselves", function(g, disturb)
  g:says("小美", "帮手")
  for _ = 1, 3 do
    disturb()
    g:says("小美", "no")
    g:expect{ text = "try again" }
  end
  disturb()
  g:says("小美", "long enough")
  g:expect{ text = "long enough after 4" }
end)

local kept = {}
each("locals, upvalues, chance and time", function(g, disturb)
  g:says("小美", "局部")
  disturb()
  g:advance("1h")
  disturb()
  g:advance("61m")
  g:expect{ text = "true 12:00 12:00" }
  g:equal(g:state("group", "closed"), 1)
  local now = g:state("group", "kept")
  g:equal(now.n, 9)
  kept.first = kept.first or now
  g:equal(now, kept.first, "the same as undisturbed")
end)

each("c.group, boards and all that read anew", function(g, disturb)
  g:says("小美", "手里")
  disturb()
  g:says("小美", "改")
  g:expect{ text = "changed" }
  g:advance("1h")
  disturb()
  g:says("小美", "改")
  g:expect{ text = "changed" }
  g:advance("1h")
  g:expect{ text = "looked" }
  g:equal(g:state("group", "looks"), {
    '["nil","nil","nil",0,0,0,0,0,0,false,"before",0,true]',
    '["1","other","5",11,1,1,2,2,1,true,"before",1,false]',
    '["2","other","10",21,1,1,4,3,1,true,"after",2,false]',
  })
end)

each("a table from before a wait cannot be changed any more", function(g, disturb)
  g:says("小美", "改")
  g:says("小美", "旧表")
  disturb()
  g:advance("61m")
  g:expect{ text = "deep was changed through a table that was read before a waiting call: read it again" }
  disturb()
  g:advance("61m")
  g:expect{ text = "deep 3" }
end)

each("waits until a message is sent", function(g, disturb)
  g:says("小美", "等发")
  disturb()
  g:expect{ text = "1 sent" }
  g:expect{ text = "id true nil" }
  assert(g:state("group", "message"))
end, true)

t:case("a message that fails", function(g)
  g:fail_sends(1, "failed")
  g:says("小美", "等发")
  g:advance("5m")
  g:expect{ text = "id false" }
end)

each("every way of sending", function(g, disturb)
  g:dm("小美", "hi")
  g:says("小美", "等私信")
  disturb()
  g:expect{ dm = "小美", text = "secret" }
  g:expect{ at = "小美", text = "dm string nil" }
  g:expect{ chat = "staff", text = "staff" }
  g:expect{ text = "all three" }
end, true)

each("errors of texts come back the same", function(g, disturb)
  g:says("小美", "说错")
  disturb()
  g:advance("61m")
  g:expect{ text = { "false 20 ", "needs {missing}" } }
end)

each("variants, lazy values and c:format", function(g, disturb)
  g:says("小美", "改")
  g:says("小美", "变体")
  g:expect{ text = "variant 1" }
  for i = 2, 4 do
    disturb()
    g:advance("61m")
    g:expect{ text = "variant " .. i }
  end
  disturb()
  g:advance("61m")
  g:expect{ text = "小美 1" }
  disturb()
  g:advance("61m")
  local last = g:expect{ text = "end " }
  kept.last = kept.last or last.text
  g:equal(last.text, kept.last)
end)

each("what is written over several waits", function(g, disturb)
  g:says("小美", "睡着写")
  g:equal(g:state("member", "小美", "n"), 1)
  disturb()
  g:advance("1h")
  g:equal(g:state("member", "小美", "n"), 2)
  g:equal(g:state("member", "小美", "gone"), "x")
  for _ = 1, 3 do
    disturb()
    g:advance("61m")
  end
  g:expect{ text = "[2,true,6,2]" }
end)
