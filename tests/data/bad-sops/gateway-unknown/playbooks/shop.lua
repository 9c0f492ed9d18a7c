-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*", "qq7:*" },
  keepers = true,
  flows = {
    "common",
  },
}
