-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  flows = {
    "common",
    {
      "redpacket", kind = "prizes", organiser = "幸福生鲜有限公司",
      prizes = {
        { name = "一箱牛奶", count = 1, cost = 50 },
      },
    },
  },
}
