-- birthday.lua -- 生日 3月2日: a wish in the group every year, for as long as the member stays.
local flow = sop.flow("birthday", {
  title = "生日祝福",
  params = {
    at = { "clock", default = "09:00", help = "几点祝福" },
    wish = { "text", default = { "今天是 {at} 的生日🎂 祝你天天开心,到店有小蛋糕", "{at} 生日快乐🎂 新的一岁顺顺利利" } },
  },
})

-- The next such day whose hour has not come yet. 29 February is kept on the 28th in common years.
local function next_birthday(c, month_day)
  local year = tonumber(c:today():sub(1, 4))
  for y = year, year + 1 do
    local day = c:day(y .. "-" .. month_day) or c:day(y .. "-02-28")
    if c:moment(day, c.params.at) > c:now() then return c:date(day) end
  end
end

local year = flow:run("year", function(c)
  c:stop_when{ leaves = true, opts_out = true }
  local late = c:sleep_until{ date = next_birthday(c, c.member.birthday), at = c.params.at }
  if late < 12 * 3600 then c:say(c.params.wish) end
  c:continue()
end)

flow:command("生日", { args = true, private = false }, function(c)
  local month, day = sop.match("^(\\d{1,2})[月/.-](\\d{1,2})[日号]?$", sop.fold(c.args))
  local month_day = month and ("%02d-%02d"):format(tonumber(month), tonumber(day))
  if not month or not c:day("2024-" .. month_day) then return c:reply("这样告诉我:生日 3月2日") end
  c.member.birthday = month_day
  c:cancel{ key = c.user }
  c:start(year, nil, { key = c.user })
  c:reply("记住啦,{date},到时候祝福你", { date = month .. "月" .. day .. "日" })
end)

return flow
