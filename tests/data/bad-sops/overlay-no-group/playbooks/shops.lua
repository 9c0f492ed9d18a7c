return {
  groups = { "qq1:700000001" },
  evening_posts = 20,
  flows = { "switch", "common", "checkin" },
  overlays = {
    { level = "store", groups = { "qq1:700000002" }, flows = { checkin = { days = 14 } } },
  },
}
