-- torture_test.lua -- 28 days of a busy group, once undisturbed and then with restarts and deaths at hundreds of places: what everybody
-- was told, in its order, and what is kept in the end is the same.
local t = sop.test("waits", { playbook = { flows = { "waits", "probe" } } })

local MEMBERS, DAYS = 24, 28

local function draw(seed)
  local x = seed
  return function(n)
    x = (x * 6364136223846793005 + 1442695040888963407) % (1 << 62)
    return (x >> 20) % n + 1
  end
end

-- What happens, the same whoever watches: a list of functions, each a step that changes something.
local function plan()
  local one, steps = draw(7), {}
  local function add(fn) steps[#steps + 1] = fn end
  local function says(who, text) add(function(g) g:says(who, text) end) end
  for day = 1, DAYS do
    for _ = 1, 8 do
      local who = "成员" .. one(MEMBERS)
      local what = one(10)
      if what == 1 then says(who, "报名") says(who, "小" .. one(99))
      elseif what == 2 then says(who, "报名") -- and no answer
      elseif what == 3 then says(who, "连载")
      elseif what == 4 then says(who, "猜") for _ = 1, 3 do says(who, tostring(one(9))) end
      elseif what == 5 then says(who, "接龙") says("成员" .. one(MEMBERS), "我也来")
      elseif what == 6 then says(who, "开课")
      elseif what == 7 then says(who, "退课")
      elseif what == 8 then says(who, "表决") says("成员" .. one(MEMBERS), "同意") says(who, "结束")
      elseif what == 9 then add(function(g) g:leave(who) end) add(function(g) g:join(who) end)
      else says(who, "数") end
    end
    add(function(g) g:at(("2026-03-%02d 09:00"):format(2 + day)) end)
  end
  return steps
end

-- Plays it; gives what was said to whom, and what is kept.
local function play(g, disturb)
  local told = {}
  for i, step in ipairs(plan()) do
    disturb(g, i)
    step(g)
    g:advance("9s") -- what a death held up is out, before the next thing happens
  end
  g:advance("2d")
  for _, line in ipairs(g:seen()) do told[#told + 1] = line.text end
  local kept = { said = g:board("said"), runs = g:runs(), episodes = g:events("episode"), counted = g:events("said") }
  local private = {}
  for i = 1, MEMBERS do
    local who = "成员" .. i
    kept[who] = { g:state("member", who), g:tags(who) }
    private[who] = {}
    for _, line in ipairs(g:seen{ dm = who }) do table.insert(private[who], line.text) end
  end
  return { group = told, private = private, kept = kept }
end

local undisturbed

t:case("undisturbed", function(g)
  undisturbed = play(g, function() end)
  assert(#undisturbed.group > 200 and #undisturbed.kept.episodes > 20)
end)

for seed = 1, 2 do
  t:case("disturbed, " .. seed, function(g)
    local one, n = draw(seed), 0
    local how = {
      function() g:restart() end,
      function() g:kill() end,
      function() g:kill{ during = "commit" } end,
      function() g:kill{ during = "commit" } end,
      function() g:kill{ during = "input" } end,
    }
    local got = play(g, function()
      local which = how[one(8)]
      if which then
        n = n + 1
        which()
      end
    end)
    g:says("成员1", "数")
    assert(n >= 200 and g:deaths() >= 100, n)
    g:equal(got, undisturbed, "what was told and kept")
  end)
end
