-- form.lua -- 报名: three questions in the group. Each answer is checked; who mistypes gets two more tries.
local flow = sop.flow("form", { title = "报名表" })

-- Asks until the answer fits the pattern. 取消, silence and a third wrong answer end the whole run.
local function question(c, text, pattern, hint)
  c:reply(text)
  for try = 1, 3 do
    local answer = c:ask{ timeout = "10m" }
    local said = answer and sop.fold(answer.text) or "取消"
    if said == "取消" then break end
    local value = sop.match(pattern, said)
    if value then return value end
    if try < 3 then c:reply(hint) end
  end
  c:reply("那先到这里,想报名随时再发「报名」")
  c:cancel()
end

local form = flow:run("form", function(c)
  c:stop_when{ leaves = true }
  local name = question(c, "太好啦,怎么称呼你?(发「取消」可以退出)", "^\\S.{0,19}$", "名字请在 20 个字以内~再发一次?")
  local tail = question(c, "手机尾号后四位是?到店对一下就行", "^\\d{4}$", "要四位数字哦,比如 6688")
  local people = question(c, "一共来几位?(1-5)", "^([1-5])\\s*[位个人]?$", "发一个 1 到 5 的数字就好")
  c:hash("forms")[c.user] = { name = name, tail = tail, people = tonumber(people) }
  c:reply("收到!{name} {people} 位,尾号 {tail},到时候见", { name = name, people = people, tail = tail })
  c:emit("signed_up", { user = c.user, people = tonumber(people) })
end)

flow:command("报名", { private = false }, function(c)
  if c:hash("forms")[c.user] then return c:reply("你已经报上啦,到时候见") end
  if not c:start(form, nil, { key = c.user }) then c:reply("报名表还开着呢,接着填就好") end
end)

flow:command("报名名单", { role = "keeper" }, function(c)
  local lines, total = {}, 0
  for _, entry in pairs(c:hash("forms")) do
    total = total + entry.people
    lines[#lines + 1] = ("%d. %s %d 位(%s)"):format(#lines + 1, entry.name, entry.people, entry.tail)
  end
  c:staff("报名 {total} 位\n{lines}", { total = total, lines = table.concat(lines, "\n") })
end)

return flow
