-- A script author's worst days: each command does one thing that must not hurt anybody else.
local flow = sop.flow("bad", { title = "坏流程" })

flow:command("死循环", function(c)
  c:say("不该出现")
  while true do
    pcall(function()
      while true do
      end
    end)
  end
end)

flow:command("吃内存", function(c)
  c.member.dirty = 1
  local hoard = {}
  while true do
    hoard[#hoard + 1] = ("x"):rep(1024 * 1024) .. #hoard
  end
end)

flow:command("一次吃光", function(c)
  c.member.dirty = 1
  c:say(("x"):rep(1024 * 1024 * 1024))
end)

flow:command("大串", function(c)
  c.member.dirty = 1
  c:say(("长"):rep(10 * 1024 * 1024 // 3))
end)

flow:command("表错误", function(c)
  c.member.dirty = 1
  c:say("不该出现")
  error({ code = 7, reason = setmetatable({}, { __tostring = function() error("again") end }) })
end)

flow:command("普通错误", function(c)
  c.member.dirty = 1
  c:say("不该出现")
  local nothing = nil
  return nothing.field
end)

flow:command("回溯", function(c)
  c.member.dirty = 1
  local subject = ("a"):rep(100000)
  c:say(tostring(subject:find("a*a*a*a*a*a*b")))
end)

flow:command("正则回溯", function(c)
  c.member.dirty = 1
  c:say(tostring(sop.match("(a+)+$", ("a"):rep(5000) .. "b")))
end)

flow:command("洪水", function(c)
  c.member.dirty = 1
  for i = 1, 100000 do
    c:say("水 " .. i)
  end
end)

flow:command("深递归", function(c)
  c.member.dirty = 1
  local function down(n)
    return 1 + down(n + 1)
  end
  c:say(down(1))
end)

flow:command("错名", function(c)
  c.member.dirty = 1
  c:sya("错")
end)

return flow
