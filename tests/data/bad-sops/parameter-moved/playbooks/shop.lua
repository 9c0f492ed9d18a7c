-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  flows = {
    { "common", menu_checkin = "打卡" },
    "checkin",
  },
}
