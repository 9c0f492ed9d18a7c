return {
  groups = { "qq1:*" },
  evening_posts = 20,
  locked = { "checkin.days" },
  flows = { "switch", "common", "checkin" },
  overlays = {
    { level = "store", groups = { "qq1:700000018" }, flows = { checkin = { days = 14 } } },
  },
}
