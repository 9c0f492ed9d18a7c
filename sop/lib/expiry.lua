-- expiry.lua -- what happens to codes on the day before their last, and on the day after it, as much as one turn takes. Of the flows
-- redpacket and voucher, whose runs `expiry` call it; a `book` is that of lib/codes.lua, nil for what the flow redpacket redeems.
local codes = require("lib.codes")
local people = require("lib.people")

local expiry = {}

local PORTION = 15 -- private messages in one turn
local LOOKS = 75 -- records read in one turn: all that a run reads is in its journal

-- The first of these codes that is still good and was issued at `since` or later: code, record.
local function open_code(c, list, since)
  for _, code in ipairs(list) do
    local found = codes.find(c, code)
    if found and not found.state and found.at >= since then return code, found end
  end
end

-- Where one cannot write to members: one message for all, with ten names.
local function remind_group(c, till, since, book)
  local p, ids, by_user = c.params, codes.owners(c, till, book)
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
local function remind(c, till, since, after, book)
  if not c:can("dm") then return remind_group(c, till, since, book) end
  local p, ids, by_user = c.params, codes.owners(c, till, book)
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
local function expire(c, till, after, book, finish)
  local ids, by_user = codes.owners(c, till, book)
  local looks, last = 0, nil
  for _, user in ipairs(ids) do
    if user > after then
      if looks >= LOOKS then return last end
      last, looks = user, looks + #by_user[user]
      for _, code in ipairs(by_user[user]) do
        local found = codes.find(c, code)
        if found and not found.state then finish(c, code, found, "expired") end
      end
    end
  end
  local list = c:list("expired")
  list:push(till)
  local oldest = list:range(1, 1)[1]
  if oldest < c:day() - c.params.keep_days then
    codes.forget(c, oldest, book)
    list:shift()
  end
end

-- The codes of this chat with the same last day: their owners are reminded on the day before it; those who got theirs too late for that,
-- on the day itself; on the day after it they expire. Asleep for days, with nothing in its journal. `finish` ends a code, in place of
-- codes.finish.
function expiry.run(c, args, book, finish)
  local p, till = c.params, args.till
  local day = args.day or c:now() < c:moment(till - 1, p.remind_at) and till - 1 or till
  c:sleep_until(c:moment(day, p.remind_at))
  if day > till then
    local last = expire(c, till, args.after or "", book, finish or codes.finish)
    return last and c:continue{ till = till, day = day, after = last }
  end

  if args.after then c:sleep("1m") end
  c:sleep_until(c:quiet_until() or 0)
  local began = args.began or c:now()
  local last = c:day() <= till and remind(c, till, args.since or 0, args.after or "", book)
  if last then c:continue{ till = till, day = day, since = args.since, began = began, after = last } end
  c:continue{ till = till, day = day + 1, since = began }
end

return expiry
