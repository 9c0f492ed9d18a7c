return {
  title = "QQ",
  limits = {
    { name = "chat-day", scope = "chat", count = 20, per = "day",
      source = "test", quality = "ours", checked = "2026-11-22" },
    { name = "chat-day", scope = "account", count = 20, per = "day",
      source = "test", quality = "ours", checked = "2026-11-22" },
  },
}
