return {
  checkin = {
    milestone = {
      "满 {days} 天啦",
      "满 {days} 天,晒朋友圈送积分",
    },
  },
}
