-- message.lua -- texts and messages: templates with variants, segments, and c:say, c:reply, c:dm, c:staff, c:format.
-- A template is the author's text; what members wrote only ever enters as a value, and a value is only ever text or a segment
-- that sop.at and its like made: no member can type a mention.
-- The journal of a handler that waits keeps that a message was sent and where to, never its words: a corrected text reaches it. So
-- what rendering looks up leaves no trace (P.mentionable, S.peek, P.vary), and a replay does not render at all.
local P, S = ...
local type, ipairs, setmetatable, getmetatable, tostring = type, ipairs, setmetatable, getmetatable, tostring
local pcall, error = pcall, error
local fail, format = P.fail, string.format
local find, sub = string.find, string.sub
local M, sop = S.methods, S.sop

-- ---- segments ----

local Segment = { __name = "segment", __metatable = "segment" }

local function segment(type_, id, text)
  return setmetatable({ type = type_, id = id, text = text }, Segment)
end

S.segment = segment

local function is_segment(value)
  return type(value) == "table" and getmetatable(value) == "segment"
end

function sop.at(user, name)
  return segment("at", S.id(user, "sop.at: the user"), name and S.id(name, "sop.at: the name"))
end

function sop.at_all()
  return segment("at", "all")
end

function sop.image(url)
  return segment("image", S.id(url, "sop.image: the address") and url)
end

function sop.face(id)
  return segment("face", S.id(id, "sop.face: the id"))
end

function sop.text(text)
  return segment("text", nil, tostring(text))
end

-- ---- templates ----

local parsed, parsed_count = {}, 0
local PARSED_MAX = 400

local function shown(template)
  return format('"%s"', #template > 60 and P.cut(template, 57) .. "..." or template)
end

-- A list of texts and { name }. Not strict: what is no known variable stays as it is written.
local function parse(template)
  local parts = parsed[template]
  if parts then
    return parts
  end
  parts = {}
  local at, text = 1, ""
  while true do
    local open = find(template, "[{}]", at)
    if not open then
      break
    end
    text = text .. sub(template, at, open - 1)
    local brace = sub(template, open, open)
    if sub(template, open + 1, open + 1) == brace then
      text, at = text .. brace, open + 2
    else
      local close = brace == "{" and find(template, "}", open, true)
      local name = close and sub(template, open + 1, close - 1)
      if name and #name > 0 and #name <= 60 and not find(name, "[{\n]") then
        if text ~= "" then
          parts[#parts + 1] = text
        end
        parts[#parts + 1] = { name }
        text, at = "", close + 1
      else
        text, at = text .. brace, open + 1
      end
    end
  end
  text = text .. sub(template, at)
  if text ~= "" then
    parts[#parts + 1] = text
  end
  if parsed_count >= PARSED_MAX then
    parsed, parsed_count = {}, 0
  end
  parsed[template], parsed_count = parts, parsed_count + 1
  return parts
end

local may_mention = P.mentionable

-- The @ of the speaker, or nil where none is put: private chats, opted out, nobody spoke.
local function speaker_at(c)
  local user = c.user
  local via = c.via -- a command that was given elsewhere is answered there
  if not user or c.private or via and sub(via, 1, 1) == "@" or not may_mention(user) then
    return nil
  end
  return segment("at", user, c.name)
end

-- Appends text to a message in the making; texts beside each other are joined.
local function add_text(out, text)
  if text == "" then
    return
  end
  local n = #out
  if out.eat then -- a mention was left out: so is the blank behind it
    out.eat = nil
    text = sub(text, 1, 1) == " " and sub(text, 2) or text
  end
  if type(out[n]) == "string" then
    out[n] = out[n] .. text
  else
    out[n + 1] = text
  end
end

local function add_segment(c, out, value)
  if value.type == "text" then
    return add_text(out, value.text)
  end
  if value.type == "at" and value.id ~= "all" and not may_mention(value.id) then
    return add_text(out, S.shown_name(c, value.id))
  end
  out.eat = nil
  out[#out + 1] = value
end

local function add_value(c, out, value, name, depth)
  local kind = type(value)
  if kind == "string" then
    add_text(out, value)
  elseif kind == "number" or kind == "boolean" then
    add_text(out, tostring(value))
  elseif is_segment(value) then
    add_segment(c, out, value)
  elseif kind == "table" and depth < 4 then
    for _, item in ipairs(value) do
      add_value(c, out, item, name, depth + 1)
    end
  else
    fail(format("{%s}: a %s cannot be put into a text; give a string, a number, a segment or a list of them", name, kind))
  end
end

-- Variables that every template has.
local builtin = {}

function builtin.at(c, out)
  local at = speaker_at(c)
  if at then
    out[#out + 1] = at
  else
    out.eat = true
  end
end

function builtin.name(c, out)
  add_text(out, c.name or "")
end

function builtin.bot(c, out)
  add_text(out, c.persona.name or "")
end

function builtin.call(c, out)
  add_text(out, c.persona.call or "")
end

local function render(c, out, template, vars, strict)
  local parts = parse(template)
  for i = 1, #parts do
    local part = parts[i]
    if type(part) == "string" then
      add_text(out, part)
    else
      local name = part[1]
      local value = vars and vars[name]
      if value ~= nil then
        add_value(c, out, value, name, 0)
      elseif builtin[name] then
        builtin[name](c, out)
      elseif strict then
        fail(format("the text %s needs {%s}, which was not given%s", strict == true and shown(template) or strict .. " " .. shown(template),
          name, S.meant(name, vars or {})))
      else
        add_text(out, "{" .. name .. "}")
      end
    end
  end
  return out
end

local function has_at(template)
  for _, part in ipairs(parse(template)) do
    if type(part) == "table" and part[1] == "at" then
      return true
    end
  end
  return false
end

-- ---- variants ----

local last_variant, last_count = {}, 0
local LAST_MAX = 4000
S.text_names = {} -- text of a parameter -> "flow.param": such templates are strict even without variables

-- One of the list, not the one used last for it in this chat.
local function variant(c, list)
  local n = #list
  if n == 0 then
    fail("this list of texts is empty")
  end
  if n == 1 then
    return list[1]
  end
  local key = c.chat .. "\0" .. tostring(list[1])
  local last, i = last_variant[key]
  if last and last <= n then
    i = P.vary(n - 1)
    i = i >= last and i + 1 or i
  else
    i = P.vary(n)
  end
  if not last then
    if last_count >= LAST_MAX then
      last_variant, last_count = {}, 0
    end
    last_count = last_count + 1
  end
  last_variant[key] = i
  return list[i]
end

-- A text or one of its variants, made: for the parts of the prelude that say something of their own.
function S.render(c, text, vars)
  return render(c, {}, type(text) == "table" and variant(c, text) or text, vars, true)
end

-- The template of what a script gave as text: a string, a list of variants, or a segment or list with segments (as parts).
local function choose(c, text, what)
  local kind = type(text)
  if kind == "string" then
    return text
  end
  if kind == "number" then
    return tostring(text)
  end
  if is_segment(text) then
    return nil, { text }
  end
  if kind ~= "table" then
    fail(format("%s: the text must be a string or a list of them, not %s", what, kind == "nil" and "nil" or "a " .. kind))
  end
  for _, item in ipairs(text) do
    if type(item) == "table" then
      return nil, text
    end
  end
  return variant(c, text)
end

-- ---- sending ----

local OPTIONS = {
  at = "table", image = true, quote = true, policy = "string", late = true, chat = "string", anytime = "boolean",
  answer = "boolean", wait = "boolean", kind = "string", if_late = "string", buttons = "table", card = "table",
}
local POLICIES = { resend = true, drop = true }
local KINDS = { game = true, broadcast = true }
local IF_LATE = { delay = true, merge = true, drop = true }

local function check_vars(vars, what)
  if vars ~= nil and type(vars) ~= "table" then
    fail(format("%s: the values for the text are given as a table, not as a %s", what, type(vars)))
  end
end

local function compose(c, text, vars, what, mention)
  check_vars(vars, what)
  local template, parts = choose(c, text, what)
  local out = {}
  if mention and not (template and has_at(template)) then
    local at = speaker_at(c)
    if at then
      out[1], out[2] = at, " "
    end
  end
  if mention and c.via then -- whoever looks after several groups sees which one this is about
    local name = c.chat_name
    add_text(out, "【" .. (name ~= "" and name or c.chat) .. "】")
  end
  if parts then
    add_value(c, out, parts, "text", 0)
    return out
  end
  local strict = S.text_names[template] or vars ~= nil
  return render(c, out, template, vars, strict)
end

local function prefix(c, opts)
  local out = {}
  if opts.quote then
    local id = opts.quote == true and c.message and c.message.id or opts.quote
    if type(id) == "string" then
      out[1] = segment("reply", id)
    end
  end
  local seen = {}
  for _, user in ipairs(opts.at or {}) do
    user = S.id(user, "at: a user")
    if not seen[user] and may_mention(user) then
      seen[user] = true
      out[#out + 1] = segment("at", user)
      out[#out + 1] = " "
    end
  end
  return out
end

local function suffix(out, image)
  local list = type(image) == "table" and not is_segment(image) and image or { image }
  for _, one in ipairs(list) do
    out[#out + 1] = is_segment(one) and one or segment("image", S.id(one, "image: the address") and one)
  end
end

-- The ways of sending. mention: with the @ of the speaker; here: it ends a draft that is shown in this chat; late, anytime: where the
-- options do not say.
local SAY = { what = "c:say", here = true }
local REPLY = { what = "c:reply", mention = true, here = true }
local DM = { what = "c:dm" }
local STAFF = { what = "c:staff", late = 3600000, anytime = true, kind = "alarm" }

-- Renders and sends. extras: buttons or a card (extras.lua); at, label: see P.send in capi.c.
local function send(c, way, text, vars, opts, extras, draft, chat, gateway, at, label)
  local card = extras and extras.card
  local out = card and text == nil and {} or compose(c, text, vars, way.what, way.mention and not card)
  if not opts then
    local one = not draft and #out == 1 and type(out[1]) == "string" and out[1] or out
    out.draft = draft
    return P.send(one, chat, gateway, nil, way.late, way.anytime, nil, way.kind, nil, at, label)
  end
  local before = prefix(c, opts)
  if #before > 0 then
    table.move(out, 1, #out, #before + 1, before)
    out = before
  end
  if opts.image then
    suffix(out, opts.image)
  end
  if extras then
    S.add_extras(c, out, extras)
  end
  out.draft = draft
  local late, anytime = way.late, opts.anytime
  if opts.late then
    late = S.milliseconds(opts.late, way.what .. ": late")
  end
  if anytime == nil then
    anytime = way.anytime
  end
  return P.send(out, opts.chat or chat, gateway, opts.policy, late, anytime, opts.answer, opts.kind or way.kind, opts.if_late, at, label)
end

-- Values that are read when they are used (c.member, tables with a metatable) are read before the text is made: reading them is
-- journaled, and must not depend on the wording.
local function settled(vars, text)
  local plain = S.plain(vars)
  if plain or type(vars) ~= "table" or not getmetatable(vars) then
    return plain or vars
  end
  local out = {}
  for _, template in ipairs(type(text) == "table" and text or { text }) do
    for _, part in ipairs(type(template) == "string" and parse(template) or {}) do
      local name = type(part) == "table" and part[1]
      if name and out[name] == nil then
        out[name] = vars[name]
      end
    end
  end
  return out
end

-- What became of a send of old. A text that could not be made, and a message that had nowhere to go, stand there as notes.
local function replayed(kind, at, label)
  if kind == "f" then
    local note = P.note(nil, at)
    if type(note) == "table" and note.error then
      error(note.error, 0)
    elseif type(note) == "table" then
      return nil, note.why
    end
  end
  return P.send("", nil, nil, nil, nil, nil, nil, nil, nil, at, label)
end

-- The same for a handler with a journal.
local function send_recorded(c, way, text, vars, opts, extras, draft, chat, gateway, at, label)
  local kind = P.replaying()
  if kind then
    return replayed(kind, at, label)
  end
  if chat == false then
    return nil, P.note({ why = gateway }, at).why
  end
  local fine, sent, why = pcall(send, c, way, text, vars, opts, extras, draft, chat, gateway, at, label)
  if not fine then
    error(P.note({ error = tostring(sent) }, at).error, 0)
  end
  return sent, why
end

local function label_of(opts, label, what)
  opts = S.options(opts, OPTIONS, what)
  if opts.policy and not POLICIES[opts.policy] then
    fail(what .. ': policy is "resend" or "drop"')
  end
  if opts.kind and not KINDS[opts.kind] then
    fail(what .. ': kind is "game" or "broadcast"; what answers a member is told by answer = true')
  end
  if opts.if_late and not IF_LATE[opts.if_late] then
    fail(what .. ': if_late is "delay", "merge" or "drop"')
  end
  return opts.chat and label .. ":" .. opts.chat or label
end

-- chat nil: this one; false: there is none, `gateway` says why.
local function post(c, way, label, text, vars, opts, chat, gateway)
  local extras
  if opts ~= nil then
    label = label_of(opts, label, way.what)
    extras = S.extras(opts, way.what)
  end
  local sent, why
  if P.journal_at() then
    local draft = way.here and not (opts and opts.chat) and S.take_draft(c) or nil
    vars = settled(vars, text)
    sent, why = send_recorded(c, way, text, vars, opts, extras, draft, chat, gateway, P.journal_at(), label)
  elseif chat == false then
    return nil, gateway
  else
    sent, why = send(c, way, text, vars, opts, extras, nil, chat, gateway)
  end
  if sent and opts and opts.wait then
    return S.wait_sent(c)
  end
  return sent, why
end

local function is_context(c, name)
  if not P.is_context(c) then
    fail(format("call it with a colon: c:%s(...)", name))
  end
end

-- c:say is C as far as a plain text goes (capi.c); this is the rest of it.
M.say = P.say(function(c, text, vars, opts)
  is_context(c, "say")
  return post(c, SAY, "say", text, vars, opts)
end)

function M.reply(c, text, vars, opts)
  is_context(c, "reply")
  return post(c, REPLY, "say", text, vars, opts, c.via)
end

function M.dm(c, user, text, vars, opts)
  is_context(c, "dm")
  user = S.id(user, "c:dm: the user")
  local own = c.private and user == c.user
  if not own and P.opted_out(user) then
    return nil, "opted out"
  end
  return post(c, DM, "dm:" .. user, text, vars, opts, "@" .. user)
end

function M.staff(c, text, vars, opts)
  is_context(c, "staff")
  local gateway, chat = P.staff_chat()
  if not chat then
    return post(c, STAFF, "staff", text, vars, opts, false, "this playbook has no staff chat")
  end
  return post(c, STAFF, "staff", text, vars, opts, chat, gateway)
end

local function plain_text(c, text, vars)
  local out = compose(c, text, vars, "c:format")
  for i, part in ipairs(out) do
    if type(part) == "table" then
      out[i] = part.text or part.type == "at" and "@" .. part.id or ""
      if part.type == "at" and part.text then
        out[i] = "@" .. part.text
      end
    end
  end
  return table.concat(out)
end

-- The text of a message as a string: for logs, for staff, for files. Mentions become @ and the id.
function M.format(c, text, vars)
  is_context(c, "format")
  if not P.journal_at() then
    return plain_text(c, text, vars)
  end
  vars = settled(vars, text)
  local at = P.journal_at()
  local note
  if P.replaying() then
    note = P.note(nil, at)
  else
    local fine, made = pcall(plain_text, c, text, vars)
    note = P.note(fine and made or { error = tostring(made) }, at)
  end
  if type(note) == "table" then
    error(note.error or "c:format", 0)
  end
  return note
end
