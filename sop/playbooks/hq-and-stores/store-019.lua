-- store-019.lua -- what the store 019 (学府路, in the north) has of its own: prizes instead of points, no check-in.
return {
  level = "store",
  groups = { { tag = "store-019" } },
  flows = {
    report = { store = "019 学府路" },
    checkin = false,
    faq = { values = { hours = "10:00 到 21:00", address = "学府路 7 号,北门对面" } },
    redpacket = {
      store = "019",
      contact = "学府路店,群里 @店长",
      kind = "prizes",
      shares = 50,
      prizes = { { name = "大瓶酸奶", count = 2, value = 1200, cost = 10 }, { name = "满 30 减 3 券", count = 8, value = 300, cost = 3 } },
      consolation = 1,
    },
  },
}
