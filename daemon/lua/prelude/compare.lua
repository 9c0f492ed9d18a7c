-- compare.lua -- the arithmetic of experiments, here only: which variant a unit gets, and what the difference between variants is.
-- A part of the prelude, and what `sopd ctl experiment` computes with (cli/ctl/ctl_experiment.c runs this same file): nothing in it but
-- plain arithmetic and tables.
--
-- Sources. Assignment: weighted rendezvous hashing (Thaler and Ravishankar 1998, "Using name-based mappings to increase hit rates";
-- weights: Schindelhauer and Schomaker 2005, "Weighted distributed hash tables"). Means: Welch 1947, "The generalization of Student's
-- problem when several different population variances are involved", with the degrees of freedom of Satterthwaite 1946. Shares:
-- Wilson 1927 for one, Newcombe 1998, "Interval estimation for the difference between independent proportions" (method 10) for two.
-- Several comparisons: Bonferroni (Dunn 1961). Incomplete beta function: Abramowitz and Stegun, "Handbook of Mathematical Functions",
-- 26.5.8, evaluated as Lentz 1976 does; log gamma: 6.1.40 there; normal distribution: Marsaglia 2004, "Evaluating the normal
-- distribution". Groups as the unit of what is assigned to groups: Donner and Klar 2000, "Design and Analysis of Cluster Randomization
-- Trials in Health Research".
local P, S = ...
local fail, format, type, ipairs, pairs = P.fail, string.format, type, ipairs, pairs
local exp, log, sqrt, abs = math.exp, math.log, math.sqrt, math.abs

-- ---- distributions ----

-- Stirling's series; small arguments are brought up by the recurrence.
local function log_gamma(x)
  local down = 0
  while x < 12 do
    down, x = down + log(x), x + 1
  end
  local r = 1 / (x * x)
  return (x - 0.5) * log(x) - x + 0.91893853320467274 + (1 / 12 - (1 / 360 - (1 / 1260 - r / 1680) * r) * r) / x - down
end

-- The continued fraction of the incomplete beta function.
local function beta_fraction(x, a, b)
  local tiny = 1e-300
  local function guard(v)
    return abs(v) < tiny and tiny or v
  end
  local c, d = 1, 1 / guard(1 - (a + b) * x / (a + 1))
  local f = d
  for m = 1, 400 do
    local even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
    d, c = 1 / guard(1 + even * d), guard(1 + even / c)
    f = f * d * c
    local odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    d, c = 1 / guard(1 + odd * d), guard(1 + odd / c)
    f = f * d * c
    if abs(d * c - 1) < 1e-15 then
      break
    end
  end
  return f
end

-- How likely a beta variable is below x.
local function beta_below(x, a, b)
  if x <= 0 or x >= 1 then
    return x <= 0 and 0 or 1
  end
  local front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log(1 - x))
  if x < (a + 1) / (a + b + 2) then
    return front * beta_fraction(x, a, b) / a
  end
  return 1 - front * beta_fraction(1 - x, b, a) / b
end

-- How likely |T| is above t, with df degrees of freedom (need not be whole).
local function t_tails(t, df)
  return beta_below(df / (df + t * t), df / 2, 0.5)
end

-- How likely |Z| is above z.
local function normal_tails(z)
  if z > 6 then -- the series would lose its digits
    return 2 * exp(-z * z / 2 - 0.91893853320467274) / z * (1 - 1 / (z * z) + 3 / z ^ 4)
  end
  local term, sum, k = z, z, 1
  while sum + term ~= sum do
    k = k + 2
    term = term * z * z / k
    sum = sum + term
  end
  return 1 - 2 * sum * exp(-z * z / 2 - 0.91893853320467274)
end

-- The value that is passed on either side with probability alpha.
local function quantile(tails, alpha, df)
  local low, high = 0, 2
  while tails(high, df) > alpha do
    low, high = high, high * 2
  end
  for _ = 1, 60 do
    local mid = (low + high) / 2
    if tails(mid, df) > alpha then
      low = mid
    else
      high = mid
    end
    if high - low < 1e-12 * high then
      break
    end
  end
  return (low + high) / 2
end

local known = {} -- a normal quantile by alpha: it is asked for again and again
local function normal_quantile(alpha)
  known[alpha] = known[alpha] or quantile(normal_tails, alpha)
  return known[alpha]
end

-- ---- intervals ----

local function wilson(hits, n, z)
  local share, zz = hits / n, z * z
  local middle = (share + zz / (2 * n)) / (1 + zz / n)
  local half = z / (1 + zz / n) * sqrt(share * (1 - share) / n + zz / (4 * n * n))
  return math.max(0, middle - half), math.min(1, middle + half)
end

-- Of b - a; nil: there is too little to say.
local function shares_interval(a, b, alpha)
  if a.n == 0 or b.n == 0 then
    return nil
  end
  local z = normal_quantile(alpha)
  local la, ua = wilson(a.hits, a.n, z)
  local lb, ub = wilson(b.hits, b.n, z)
  local d = b.mean - a.mean
  return d - sqrt((b.mean - lb) ^ 2 + (ua - a.mean) ^ 2), d + sqrt((ub - b.mean) ^ 2 + (a.mean - la) ^ 2)
end

local function means_interval(a, b, alpha)
  if a.n < 2 or b.n < 2 then
    return nil
  end
  local va, vb = a.sd ^ 2 / a.n, b.sd ^ 2 / b.n
  if va + vb <= 0 then
    return nil -- all the same in both: that tells nothing about the next unit
  end
  local df = (va + vb) ^ 2 / (va ^ 2 / (a.n - 1) + vb ^ 2 / (b.n - 1))
  local half = quantile(t_tails, alpha, df) * sqrt(va + vb)
  return b.mean - a.mean - half, b.mean - a.mean + half, df
end

-- ---- samples ----

local function count_of(value, what)
  local n = math.tointeger(value)
  if not n or n < 0 then
    fail(format("sop.compare: %s must be a whole number of 0 or more, not %s", what, tostring(value)))
  end
  return n
end

local function number_of(value, what)
  if type(value) ~= "number" or value ~= value or value - value ~= 0 then
    fail(format("sop.compare: %s must be a number, not %s", what, tostring(value)))
  end
  return value
end

local function of_values(arm, name)
  local n, sum, squares = 0, 0, 0
  for i, value in ipairs(arm.values) do
    n, sum = i, sum + number_of(value, format("value %d of %s", i, name))
  end
  local mean = n > 0 and sum / n or nil
  for _, value in ipairs(arm.values) do
    squares = squares + (value - mean) ^ 2
  end
  return { name = name, n = n, mean = mean, sd = n > 1 and sqrt(squares / (n - 1)) or nil }
end

local function sample_of(arm, i)
  if type(arm) ~= "table" or type(arm.name) ~= "string" then
    fail(format('sop.compare: sample %d is { name = "A", values = { ... } } or { name = "A", n = 120, hits = 30 }', i))
  end
  local name = arm.name
  if type(arm.values) == "table" then
    return of_values(arm, name)
  elseif arm.hits ~= nil then
    local n, hits = count_of(arm.n, "n of " .. name), count_of(arm.hits, "hits of " .. name)
    if hits > n then
      fail(format("sop.compare: %s has more hits (%d) than n (%d)", name, hits, n))
    end
    return { name = name, n = n, hits = hits, mean = n > 0 and hits / n or nil }
  end
  local n = count_of(arm.n, "n of " .. name)
  return { name = name, n = n, mean = n > 0 and number_of(arm.mean, "mean of " .. name) or nil,
    sd = n > 1 and number_of(arm.sd, "sd of " .. name) or nil }
end

-- ---- what is said of it ----

local function amount(value, points)
  return points and format("%.1f", value * 100) or format("%.3g", value)
end

local function sentence_of(p, points)
  if p.verdict == "few" then
    return format("%s and %s: too few to say anything yet", p.a, p.b)
  elseif p.verdict == "open" then
    return format("%s and %s are not distinguishable yet: %s%s is %s (%s to %s)", p.a, p.b, p.b, " minus " .. p.a,
      amount(p.difference, points) .. (points and " points" or ""), amount(p.low, points), amount(p.high, points))
  end
  local low, high = abs(p.low), abs(p.high)
  return format("%s is %s than %s by %s%s (%s to %s)", p.b, p.verdict, p.a, amount(abs(p.difference), points),
    points and " points" or "", amount(math.min(low, high), points), amount(math.max(low, high), points))
end

local function compared(a, b, alpha, less)
  local p = { a = a.name, b = b.name, difference = a.mean and b.mean and b.mean - a.mean or nil, level = 1 - alpha }
  p.low, p.high, p.df = (a.hits and shares_interval or means_interval)(a, b, alpha)
  if not p.low then
    p.verdict = "few"
  elseif p.low <= 0 and p.high >= 0 then
    p.verdict = "open"
  else
    p.verdict = (p.low > 0) ~= less and "better" or "worse"
  end
  return p
end

-- The one variant that nothing else is left beside: the first if it is better than all, else the best of those that are better than it.
local function winner_of(pairs_, less)
  local best, worse = nil, 0
  for _, p in ipairs(pairs_) do
    if p.verdict == "better" and (not best or (p.difference > best.difference) ~= less) then
      best = p
    end
    worse = worse + (p.verdict == "worse" and 1 or 0)
  end
  if best then
    return best.b
  end
  return worse == #pairs_ and pairs_[1].a or nil
end

-- Compares each sample with the first. Options beside the samples: level (0.95), better ("more" or "less"), points (as percentage
-- points; usual for shares). Several comparisons share the error: each interval is that much wider.
function S.sop.compare(samples)
  if type(samples) ~= "table" or #samples < 2 or #samples > 8 then
    fail("sop.compare: give a list of 2 to 8 samples")
  end
  local level = samples.level == nil and 0.95 or number_of(samples.level, "level")
  if level < 0.5 or level >= 1 then
    fail("sop.compare: level is between 0.5 and 1, usually 0.95")
  end
  if samples.better ~= nil and samples.better ~= "more" and samples.better ~= "less" then
    fail('sop.compare: better is "more" or "less"')
  end
  local out, less = { level = level, arms = {}, pairs = {} }, samples.better == "less"
  for i, arm in ipairs(samples) do
    out.arms[i] = sample_of(arm, i)
    if (out.arms[i].hits == nil) ~= (out.arms[1].hits == nil) then
      fail("sop.compare: either all samples are shares (n, hits) or none is")
    end
  end
  local shares = out.arms[1].hits ~= nil
  local points = samples.points == nil and shares or samples.points == true
  local texts, alpha = {}, (1 - level) / (#samples - 1)
  for i = 2, #samples do
    local p = compared(out.arms[1], out.arms[i], alpha, less)
    p.sentence = sentence_of(p, points)
    out.pairs[i - 1], texts[i - 1] = p, p.sentence
  end
  out.kind = shares and "shares" or "means"
  out.winner, out.sentence = winner_of(out.pairs, less), table.concat(texts, "; ")
  return out
end

-- ---- experiments ----

local E = {}
S.experiment = E

-- The variant of a unit: each draws a number from the name of everything, and the least one, by weight, holds. One that is added takes
-- units from all others evenly, one that goes leaves its units to the others: nobody else changes.
function E.assign(name, gateway, unit, variants, weights)
  local best, least
  for i, variant in ipairs(variants) do
    local digits = P.sha256(format("experiment\n%s\n%s\n%s\n%s", name, gateway, unit, variant)):sub(1, 13)
    local weight = weights and weights[i] or 1
    local score = weight > 0 and -log((tonumber(digits, 16) + 0.5) / 2 ^ 52) / weight
    if score and (not least or score < least) then
      best, least = variant, score
    end
  end
  return best
end

-- One sample a variant. rows: { variant, outcomes, per, how many units are like this }.
local function arms_of(def, rows)
  local arms, by = {}, {}
  for i, variant in ipairs(def.variants) do
    arms[i] = { name = variant, units = 0, outcomes = 0, per = def.per and 0 or nil, hits = 0, n = 0, sum = 0, squares = 0 }
    by[variant] = arms[i]
  end
  for _, row in ipairs(rows) do
    local arm, outcomes, per, times = by[row[1]], row[2], row[3], row[4]
    if arm then
      arm.units, arm.outcomes = arm.units + times, arm.outcomes + outcomes * times
      if def.per then
        arm.per = arm.per + per * times
      end
      if not def.per or per > 0 then
        local value = def.per and outcomes / per or outcomes
        arm.n, arm.hits = arm.n + times, arm.hits + (outcomes > 0 and times or 0)
        arm.sum, arm.squares = arm.sum + value * times, arm.squares + value * value * times
      end
    end
  end
  return arms
end

local function sample_for(def, arm)
  if def.by == "member" then
    return { name = arm.name, n = arm.n, hits = arm.hits }
  end
  local mean = arm.n > 0 and arm.sum / arm.n or 0
  local spread = arm.n > 1 and math.max(0, arm.squares - arm.n * mean * mean) / (arm.n - 1) or 0
  return { name = arm.name, n = arm.n, mean = mean, sd = spread > 1e-18 * (1 + mean * mean) and sqrt(spread) or 0 }
end

-- Whoever looks every day until something shows finds something: a plan is made before, and the result is read when it is reached.
local function warning_of(def, units, today)
  local planned = {}
  if def.units and units < def.units then
    planned[#planned + 1] = format("%d of %d units so far", units, def.units)
  end
  if def.till and today < def.till then
    planned[#planned + 1] = "it runs until " .. def.till
  end
  if #planned > 0 then
    return "not over (" .. table.concat(planned, ", ") .. "): a difference seen before the planned end may be chance"
  elseif not def.units and not def.till then
    return "no end was planned (till, units): who looks again and again will find a difference where there is none"
  end
end

-- What an experiment shows. def: as it stands in Redis; kept: the variant that won, or nil; today: "2026-11-22".
function E.result(def, rows, today, kept)
  local arms, samples, units = arms_of(def, rows), {}, 0
  for i, arm in ipairs(arms) do
    samples[i] = sample_for(def, arm)
    units = units + arm.units
  end
  samples.better, samples.points = def.better, def.by == "member" or def.per ~= nil
  local out = def.outcome and S.sop.compare(samples) or { arms = samples, pairs = {}, sentence = "it has no outcome to compare" }
  for i, arm in ipairs(out.arms) do
    arm.units, arm.outcomes, arm.per = arms[i].units, arms[i].outcomes, arms[i].per
  end
  for name, value in pairs({ name = def.name, by = def.by, outcome = def.outcome, per = def.per, flow = def.flow, began = def.began,
    better = def.better }) do
    out[name] = value
  end
  out.units, out.kept = units, kept
  if not kept then
    out.warning = def.outcome and warning_of(def, units, today) or nil
  end
  return out
end
