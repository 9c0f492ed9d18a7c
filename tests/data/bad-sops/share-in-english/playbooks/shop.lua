-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  flows = {
    {
      "common",
      stopped_already = "Share this with your friends and get a coupon",
    },
  },
}
