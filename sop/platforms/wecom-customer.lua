-- WeCom group-send to customers and customer groups: each task waits for a member's confirmation; the month's four are the customer's.
return {
  title = "WeCom customer group-send",
  zone = "Asia/Shanghai",
  jitter = 0,
  warmup = "0s",
  limits = {
    { name = "chat-month", scope = "chat", kinds = "begun", count = 4, per = "month",
      source = "doc 92135: 4 a month per customer and customer group", quality = "sdk", checked = "2026-11-22" },
    { name = "chat-day", scope = "chat", kinds = "begun", count = 1, per = "day",
      source = "translated page of doc 92135: one a day", quality = "secondary", checked = "2026-11-22" },
    { name = "account-minute", scope = "account", count = 60, per = "1m",
      source = "no figure is known; one a second", quality = "ours", checked = "2026-11-22" },
  },
}
