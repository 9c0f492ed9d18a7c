-- LINE Messaging API: replies are free; pushed messages count against the month's plan, by people reached. 200 is the free plan's;
-- say your own plan's count in the configuration: quotas = { ["push-month"] = 5000 }.
return {
  title = "LINE",
  zone = "Asia/Tokyo",
  jitter = 0,
  warmup = "0s",
  limits = {
    { name = "push-month", scope = "account", kinds = "begun", count = 200, per = "month",
      source = "LINE plans: 200 pushed messages a month on the free one", quality = "secondary", checked = "2026-11-22" },
    { name = "account-second", scope = "account", count = 100, per = "1s", burst = 50,
      source = "no figure of the sending routes reached in practice; a cautious bound", quality = "ours", checked = "2026-11-22" },
    { name = "attention", scope = "member", kinds = { "broadcast", "dm" }, count = 6, per = "business day",
      source = "as on personal accounts", quality = "ours", checked = "2026-11-22" },
  },
}
