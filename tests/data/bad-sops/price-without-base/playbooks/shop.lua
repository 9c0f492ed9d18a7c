-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  flows = {
    {
      "order",
      items = {
        { name = "鸡蛋", price = 1290, base = 1590, discount = 300 },
        { name = "牛奶", price = 990, discount = 400 },
      },
    },
  },
}
