-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  flows = {
    {
      "chaperone",
      faq = {
        { ask = { "营业" }, answer = "8 点到 22 点" },
        { ask = { "优惠" }, answer = { "发朋友圈截图,到店领券" } },
      },
    },
  },
}
