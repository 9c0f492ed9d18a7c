-- Slack: one message a second in a channel, short bursts are let through.
return {
  title = "Slack",
  jitter = 0,
  warmup = "0s",
  limits = {
    { name = "chat-gap", scope = "chat", count = 1, per = "1s",
      source = "Slack rate limits of chat.postMessage: about 1 a second in a channel", quality = "secondary", checked = "2026-11-22" },
    { name = "account-minute", scope = "account", count = 300, per = "1m", burst = 20,
      source = "several hundred a minute for a workspace", quality = "secondary", checked = "2026-11-22" },
    { name = "attention", scope = "member", kinds = { "broadcast", "dm" }, count = 6, per = "business day",
      source = "as on personal accounts", quality = "ours", checked = "2026-11-22" },
  },
}
