return {
  chekin = {
    done = "打卡成功",
  },
}
