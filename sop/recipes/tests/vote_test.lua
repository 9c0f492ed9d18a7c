-- vote_test.lua -- the deadline, changed minds, no votes.
local t = sop.test("vote", { playbook = { flows = { "vote" } }, start = "2026-03-02 19:00" })

t:case("the last number of each counts, until the deadline", function(g)
  g:says("店长", "投票 周末吃什么 火锅 烧烤 日料")
  g:expect{ text = { "投票:周末吃什么", "2. 烧烤", "19:30 截止" } }
  g:says("小美", "1")
  g:says("阿强", "2")
  g:restart()
  g:says("小美", "2")
  g:says("小王", "4") -- there is no such option
  g:says("阿华", "3")
  g:advance("30m")
  g:expect{ text = { "3 人参加", "火锅 0 票", "烧烤 2 票", "日料 1 票", "那就「烧烤」" } }
  g:says("小王", "1") -- too late
  g:silent("1d")
end)

t:case("800 votes are more than one gathering holds", function(g)
  g:says("店长", "投票 早市还是晚市 早市 晚市")
  for batch = 0, 7 do
    g:together(function()
      for i = 1, 100 do g:says("团友" .. batch * 100 + i, i % 4 == 0 and "1" or "2") end
    end)
  end
  g:advance("30m")
  g:expect{ text = { "800 人参加", "早市 200 票", "晚市 600 票" } }
end)

t:case("nobody votes; one vote at a time; staff only", function(g)
  g:says("小美", "投票 A B C")
  g:silent("1m")
  g:says("店长", "投票 吃什么 火锅")
  g:expect{ text = "这样发起" }
  g:says("店长", "投票 吃什么 火锅 烧烤")
  g:says("店长", "投票 喝什么 茶 咖啡")
  g:expect{ text = "还没结束" }
  g:advance("30m")
  g:expect{ text = { "0 人参加", "下次再说" } }
end)
