-- QQ official bot (bots.qq.com). Its pages contradict each other about posts that nobody asked for: an older one allows 4 a month, a
-- notice of 2025-04-21 none, newer ones of 2026-08-12 20 a minute and 1,000 a day per group. The newer ones stand here; ask your account.
return {
  title = "QQ official bot",
  zone = "Asia/Shanghai",
  jitter = 0,
  warmup = "0s",
  limits = {
    { name = "account-minute", scope = "account", kinds = "begun", count = 30, per = "1m",
      source = "QQ bot pages of 2026-08-12: uncertified bots 30 a minute (certified 60)", quality = "secondary", checked = "2026-11-22" },
    { name = "account-second", scope = "account", count = 100, per = "1s", burst = 50,
      source = "QQ bot pages of 2026-08-12: 100 requests a second", quality = "secondary", checked = "2026-11-22" },
    { name = "chat-minute", scope = "chat", kinds = "begun", count = 20, per = "1m",
      source = "QQ bot pages of 2026-08-12: 20 a minute per group", quality = "secondary", checked = "2026-11-22" },
    { name = "chat-day", scope = "chat", kinds = "begun", count = 1000, per = "day",
      source = "QQ bot pages of 2026-08-12: 1000 a day per group", quality = "secondary", checked = "2026-11-22" },
    { name = "answers-five-minutes", scope = "chat", kinds = "answer", count = 300, per = "5m", burst = 60,
      source = "at most 5 answers within 5 minutes of each message; a bound for busy groups", quality = "ours", checked = "2026-11-22" },
    { name = "attention", scope = "member", kinds = { "broadcast", "dm" }, count = 6, per = "business day",
      source = "as on personal accounts", quality = "ours", checked = "2026-11-22" },
  },
}
