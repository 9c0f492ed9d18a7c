-- KOOK: limits come in the headers of its answers (X-Rate-Limit-*); no figures are published, these are cautious.
return {
  title = "KOOK",
  zone = "Asia/Shanghai",
  jitter = 0,
  warmup = "0s",
  limits = {
    { name = "account-second", scope = "account", count = 5, per = "1s", burst = 3,
      source = "no figure is published; X-Rate-Limit headers decide", quality = "ours", checked = "2026-11-22" },
    { name = "chat-minute", scope = "chat", count = 60, per = "1m",
      source = "no figure is published; one a second in a channel", quality = "ours", checked = "2026-11-22" },
    { name = "attention", scope = "member", kinds = { "broadcast", "dm" }, count = 6, per = "business day",
      source = "as on personal accounts", quality = "ours", checked = "2026-11-22" },
  },
}
