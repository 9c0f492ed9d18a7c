-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  flows = {
    {
      "redpacket",
      organiser = "幸福生鲜有限公司",
      kind = "points",
      rules = { "发「{word}」参加,每人一次,{till} 结束\n{claim}\n主办:{organiser} 联系:{contact}", "发「{word}」参加,{till} 结束\n主办:{organiser} 联系:{contact}" },
    },
  },
}
