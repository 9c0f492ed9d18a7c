-- shop.lua -- a playbook of one shop.
return {
  groups = { { tag = "store" } },
  keepers = true,
  flows = {
    { "common", menu_common = { "退订 · 恢复", "退订 · 恢复" }, help_words = {} },
  },
}
