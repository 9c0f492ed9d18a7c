-- sop/flows/waiter.lua: what scripts/bench measures of runs. A member's first "ping N" decides, by the member's number, what kind
-- of run it becomes; "slept N D" is said by one that has woken, D being when it was due (ms since 1970).
local flow = sop.flow("waiter", { title = "Waiter" })

local FIRST_USER = 3300000001
local DELAY_MS = 75000

-- Each further "ping N" is an answer that wakes the run.
local function ask(c, n)
  c:say("pong " .. n)
  while true do
    local answer = c:ask({ timeout = "60d" })
    if not answer then return end
    c:say("pong " .. answer.text:match("%d+"))
  end
end

local function sleep(c, n, due_ms)
  c:say("pong " .. n)
  c:sleep_until((due_ms + 0.1) / 1000)
  c.member.n = tonumber(n)
  c:say("slept " .. n .. " " .. due_ms)
end

-- A journal of 1,000 entries before it waits for the next "ping N".
local function remember(c, n)
  for i = 1, 1000 do c:emit("step", { i = i }) end
  ask(c, n)
end

flow:on("message", function(c)
  local n = c.text:match("^ping (%d+)$")
  if not n then return end
  local user = tonumber(c.user) - FIRST_USER
  if user < 500 then return ask(c, n) end
  local now = c:now() * 1000 -- of the message, so whole seconds; the numbers of messages spread what is due
  if user < 1000 then return sleep(c, n, now + 30 * 86400000) end
  if user < 1100 then return sleep(c, n, now + DELAY_MS + n * 5 % 1000) end
  if user < 1200 then return sleep(c, n, now - now % 60000 + 60000) end -- a storm at the next full minute
  if user < 1300 then return remember(c, n) end
  c.member.n = tonumber(n)
  c:say("pong " .. n)
  return true
end)

return flow
