-- together.lua -- what runs of single members say in the group becomes one message where several of them want to say it in the same
-- minute, ten names each; and waiting for the end of the quiet hours. A flow declares the run that posts,
--   local post = flow:run("post", function(c, args) together.post(c, args, names) end)
-- and its other runs say together.say(c, post, "parameter", vars). Set "together-<parameter>" keeps who is to be named.
local people = require("lib.people")

local together = {}

-- Nobody is disturbed in quiet hours.
function together.wait_out_quiet(c)
  local quiet = c:quiet_until()
  while quiet do
    c:sleep_until(quiet)
    quiet = c:quiet_until()
  end
end

-- The user of this run is to be named in the next message with that text; `vars` are the same for all of them.
function together.say(c, post, text, vars)
  c:set("together-" .. text):add(c.user)
  c:start(post, { text = text, vars = vars }, { key = "together-" .. text, user = false })
end

-- The body of the run that posts: names in a message.
function together.post(c, args, names)
  c:sleep("5s")
  local set, users = c:set("together-" .. args.text), {}
  for _, user in ipairs(set:all()) do
    if #users < names then
      set:remove(user)
      if not c:opted_out(user) then users[#users + 1] = user end
    end
  end
  if #users > 0 then
    local vars = { names = people.mentions(users) }
    for name, value in pairs(args.vars or {}) do vars[name] = value end
    c:say(c.params[args.text], vars, { policy = "drop" })
  end
  if set:count() > 0 then c:continue(args) end
end

return together
