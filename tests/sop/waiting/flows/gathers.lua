-- gathers.lua -- for the tests: every option of c:gather.
local flow = sop.flow("gathers", {})

local function names(list)
  local out = {}
  for i, one in ipairs(list) do out[i] = one.name end
  return #out > 0 and table.concat(out, ",") or "nobody"
end

flow:on("join", function(c)
  local list, why = c:gather{ events = "join", window = "10s" }
  table.insert(list, 1, { name = c.name })
  c:say(names(list) .. " " .. why)
end)

flow:command("接龙", function(c)
  local list, why = c:gather{ events = "message", window = "1m", max = 3 }
  local texts = {}
  for i, one in ipairs(list) do texts[i] = one.name .. "=" .. one.text end
  c:say(why .. ": " .. table.concat(texts, " "))
end)

flow:command("我说", function(c)
  local list = c:gather{ events = { "message" }, window = "1m", from = c.user }
  c:say(#list .. " from me")
end)

flow:command("报数", function(c)
  local list, why = c:gather{ events = { "message" }, window = "1m", match = "^\\d+$", max = 2 }
  c:say(#list .. " numbers, " .. why)
end)

flow:command("谁来谁走", function(c)
  local list = c:gather{ events = { "join", "leave" }, window = "1m" }
  local lines = {}
  for i, one in ipairs(list) do lines[i] = one.type .. (one.operator and " by somebody" or "") end
  c:say("seen: " .. table.concat(lines, ", "))
end)

flow:command("收错", function(c)
  local lines = {}
  for i, opts in ipairs({ {}, { events = "joins" }, { events = {} }, { events = "join", max = 0 }, { events = "join", windw = 1 },
    { events = "join", window = "x" }, { events = "message", match = "[" } }) do
    local fine, why = pcall(c.gather, c, opts)
    lines[i] = tostring(fine) .. " " .. why
  end
  c.group.errors = lines
  c:say("done")
end)

flow:on("message", function(c)
  if c.text:find("^听") then c:say("heard " .. c.text) end
end)

return flow
