-- store-018.lua -- what the store 018 (幸福路) has of its own: its number for codes, its hours and address, who is on duty.
return {
  level = "store",
  groups = { { tag = "store-018" } },
  persona = { call = "街坊" },
  flows = {
    report = { store = "018 幸福路" },
    redpacket = { store = "018", contact = "幸福路店,群里 @店长" },
    faq = { values = { hours = "8:00 到 22:00", address = "幸福路 18 号,地铁 A 口出来就是" } },
    chaperone = {
      duty = { "店长" },
      duty_to = "22:00",
    },
  },
}
