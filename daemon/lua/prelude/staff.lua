-- staff.lua -- what staff ask for and turn: c:flows, c:pauses, c:roster, c:chats, c:commands; c:toggle, c:pause, c:resume; and
-- c:command_in, which gives a command in another chat.
local P, S = ...
local type, ipairs, tostring = type, ipairs, tostring
local fail, format = P.fail, string.format
local M = S.methods

local IN = { chat = "string" }

-- The chat that the options mean: nil is the one of this handler.
local function place(opts, what)
  local chat = S.options(opts, IN, what).chat
  if chat == nil then
    return nil
  end
  return S.id(chat, what .. ": chat")
end

local function known_role(role, what)
  if type(role) ~= "string" or not P.role_rank(role) then
    fail(format('%s: "%s" is no role; roles are member, keeper, store, region, hq, owner', what, tostring(role)))
  end
  return role
end

-- ---- looking ----

function M.flows(_, opts)
  return P.flows(place(opts, "c:flows"))
end

function M.pauses(_, opts)
  return P.pauses(place(opts, "c:pauses"))
end

function M.roster(_, opts)
  return P.roster(place(opts, "c:roster"))
end

local CHATS = { role = "string", user = true, said = "boolean", resting = "boolean", count = "boolean" }

function M.chats(c, opts)
  opts = S.options(opts, CHATS, "c:chats")
  local user = S.id(opts.user == nil and S.user(c, "c:chats") or opts.user, "c:chats: the user")
  local role = known_role(opts.role == nil and "keeper" or opts.role, "c:chats")
  return P.chats(user, role, opts.said or false, opts.resting or false, opts.count or false)
end

function M.commands(c, opts)
  return P.commands(place(opts, "c:commands"), S.user(c, "c:commands"))
end

-- ---- turning ----

-- Is there a flow of that name in the chat?
local function runs_here(chat, name)
  for _, flow in ipairs(P.flows(chat)) do
    if flow.name == name then
      return true
    end
  end
  return false
end

local STATES = { on = true, off = true, default = true }

function M.toggle(_, flow, state, opts)
  flow = S.id(flow, "c:toggle: the flow")
  local chat = place(opts, "c:toggle")
  if not STATES[state] then
    fail('c:toggle: the state is "on", "off" or "default"')
  end
  if flow == "switch" and state == "off" then
    return nil, "the switch itself cannot be switched off"
  end
  if not runs_here(chat, flow) then
    return nil, "there is no flow of that name here"
  end
  P.set("toggle", chat, flow, state ~= "default" and state or nil)
  return true
end

-- Flow and chat of a pause: nil: this one, "": all of this gateway, or a list of chats.
local function pause_of(flow, opts, what)
  flow = S.id(flow, what .. ": the flow")
  local chat = opts.chat
  if opts.gateway then
    return flow, ""
  elseif type(chat) == "table" then
    local list = {}
    for i, id in ipairs(chat) do
      list[i] = S.id(id, what .. ": chat")
    end
    return flow, list
  elseif chat ~= nil then
    chat = S.id(chat, what .. ": chat")
  end
  if flow ~= "*" and not runs_here(chat, flow) then
    return nil, nil, "there is no flow of that name here"
  end
  return flow, chat
end

-- A moment as people read it in Redis: "2026-11-22T12:00:00Z".
local function utc(seconds)
  local clock = seconds % 86400
  return format("%sT%02d:%02d:%02dZ", P.date_text(seconds // 86400), clock // 3600, clock // 60 % 60, clock % 60)
end

local PAUSE = { till = true, chat = true, gateway = "boolean" }
local RESUME = { chat = true, gateway = "boolean" }

function M.pause(_, flow, opts)
  opts = S.options(opts, PAUSE, "c:pause")
  local till = opts.till
  if till ~= nil then
    till = utc(S.integer(S.number(till, "c:pause: till") // 1, "c:pause: till"))
  end
  if flow == "switch" then
    return nil, "the switch itself cannot be paused"
  end
  local name, chat, why = pause_of(flow, opts, "c:pause")
  if not name then
    return nil, why
  end
  P.set("pause", chat, name, till or "yes")
  return true
end

function M.resume(_, flow, opts)
  local name, chat, why = pause_of(flow, S.options(opts, RESUME, "c:resume"), "c:resume")
  if not name then
    return nil, why
  end
  P.set("pause", chat, name)
  return true
end

-- ---- a command in another chat ----

local SAID = { mentions = "table" }

function M.command_in(c, chat, text, opts)
  S.user(c, "c:command_in")
  opts = S.options(opts, SAID, "c:command_in")
  local mentions = {}
  for i, user in ipairs(opts.mentions or {}) do
    mentions[i] = S.id(user, "c:command_in: who is mentioned")
  end
  if type(text) ~= "string" then
    fail("c:command_in: the command is a text, not a " .. type(text))
  end
  return P.said_in(S.id(chat, "c:command_in: the chat"), text, mentions)
end
