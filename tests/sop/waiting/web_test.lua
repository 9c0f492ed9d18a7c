-- web_test.lua -- c:http and c:llm: what comes back, what does not, and what a death in between leaves of it.
local t = sop.test("web", { playbook = { flows = { "web" } }, start = "2026-03-02 10:00" })

t:http("https://shop.test/hello*", "你好")
t:http("https://shop.test/orders", { json = { id = 17 } })

t:case("an answer wakes the run; its status and body are the script's", function(g)
  g:says("小美", "问 https://shop.test/hello?x=1")
  g:expect{ text = "得到:200 你好" }
  g:expect_runs(0)
end)

t:case("the newest answer for an address counts; a status alone is an answer, too", function(g)
  g:http("https://shop.test/*", 404)
  g:says("小美", "问 https://shop.test/hello")
  g:expect{ text = "得到:404" }
end)

t:case("what is sent: method, headers and body as JSON", function(g)
  g:http("https://shop.test/orders", function(request)
    g:equal(request.method, "POST")
    g:equal(request.json, { count = 3 })
    g:equal(request.headers["Content-Type"], "application/json")
    g:equal(request.headers["X-Shop"], "3")
    return { status = 201, json = { id = 4711 } }
  end)
  g:says("小美", "下单 3")
  g:expect{ text = "单号 4711" }
  g:expect_state("member", "小美", { orders = 1 })
  g:equal(#g:requests(), 1)
end)

t:case("a query is written into the address, in a fixed order, everything but plain letters as %XX", function(g)
  g:http("https://shop.test/stock*", function(request) return request.url:match("?(.*)$") end)
  g:http("https://shop.test/price?name=%E7%89%9B%20%26%E5%A5%B6", "12")
  g:says("小美", "查 牛 &奶")
  g:expect{ text = "得到:n=2&name=%E7%89%9B%20%26%E5%A5%B6,12" }
end)

t:case("wrong arguments are errors that help", function(g)
  g:says("小美", "错")
  g:expect{ text = "你好、都拦住了" }
  g:equal(#g:requests(), 1)
end)

t:case("nobody answers: the reason says why", function(g)
  for _, why in ipairs({ "no connection", "unknown host", "tls", "too large" }) do
    g:http("https://shop.test/hello", { error = why })
    g:says("小美", "问 https://shop.test/hello")
    g:expect{ text = "没有:" .. why }
  end
end)

t:case("an answer that takes a while; others are answered meanwhile", function(g)
  g:http("https://shop.test/slow", { body = "慢", delay = "3s" })
  g:says("小美", "问 https://shop.test/slow")
  g:says("小王", "问 https://shop.test/hello")
  g:expect{ text = "200 你好" }
  g:expect_runs(1, { who = "小美", waits = "http" })
  g:advance("3s")
  g:expect{ text = "200 慢" }
end)

t:case("too slow: the time is up, and what comes later is not heard", function(g)
  g:http("https://shop.test/slow", { body = "慢", delay = "9s" })
  g:says("小美", "问 https://shop.test/slow")
  g:advance("4s")
  g:expect_none()
  g:advance("2s")
  g:expect{ text = "没有:timeout" }
  g:silent("1m")
end)

t:case("after a crash a question that changes nothing is asked again", function(g)
  g:http("https://shop.test/slow", { body = "慢", delay = "3s" })
  g:says("小美", "问 https://shop.test/slow")
  g:kill()
  g:advance("4s")
  g:expect_count(1, { text = "200 慢" })
  g:expect_runs(0)
  assert(#g:requests() >= 2, "it was asked again")
end)

t:case("after a crash an order is not sent again: unknown", function(g)
  g:http("https://shop.test/orders", { json = { id = 1 }, delay = "3s" })
  g:says("小美", "下单 1")
  g:kill()
  g:advance("4s")
  g:expect_count(1, { text = "没有:unknown" })
  g:expect_state("member", "小美", { orders = false })
  g:equal(#g:requests(), 1)
end)

t:case("killed in the commit that begins the wait, or in the one that ends it: asked and answered all the same", function(g)
  g:kill{ during = "commit" }
  g:says("小美", "问 https://shop.test/hello")
  g:advance("20s")
  g:expect_count(1, { text = "200 你好" })
  g:http("https://shop.test/slow", { body = "慢", delay = "2s" })
  g:says("小美", "问 https://shop.test/slow")
  g:kill{ during = "commit" }
  g:advance("20s")
  g:expect_count(1, { text = "200 慢" })
  g:expect_state("group", { asked = 2, heard = 2 })
end)

t:case("the flow is off when the answer comes: it is kept, and heard when the flow is on again", function(g)
  g:http("https://shop.test/slow", { body = "慢", delay = "3s" })
  g:says("小美", "问 https://shop.test/slow")
  g:toggle("web", "off")
  g:silent("1h")
  g:says("小王", "嗯")
  g:toggle("web", "on")
  g:advance("6m")
  g:expect_count(1, { text = "200 慢" })
  g:expect_runs(0)
end)

t:case("who is waited for leaves: the run ends, the answer is not heard", function(g)
  g:http("https://shop.test/slow", { body = "慢", delay = "5s" })
  g:join("小美")
  g:says("小美", "守着")
  g:leave("小美")
  g:expect_runs(0)
  g:silent("1m")
end)

t:case("without an endpoint the model is off", function(g)
  g:says("小美", "写 一句话")
  g:expect{ text = "没有:off" }
end)

t:case("the model writes; the instructions may be worded anew while it does", function(g)
  g:llm(function(messages_of) -- the request
    return { text = " 好的:" .. messages_of.json.messages[2].content .. "\n", tokens = 33 }
  end)
  g:says("小美", "写 春天")
  g:expect{ text = "得到:好的:春天 33" }
  g:llm({ text = "慢慢来", delay = "4s" })
  g:says("小美", "写 秋天")
  g:param("web.style", "啰嗦")
  g:restart()
  g:advance("5s")
  g:expect{ text = "得到:慢慢来 50" }
  g:equal(g:requests()[1].json.max_tokens, 100)
end)

t:case("an answer that is shown while it is made is asked for in pieces, and is the same", function(g)
  g:llm("好的")
  g:says("小美", "显 春天")
  g:expect{ text = "得到:好的" }
  g:expect{ text = "就这样" }
  local asked = g:requests()[1].json
  g:equal(asked.stream, true)
  g:equal(asked.stream_options.include_usage, true)
  g:llm("我保证有效")
  g:says("小美", "显 春天")
  g:expect{ text = "没有:refused" }
end)

t:case("why the model does not write", function(g)
  for _, why in ipairs({ "status 500", "status 429", "no connection", "refused" }) do
    g:llm({ error = why })
    g:says("小美", "写 春天")
    g:expect{ text = "没有:" .. why }
  end
  g:llm("我保证有效")
  g:says("小美", "写 春天")
  g:expect{ text = "没有:refused" }
  g:llm("<think>免费?不行</think>")
  g:says("小美", "写 春天")
  g:expect{ text = "没有:empty" }
  g:llm({ error = "timeout" })
  g:says("小美", "写 春天")
  g:advance("10s")
  g:expect{ text = "没有:timeout" }
end)

t:case("the day's budget of calls is used up, and there again the next day", function(g)
  g:llm("好", { calls_per_day = 2 })
  for i = 1, 3 do
    g:says("小美", "写 " .. i)
    g:expect{ text = i < 3 and "得到:好" or "没有:budget" }
  end
  g:equal(#g:requests(), 2)
  g:advance("1d")
  g:says("小美", "写 明天")
  g:expect{ text = "得到:好" }
end)

t:case("the day's budget of tokens: an estimate is set aside before, the use counts", function(g)
  g:llm({ text = "好", tokens = 40 }, { tokens_per_day = 190 })
  for i = 1, 3 do -- each sets aside a little over 100 and takes 40
    g:says("小美", "写 字")
    g:expect{ text = i < 3 and "得到:好" or "没有:budget" }
  end
end)
