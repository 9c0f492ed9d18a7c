-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  staff_chat = "qq9:700000099",
  flows = {
    "common",
  },
}
