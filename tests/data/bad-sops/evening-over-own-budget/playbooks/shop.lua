-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  evening_posts = 2,
  flows = {
    "checkin",
    { "redpacket", organiser = "幸福生鲜有限公司" },
  },
}
