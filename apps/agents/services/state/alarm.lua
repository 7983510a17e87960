-- One alarm at a time: remember the next, and say whether this one comes before it.
--
-- KEYS[1]  the tenant's prefix
-- ARGV     1 when, ms · 2 now, ms
local key, at, now = KEYS[1] .. ':alarm', tonumber(ARGV[1]), tonumber(ARGV[2])
local set = tonumber(redis.call('GET', key) or 0)
if set > now and set <= at then
    return 0
end
redis.call('SET', key, string.format('%.0f', at), 'PX', 600000)
return 1
