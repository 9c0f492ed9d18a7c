-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  flows = {
    {
      "common",
      menu_common = "@全体成员 退订请发「退订」",
    },
  },
}
