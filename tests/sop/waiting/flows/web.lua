-- web.lua -- asks the world outside and tells the group what came.
local flow = sop.flow("web", {
  title = "问外面",
  params = {
    style = { "text", default = "简短" },
  },
})

local function tell(c, answer, why)
  if not answer then return c:say("没有:" .. why, nil, { answer = true }) end
  c:say({ sop.text("得到:" .. answer) }, nil, { answer = true })
end

-- 问 URL [重试]
flow:command("问", { args = true }, function(c)
  local url, more = c.args:match("^(%S+)%s*(.*)$")
  c.group.asked = (c.group.asked or 0) + 1
  local r, why = c:http{ url = url, timeout = "5s", retry = more == "重试" or nil }
  c.group.heard = (c.group.heard or 0) + 1
  tell(c, r and r.status .. " " .. r.body, why)
end)

-- 下单 N: a call that must not be made twice.
flow:command("下单", { args = true }, function(c)
  local r, why = c:http{
    url = "https://shop.test/orders", json = { count = tonumber(c.args) }, headers = { ["X-Shop"] = "3" }, timeout = "5s",
  }
  if r then c:add(c.member, "orders", 1) end
  tell(c, r and r.json and "单号 " .. r.json.id or r and "状态 " .. r.status, why)
end)

-- 查 KEY: with a query, two calls one after the other.
flow:command("查", { args = true }, function(c)
  local one = c:http{ url = "https://shop.test/stock", query = { name = c.args, n = 2 } }
  local two = c:http{ url = "https://shop.test/price", query = { name = c.args } }
  tell(c, one and two and one.body .. "," .. two.body, "查不到")
end)

-- 写 TEXT: the language model, whose instructions are a text that may be edited while it is asked.
flow:command("写", { args = true }, function(c)
  local text, tokens = c:llm{ system = c:format(c.params.style), prompt = c.args, max_tokens = 100, words = { "保证", "免费" } }
  tell(c, text and text .. " " .. tokens, tokens)
end)

-- 显 TEXT: as 写, and members see it grow where they can.
flow:command("显", { args = true }, function(c)
  local text, why = c:llm{ prompt = c.args, words = { "保证" }, show = true }
  tell(c, text, why)
  c:say("就这样", nil, { answer = true })
end)

-- 错: what a script may get wrong is an error before anything is asked.
flow:command("错", function(c)
  local wrong = {
    { "http", {}, "give an address" },
    { "http", { url = "https://shop.test/", methd = "PUT" }, "methd" },
    { "http", { url = "https://shop.test/", method = "BREW" }, "method is one of" },
    { "http", { url = "https://shop.test/", method = "GET", body = "x" }, "GET has no body" },
    { "http", { url = "https://shop.test/", body = "x", json = {} }, "either body or json" },
    { "http", { url = "https://shop.test/", headers = { Host = "x" } }, "is set by sopd" },
    { "http", { url = "https://shop.test/", headers = { ["X\r\nY"] = "x" } }, "no name of a header" },
    { "http", { url = "https://shop.test/", headers = { X = "a\r\nHost: b" } }, "one line" },
    { "http", { url = "https://shop.test/", timeout = "5m" }, "timeout" },
    { "http", { url = "https://shop.test/", redirects = 9 }, "from 0 to 3" },
    { "http", { url = "https://shop.test/", body = ("x"):rep(40000) }, "32 KiB" },
    { "llm", {}, "either prompt or messages" },
    { "llm", { messages = { { role = "robot", content = "x" } } }, "role system, user or assistant" },
    { "llm", { prompt = "x", words = { 1 } }, "list of texts" },
    { "llm", { prompt = "x", show = "yes" }, "show" },
    { "llm", { prompt = ("x"):rep(40000) }, "32 KiB" },
  }
  for i, case in ipairs(wrong) do
    local ok, why = pcall(c[case[1]], c, case[2])
    if ok or not why:find(case[3], 1, true) then return c:say(i .. ": " .. tostring(why)) end
  end
  local ok, r = pcall(c.http, c, "https://shop.test/hello") -- and a wait inside pcall is none
  c:say(ok and r.body .. "、都拦住了" or "不行")
end)

flow:command("守着", function(c)
  c:stop_when{ leaves = true }
  local r = c:http("https://shop.test/slow")
  tell(c, r and r.body, "没来")
end)

return flow
