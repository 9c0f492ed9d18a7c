-- csv.lua -- rows as lines of a table that spreadsheets read. A value that a spreadsheet would take for a formula gets a ' in front.
local csv = {}

local function cell(value)
  local text = tostring(value == nil and "" or value)
  if type(value) ~= "number" and text:find("^[=+%-@\t\r]") then text = "'" .. text end
  if text:find('[",\r\n]') then text = '"' .. text:gsub('"', '""') .. '"' end
  return text
end

-- One line of the first `n` values (nil is an empty cell).
function csv.line(row, n)
  local cells = {}
  for i = 1, n or #row do cells[i] = cell(row[i]) end
  return table.concat(cells, ",")
end

-- The head and all rows as one text.
function csv.text(head, rows)
  local lines = { csv.line(head) }
  for _, row in ipairs(rows) do lines[#lines + 1] = csv.line(row, #head) end
  return table.concat(lines, "\n")
end

-- As many of the rows behind the first `skip` as one message takes, with the head before the first of all. Returns the text, and how many
-- to skip for the next part, nil if there is none.
function csv.part(head, rows, skip)
  local lines, size = { skip == 0 and csv.line(head) or nil }, 0
  for i = skip + 1, #rows do
    local line = csv.line(rows[i], #head)
    size = size + #line + 1
    if size > 40000 and #lines > 0 then return table.concat(lines, "\n"), i - 1 end
    lines[#lines + 1] = line
  end
  return table.concat(lines, "\n")
end

-- For a flow whose lists are exported to the staff chat, in parts that a message takes, one a minute: returns the function that does it,
-- export(c, one) -> how many rows there are. book.get(c, id) finds a list by its id, book.csv(c, one, skip) gives text, rows and what to
-- skip for the next part.
function csv.exporter(flow, book)
  local function export(c, one, skip)
    local text, rows, more = book.csv(c, one, skip or 0)
    c:staff(sop.text(text))
    if more then c:timer("export", { after = "1m", key = tostring(one.id), args = { id = one.id, skip = more }, user = false }) end
    return rows
  end

  flow:timer("export", function(c, args)
    local one = book.get(c, args.id)
    if one then export(c, one, args.skip) end
  end)
  return export
end

return csv
