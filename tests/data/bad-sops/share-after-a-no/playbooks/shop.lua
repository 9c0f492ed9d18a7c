-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  flows = {
    {
      "common",
      menu_common = "不要犹豫,转发朋友圈就能领券",
    },
  },
}
