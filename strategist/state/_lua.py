"""What runs inside Redis: each script is one atomic step, on numbers that a double holds exactly.

A budget is one sorted set. Spendings have their time as score, in microseconds since the epoch: `n<serial>:<amount>`,
or `m<hash>` for a distinct member, which always counts 1. The books are members too, with scores below zero so that
no range of times holds them: `#total` at -1 - total, `#latest` at -1 - latest, `#serial` at -1 - serial. One key a
budget, so that nothing can expire or be evicted by halves.
"""

from __future__ import annotations

_COMMON = """
local function clock(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end
local function exact(number) return string.format('%.0f', number) end
local function book(key, name)
  local score = redis.call('ZSCORE', key, name)
  return score and -1 - tonumber(score)
end
local function amount(entry)
  if string.sub(entry, 1, 1) == 'm' then return 1 end
  return tonumber(string.match(entry, ':(%d+)$'))
end
"""

SPEND = (
    _COMMON
    + """
-- KEYS: budgets. ARGV: the time or '', '1' to spend, then by budget: window, limit, amount, member or '', lifetime.
-- Returns the 1-based number of the first charge that does not fit, or 0.
local now, spends = clock(ARGV[1]), ARGV[2] == '1'
local plan = {}
for i, key in ipairs(KEYS) do
  local at = 3 + (i - 1) * 5
  local window, limit, costs = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local member = ARGV[at + 3]
  local total, latest = book(key, '#total') or 0, book(key, '#latest') or now
  local time = math.max(now, latest)
  local start = exact(time - window)
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', key, '0', start)) do total = total - amount(entry) end
  local renews = false
  if member ~= '' then
    local seen = redis.call('ZSCORE', key, member)
    renews = seen and tonumber(seen) > time - window
  end
  if renews and limit < 1 or not renews and total + costs > limit then return i end
  plan[i] = {time, start, total + (renews and 0 or costs), costs, member, ARGV[at + 4]}
end
if not spends then return 0 end
for i, key in ipairs(KEYS) do
  local time, start, total, costs, member, lifetime = unpack(plan[i])
  local serial = book(key, '#serial') or 0
  if member == '' then
    serial = serial + 1
    member = 'n' .. exact(serial) .. ':' .. exact(costs)
  end
  -- The first write must be one that a full server refuses: behind any other, it would let the rest pass.
  redis.call('ZADD', key, exact(time), member, exact(-1 - total), '#total',
    exact(-1 - time), '#latest', exact(-1 - serial), '#serial')
  redis.call('ZREMRANGEBYSCORE', key, '0', start)
  redis.call('PEXPIRE', key, lifetime)
end
return 0
"""
)

PEEK = (
    _COMMON
    + """
-- KEYS: a budget. ARGV: the time or '', window. Returns what was spent within the window.
local now = clock(ARGV[1])
local time = math.max(now, book(KEYS[1], '#latest') or now)
local total = 0
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. exact(time - tonumber(ARGV[2])), '+inf')) do
  if string.sub(entry, 1, 1) ~= '#' then total = total + amount(entry) end
end
return total
"""
)

READ = (
    _COMMON
    + """
-- KEYS: a cell. ARGV: the time or ''. Returns its bytes, or false, and the time.
return {redis.call('GET', KEYS[1]), exact(clock(ARGV[1]))}
"""
)

CHANGE = """
-- KEYS: a cell. ARGV: the bytes that are expected ('' for none), the new ones, milliseconds to keep them for.
-- Returns 1 if they were put there, 0 if something else stood there.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
