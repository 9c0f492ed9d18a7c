-- shop.lua -- a playbook of one shop.
return {
  groups = { "qq1:*" },
  keepers = true,
  staff_chat = "qq1:700000099",
  flows = {
    { "chaperone", llm = true, duty = { "10001" } },
  },
}
