return {
  groups = { "qq1:*" },
  evening_posts = 20,
  flows = { "switch", "common", "checkin" },
  overlays = {
    {
      level = "store",
      groups = { "qq1:700000018" },
      flows = { checkin = { already = "今天打过卡啦,转发到朋友圈送 10 积分" } },
    },
  },
}
