-- survey.lua -- 评价: two questions in private, a coupon code as a thank-you, bad marks go to staff at once.
local flow = sop.flow("survey", {
  title = "评价有礼",
  needs = { "dm" },
  params = {
    coupon = { "string", default = "满 30 减 5", help = "谢礼" },
    days = { "integer", default = 14, min = 1, max = 90, help = "券几天有效" },
  },
})

-- This run is in the private chat with the member: what it says and asks is said and asked there.
local survey = flow:run("survey", function(c)
  c:say("谢谢你愿意说说~这次购物打几分?发 1 到 5")
  local mark = c:ask{ match = "^[1-5]$", timeout = "2d" }
  if not mark then return end
  c:say("收到 {mark} 分。哪里可以更好?一句话就行", { mark = mark.text })
  local words = c:ask{ timeout = "2d" }
  local text = words and words.text or ""

  local code = c:secret(4):upper()
  c:hash("coupons", { scope = "gateway" })[code] = { what = c.params.coupon, till = c:day() + c.params.days }
  c.profile.surveyed = c:day()
  c:say("都记下啦,谢谢!送你一张{coupon}:{code},{till} 前到店可用", {
    coupon = c.params.coupon, code = code, till = c:date(c:day() + c.params.days, "%m月%d日"),
  })
  c:emit("surveyed", { user = c.user, mark = tonumber(mark.text), text = text })
  if tonumber(mark.text) <= 2 then c:staff("{who} 打了 {mark} 分:{text}", { who = c.name, mark = mark.text, text = text }) end
end)

flow:command("评价", function(c)
  local last = c.profile.surveyed
  if last and c:day() - last < 30 then return c:reply("这个月已经评过啦,谢谢你") end
  if not c:start(survey, nil, { chat = "@" .. c.user, key = "survey" }) then return c:reply("问题在私聊里等你哦") end
  if not c.private then c:reply("我私聊你啦,两个小问题,答完有小礼物") end
end)

flow:command("兑券", { role = "store", args = "glued" }, function(c)
  local coupons, code = c:hash("coupons", { scope = "gateway" }), c.args:upper()
  local coupon = coupons[code]
  if not coupon or coupon.till < c:day() then return c:reply("没有这张券,或已过期") end
  coupons[code] = nil
  c:reply("可以用:{what}", { what = coupon.what })
end)

return flow
