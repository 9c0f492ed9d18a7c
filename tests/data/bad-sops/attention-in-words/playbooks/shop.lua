return {
  groups = { "qq1:*" },
  attention = "little",
  flows = { "common" },
}
