-- demo.lua -- all recipes in one demo group: build/sopd play --sop sop/recipes
return {
  title = "示例",
  groups = { "playground:*" },
  timezone = "Asia/Shanghai",
  quiet = { "22:30", "07:30" },
  day_cutoff = "04:00",
  language = "zh-CN",
  persona = { name = "小福", emoji = 1, call = "宝子" },
  staff_chat = "playground:staff",
  staff = { ["playground:店长"] = "store" },
  flows = {
    "form", "appointment", "quiz", "followup", "vote", "draw", "survey", "winback", "handoff", "grouporder", "birthday", "tea",
  },
}
