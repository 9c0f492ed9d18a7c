-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  flows = {
    {
      "steps",
      rungs = {
        { at = "19:00", text = "全场 9 折" },
      },
    },
  },
}
