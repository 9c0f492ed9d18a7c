-- Telegram bots.
return {
  title = "Telegram",
  jitter = 0,
  warmup = "0s",
  limits = {
    { name = "account-second", scope = "account", count = 30, per = "1s", burst = 15,
      source = "core.telegram.org/bots/faq: about 30 a second overall", quality = "official", checked = "2026-11-22" },
    { name = "chat-gap", scope = "chat", count = 1, per = "1s",
      source = "core.telegram.org/bots/faq: 1 a second in a chat", quality = "official", checked = "2026-11-22" },
    { name = "chat-minute", scope = "chat", count = 20, per = "1m",
      source = "core.telegram.org/bots/faq: 20 a minute in a group", quality = "official", checked = "2026-11-22" },
    { name = "attention", scope = "member", kinds = { "broadcast", "dm" }, count = 6, per = "business day",
      source = "as on personal accounts", quality = "ours", checked = "2026-11-22" },
  },
}
