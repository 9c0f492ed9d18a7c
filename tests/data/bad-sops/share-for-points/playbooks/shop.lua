-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  flows = {
    {
      "common",
      menu_common = "把海报转发到朋友圈,就送 10 积分",
    },
  },
}
