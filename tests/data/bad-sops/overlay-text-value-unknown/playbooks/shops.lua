return {
  groups = { "qq1:*" },
  evening_posts = 20,
  flows = { "switch", "common", "checkin" },
  overlays = {
    {
      level = "region",
      name = "north",
      groups = { { tag = "north" } },
      flows = { checkin = { already = "今天已经打过卡啦,{storename}等你明天再来" } },
    },
  },
}
