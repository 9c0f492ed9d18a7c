-- english.lua -- the demo's flows in English.
return {
  title = "English",
  groups = { "playground:*" },
  timezone = "Asia/Shanghai", quiet = { "22:30", "07:30" }, day_cutoff = "04:00",
  language = "en", persona = { name = "Fu", call = "friend" },
  staff_chat = "playground:staff",
  staff = { ["playground:Boss"] = "store" },
  flows = {
    "switch",
    { "common", resume_words = { "resume", "恢复" } },
    { "checkin", commands = { "check in", "打卡" } },
    { "redpacket", organiser = "Happy Road store", nightly = false, grab_words = { "grab", "抢" } },
    "welcome",
    { "chaperone", faq = { { ask = { "opening hours", "open" }, answer = "we are open from 8 to 22" } } },
  },
}
