return {
  groups = { "qq1:*" },
  evening_posts = 20,
  flows = { "switch", "common", "checkin" },
  overlays = {
    {
      level = "region",
      name = "west",
      groups = { { tag = "west" } },
      flows = { checkin = { remind = "22:45" } },
    },
  },
}
