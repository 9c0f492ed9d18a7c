-- WeCom message push (webhook bot): internal groups only, one bot for each group.
return {
  title = "WeCom message push (webhook)",
  zone = "Asia/Shanghai",
  jitter = 0,
  warmup = "0s",
  limits = {
    { name = "account-minute", scope = "account", count = 20, per = "1m",
      source = "doc 91770: 20 a minute per bot", quality = "sdk", checked = "2026-11-22" },
    { name = "attention", scope = "member", kinds = { "broadcast", "dm" }, count = 6, per = "business day",
      source = "as on personal accounts", quality = "ours", checked = "2026-11-22" },
  },
}
