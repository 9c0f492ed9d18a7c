-- All test flows in all groups and private chats.
return {
  title = "端到端测试",
  groups = { "all" },
  private = true,
  timezone = "Asia/Shanghai", quiet = false, -- the suite runs at night, too
  staff_chat = "qq1:700000099",
  staff = { ["qq1:3300000009"] = "keeper" },
  flows = { "probe", "echo", "state", "bad", "deeds" },
}
