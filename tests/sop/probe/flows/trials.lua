-- trials.lua -- asks for variants of experiments, tells what they are measured by.
local flow = sop.flow("trials", {
  title = "试验",
  params = {
    variants = { "strings", default = { "A", "B" } },
    weights = { "table", default = {} },
    nap = { "duration", default = "0s" },
  },
})

local function options(c, more)
  if #c.params.weights > 0 then more.weights = c.params.weights end
  return more
end

flow:command("招呼", function(c)
  local variant = c:experiment("hello", c.params.variants, options(c, { outcome = "bought", per = "shown", units = 40 }))
  c:emit("shown", { users = { c.user, "x" } })
  c:say("用 {v}", { v = variant })
end)

flow:command("我的", function(c)
  local variant = c:experiment("mine", c.params.variants, options(c, { by = "member", outcome = "order" }))
  if c.params.nap ~= "0s" then c:sleep(c.params.nap) end
  local again = c:experiment("mine", c.params.variants, options(c, { by = "member", outcome = "order" }))
  c:say("{u} 用 {v}{w}", { u = c.name, v = variant, w = again == variant and "" or " 变了" })
end)

flow:command("买", function(c)
  c:emit("bought", { n = 1 })
  c:say("买好了")
end)

flow:command("结果", function(c)
  for _, e in ipairs(c:experiments()) do
    local outcomes, per = 0, 0
    for _, arm in ipairs(e.arms) do outcomes, per = outcomes + arm.outcomes, per + (arm.per or 0) end
    c:say("{name} {by} {units}: {n} of {per}; {s}; {note}", {
      name = e.name, by = e.by, units = e.units, n = outcomes, per = per, s = e.sentence, note = e.warning or "no warning" })
  end
end)

local wrong = {
  ["错1"] = { "x", { "A" } },
  ["错2"] = { "x", { "A", "A" } },
  ["错3"] = { "x", { "A", "B" }, { by = "person" } },
  ["错4"] = { "x", { "A", "B" }, { weights = { 1 } } },
  ["错5"] = { "x", { "A", "B" }, { outcomes = "order" } },
  ["错6"] = { "x", { "A", "B" }, { till = "soon" } },
  ["错7"] = { "a b", { "A", "B" } },
  ["错8"] = { "x", { "A", "B" }, { by = "member", outcome = "order", per = "shown" } },
  ["错9"] = { ("x"):rep(41), { "A", "B" } },
}
for word, args in pairs(wrong) do
  flow:command(word, function(c)
    local ok, why = pcall(c.experiment, c, args[1], args[2], args[3])
    c:say(sop.text(tostring(ok) .. " " .. tostring(why)))
  end)
end

return flow
