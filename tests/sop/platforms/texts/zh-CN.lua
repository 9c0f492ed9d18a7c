return {
  buttons = { instead = "想要哪个就发:{words}" },
}
