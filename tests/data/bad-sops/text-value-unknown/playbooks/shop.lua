-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  flows = {
    {
      "checkin",
      done = {
        "第 {day} 天",
        "打卡成功,第 {dayz} 天",
      },
    },
  },
}
