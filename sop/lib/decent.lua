-- decent.lua -- what members write for everybody to see, the names of a contest say: whether it is fit to be shown, and when two of them
-- are the same. Says why not, never to whom.
local decent = {}

-- Letters and digits of the scripts that people write in; everything else (signs, blanks, emoji, invisible characters) is decoration.
local function is_letter(code)
  return code >= 48 and code <= 57 or code >= 97 and code <= 122 or code >= 0xC0 and code <= 0x2AF or code >= 0x370 and code <= 0x1FFF
    or code >= 0x3005 and code <= 0x3007 or code >= 0x3040 and code <= 0x318F or code >= 0x3400 and code <= 0x9FFF
    or code >= 0xAC00 and code <= 0xD7A3 or code >= 0x20000 and code <= 0x3FFFF
end

-- The text as it is compared: folded, without decoration. "幸 福·鲜!" and "幸福鲜" are the same.
function decent.key(text)
  local kept = {}
  for _, code in utf8.codes(sop.fold(text), true) do
    if is_letter(code) then kept[#kept + 1] = utf8.char(code) end
  end
  return table.concat(kept)
end

local CONTACT = "\\d{5,}|https?:|www\\.|\\.(?:com|cn|net|org|top|me|xyz|cc|vip|shop|info)\\b|@"
-- Line breaks, and signs that turn the direction of what is written behind them.
local BREAKS = "[\\r\\n\\x{2028}-\\x{202E}\\x{2066}-\\x{2069}]"

-- What is wrong with it: "contact" (numbers, addresses, links: an advertisement), "word" (it contains one of `words`, however it is written
-- apart), "short", "long" (in characters that count; of all together, decoration included, three times as many); nil if nothing is.
function decent.fault(text, least, most, words)
  local key = decent.key(text)
  if sop.match(CONTACT, sop.fold(text)) or sop.match("\\d{7,}", key) then return "contact" end
  for _, word in ipairs(words) do
    local wanted = decent.key(word)
    if wanted ~= "" and key:find(wanted, 1, true) then return "word" end
  end
  local length = utf8.len(key)
  if length < least then return "short" end
  if length > most or utf8.len(text, 1, -1, true) > most * 3 or sop.match(BREAKS, text) then return "long" end
end

return decent
