-- form_test.lua -- questions one after the other: lib/form.lua. It is Monday, 2026-03-02.
local ask = require("ask")

local QUESTIONS = {
  { key = "name", ask = "称呼?", type = "text", max = 4 },
  { key = "people", ask = "几位?", type = "number", min = 1, max = 5 },
  { key = "time", ask = "上午下午?", type = "choice", options = { "上午", "下午" } },
}

local function playbook(own)
  local flow = { "libs", questions = QUESTIONS }
  for name, value in pairs(own or {}) do flow[name] = value end
  return { flows = { flow }, quiet = false }
end

local t = sop.test("libs", { playbook = playbook() })

-- calls of form.value: kind is the question as JSON
local function values(g, question, wanted)
  local calls = {}
  for text, value in pairs(wanted) do calls[#calls + 1] = { "form.value", '["$c",' .. question .. ',"' .. text .. '"]', value } end
  ask(g, calls)
end

t:case("a text: trimmed, and of the length that is wanted", function(g)
  values(g, '{"type":"text"}', { ["  小 美  "] = "小 美", ["a   b"] = "a b", [""] = "nil", ["   "] = "nil", [("字"):rep(51)] = "nil",
    [("字"):rep(50)] = ("字"):rep(50) })
  values(g, '{"type":"text","min":2,"max":3}', { ["字"] = "nil", ["两字"] = "两字", ["四个字啊"] = "nil" })
end)

t:case("a number: digits and numerals, with a measure word, in bounds", function(g)
  values(g, '{"type":"number","min":1,"max":10}', {
    ["3"] = "3", ["３"] = "3", ["3位"] = "3", ["三个"] = "3", ["两位"] = "2", ["十"] = "10", ["我们3个"] = "3", ["0"] = "nil", ["11"] = "nil",
      ["-3"] = "3",
    ["很多"] = "nil", [""] = "nil", ["3 或 4"] = "nil", ["3.5"] = "nil",
  })
end)

t:case("a phone: mobile or landline, however it is written; of the last digits only these", function(g)
  values(g, '{"type":"phone"}', {
    ["13800138000"] = "13800138000", ["138 0013 8000"] = "13800138000", ["138-0013-8000"] = "13800138000",
      ["手机:13800138000"] = "13800138000",
    ["+86 13800138000"] = "13800138000", ["１３８００１３８０００"] = "13800138000", ["010-12345678"] = "01012345678", ["12800138000"] = "nil",
    ["1380013800"] = "nil", ["138001380000"] = "nil", ["电话"] = "nil",
  })
  values(g, '{"type":"phone","tail":true}', { ["8000"] = "8000", ["尾号8000"] = "8000", ["13800138000"] = "8000", ["800"] = "nil",
    ["80001"] = "nil" })
end)

t:case("a choice: by number, name, or a part of one name only", function(g)
  values(g, '{"type":"choice","options":["上午场","下午场","全天"]}', {
    ["1"] = "上午场", ["2."] = "下午场", ["选3"] = "全天", ["下午"] = "下午场", ["全天"] = "全天", ["我要全天的"] = "全天", ["场"] = "nil", ["4"] = "nil",
      [""] = "nil",
    ["晚上"] = "nil",
  })
end)

t:case("a date: to come, and not too far", function(g)
  values(g, '{"type":"date","days":30}', {
    ["明天"] = "2026-03-03", ["周六"] = "2026-03-07", ["3月20日"] = "2026-03-20", ["今天"] = "2026-03-02", ["5月1日"] = "nil", ["随便"] = "nil",
    ["3月20日如果不下雨的话我来"] = "nil",
  })
end)

t:case("what is wrong with a list of questions is named", function(g)
  local good = '{"key":"a","ask":"?","type":"text"}'
  ask(g, {
    { "form.problem", "[[" .. good .. "]]", "nil" }, { "form.problem", "[[]]", "questions" },
    { "form.problem", "[[" .. good .. "," .. good .. "]]", "questions[2].key" },
    { "form.problem", '[[{"key":"a b","ask":"?","type":"text"}]]', "questions[1].key" },
    { "form.problem", '[[{"key":"a","ask":"","type":"text"}]]', "questions[1].ask" },
    { "form.problem", '[[{"key":"a","ask":"?","type":"picture"}]]', "questions[1].type" },
    { "form.problem", '[[{"key":"a","ask":"?","type":"choice","options":["x"]}]]', "questions[1].options" },
      { "form.problem", "[[1]]", "questions[1].key" },
  })
end)

t:case("all are asked, one after the other; who mistypes hears what is wanted, and may go back", function(g)
  g:says("小美", "填")
  g:expect{ text = "问1/3 称呼?" }
  g:says("小美", "上一步")
  g:expect{ text = "已是第一题" }
  g:says("小美", "名字太长了不行")
  g:expect{ text = "字数1-4" }
  g:says("小美", "小美")
  g:expect{ text = "问2/3 几位?" }
  g:says("小美", "「返回」")
  g:expect{ text = "问1/3" }
  g:says("小美", "阿美")
  g:expect{ text = "问2/3" }
  g:restart()
  g:says("小王", "3") -- somebody else's answer is none
  g:silent()
  g:says("小美", "3位")
  g:expect{ text = { "选3/3 上午下午?", "1. 上午", "2. 下午" } }
  g:advance("9m")
  g:says("小美", "晚上")
  g:expect{ text = "选一个" }
  g:says("小美", "2")
  g:expect{ text = '得到 {"name":"阿美","people":3,"time":"下午"}' }
end)

t:case("it ends: cancelled, too late, after too many tries", function(g)
  g:says("小美", "填")
  g:says("小美", "取消!")
  g:expect{ text = "不填了" }
  g:expect{ text = "得到 cancelled" }
  g:says("小美", "填")
  g:expect{ text = "问1/3" }
  g:advance("11m")
  g:expect{ text = "没等到" }
  g:expect{ text = "得到 timeout" }
  g:says("小美", "填")
  for _ = 1, 3 do g:says("小美", "名字太长了不行") end
  g:expect{ text = "算了吧" }
  g:expect{ text = "得到 tries" }
  g:says("小美", "小美")
  g:silent()
end)

t:case("tries count for each question", { playbook = playbook({ tries = 2 }) }, function(g)
  g:says("小美", "填")
  g:says("小美", "名字太长了不行")
  g:says("小美", "小美")
  g:says("小美", "很多")
  g:expect{ text = "数字1-5" }
  g:says("小美", "2")
  g:expect{ text = "选3/3" }
end)
