-- The flow of the bench's runs, in every group.
return {
  title = "Runs",
  groups = { "all" },
  private = false,
  timezone = "Asia/Shanghai",
  language = "zh-CN",
  flows = { "waiter" },
}
