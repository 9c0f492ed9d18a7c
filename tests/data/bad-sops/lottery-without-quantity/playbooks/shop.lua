-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  flows = {
    {
      "redpacket",
      organiser = "幸福生鲜有限公司",
      kind = "coupon",
      open_coupon = "🧧送「{what}」啦,快来",
    },
  },
}
