-- boards.lua -- c:board: ranking lists, sorted sets in Redis. Highest score first; who has the same score shares a place, and the
-- smaller id stands first.
local P, S = ...
local pairs, ipairs = pairs, ipairs
local fail = P.fail
local tointeger, inside, number_text, number_of = math.tointeger, S.inside, S.number_text, S.number_of

local board = {}
local Board = S.class("board", board)

function Board.start(st)
  st.over, st.base, st.cleared = {}, {}, false
end

function Board.apply(st, w)
  if w[1] == "ZADD" then
    for i = 3, #w, 2 do
      st.over[w[i + 1]] = number_of(w[i])
    end
  elseif w[1] == "ZREM" then
    for i = 3, #w do
      st.over[w[i]] = false
    end
  elseif w[1] == "DEL" then
    st.over, st.cleared = {}, true
  end
end

-- What Redis holds for one id: score or false.
local function board_base(st, id)
  if st.cleared then
    return false
  end
  local score = st.base[id]
  if score == nil then
    score = number_of(P.read("ZSCORE", st.key, id)) or false
    st.base[id] = score
  end
  return score
end

-- Reads the base scores of all ids in the overlay at once.
local function board_bases(st)
  if st.cleared then
    return
  end
  local missing = {}
  for id in pairs(st.over) do
    if st.base[id] == nil then
      missing[#missing + 1] = id
    end
  end
  for from = 1, #missing, 200 do
    local to = math.min(from + 199, #missing)
    local scores = P.read("ZMSCORE", st.key, table.unpack(missing, from, to))
    for i = from, to do
      st.base[missing[i]] = number_of(scores[i - from + 1]) or false
    end
  end
end

function board:set(id, score)
  local st = inside(self, "board")
  id, score = S.id(id, "board: the id"), S.number(score, "board: the score")
  st.over[id] = tointeger(score) or score
  P.write("ZADD", st.key, number_text(score), id)
end

function board:get(id)
  local st = inside(self, "board")
  id = S.id(id, "board: the id")
  local score = st.over[id]
  if score == nil then
    score = board_base(st, id)
  end
  return score or nil
end

function board:add(id, n)
  local score = (self:get(id) or 0) + S.number(n == nil and 1 or n, "board: the number to add")
  self:set(id, score)
  return score
end

function board:remove(id)
  local st = inside(self, "board")
  id = S.id(id, "board: the id")
  local was = self:get(id) ~= nil
  if was then
    st.over[id] = false
    P.write("ZREM", st.key, id)
  end
  return was
end

function board:clear()
  local st = inside(self, "board")
  st.over, st.base, st.cleared = {}, {}, true
  P.write("DEL", st.key)
end

function board:count()
  local st = inside(self, "board")
  board_bases(st)
  local n = st.cleared and 0 or P.read("ZCARD", st.key)
  for id, score in pairs(st.over) do
    local was = not st.cleared and st.base[id]
    if score and not was then
      n = n + 1
    elseif was and not score then
      n = n - 1
    end
  end
  return n
end

function board:place(id)
  local st = inside(self, "board")
  local score = self:get(id)
  if not score then
    return nil
  end
  board_bases(st)
  local higher = st.cleared and 0 or P.read("ZCOUNT", st.key, "(" .. number_text(score), "+inf")
  for other, now in pairs(st.over) do
    local was = not st.cleared and st.base[other]
    if was and was > score then
      higher = higher - 1
    end
    if now and now > score then
      higher = higher + 1
    end
  end
  return higher + 1, score
end

local function better(a, b)
  if a.score ~= b.score then
    return a.score > b.score
  end
  return a.id < b.id
end

-- Entries of Redis that can be among the first n, less those the overlay knows better. Ties at the cut are read again in the
-- order that we promise (smaller id first), which is not the order in which Redis cuts them.
local function board_candidates(st, n)
  local list, above = {}, 0
  local extra = 0
  for _ in pairs(st.over) do
    extra = extra + 1
  end
  local asked = n + extra
  local flat = P.read("ZRANGE", st.key, 0, asked, "REV", "WITHSCORES")
  local last = #flat // 2 > asked and number_of(flat[#flat])
  for i = 1, #flat, 2 do
    local id, score = flat[i], number_of(flat[i + 1])
    if score ~= last and st.over[id] == nil then
      list[#list + 1] = { id = id, score = score }
      above = above + 1
    end
  end
  if last and above < n then
    local text = number_text(last)
    for _, id in ipairs(P.read("ZRANGE", st.key, text, text, "BYSCORE", "LIMIT", 0, asked)) do
      if st.over[id] == nil then
        list[#list + 1] = { id = id, score = last }
      end
    end
  end
  return list
end

function board:top(n)
  local st = inside(self, "board")
  n = S.integer(n == nil and 10 or n, "board: the number of places")
  if n < 1 or n > 1000 then
    fail("board: top takes a number between 1 and 1000")
  end
  local list = st.cleared and {} or board_candidates(st, n)
  for id, score in pairs(st.over) do
    if score then
      list[#list + 1] = { id = id, score = score }
    end
  end
  table.sort(list, better)
  for i = #list, n + 1, -1 do
    list[i] = nil
  end
  for i, entry in ipairs(list) do
    local before = list[i - 1]
    entry.place = before and before.score == entry.score and before.place or i
  end
  return list
end

function S.methods.board(c, name)
  local s
  s, name = S.named(c, name, "c:board")
  return S.shape(s, Board, "board", c.flow, c.chat, name)
end
