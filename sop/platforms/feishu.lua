-- Feishu: custom bots (webhook) and applications. The stricter figures, those of the custom bot, stand for the account.
return {
  title = "Feishu",
  zone = "Asia/Shanghai",
  jitter = 0,
  warmup = "0s",
  limits = {
    { name = "account-minute", scope = "account", count = 100, per = "1m",
      source = "custom bot: 100 a minute", quality = "sdk", checked = "2026-11-22" },
    { name = "account-second", scope = "account", count = 5, per = "1s",
      source = "custom bot: 5 a second", quality = "sdk", checked = "2026-11-22" },
    { name = "chat-second", scope = "chat", count = 5, per = "1s",
      source = "application: about 5 a second per chat", quality = "secondary", checked = "2026-11-22" },
    { name = "attention", scope = "member", kinds = { "broadcast", "dm" }, count = 6, per = "business day",
      source = "as on personal accounts", quality = "ours", checked = "2026-11-22" },
  },
}
