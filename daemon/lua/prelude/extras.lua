-- extras.lua -- what only some platforms have in a message: buttons, cards of the platform's own, drafts of answers that are still
-- being made. Where a platform lacks buttons, those that only say a word become a line of text.
local P, S = ...
local type, ipairs, getmetatable = type, ipairs, getmetatable
local fail, format = P.fail, string.format
local M = S.methods

local BUTTONS, LABEL, VALUE, CARD = 6, 20, 100, 16384
local SAY = "say:" -- what the engine takes for a word that was said (engine/gw_hear.c)

-- ---- buttons ----

local BUTTON = { [1] = true, value = "string", say = "string" }

local function text_of(value, most, what, unit)
  if type(value) ~= "string" or P.fold(value) == "" then
    fail(format("%s must be a text that is not blank, not %s", what, type(value) == "string" and '""' or type(value)))
  end
  local n = unit == "bytes" and #value or utf8.len(value) or #value
  if n > most or value:find("%c") then
    fail(format("%s has %d %s: at most %d on one line", what, n, unit, most))
  end
  return value
end

-- A button as { label, value on the wire, the word that it says or nil }.
local function button(one, what)
  if type(one) == "string" then
    one = { one }
  elseif type(one) ~= "table" then
    fail(format('%s is a word, or { "label", value = "..." }, not a %s', what, type(one)))
  end
  S.options(one, BUTTON, what)
  local label = text_of(one[1], LABEL, what .. ": its label", "characters")
  if one.value and one.say then
    fail(what .. ": give either say (it says a word) or value (it raises the event button)")
  end
  if not one.value then
    local word = text_of(one.say or label, VALUE - #SAY, what .. ": its word", "bytes")
    return { label, SAY .. word, word }
  end
  local value = text_of(one.value, VALUE, what .. ": its value", "bytes")
  if value:sub(1, #SAY) == SAY then
    fail(format('%s: a value does not begin with "%s"; for a word write say = "..."', what, SAY))
  end
  return { label, value }
end

local function buttons_of(list, what)
  if #list == 0 then
    fail(what .. ': buttons is a list such as { "打卡", { "赞成", value = "yes" } }')
  elseif #list > BUTTONS then
    fail(format("%s: a message has at most %d buttons, not %d", what, BUTTONS, #list))
  end
  local out, seen = {}, {}
  for i, one in ipairs(list) do
    local b = button(one, format("%s: button %d", what, i))
    if seen[b[2]] then
      fail(format("%s: button %d does the same as button %d", what, i, seen[b[2]]))
    end
    seen[b[2]], out[i] = i, b
  end
  return out
end

local INSTEAD = "回复:{words}"

-- The line that stands for buttons which only say words; nil if one of them does more.
local function instead(c, buttons, texts)
  local words = {}
  for i, b in ipairs(buttons) do
    if not b[3] then
      return nil
    end
    words[i] = b[3]
  end
  return S.render(c, texts == true and INSTEAD or texts, { words = table.concat(words, " / ") })
end

-- Puts the buttons behind the message, or what stands for them. Their looks leave no trace in the journal.
local function add_buttons(c, out, buttons)
  local texts = P.press() -- nil: this platform has buttons
  local line = texts and instead(c, buttons, texts)
  if line then
    out[#out + 1] = "\n"
    table.move(line, 1, #line, #out + 1, out)
    return
  end
  for _, b in ipairs(buttons) do
    out[#out + 1] = S.segment("button", b[2], b[1])
  end
end

-- ---- cards ----

local function card_text(card, what)
  if type(card) ~= "table" or getmetatable(card) == "segment" then
    fail(format("%s: a card is a table as the platform describes it, not a %s", what, type(card)))
  end
  local text = P.json(card)
  if text == "[]" or text == "{}" or #text > CARD then
    fail(format("%s: the card %s", what, #text > CARD and format("has %d bytes as JSON: at most %d", #text, CARD) or "is empty"))
  end
  return text
end

-- The card of a message whose button was pressed, or whoever pressed it sees another one from now on.
local UPDATE = { only = "boolean" }

function M.update_card(c, card, opts)
  opts = S.options(opts, UPDATE, "c:update_card")
  local text = card_text(card, "c:update_card")
  return P.act(S.ACTION.card_update, opts.only and S.user(c, "c:update_card") or nil, nil, nil, text)
end

-- ---- in a message ----

-- What of the options is more than text, checked: nil if there is none. Before anything is journaled.
function S.extras(opts, what)
  if not (opts.buttons or opts.card) then
    return nil
  end
  if opts.buttons and opts.card then
    fail(what .. ": a card has buttons of its own: give either buttons or card")
  end
  return {
    buttons = opts.buttons and buttons_of(opts.buttons, what),
    card = opts.card and card_text(opts.card, what),
  }
end

-- Adds them to a message in the making.
function S.add_extras(c, out, extras)
  if extras.buttons then
    add_buttons(c, out, extras.buttons)
  elseif extras.card then
    out[#out + 1] = S.segment("card", nil, extras.card)
  end
end

-- ---- drafts ----

-- A waiting call has shown its answer while it was made (web.lua, s.draft): the next message of the handler into this chat ends that.
function S.take_draft(c)
  local s = P.session(c)
  local draft = s.draft
  s.draft = nil
  return draft
end
