-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  flows = {
    "checkin",
    { "redpacket", organiser = "幸福生鲜有限公司", grab_words = { "打卡" } },
  },
}
