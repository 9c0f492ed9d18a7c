return {
  level = "store",
  groups = { "qq1:700000018" },
  flows = { checkin = { dayz = 14 } },
}
