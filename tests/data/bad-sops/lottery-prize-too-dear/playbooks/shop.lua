-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  flows = {
    "common",
    {
      "redpacket", kind = "prizes", organiser = "幸福生鲜有限公司",
      prizes = {
        { name = "小汽车", count = 1, value = 8800000, cost = 1 },
      },
    },
  },
}
