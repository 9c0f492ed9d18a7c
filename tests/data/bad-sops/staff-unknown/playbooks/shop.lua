-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  staff = {
    ["qq1:1"] = "store",
    ["qq9:2"] = "store",
  },
  flows = {
    "common",
  },
}
