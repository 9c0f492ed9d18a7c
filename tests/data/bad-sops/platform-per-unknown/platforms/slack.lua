return {
  title = "Slack",
  limits = {
    { name = "chat-week", scope = "chat", count = 20,
      per = "week",
      source = "test", quality = "ours", checked = "2026-11-22" },
  },
}
