-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  flows = {
    {
      "common",
      menu_common = { "退订 · 恢复", "分享给三位好友,中奖概率翻倍" },
    },
  },
}
