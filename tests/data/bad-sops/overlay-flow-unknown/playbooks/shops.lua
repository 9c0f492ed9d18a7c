return {
  groups = { "qq1:*" },
  evening_posts = 20,
  flows = { "switch", "common" },
  overlays = {
    { level = "store", groups = { "qq1:700000018" }, flows = { checkin = true } },
  },
}
