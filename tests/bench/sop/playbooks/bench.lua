-- sop/playbooks/bench.lua: ping in every group of every gateway of the bench.
return {
  title = "Bench",
  groups = { "all" },
  private = false,
  timezone = "Asia/Shanghai",
  language = "zh-CN",
  flows = { "ping" },
}
