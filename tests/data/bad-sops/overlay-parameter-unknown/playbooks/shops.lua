return {
  groups = { "qq1:*" },
  evening_posts = 20,
  flows = { "switch", "common", "checkin" },
}
