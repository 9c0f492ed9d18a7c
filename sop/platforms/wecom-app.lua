-- WeCom application: messages to members and to group chats that the application made. The company's limits are counted in
-- person-times (a group of 100 counts 100); here they stand for groups of 200, the largest common size.
-- What is beyond the limits of a member is dropped by the platform without an error.
return {
  title = "WeCom application",
  zone = "Asia/Shanghai",
  jitter = 0,
  warmup = "0s",
  limits = {
    { name = "company-minute", scope = "account", count = 100, per = "1m", burst = 20,
      source = "doc 90454: 20000 person-times a minute, in groups of 200", quality = "official", checked = "2026-11-22" },
    { name = "company-hour", scope = "account", count = 1500, per = "1h", burst = 100,
      source = "doc 90454: 300000 person-times an hour, in groups of 200", quality = "official", checked = "2026-11-22" },
    { name = "member-minute", scope = "member", count = 30, per = "1m",
      source = "doc 90454: 30 a minute to a member, the rest is dropped silently", quality = "official", checked = "2026-11-22" },
    { name = "member-hour", scope = "member", count = 1000, per = "1h",
      source = "doc 90454: 1000 an hour to a member", quality = "official", checked = "2026-11-22" },
    { name = "attention", scope = "member", kinds = { "broadcast", "dm" }, count = 6, per = "business day",
      source = "as on personal accounts", quality = "ours", checked = "2026-11-22" },
  },
}
