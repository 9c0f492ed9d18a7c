-- draw_test.lua -- who is in, who wins, who does not claim.
local t = sop.test("draw", { playbook = { flows = { "draw" } }, start = "2026-03-02 19:00" })

local function open(g, n)
  g:at("20:01")
  g:expect{ text = { "今晚抽 2 份鲜牛奶一箱", "20:30 前发「想要」" } }
  for i = 1, n do g:says("团友" .. i, "想要") end
end

-- Whose turn it is to claim: the one member who is @-ed.
local function winner(g)
  return g:expect{ text = "恭喜" }.at[1]
end

t:case("two of four win and claim", function(g)
  open(g, 4)
  g:says("团友1", "想要想要!") -- twice is once
  g:says("路人", "什么牛奶")
  g:restart()
  g:at("20:31")
  local first = winner(g)
  g:says(first, "领取")
  g:expect{ text = first .. " 领到啦" }
  local second = winner(g)
  assert(second ~= first)
  g:says(second, "领取")
  g:expect{ text = "4 人参加,送出 2 份" }
  g:equal(#g:events("won"), 2)
  g:says("晚到", "想要")
  g:silent("1h")
end)

t:case("who does not claim in ten minutes loses it to the next", function(g)
  open(g, 3)
  g:at("20:31")
  local gone = winner(g)
  g:advance("10m")
  local second = winner(g)
  g:says(gone, "领取") -- too late
  g:says(second, "领取")
  g:expect{ text = second .. " 领到啦" }
  g:advance("11m")
  g:expect{ text = "3 人参加,送出 1 份" }
end)

t:case("nobody claims: it ends with the evening", function(g)
  open(g, 40)
  g:at("2026-03-03 08:00")
  g:expect_count(12, { text = "恭喜" })
  g:expect{ text = "40 人参加,送出 0 份" }
end)

t:case("nobody is there, and the next evening begins anew", function(g)
  open(g, 0)
  g:at("20:31")
  g:expect{ text = "0 人参加,送出 0 份" }
  open(g, 1)
  g:at("20:31")
  g:expect{ at = "团友1", text = "恭喜" }
end)
