-- plain_test.lua -- libs that only reckon: csv, civil, lunar, holidays, occasion, decent, knowledge, marks, people, fair, duty. It is
-- Monday,
-- 2026-03-02.
local ask = require("ask")

local t = sop.test("libs", { playbook = { flows = { "libs" }, quiet = false } })

t:case("csv: commas, quotes and line ends are quoted, formulas are defused, holes are empty", function(g)
  ask(g, {
    { "csv.line", '[["a","b,c","d\\"e",3]]', 'a,"b,c","d""e",3' }, { "csv.line", '[["=1+1","+86","-3","@x"]]', "'=1+1,'+86,'-3,'@x" },
    { "csv.line", "[[-3,0]]", "-3,0" }, { "csv.line", '[["a"],3]', "a,," }, { "csv.line", '[["行\\n二"]]', '"行\n二"' },
    { "csv.line", '[["=a,b"]]', '"\'=a,b"' }, { "csv.text", '[["名","数"],[["小美",1],["小王"]]]', "名,数\n小美,1\n小王," },
      { "csv.text", '[["名"],[]]', "名" },
    { "csv.line", "[[true,false]]", "true,false" },
  })
end)

t:case("civil: dates and numbers, over leap years", function(g)
  ask(g, {
    { "civil.number", '["2026-03-02"]', "2026-03-02" }, { "civil.date", "[20514]", "2026-03-02" }, { "civil.weekday", "[20514]", "1" },
    { "civil.number", '["2026-02-29"]', "nil" }, { "civil.number", '["2028-02-29"]', "2028-02-29" }, { "civil.number", '["x"]', "nil" },
    { "civil.date", "[0]", "1970-01-01" }, { "civil.weekday", "[0]", "4" }, { "civil.split", "[20514]", "2026|3|2" },
  })
end)

t:case("lunar: new year, a leap month, festivals, and the end of the table", function(g)
  ask(g, {
    { "lunar.day", "[2026,1,1]", "2026-02-17" }, { "lunar.of", "[20501]", "2026|1|1|false|30" }, { "lunar.name", "[20501]", "正月初一" },
    { "lunar.day", "[2025,6,1,true]", "2025-07-25" }, { "lunar.day", "[2026,6,1,true]", "nil" }, { "lunar.is_festival", '["中秋"]', "true" },
    { "lunar.is_festival", '["没有"]', "false" }, { "lunar.day", "[2026,8,15]", "2026-09-25" }, { "lunar.falls_on", '["中秋",20721]', "true" },
    { "lunar.falls_on", '["中秋",20722]', "false" }, { "lunar.known", "[20501]", "true" }, { "lunar.known", "[39000]", "false" },
  })
end)

t:case("holidays: days off, working weekends, and years that nobody announced", function(g)
  ask(g, {
    { "holidays.known", "[20514]", "true" }, { "holidays.known", "[22000]", "false" }, { "holidays.workday", "[20514]", "true|nil|true" },
    { "holidays.workday", "[20501]", "false|春节|true" },
  })
end)

t:case("occasion: which days a post is due", function(g)
  local function on(post, day) return { "occasion.on", "[" .. post .. "," .. day .. ",20500]" } end
  local calls = {}
  for _, one in ipairs({
    { '{"date":"2026-03-02"}', 20514, true }, { '{"date":"03-02"}', 20514, true }, { '{"date":["03-01","03-03"]}', 20514, false },
    { '{"weekday":1}', 20514, true }, { '{"weekday":[2,3]}', 20514, false }, { '{"every":3,"from":"2026-02-27"}', 20514, true },
    { '{"every":3,"from":"2026-02-28"}', 20514, false }, { '{"group_day":14}', 20514, true }, { '{"group_day":13}', 20514, false },
    { '{"weekday":1,"till":"2026-03-01"}', 20514, false }, { '{"weekday":1,"from":"2026-03-02"}', 20514, true },
      { '{"member_day":3}', 20514, true },
    { '{"weekday":1,"workday":false}', 20514, false }, { '{"weekday":7,"shift":"after"}', 20514, true },
      { '{"festival":"春节"}', 20501, true },
    { '{"festival":"春节","days":-1}', 20500, true },
  }) do
    calls[#calls + 1] = on(one[1], one[2])
    calls[#calls][3] = tostring(one[3])
  end
  for post, why in pairs({
    ['{"at":"09:00","text":"x"}'] = "no rule", ['{"at":"09:00","text":"x","weekday":1,"date":"03-02"}'] = "several rules",
    ['{"at":"24:00","text":"x","weekday":1}'] = "at", ['{"at":"09:00","weekday":1}'] = "text",
      ['{"at":"09:00","text":"x","every":3}'] = "every",
    ['{"at":"09:00","text":"x","festival":"没有"}'] = "festival", ['{"at":"09:00","text":"x","weekday":1,"till":"x"}'] = "till",
    ['{"at":"09:00","text":"x","weekday":1}'] = "nil",
  }) do
    calls[#calls + 1] = { "occasion.problem", "[" .. post .. "]", why }
  end
  ask(g, calls)
end)

t:case("decent: too short, too long, forbidden however it is written, advertisements", function(g)
  ask(g, {
    { "decent.key", '["幸 福·鲜!"]', "幸福鲜" }, { "decent.fault", '["幸福鲜",2,12,["赌博"]]', "nil" }, { "decent.fault", '["鲜",2,12,[]]', "short" },
    { "decent.fault", '["一二三四五六七八九十一二三",2,12,[]]', "long" }, { "decent.fault", '["赌 博之家",2,12,["赌博"]]', "word" },
    { "decent.fault", '["加我13800138000",2,20,[]]', "contact" }, { "decent.fault", '["www.x.com好",2,20,[]]', "contact" },
  })
end)

t:case("knowledge: what is approved, what fits, what lacks a value", function(g)
  local list = '[{"ask":["停车"],"answer":"地下"},{"ask":["营业"],"answer":"{hours}","priority":2},{"ask":["秘密"],"answer":"x","approved":false}]'
  ask(g, {
    { "knowledge.find", "[" .. list .. ',"哪里停车",true]', "1" }, { "knowledge.find", "[" .. list .. ',"秘密",true]', "nil" },
    { "knowledge.find", "[" .. list .. ',"停车营业吗",true]', "2" }, { "knowledge.find", "[" .. list .. ',"天气",true]', "nil" },
    { "knowledge.missing", '["{hours}开门,{x}",{"hours":"8"}]', "x" }, { "knowledge.missing", '["{hours}",{"hours":"8"}]', "nil" },
    { "knowledge.fill", '["{hours}开门",{"hours":"8 点"}]', "8 点开门" }, { "knowledge.fill", '["{x}",{}]', "nil" },
    { "knowledge.answers", '[{"answer":["{x}","好"]},{}]', '["好"]' },
  })
end)

t:case("marks: streaks, pauses, cards and the calendar", function(g)
  ask(g, {
    { "marks.total", '["xx.mp"]', "3" }, { "marks.streak", '["xxx",2]', "3" }, { "marks.streak", '["xxx",3]', "3" },
      { "marks.streak", '["xx.x",3]', "1" },
    { "marks.streak", '["xxpx",3]', "3" }, { "marks.set", '["x",2,"m"]', "x.m" }, { "marks.at", '["x",5]', "." },
      { "marks.done", '["xm.",1]', "true" },
    { "marks.done", '["xm.",2]', "false" }, { "marks.lost", '["xxx.",4]', "3" }, { "marks.earned", '["xxxxxxx",7]', "1" },
      { "marks.earned", '["xxxmxxx",7]', "0" },
  })
end)

t:case("people and fair: portions, percent, and draws that anyone can recompute", function(g)
  local seed = "0123"
  ask(g, {
    { "people.portions", '[["a","b","c"],2]', '[["a","b"],["c"]]' }, { "people.portions", "[[],2]", "{}" },
      { "people.percent", "[1,3]", "33%" },
    { "people.percent", "[1,0]", "0%" }, { "fair.commitment", '["' .. seed .. '"]', sop.sha256(seed) },
  })
  for i = 1, 5 do
    local a = tonumber(sop.sha256(seed .. ":" .. i):sub(1, 15), 16)
    ask(g, { { "fair.pick", '["' .. seed .. '",' .. i .. ",7]", tostring(a % 7 + 1) } })
  end
  g:says("小美", '算 fair.shares ["' .. seed .. '",100,9]')
  local sum, count = 0, 0
  for share in g:expect{}.text:gmatch("%d+") do sum, count = sum + tonumber(share), count + 1 end
  g:equal({ sum, count }, { 100, 9 })
end)

t:case("duty: who is on now, and when the next begins", function(g)
  local roster = '[{"days":"1-5","from":"09:00","to":"18:00","users":["a","b"]},'
    .. '{"days":[1],"from":"22:00","to":"02:00","users":["c"]},{"days":[6,7],"users":["d"]}]'
  ask(g, {
    { "duty.on", '["$c",' .. roster .. "]", '["a","b"]' }, { "duty.all", "[" .. roster .. "]", '["a","b","c","d"]' },
      { "duty.between", '["23:00","22:00","02:00"]', "true" },
    { "duty.between", '["03:00","22:00","02:00"]', "false" }, { "duty.between", '["18:00","09:00","18:00"]', "false" },
  })
  g:at("19:00")
  ask(g, { { "duty.on", '["$c",' .. roster .. "]", "{}" }, { "duty.next", '["$c",' .. roster .. "]", "2026-03-02 22:00" } })
  g:at("01:00")
  ask(g, { { "duty.on", '["$c",' .. roster .. "]", '["c"]' } })
end)
