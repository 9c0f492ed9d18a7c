-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  flows = {
    {
      "redpacket",
      organiser = "幸福生鲜有限公司",
      kind = "prizes",
      prizes = { { name = "电饭煲", count = 10, value = 29900, cost = 300 } },
    },
  },
}
