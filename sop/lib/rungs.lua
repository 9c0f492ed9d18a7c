-- rungs.lua -- reads a table of times and offers ("19:00 9折"), and names of goods as staff write them behind a word. Of the flow ladder.
local rungs = {}

-- The rungs of a business day: a list of { at = seconds, clock = "19:00", offer }; nil and the line that is wrong. Each must be later
-- than the one before it; what is after midnight belongs to the same evening.
function rungs.read(c, day, lines)
  local list = {}
  for i, line in ipairs(lines) do
    local hour, minute, offer = sop.match("^\\s*(\\d{1,2})[:：.](\\d{2})\\s*(\\S.*?)\\s*$", line)
    hour, minute = tonumber(hour), tonumber(minute)
    if not hour or hour > 23 or minute > 59 then return nil, line end
    local clock = string.format("%02d:%02d", hour, minute)
    local at = c:moment(day, clock, { business = true })
    if i > 1 and at <= list[i - 1].at then return nil, line end
    list[i] = { at = at, clock = clock, offer = offer }
  end
  if #list == 0 then return nil, "-" end
  return list
end

-- The place of the rung of that time ("20:30", "20:30 那档", "20点半"), nil if there is none.
function rungs.find(list, text)
  local hour, minute = sop.match("^(\\d{1,2})[:.点](\\d{2}|半)?", sop.fold(text))
  if not hour then return nil end
  minute = minute == "半" and 30 or tonumber(minute) or 0
  local clock = string.format("%02d:%02d", tonumber(hour), minute)
  for i, rung in ipairs(list) do
    if rung.clock == clock then return i end
  end
end

-- The names in a text, with blanks, commas or 、 between them.
function rungs.names(text)
  local names = {}
  text = text:gsub("、", " "):gsub(",", " "):gsub("[,;/%s]+", " ")
  for name in text:gmatch("%S+") do names[#names + 1] = name end
  return names
end

local ALL = { ["全部"] = true, ["所有"] = true, ["都"] = true, ["全"] = true, all = true }

-- Which of the goods the text means: a list of them, empty for all ("", "全部"); nil and the first name that fits none. A part of a
-- name is enough where it fits only one. Where there are no known goods, every name is one.
function rungs.choose(items, text)
  local chosen = {}
  for _, name in ipairs(rungs.names(text)) do
    local folded, found = sop.fold(name), nil
    if ALL[folded] then return {} end
    for _, item in ipairs(items) do
      local whole = sop.fold(item)
      if whole == folded then
        found = item
        break
      end
      if whole:find(folded, 1, true) then found = found == nil and item or false end
    end
    if #items == 0 then found = name end
    if not found then return nil, name end
    chosen[#chosen + 1] = found
  end
  return chosen
end

return rungs
