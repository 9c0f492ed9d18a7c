-- libs.lua -- calls one function of a lib and says what it returns, for tests/sop/libs/tests: 算 when.moment ["$c","明晚8点"]. A "$c" among
-- the arguments is the context. Moments and day numbers are shown as dates.
local LIBS = {}
for _, name in ipairs({
  "civil", "csv", "dates", "decent", "duty", "fair", "form", "holidays", "knowledge", "lunar", "marks", "occasion", "people", "spans",
    "when",
}) do
  LIBS[name] = require("lib." .. name)
end

local flow = sop.flow("libs", {
  title = "库",
  params = {
    questions = { "table", default = {} },
    tries = { "integer", default = 3 },
    texts = {
      "table",
      default = {
        question = "问{n}/{count} {ask}", question_options = "选{n}/{count} {ask}\n{options}", first = "已是第一题 {ask}", cancelled = "不填了",
        timed_out = "没等到", given_up = "算了吧", bad_text = "字数{min}-{max}", bad_number = "数字{min}-{max}", bad_phone = "手机号",
        bad_tail = "尾号", bad_choice = "选一个\n{options}", bad_date = "日期",
      },
    },
  },
})

local function shown(c, value)
  if math.type(value) == "integer" and value > 1000000000 then return c:time("%Y-%m-%d %H:%M", value) end
  if math.type(value) == "integer" and value > 15000 and value < 40000 then return c:date(value) end
  return type(value) == "string" and value or value == nil and "nil" or sop.json(value)
end

flow:command("算", { args = true }, function(c)
  local lib, name, given = sop.match("(?s)^(\\w+)\\.(\\w+)\\s*(.*)$", c.args)
  local args = given == "" and {} or sop.unjson(given)
  for i, one in ipairs(args) do
    if one == "$c" then args[i] = c end
  end
  local out, parts = table.pack(LIBS[lib][name](table.unpack(args))), {}
  for i = 1, math.max(1, out.n) do parts[i] = shown(c, out[i]) end
  c:say(sop.text("[" .. table.concat(parts, "|") .. "]"))
end)

flow:command("填", function(c)
  local p = c.params
  local answers, why = LIBS.form.fill(c, p.questions, p.texts, "10m", p.tries)
  c:say(sop.text("得到 " .. (answers and sop.json(answers) or why)))
end)

return flow
