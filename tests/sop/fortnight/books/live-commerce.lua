-- live-commerce.lua -- habits of the groups of sop/playbooks/live-commerce.lua; see fortnight.lua.
local fortnight, common = ...
local GRABS = { "抢", "抢!", "抢红包", "我要", "拼手气" }

fortnight("live-commerce", {
  most = 250, begun = 30, quiet = { "23:00", "08:30" },
  must = {
    greeted = 100, grabbed = 1500, points = 1500, touched = 300, live_booked = 50, live_called = 6, live_started = 6, live_ended = 6,
    invited = 30, invite_valid = 5,
  },
  day = common{
    { at = "18:30", share = 0.06, says = { "几点开播?", "什么时候发货?", "160 穿什么码?", "能退货吗", "有回放吗" } },
    { at = "20:30", share = 0.4, within = 60, says = GRABS, crowd = true },
    { at = "11:00", on = { 2, 9 }, staff = "店长", says = "直播排期 明天 20:00 春装上新" },
    { at = "12:00", on = { 2, 3, 9, 10 }, share = 0.2, says = { "预约", "直播预告" } },
    { at = "13:00", share = 0.02, says = { "我的邀请码", "邀请榜", "我的邀请" } },
    { at = "21:30", on = { 4, 11 }, staff = "店长", says = "发红包 200 40" },
    { at = "21:30", on = { 4, 11 }, share = 0.3, within = 60, says = GRABS, crowd = true },
    { at = "22:00", share = 0.05, says = { "我的积分", "买到啦", "谢谢主播" } },
  },
})
