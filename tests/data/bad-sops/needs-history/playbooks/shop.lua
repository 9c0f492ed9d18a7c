-- shop.lua -- a playbook of one shop.
return {
  groups = { "pg:*" },
  keepers = true,
  flows = {
    "hello",
  },
}
