-- What the contract suite needs of a bot; nothing in it asks for more than answering whoever speaks to it.
local flow = sop.flow("contract", { title = "约定" })

local function why(ok, err)
  return ok and "ok" or ("no: " .. tostring(err))
end

-- Counts, so that an event that is handled twice cannot hide.
flow:command("ping", { args = true }, function(c)
  c.member.n = (c.member.n or 0) + 1
  c:say("pong {text} #{n}", { text = c.args, n = c.member.n })
end)

-- What a member wrote, as it is: nothing of it may become a mention, a command or markup.
flow:command("echo", { args = true }, function(c)
  c:say("{text}", { text = c.args })
end)

flow:command("long", { args = true }, function(c)
  c:say(("汉😀"):rep(tonumber(c.args)))
end)

flow:command("many", { args = true }, function(c)
  for i = 1, tonumber(c.args) do
    c:say("no. " .. i)
  end
end)

flow:command("announce", { args = true }, function(c)
  c:say(c.args, nil, { kind = "broadcast", policy = "drop" })
end)

-- Says it when the time has come, whether there is a link or not.
flow:command("later", { args = true }, function(c)
  local time, text = c.args:match("^(%S+) (.*)$")
  c:say("noted")
  c:sleep(time)
  c:say(text, nil, { late = "10m" })
end)

-- Everything that a platform may lack: an error value, never an exception, never a silent loss.
flow:command("caps", function(c)
  local list = {
    "dm " .. why(c:dm(c.user, "dm")),
    "image " .. why(c:say({ sop.image("https://files.example/b.png") })),
    "at_all " .. why(c:say("{all} all", { all = sop.at_all() })),
    "recall " .. why(c:recall("12345")),
    "mute " .. why(c:mute(c.user, "10m")),
    "kick " .. why(c:kick(c.user)),
  }
  c:say("caps: " .. table.concat(list, "; "))
end)

flow:command("mention", function(c)
  c:say("{who} hello", { who = sop.at(c.user) })
end)

flow:command("press", function(c)
  c:say("choose", nil, { buttons = { { "A", value = "va" } } })
end)

flow:command("who", function(c)
  c:say("user=" .. c.user .. " chat=" .. c.chat .. " name=" .. c.name)
end)

flow:on("join", function(c)
  c:say("welcome " .. c.user)
end)

flow:on("leave", function(c)
  c:emit("left", { user = c.user })
end)

flow:on("button", function(c)
  c:say("pressed " .. c.event.text)
end)

return flow
