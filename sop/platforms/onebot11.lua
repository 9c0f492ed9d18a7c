-- QQ personal accounts through OneBot 11. QQ publishes no figures: these are those that bots of many operators live with, and what
-- keeps a group readable. What members ask for (kind answer) is limited by the rates only, never by a day's quota.
-- Every key: docs/gateways.md. A file of the same name in an earlier SOP folder takes the place of this one.
return {
  title = "QQ personal account (OneBot 11)",
  zone = "Asia/Shanghai",
  jitter = 40, -- per cent of each spacing, up and down
  warmup = "7d", -- a new account begins slowly
  limits = {
    -- the account, all its messages
    { name = "account-gap", scope = "account", count = 1, per = "800ms",
      source = "reported by operators of such bots: replies 0.8 s apart", quality = "ours", checked = "2026-11-22" },
    { name = "account-minute", scope = "account", count = 40, per = "1m", burst = 10,
      source = "reported by operators of such bots: 40 a minute per account", quality = "ours", checked = "2026-11-22" },
    { name = "account-hour", scope = "account", count = 1000, per = "1h", burst = 300,
      source = "reported by operators of such bots: 1000 an hour per account", quality = "ours", checked = "2026-11-22" },
    -- posts that nobody asked for
    { name = "post-gap", scope = "account", kinds = { "broadcast", "dm", "at_all" }, count = 1, per = "3s",
      source = "suggested pacing: group posts at least 3 s apart per account", quality = "ours", checked = "2026-11-22" },
    { name = "post-day", scope = "chat", kinds = { "broadcast", "at_all" }, count = 6, per = "day",
      source = "suggested pacing: at most 6 posts a day and group outside games", quality = "ours", checked = "2026-11-22" },
    { name = "at-all-hour", scope = "chat", kinds = "at_all", count = 1, per = "1h",
      source = "operators of such bots: @all once an hour, and the platform's own daily count", quality = "ours", checked = "2026-11-22" },
    -- one chat
    { name = "chat-gap", scope = "chat", count = 1, per = "1500ms",
      source = "reported by operators of such bots: 1.5 s apart in a group", quality = "ours", checked = "2026-11-22" },
    { name = "chat-minute", scope = "chat", count = 20, per = "1m", burst = 8,
      source = "QQ result 299 (per-minute limit of a group), 20 a minute", quality = "secondary", checked = "2026-11-22" },
    { name = "game-gap", scope = "chat", kinds = "game", count = 1, per = "5s",
      source = "suggested pacing: game results every 5 s", quality = "ours", checked = "2026-11-22" },
    -- one member
    { name = "attention", scope = "member", kinds = { "broadcast", "dm" }, count = 6, per = "business day",
      source = "as many as posts a day in a group: a member is not reached more often", quality = "ours", checked = "2026-11-22" },
  },
}
