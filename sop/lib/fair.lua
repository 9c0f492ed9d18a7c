-- fair.lua -- draws that anyone can recompute.
-- All chance comes from SHA-256(seed .. ":" .. i), where i = 1, 2, 3 ... is the place of a grab in the order of arrival.
-- The first 15 hexadecimal digits of that digest are one whole number (a), the next 15 another (b). The seed's own
-- SHA-256 is published before the first grab, the seed after the last, so neither side can choose a result.
--
-- With `rest` points left for `left` shares, a share is 1 + floor((k + r) / left), where k = a mod (2 * (rest - left) + 1)
-- and r = b mod left; the last share is all that is left. This is the well-known "twice the average" draw in whole
-- numbers: k is on average rest - left and r rounds without bias, so every share has the expectation rest / left, whenever
-- one grabs; each is at least 1, and at least 1 stays for each of those who come later. The sum is exact.
local fair = {}

-- The two numbers behind the i-th draw.
local function numbers(seed, i)
  local digest = sop.sha256(seed .. ":" .. i)
  return tonumber(digest:sub(1, 15), 16), tonumber(digest:sub(16, 30), 16)
end

-- What is published at the opening.
function fair.commitment(seed)
  return sop.sha256(seed)
end

-- The i-th share, when `rest` points are left for `left` shares (rest >= left >= 1).
function fair.share(seed, i, rest, left)
  if left <= 1 then return rest end
  local a, b = numbers(seed, i)
  return 1 + (a % (2 * (rest - left) + 1) + b % left) // left
end

-- The i-th prize, when `left` chances are left and counts[p] pieces of prize p: a position in counts, or nil for a blank.
-- Every chance that is left is equally likely, so the odds are the same for the first and for the last.
function fair.prize(seed, i, counts, left)
  local a = numbers(seed, i)
  local place = a % left
  for p, count in ipairs(counts) do
    if place < count then return p end
    place = place - count
  end
  return nil
end

-- The i-th winner among n candidates who are left: a place from 1 to n. Who was picked is no candidate any more; the others keep their
-- order.
function fair.pick(seed, i, n)
  local a = numbers(seed, i)
  return a % n + 1
end

-- All shares of a packet, as they fell or would fall: to check a published list.
function fair.shares(seed, total, count)
  local shares, rest = {}, total
  for i = 1, count do
    shares[i] = fair.share(seed, i, rest, count - i + 1)
    rest = rest - shares[i]
  end
  return shares
end

return fair
