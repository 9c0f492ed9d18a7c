return {
  checkin = {
    days = "28",
  },
}
