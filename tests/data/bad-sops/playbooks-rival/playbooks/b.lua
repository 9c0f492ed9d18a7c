-- shop.lua -- a playbook of one shop.
return {
  groups = { { tag = "store" } },
  keepers = true,
  flows = {
    { "checkin", days = 21 },
    "welcome",
  },
}
