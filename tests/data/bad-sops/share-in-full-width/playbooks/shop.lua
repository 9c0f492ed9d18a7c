-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  flows = {
    {
      "common",
      menu_common = "今晚福利!转发朋友圈,送 5 积分！",
    },
  },
}
