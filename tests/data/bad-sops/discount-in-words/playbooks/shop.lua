-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  flows = {
    {
      "common",
      menu_common = { "退订 · 恢复", "鲜牛奶特价 9.9 元" },
    },
  },
}
