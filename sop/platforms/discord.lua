-- Discord bots: 50 requests a second overall; each route says its own limit in its answers, for messages commonly 5 in 5 seconds.
return {
  title = "Discord",
  jitter = 0,
  warmup = "0s",
  limits = {
    { name = "account-second", scope = "account", count = 50, per = "1s", burst = 20,
      source = "Discord rate limits: 50 requests a second for a bot", quality = "secondary", checked = "2026-11-22" },
    { name = "chat-five-seconds", scope = "chat", count = 5, per = "5s", burst = 2,
      source = "commonly seen in X-RateLimit headers of a channel's messages", quality = "secondary", checked = "2026-11-22" },
    { name = "attention", scope = "member", kinds = { "broadcast", "dm" }, count = 6, per = "business day",
      source = "as on personal accounts", quality = "ours", checked = "2026-11-22" },
  },
}
