-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  staff = { ["qq1:10001"] = "owner" },
  flows = {
    { "calendar", posts = {
      { id = "a", weekday = 1, at = "09:00", text = "今天{weekday},早" },
      { id = "b", weekday = 2, at = "09:00", text = { "早", "今天是{nobody_gives}" } },
    } },
  },
}
