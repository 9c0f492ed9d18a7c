-- asks.lua -- for the tests: every option of c:ask.
local flow = sop.flow("asks", { params = { words = { "strings", default = { "好", "不好" } } } })

-- What an answer looks like, in one line.
local function told(answer, why)
  if not answer then return "nothing: " .. why end
  local parts = { answer.name .. " said [" .. answer.text .. "]" }
  if answer.command then parts[#parts + 1] = "command " .. answer.command .. "(" .. answer.args .. ")" end
  if answer.image then parts[#parts + 1] = "picture" end
  if answer.quoted then parts[#parts + 1] = "quoting" end
  if #answer.mentions > 0 then parts[#parts + 1] = "mentioning " .. #answer.mentions end
  if answer.at_me then parts[#parts + 1] = "to me" end
  return table.concat(parts, ", ")
end

flow:command("问我", function(c)
  c:say("说吧")
  c:say(told(c:ask{}))
end)

flow:command("快问", function(c)
  c:say(told(c:ask{ timeout = "10m" }))
end)

flow:command("问到点", function(c)
  c:say(told(c:ask{ till = c:moment(c:day(), "12:00") }))
end)

flow:command("问过点", function(c)
  c:say(told(c:ask{ till = c:moment(c:day(), "09:00") }))
end)

flow:command("问错点", function(c)
  local _, why = pcall(c.ask, c, { till = c:now(), timeout = "1h" })
  c:say(why)
end)

flow:command("问大家", function(c)
  c:say(told(c:ask{ from = "anyone", timeout = "1h" }))
end)

flow:command("问他们", { args = true }, function(c)
  c:say(told(c:ask{ from = c.mentions, timeout = 3600 }))
end)

flow:command("问数字", function(c)
  c:say(told(c:ask{ match = "^\\d+$", timeout = "1h" }))
end)

flow:command("问词", function(c)
  c:say(told(c:ask{ commands = c.params.words, timeout = "1h" }))
end)

flow:command("问单词", function(c)
  c:say(told(c:ask{ commands = "Ja", from = "anyone", timeout = "1h" }))
end)

flow:command("问词或数字", function(c)
  c:say(told(c:ask{ commands = { "取消" }, match = "^\\d+$", timeout = "1h" }))
end)

flow:command("旁听", function(c)
  c:say(told(c:ask{ consume = false, timeout = "1h" }))
end)

flow:command("问两次", function(c)
  local first = c:ask{}
  local second = c:ask{}
  c:say(first.text .. second.text .. " " .. c.text)
end)

-- A short wait after a long one that ended early.
flow:command("问了再睡", function(c)
  c:ask{}
  c:sleep("10m")
  c:gather{ events = "message", window = "1h", max = 1 }
  c:say("woke " .. c:time() .. " late " .. c:sleep("1m"))
end)

-- What is wrong is said at once, and a script may catch it.
flow:command("问错", function(c)
  local wrong = {
    { form = "s" }, { from = {} }, { from = 1.5 }, { timeout = "soon" }, { timeout = -1 }, { match = "(" }, { match = 3 },
    { commands = {} }, { commands = { " " } }, { consume = "no" },
  }
  local lines = {}
  for i, opts in ipairs(wrong) do
    local fine, why = pcall(c.ask, c, opts)
    lines[i] = tostring(fine) .. " " .. tostring(why):gsub("^[^ ]* ", "")
  end
  c.group.errors = lines
  c:say("done")
end)

flow:on("message", function(c)
  if c.text:find("^听") then c:say("heard " .. c.text) end
end)

return flow
