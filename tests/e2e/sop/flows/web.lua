-- web.lua -- asks the world outside and tells what came: test_http.py.
local flow = sop.flow("web", { title = "问外面" })

local function told(c, r, why)
  c:emit("web", { n = tonumber(c.args:match("#(%d+)")), status = r and r.status, body = r and #r.body, why = why })
  if not r then return c:reply("没有:" .. why) end
  c:reply({ sop.text("得到:" .. r.status .. " " .. r.body:sub(1, 200)) })
end

-- 取 URL [3]: redirects
flow:command("取", { args = true }, function(c)
  local url, redirects = c.args:match("^(%S+)%s*(%d*)$")
  c:emit("asking", { url = url })
  told(c, c:http{ url = url, redirects = tonumber(redirects) or 0, timeout = "2s" })
end)

-- 慢取 URL: has time
flow:command("慢取", { args = true }, function(c)
  told(c, c:http{ url = c.args, timeout = "20s" })
end)

flow:command("投", { args = true }, function(c)
  told(c, c:http{ url = c.args, json = { user = c.user }, timeout = "20s" })
end)

flow:command("头", { args = true }, function(c)
  local r, why = c:http{ url = c.args, headers = { ["X-From"] = "sopd", Authorization = "mine" } }
  told(c, r, why)
end)

flow:command("写", { args = true }, function(c)
  local text, why = c:llm{ prompt = c.args }
  c:reply({ sop.text(text or "没有:" .. why) })
end)

-- 显 TEXT: shown while it is made; 短显 has little time
local function shown(timeout)
  return function(c)
    local text, why = c:llm{ prompt = c.args, show = true, timeout = timeout, words = { "打折" } }
    c:reply({ sop.text(text and text .. "(完)" or "没有:" .. why) })
  end
end
flow:command("显", { args = true }, shown("15s"))
flow:command("短显", { args = true }, shown("3s"))

return flow
