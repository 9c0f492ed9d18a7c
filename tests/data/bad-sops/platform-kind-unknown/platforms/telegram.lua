return {
  title = "Telegram",
  limits = {
    { name = "chat-day", scope = "chat", count = 20, per = "day",
      kinds = { "broadcast", "advert" },
      source = "test", quality = "ours", checked = "2026-11-22" },
  },
}
