return {
  checkin = {
    doen = "打卡成功,第 {day} 天",
  },
}
