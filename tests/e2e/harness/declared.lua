-- declared.lua -- what sop/ declares, as JSON:
-- { flows = { name = { title, params = { name = { type, default } }, commands = { { words, role, param } },
--   texts = { parameter = { variants } } } }, playbooks = { name = { flows } } }
-- Flows are loaded with a `sop` that only listens, so that no daemon is needed. Called by tests/e2e/test_flow_pages.py:
-- lua declared.lua ROOT FILE...
local root = arg[1]
package.path = root .. "/sop/?.lua;" .. package.path

-- ---- JSON ----------------------------------------------------------------------------------------------------------

local function quoted(text)
  return '"' .. text:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
end

local function json(value)
  local kind = type(value)
  if kind == "string" then return quoted(value) end
  if kind == "number" or kind == "boolean" then return tostring(value) end
  if kind ~= "table" then return "null" end
  local parts = {}
  if #value > 0 or next(value) == nil then
    for i, item in ipairs(value) do parts[i] = json(item) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  local names = {}
  for name in pairs(value) do names[#names + 1] = tostring(name) end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = quoted(name) .. ":" .. json(value[name]) end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- ---- a `sop` that listens ------------------------------------------------------------------------------------------

local nothing
nothing = setmetatable({}, { __index = function() return nothing end, __call = function() return nothing end })

local found, current = {}, nil

local function command_of(words, options)
  options = type(options) == "table" and options or {}
  local param = type(words) == "string" and current.params[words] and words or nil
  return { words = type(words) == "table" and words or { words }, param = param, role = options.role }
end

_G.sop = setmetatable({
  flow = function(name, declaration)
    current = { title = declaration.title, params = declaration.params or {}, commands = {} }
    found[name] = current
    return setmetatable({}, { __index = function(_, method)
      return function(_, first, options)
        if method == "command" then current.commands[#current.commands + 1] = command_of(first, options) end
        return nothing
      end
    end })
  end,
}, { __index = function() return function(value) return value end end })

for i = 2, #arg do dofile(arg[i]) end

local texts = dofile(root .. "/sop/texts/zh-CN.lua")
for name, flow in pairs(found) do
  flow.texts = {}
  for param, declared in pairs(flow.params) do
    if declared[1] == "text" then flow.texts[param] = texts[name] and texts[name][param] or declared.default or {} end
    if type(flow.texts[param]) == "string" then flow.texts[param] = { flow.texts[param] } end
    flow.params[param] = { type = declared[1], default = declared.default, help = declared.help, role = declared.role }
  end
  for _, command in ipairs(flow.commands) do
    local declared = command.param and flow.params[command.param]
    if declared then command.words = type(declared.default) == "table" and declared.default or { declared.default } end
    local role = command.role and flow.params[command.role]
    if role then command.role = role.default end
  end
end

-- ---- playbooks -----------------------------------------------------------------------------------------------------

local books = {}
local pipe = assert(io.popen("ls '" .. root .. "/sop/playbooks'"))
for file in pipe:lines() do
  local name = file:match("^(.*)%.lua$")
  if name then
    books[name] = {}
    for i, flow in ipairs(dofile(root .. "/sop/playbooks/" .. file).flows) do books[name][i] = type(flow) == "table" and flow[1] or flow end
  end
end
pipe:close()

print(json({ flows = found, playbooks = books }))
