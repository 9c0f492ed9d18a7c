-- web.lua -- asking the world outside: c:http and c:llm. Both are waiting calls (wait.lua): what is asked is committed with the turn and
-- leaves after it; the answer is the next line of the journal. Whom flows may ask is in the configuration, and so are keys.
local P, S = ...
local type, pairs, ipairs, tostring = type, pairs, ipairs, tostring
local fail, format = P.fail, string.format
local M = S.methods

local NET = 1000 -- ms: so much later than the request itself its wait is over (engine/run/calls.c knows it)
local MOST = 60000
local BODY = 32768

-- ---- c:http ----

local METHODS = { GET = true, HEAD = true, POST = true, PUT = true, PATCH = true, DELETE = true }
local OURS = { host = true, ["content-length"] = true, ["transfer-encoding"] = true, connection = true, expect = true, te = true,
  trailer = true, upgrade = true, ["accept-encoding"] = true }
local HTTP = { url = "string", method = "string", headers = true, body = "string", json = true, query = true, timeout = true,
  retry = "boolean", redirects = true }

local function timeout_of(timeout, default, what)
  if timeout == nil then
    return default
  end
  local ms = S.milliseconds(timeout, what .. ": timeout")
  if ms < 100 or ms > MOST then
    fail(what .. ": timeout is between 100ms and 60s")
  end
  return ms
end

-- A part of an address, with everything that is not plain written as %XX.
local function escaped(text)
  return (tostring(text):gsub("[^%w%-%._~]", function(byte)
    return format("%%%02X", byte:byte())
  end))
end

local function address(url, query)
  if not url or url == "" then
    fail('c:http: give an address: url = "https://api.example.com/v1/stock"')
  end
  if query == nil then
    return url
  elseif type(query) ~= "table" then
    fail("c:http: query is a table of names and values, not a " .. type(query))
  end
  local sign = url:find("?", 1, true) and "&" or "?"
  for name, value in pairs(query) do
    if type(name) ~= "string" or type(value) == "table" or type(value) == "function" then
      fail("c:http: query is a table of names and texts or numbers")
    end
    url = url .. sign .. escaped(name) .. "=" .. escaped(value)
    sign = "&"
  end
  return url
end

local function headers_of(headers, json)
  local out, count = {}, 0
  if headers ~= nil and type(headers) ~= "table" then
    fail("c:http: headers is a table of names and texts, not a " .. type(headers))
  end
  for name, value in pairs(headers or {}) do
    if type(name) ~= "string" or name == "" or name:find("[^%w%-_]") then
      fail(format("c:http: %s is no name of a header", tostring(name)))
    elseif OURS[name:lower()] or name:lower():sub(1, 6) == "proxy-" then
      fail(format("c:http: the header %s is set by sopd", name))
    elseif type(value) ~= "string" and type(value) ~= "number" or tostring(value):find("%c") then
      fail(format("c:http: the header %s must be a text of one line", name))
    end
    count = count + 1
    out[name] = tostring(value)
    json = json and name:lower() ~= "content-type"
  end
  if count > 20 then
    fail("c:http: at most 20 headers")
  end
  if json then
    out["Content-Type"] = "application/json"
  end
  return out
end

local function body_of(opts)
  local body = opts.body
  if opts.json ~= nil then
    if body ~= nil then
      fail("c:http: give either body or json, not both")
    end
    body = P.json(opts.json)
  end
  if body and #body > BODY then
    fail("c:http: the body may have at most 32 KiB")
  end
  return body
end

-- What came, as scripts see it.
local function response(with)
  if not with.status then
    return nil, with.error or "unknown"
  end
  local json
  local body, headers = with.body or "", with.headers or {}
  if body ~= "" and (headers["content-type"] or ""):find("json", 1, true) then
    json = P.unjson(body)
  end
  return { status = with.status, ok = with.status >= 200 and with.status < 300, headers = headers, body = body, json = json }
end

function M.http(c, opts)
  local s = S.begin(c)
  if type(opts) == "string" then
    opts = { url = opts }
  end
  opts = S.options(opts, HTTP, "c:http")
  local body = body_of(opts)
  local method = (opts.method or body and "POST" or "GET"):upper()
  if not METHODS[method] then
    fail("c:http: method is one of GET, HEAD, POST, PUT, PATCH, DELETE")
  end
  if body and (method == "GET" or method == "HEAD") then
    fail(format("c:http: %s has no body", method))
  end
  local redirects = S.integer(opts.redirects or 0, "c:http: redirects")
  if redirects < 0 or redirects > 3 then
    fail("c:http: redirects is a number from 0 to 3")
  end
  local url, timeout = address(opts.url, opts.query), timeout_of(opts.timeout, 10000, "c:http")
  local again = opts.retry
  if again == nil then
    again = method == "GET" or method == "HEAD"
  end
  local with = S.wait(s, {
    kind = "http",
    request = { method = method, url = url, headers = headers_of(opts.headers, opts.json ~= nil), body = body, redirects = redirects },
    again = again or nil,
    timeout = timeout,
    due = P.now_ms() + timeout + NET,
  }, "http " .. method .. " " .. url)
  return response(with)
end

-- ---- c:llm ----

local LLM = { prompt = "string", system = "string", messages = true, model = "string", max_tokens = true, temperature = true,
  timeout = true, words = true, show = "boolean" }
local ROLES = { system = true, user = true, assistant = true }

local function messages_of(opts)
  local list, size = {}, 0
  if opts.system then
    list[1] = { role = "system", content = opts.system }
  end
  if (opts.messages == nil) == (opts.prompt == nil) then
    fail("c:llm: give either prompt or messages")
  end
  for i, m in ipairs(opts.messages or { { role = "user", content = opts.prompt } }) do
    if type(m) ~= "table" or not ROLES[m.role] or type(m.content) ~= "string" then
      fail(format('c:llm: message %d must be { role = "user", content = "..." }, with role system, user or assistant', i))
    end
    list[#list + 1] = { role = m.role, content = m.content }
  end
  for _, m in ipairs(list) do
    size = size + #m.content
  end
  if #list > 50 or size > BODY then
    fail("c:llm: at most 50 messages of 32 KiB together")
  end
  return list
end

local function words_of(words)
  for _, word in ipairs(words or {}) do
    if type(word) ~= "string" then
      fail("c:llm: words is a list of texts")
    end
  end
  return words or {}
end

local function has_word(text, words)
  local folded = P.fold(text)
  for _, word in ipairs(words) do
    word = P.fold(word)
    if word ~= "" and folded:find(word, 1, true) then
      return true
    end
  end
  return false
end

function M.llm(c, opts)
  local s = S.begin(c)
  if type(opts) == "string" then
    opts = { prompt = opts }
  end
  opts = S.options(opts, LLM, "c:llm")
  local words = words_of(opts.words)
  local timeout = timeout_of(opts.timeout, P.llm_timeout(), "c:llm")
  local with = S.wait(s, {
    kind = "http",
    llm = {
      messages = messages_of(opts), model = opts.model,
      max_tokens = opts.max_tokens and S.integer(opts.max_tokens, "c:llm: max_tokens"),
      temperature = opts.temperature and S.number(opts.temperature, "c:llm: temperature"),
      show = opts.show or nil, words = opts.show and words or nil,
    },
    again = true,
    timeout = timeout,
    due = P.now_ms() + timeout + NET,
  }, "llm")
  s.draft = with.draft -- the next message into this chat ends what was shown
  if not with.text then
    return nil, with.error or "unknown"
  elseif has_word(with.text, words) then
    return nil, "refused"
  end
  return with.text, with.tokens or 0
end
