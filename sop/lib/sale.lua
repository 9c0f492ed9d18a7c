-- sale.lua -- a group order (接龙) as text: reads how staff announce one and how members order, and writes its lines. Of the flow presale.
--
-- A sale is { id, title, items = { { name, price = cents, unit, limit, each } }, closes, from, till, place }; items are lettered A, B, C.
local when = require("lib.when")

local sale = {}

sale.ITEMS_MAX = 20

-- ---- the announcement ----------------------------------------------------------------------------------------------

local function cents(text)
  local whole, part = text:match("^(%d+)%.?(%d*)$")
  return tonumber(whole) * 100 + tonumber((part .. "00"):sub(1, 2))
end

-- One piece of an item's line; false if it belongs to the name.
local function note(item, piece)
  local price, unit = sop.match("^¥?(\\d{1,6}(?:\\.\\d{1,2})?)(?|(?:元|块)[/每一]?(\\p{L}{1,4})?|[/每一](\\p{L}{1,4}))?$", piece)
  if price and not item.price then
    item.price, item.unit = cents(price), unit ~= "" and unit or nil
    return true
  end
  local each = sop.match("^(?:每人限?购?|限购|人限)(\\d{1,4})\\p{L}?$", piece)
  if each then
    item.each = math.max(1, math.tointeger(tonumber(each)))
    return true
  end
  local limit = sop.match("^(?:限量?|共|总共|仅)(\\d{1,6})\\p{L}?$", piece)
  if limit then
    item.limit = math.max(1, math.tointeger(tonumber(limit)))
    return true
  end
  return false
end

-- "鸡蛋 12.8元/板 限50 每人2" as an item; nil without a name.
local function read_item(text)
  local item, words = {}, {}
  text = text:gsub("¥", "¥"):gsub("/", "/"):gsub("(%d)%s+元", "%1元"):gsub("(%d)%s+块", "%1块")
  for piece in text:gmatch("%S+") do
    local name, price = sop.match("^(.*?\\D)(\\d+(?:\\.\\d{1,2})?(?:元|块)(?:/\\p{L}+)?)$", piece)
    if #words == 0 and name and name ~= "¥" and note(item, price) then
      words[1] = name
    elseif not note(item, piece) then
      words[#words + 1] = piece
    end
  end
  item.name = table.concat(words, " ")
  return item.name ~= "" and item or nil
end

-- What stands behind 接龙 as { title, items, closes, from, till, place }, with the flow's parameters for what is not said. nil, and what
-- could not be read.
function sale.read(c, text)
  local p, lines = c.params, {}
  for line in text:gsub("[;]", "\n"):gsub("；", "\n"):gmatch("[^\r\n]+") do
    line = line:gsub("^%s+", ""):gsub("%s+$", "")
    if line ~= "" then lines[#lines + 1] = line end
  end
  if not lines[1] then return nil, "" end
  local found, day_text = { items = {} }, nil
  for i, line in ipairs(lines) do
    local close = sop.match("^(?:截止|截单|结束)(?:时间)?[::\\s]*(.+)$", line)
    local pick = sop.match("^(?:提货|取货|自提)(?:时间)?[::\\s]*(.+)$", line)
    local place = sop.match("^(?:地点|提货点|自提点|地址)[::\\s]*(.+)$", line)
    if i == 1 then
      found.title = line
    elseif close then
      found.closes = when.moment(c, close, p.close)
      if not found.closes then return nil, line end
    elseif place then
      found.place = place
    elseif pick then
      day_text = pick
    else
      local item = read_item(line)
      if not item or #found.items == sale.ITEMS_MAX then return nil, line end
      found.items[#found.items + 1] = item
    end
  end
  if #found.items == 0 then
    found.items[1] = read_item(found.title)
    if not found.items[1] then return nil, found.title end
    found.title = found.items[1].name
  end
  found.closes = found.closes or when.moment(c, p.close)
  if day_text then
    found.from, found.till = when.window(c, day_text, p.pickup_from, p.pickup_till)
    if not found.from or found.till <= found.closes then return nil, day_text end
  else
    local day = c:day(c:time("%Y-%m-%d", found.closes)) + p.pickup_days
    found.from, found.till = c:moment(day, p.pickup_from), c:moment(day, p.pickup_till)
  end
  return found
end

-- ---- orders --------------------------------------------------------------------------------------------------------

local NUMERALS = {
  ["一"] = 1, ["二"] = 2, ["两"] = 2, ["三"] = 3, ["四"] = 4, ["五"] = 5, ["六"] = 6, ["七"] = 7, ["八"] = 8, ["九"] = 9, ["十"] = 10,
}
local UNIT = "[份个板箱盒斤件瓶袋包只条提组套]"
local NUMBER = "(\\d{1,3}|[一二两三四五六七八九十])"
local BEFORE = "^(?:我要|我来|我接|来|要|我|接龙|接|加)\\s*"
local FRONT = "^((?:我要|我来|我接|来|要|我|接龙|接|加)?)\\s*"

local function number(text)
  return math.tointeger(tonumber(text)) or NUMERALS[text]
end

function sale.letter(i)
  return string.char(64 + i)
end

-- The place of the item that a word means: its name, its letter, or a part of one name only.
function sale.item(items, word)
  local found, several
  for i, item in ipairs(items) do
    local name = sop.fold(item.name)
    if name == word or sale.letter(i):lower() == word then return i end
    if utf8.len(word) >= 2 and name:find(word, 1, true) then found, several = i, found ~= nil end
  end
  return not several and found or nil
end

-- Names with more than letters in them ("可乐330ml") as their items' letters, the longest first.
local function lettered(items, text)
  local odd = {}
  for i, item in ipairs(items) do
    local name = sop.fold(item.name)
    if sop.match("[^\\p{L}]", name) then odd[#odd + 1] = { name = name, letter = sale.letter(i):lower() } end
  end
  table.sort(odd, function(a, b) return #a.name > #b.name or #a.name == #b.name and a.letter < b.letter end)
  for _, one in ipairs(odd) do
    local from, to = text:find(one.name, 1, true)
    if not from then from, to = text:find((one.name:gsub(" ", "")), 1, true) end
    if from then text = text:sub(1, from - 1) .. " " .. one.letter .. " " .. text:sub(to + 1) end
  end
  return text
end

-- The same of a word with a unit before it ("板鸡蛋").
local function meant(items, word)
  local bare = sop.match("^" .. UNIT .. "(.+)$", word)
  return sale.item(items, word) or bare and sale.item(items, bare)
end

-- What a message orders: a list of { item, n }; "which" if it is an order that does not say of what; nil if it is none.
function sale.order(items, text)
  text = lettered(items, sop.fold(text)):gsub("、", " "):gsub("和", " "):gsub("[,;]", " "):gsub("%s+", " ")
  text = sop.match("^[\\s#!/]*(.*?)[\\s!.。~,]*(?:谢谢|哈|呀|啊|啦)?[\\s!.。~]*$", text)
  local front, plus, n, unit = sop.match(FRONT .. "(\\+?)\\s*" .. NUMBER .. "\\s*(" .. UNIT .. "?)$", text)
  if n and number(n) > 0 and (tonumber(n) or front ~= "" or plus ~= "" or unit ~= "") then
    if #items > 1 then return "which" end
    return { { item = 1, n = number(n) } }
  end

  local list, rest = {}, text
  local behind = sop.match(BEFORE .. "(.+)$", text)
  if behind and not sale.item(items, text) then rest = behind end
  while rest ~= "" do
    local word, more
    n, word, more = sop.match("^\\+?\\s*" .. NUMBER .. "\\s*" .. UNIT .. "?\\s*(\\p{L}+)(?:\\s+|(?=\\+)|$)(.*)$", rest)
    if not n then
      word, n, more = sop.match("^\\+?(\\p{L}+?)\\s*[+x×*:]?\\s*" .. NUMBER .. "\\s*" .. UNIT .. "?(?:\\s+|(?=\\+|[a-z])|$)(.*)$", rest)
    end
    if not n then
      word, more = sop.match("^\\+\\s*(\\p{L}+)(?:\\s+|$)(.*)$", rest)
      n = "1"
    end
    if not word then return nil end
    local i = meant(items, word)
    if not i or number(n) == 0 then
      return #list == 0 and sop.match("^\\+\\s*\\d{1,3}\\s+\\p{L}{1,6}$", text) and "which" or nil
    end
    list[#list + 1] = { item = i, n = number(n) }
    rest = more
  end
  return #list > 0 and list or nil
end

-- ---- lines ---------------------------------------------------------------------------------------------------------

-- 1280 -> "12.8".
function sale.yuan(n)
  if n % 100 == 0 then return tostring(n // 100) end
  return (string.format(n % 10 == 0 and "%d.%d" or "%d.%02d", n // 100, n % 10 == 0 and n % 100 // 10 or n % 100))
end

-- "A 鸡蛋 12.8元/板 限50 每人2": the items as they are announced.
function sale.offer(c, sold)
  local p, lines = c.params, {}
  for i, item in ipairs(sold.items) do
    local parts = { (#sold.items > 1 and sale.letter(i) .. ". " or "") .. item.name }
    if item.price then
      local text = item.unit and p.price_unit or p.price
      parts[#parts + 1] = c:format(text, { yuan = sale.yuan(item.price), unit = item.unit or "" })
    end
    if item.limit then parts[#parts + 1] = c:format(p.limited, { n = item.limit }) end
    if item.each then parts[#parts + 1] = c:format(p.limited_each, { n = item.each }) end
    lines[i] = table.concat(parts, " ")
  end
  return table.concat(lines, "\n")
end

-- "鸡蛋×2 牛奶×1" of item -> n; with one item only the number.
function sale.pieces(sold, amounts)
  local parts = {}
  for i, item in ipairs(sold.items) do
    local n = amounts[sale.letter(i)]
    if n and n > 0 then parts[#parts + 1] = (#sold.items > 1 and item.name or "") .. "×" .. n end
  end
  return table.concat(parts, " ")
end

-- What item -> n costs, in cents.
function sale.cost(sold, amounts)
  local sum = 0
  for i, item in ipairs(sold.items) do sum = sum + (item.price or 0) * (amounts[sale.letter(i)] or 0) end
  return sum
end

-- Item -> limit, for lib/lists.lua.
function sale.limits(sold)
  local limits = {}
  for i, item in ipairs(sold.items) do limits[sale.letter(i)] = item.limit end
  return limits
end

return sale
