-- board.lua -- the rows of the daily board: what costs how much today. Of the flow calendar. They stand in the hash "board" of the chat (a
-- field an item, its value the price or any words), for what a chat does not have in the gateway's hash "calendar-board", else in the
-- parameter board_csv: lines "when,item,price", when = 2026-03-02, 03-02, 1 to 7 (Monday to Sunday) or * for every day.
-- A field `date` in a hash says for which day it is: yesterday's prices are never posted.
local civil = require("lib.civil")

local board = {}

local MOST = 40 -- rows

-- The cells of a line: plain ones, and "a","b ""c""", in which commas and quotes stay; commas between them in either width.
local function cells(line)
  local list, rest = {}, line:gsub("\r$", "") .. ","
  while rest ~= "" do
    local cell, behind = sop.match('^\\s*"((?:[^"]|"")*)"\\s*(?:,|，)(.*)$', rest)
    if cell then
      cell = cell:gsub('""', '"')
    else
      cell, behind = sop.match("^(.*?)(?:,|，)(.*)$", rest)
    end
    list[#list + 1] = (cell:gsub("^%s+", ""):gsub("%s+$", ""))
    rest = behind
  end
  return list
end

-- A price as it is shown: 9.90 that was written with redis-cli comes back as the number 9.9.
local function shown(price)
  return math.type(price) == "float" and string.format("%.2f", price) or tostring(price)
end

local function from_csv(text, day)
  local rows, date, weekday = {}, civil.date(day), tostring(civil.weekday(day))
  for line in (text:gsub("^\239\187\191", "") .. "\n"):gmatch("([^\n]*)\n") do
    local row = cells(line)
    local at = row[1]
    if #row >= 2 and #rows < MOST and (at == "*" or at == date or at == date:sub(6) or at == weekday) then
      rows[#rows + 1] = { row[2], row[3] or "" }
    end
  end
  return rows
end

-- The rows { item, price } of the day, and whether a hash was for another day.
function board.rows(c, day)
  local rows, seen, stale = {}, {}, false
  for _, hash in ipairs({ c:hash("board"), c:hash("calendar-board", { scope = "gateway" }) }) do
    local date = hash.date
    if date and date ~= civil.date(day) then
      stale = true
    else
      for item, price in pairs(hash) do
        if item ~= "date" and not seen[item] and #rows < MOST then
          seen[item] = true
          rows[#rows + 1] = { item, shown(price) }
        end
      end
    end
  end
  if #rows == 0 then rows = from_csv(c.params.board_csv, day) end
  return rows, stale
end

return board
