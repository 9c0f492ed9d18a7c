-- /etc/sopd/sopd.lua -- the configuration of sopd. docs/operations.md explains every key.
-- `sopd check` looks for mistakes without connecting; `systemctl reload sopd` loads changes.
return {
  -- redis = "unix:///run/redis/redis-server.sock", -- leave it out, and sopd runs a Redis of its own in data_dir
  data_dir = "/var/lib/sopd",
  http = "127.0.0.1:9180", -- /healthz and /metrics
  sop = { "/etc/sopd/sop", "/usr/share/sopd/sop" }, -- the first folder that has a file wins
  -- playbooks = { "evening" }, -- only these; else all that the folders hold
  timezone = "Asia/Shanghai",

  -- who may give staff commands: member < keeper < store < region < hq < owner
  staff = {
    -- ["qq1:10001"] = "owner",
  },

  gateways = {
    -- sopd connects to NapCat's WebSocket server
    -- { name = "qq1", type = "onebot11", mode = "forward", url = "ws://127.0.0.1:3001/", token_file = "qq1.token" },
    -- NapCat connects to sopd
    -- { name = "qq2", type = "onebot11", mode = "reverse", listen = "127.0.0.1:8080", token_file = "qq2.token" },
  },
}
