-- marks.lua -- the days of one member in a check-in challenge, as a short text with one letter per day:
--   x checked in    m made up with a card    s entered by staff    p the challenge was paused    . missed
-- "xxx.xm" fits into one small field of the member's hash, and can be read and corrected with redis-cli. Positions count
-- from 0 = the first day of the challenge; what lies behind the end is missed.
local marks = {}

local DONE = { x = true, m = true, s = true }

-- The letter of day i.
function marks.at(text, i)
  if i < 0 or i >= #text then return "." end
  return text:sub(i + 1, i + 1)
end

function marks.done(text, i)
  return DONE[marks.at(text, i)] or false
end

-- The text with day i set to a letter.
function marks.set(text, i, letter)
  if #text < i then text = text .. ("."):rep(i - #text) end
  return text:sub(1, i) .. letter .. text:sub(i + 2)
end

-- How many days are done.
function marks.total(text)
  local _, missed = text:gsub("[.p]", "")
  return #text - missed
end

-- Days done in a row up to day i; if i itself is still open, up to the day before. Paused days neither count nor break.
function marks.streak(text, i)
  if marks.at(text, i) == "." then i = i - 1 end
  local n = 0
  while i >= 0 do
    local letter = marks.at(text, i)
    if letter == "." then break end
    if letter ~= "p" then n = n + 1 end
    i = i - 1
  end
  return n
end

-- The streak that was lost by missing the day before day i: how long it was, 0 if none was.
function marks.lost(text, i)
  repeat i = i - 1 until marks.at(text, i) ~= "p"
  if marks.done(text, i) then return 0 end
  while i >= 0 and not marks.done(text, i) do i = i - 1 end
  return i >= 0 and marks.streak(text, i) or 0
end

-- Makeup cards earned: one for every `run` days in a row. Made-up days keep a row alive but do not earn.
function marks.earned(text, run)
  local earned, length = 0, 0
  for i = 1, #text do
    local letter = text:sub(i, i)
    if letter == "x" or letter == "s" then
      length = length + 1
      if length % run == 0 then earned = earned + 1 end
    elseif letter == "." then
      length = 0
    end
  end
  return earned
end

-- The calendar up to day i: ■ done, □ missed, ▨ paused; seven days, a blank, seven days.
function marks.calendar(text, i)
  local line = {}
  for day = 0, i do
    if day > 0 and day % 7 == 0 then line[#line + 1] = " " end
    local letter = marks.at(text, day)
    line[#line + 1] = DONE[letter] and "■" or letter == "p" and "▨" or "□"
  end
  return table.concat(line)
end

return marks
