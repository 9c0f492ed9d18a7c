-- DingTalk bots: one message too many mutes the bot for 10 minutes.
return {
  title = "DingTalk",
  zone = "Asia/Shanghai",
  jitter = 0,
  warmup = "0s",
  limits = {
    { name = "account-minute", scope = "account", count = 20, per = "1m",
      source = "custom bot: 20 a minute, then muted for 10 minutes", quality = "sdk", checked = "2026-11-22" },
    { name = "attention", scope = "member", kinds = { "broadcast", "dm" }, count = 6, per = "business day",
      source = "as on personal accounts", quality = "ours", checked = "2026-11-22" },
  },
}
