-- play.lua -- what the plays run with: the shipped flows, and playbooks of their own beside the shipped ones.
return {
  sop = { "../../sop", "sop" },
  gateways = { { name = "playground", type = "playground" } },
}
