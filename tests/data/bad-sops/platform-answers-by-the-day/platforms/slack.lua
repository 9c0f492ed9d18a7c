return {
  title = "Slack",
  limits = {
    { name = "attention", scope = "member", count = 20, per = "day",
      source = "test", quality = "ours", checked = "2026-11-22" },
  },
}
