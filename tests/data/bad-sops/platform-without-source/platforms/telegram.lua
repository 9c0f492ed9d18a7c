return {
  title = "Telegram",
  limits = {
    { name = "chat-minute", scope = "chat", count = 20, per = "1m", quality = "ours", checked = "2026-11-22" },
  },
}
