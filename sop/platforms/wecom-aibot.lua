-- WeCom smart bot (aibot): replies and pushes count together, per conversation.
return {
  title = "WeCom smart bot",
  zone = "Asia/Shanghai",
  jitter = 0,
  warmup = "0s",
  limits = {
    { name = "chat-minute", scope = "chat", count = 30, per = "1m", burst = 10,
      source = "aibot documentation: 30 a minute per conversation, replies and pushes", quality = "official", checked = "2026-11-22" },
    { name = "chat-hour", scope = "chat", count = 1000, per = "1h", burst = 100,
      source = "aibot documentation: 1000 an hour per conversation", quality = "official", checked = "2026-11-22" },
    { name = "attention", scope = "member", kinds = { "broadcast", "dm" }, count = 6, per = "business day",
      source = "as on personal accounts", quality = "ours", checked = "2026-11-22" },
  },
}
