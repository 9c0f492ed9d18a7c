-- Shows the tests what sopd made of an event: every one becomes a business event "seen".
local flow = sop.flow("probe", { title = "事件探针" })

local kinds = {
  "message", "join", "leave", "poke", "recall", "request", "mute", "admin", "card", "file",
  "reaction", "essence", "honor", "chat", "other", "enter", "button",
}

local function segments_of(c)
  local list = {}
  for i, segment in ipairs(c.message and c.message.segments or {}) do
    list[i] = { type = segment.type, kind = segment.kind, id = segment.id, text = segment.text }
  end
  return list
end

for _, kind in ipairs(kinds) do
  flow:on(kind, function(c)
    local message = c.message
    c:emit("seen", {
      kind = kind,
      chat = c.chat,
      user = c.user,
      name = c.name,
      role = c.role,
      text = c.text,
      at_me = c.at_me,
      private = c.private,
      operator = c.operator,
      quoted = c.quoted,
      sub = c.event.sub,
      target = c.event.target,
      number = c.event.number,
      flag = c.event.flag,
      event_text = c.event.text,
      event_time = c.event.time,
      message_id = message and message.id or c.event.message_id,
      time = message and message.time,
      segments = segments_of(c),
    })
  end)
end

return flow
