-- expiry.lua -- what happens to codes on the day before their last, and on the day after it, as much as one turn takes. Of the flow
-- redpacket, whose run `expiry` calls it.
local codes = require("lib.codes")
local people = require("lib.people")

local expiry = {}

local PORTION = 15 -- private messages in one turn
local LOOKS = 200 -- records read in one turn

-- The first of these codes that is still good and was issued at `since` or later: code, record.
local function open_code(c, list, since)
  for _, code in ipairs(list) do
    local found = codes.find(c, code)
    if found and not found.state and found.at >= since then return code, found end
  end
end

-- Where one cannot write to members: one message for all, with ten names.
local function remind_group(c, till, since)
  local p, ids, by_user = c.params, codes.owners(c, till)
  local names, rest = {}, 0
  for i = 1, math.min(#ids, LOOKS * 4) do
    if not c:opted_out(ids[i]) and open_code(c, by_user[ids[i]], since) then
      if #names < 10 then names[#names + 1] = ids[i] else rest = rest + 1 end
    end
  end
  if #names == 0 then return end
  local text = rest > 0 and p.expiring_more or till <= c:day() and p.expiring_today or p.expiring
  c:say(text, { names = people.mentions(names), rest = rest, word = p.mine_words[1] }, { policy = "drop" })
  c:emit("codes_reminded", { users = names, rest = rest })
end

-- Reminds the owners behind `after` of a code issued at `since` or later, as many as one turn takes. Returns the last one looked at if
-- there are more.
function expiry.remind(c, till, since, after)
  if not c:can("dm") then return remind_group(c, till, since) end
  local p, ids, by_user = c.params, codes.owners(c, till)
  local text = till <= c:day() and p.expiring_today_dm or p.expiring_dm
  local told, looks, last = {}, 0, nil
  for _, user in ipairs(ids) do
    if user > after then
      if #told == PORTION or looks >= LOOKS then break end
      last, looks = user, looks + #by_user[user]
      local code, found = open_code(c, by_user[user], since)
      if code and c:dm(user, text, { what = found.what, code = code, till = c:date(till) }) then told[#told + 1] = user end
    end
  end
  if #told > 0 then c:emit("codes_reminded", { users = told }) end
  return last ~= ids[#ids] and last or nil
end

-- What was not fetched has expired, again as much as one turn takes. In the end, what is older than records are kept is forgotten.
function expiry.expire(c, till, after)
  local ids, by_user = codes.owners(c, till)
  local looks, last = 0, nil
  for _, user in ipairs(ids) do
    if user > after then
      if looks >= LOOKS then return last end
      last, looks = user, looks + #by_user[user]
      for _, code in ipairs(by_user[user]) do
        local found = codes.find(c, code)
        if found and not found.state then codes.finish(c, code, found, "expired") end
      end
    end
  end
  local list = c:list("expired")
  list:push(till)
  local oldest = list:range(1, 1)[1]
  if oldest < c:day() - c.params.keep_days then
    codes.forget(c, oldest)
    list:shift()
  end
end

return expiry
