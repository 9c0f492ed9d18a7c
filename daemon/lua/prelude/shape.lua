-- shape.lua -- what the structures in Redis have in common: boards, day sets, counters, lists and sets.
-- Each sees its own writes of this turn at once: an overlay lies over what Redis holds, and the writes of earlier handlers of
-- the turn are applied to it first. Nothing is written before the commit. After a wait all of them begin anew.
local P, S = ...
local type, ipairs, setmetatable, tostring, tonumber = type, ipairs, setmetatable, tostring, tonumber
local fail, format, HIDDEN = P.fail, string.format, S.HIDDEN
local tointeger = math.tointeger

S.methods = {} -- the methods of c, filled by the parts that follow

-- The metatable of a structure with these methods.
function S.class(name, methods)
  return {
    __index = setmetatable(methods, {
      __index = function(_, key)
        fail(format("a %s has no %s%s", name, tostring(key), S.meant(key, methods)))
      end,
    }),
    __newindex = function()
      fail(format("a %s is changed through its methods, not by assignment", name))
    end,
    __name = name,
    __metatable = false,
  }
end

-- Nothing known of Redis, and the writes of earlier handlers of this turn taken over.
local function begin(st)
  local mt = st.mt
  mt.start(st)
  for _, w in ipairs(P.written(st.key) or {}) do
    mt.apply(st, w)
  end
end

-- The insides of a structure, refusing one of an earlier handler.
function S.inside(self, what)
  local st = type(self) == "table" and self[HIDDEN]
  if not st then
    fail(format("call it with a colon: c:%s(...)", what))
  end
  if st.s.over then
    fail(format("this %s belongs to a handler that is over", st.mt.__name))
  end
  if st.stale then -- the handler has waited since
    st.stale = nil
    begin(st)
  end
  return st
end

-- Makes or finds the structure of class mt with this Redis key. mt.start(st) makes its insides as if nothing was known,
-- mt.apply(st, w) takes over a write of an earlier handler.
function S.shape(s, mt, kind, ...)
  local key = P.key(kind, ...)
  local object = s[key]
  if object then
    return object
  end
  local st = { s = s, key = key, mt = mt }
  begin(st)
  object = setmetatable({ [HIDDEN] = st }, mt)
  s[key] = object
  return object
end

-- A number as Redis and people write it; whole ones without a point.
function S.number_text(n)
  local i = tointeger(n)
  return i and tostring(i) or format("%.17g", n)
end

function S.number_of(text)
  local n = tonumber(text)
  return n and (tointeger(n) or n)
end

-- The session of c, and the name of a structure, checked.
function S.named(c, name, what)
  return P.session(c), S.id(name, what .. ": the name")
end
