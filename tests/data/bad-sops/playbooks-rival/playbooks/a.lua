-- shop.lua -- a playbook of one shop.
return {
  groups = { { tag = "store" } },
  keepers = true,
  flows = {
    "common",
    "checkin",
  },
}
