-- Settings of luacheck for everything under sop/ and for Lua inside daemon/ and tests/.
std = "lua54"
codes = true
self = false
max_line_length = 140
max_cyclomatic_complexity = false
exclude_files = { "build*/**", "sop/types/**", "sop/**/types/**", "tests/data/bad-sops/**" } -- the last are faults on purpose

-- What a flow, a playbook or a library sees: `sop`, and no way out of the sandbox.
local sandbox = {
  std = {
    read_globals = {
      "sop", "_VERSION", "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "print",
      "rawequal", "rawget", "rawlen", "rawset", "require", "select", "setmetatable", "tonumber", "tostring",
      "type", "xpcall", "math", "string", "table", "utf8", "coroutine",
      os = { fields = { "time", "date", "clock", "difftime" } },
    },
  },
}
files["sop/**/*.lua"] = sandbox
files["tests/**/sop/**/*.lua"] = sandbox
-- The prelude builds that world, so it may touch all of it.
files["daemon/lua/**/*.lua"] = { std = "lua54", globals = { "sop" }, ignore = { "131" } }
-- Scripts that Redis runs: Lua 5.1 in its world.
files["daemon/store/*.lua"] = { std = "lua51", read_globals = { "redis", "cjson", "KEYS", "ARGV" } }
