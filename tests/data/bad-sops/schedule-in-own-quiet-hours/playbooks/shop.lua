-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  quiet = { "12:00", "14:00" },
  flows = {
    "news",
  },
}
