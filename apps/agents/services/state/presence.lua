-- Who is connected: one entry a connection, each with its end; the agent is there until the last.
--
-- KEYS[1]  the tenant's prefix
-- ARGV     1 agent · 2 connection · 3 ms from now that it lasts · 4 "beat", "end", or "look", which
--          changes nothing
-- Answer   { ms until nobody is there any more; below 0: nobody has been there for so long,
--            whether a socket of this name was known, whether no other socket is there }
local base = KEYS[1]
local agent, connection, lasts, kind = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local key, hash = base .. ':conns:' .. agent, base .. ':agent:' .. agent
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
local known = redis.call('ZSCORE', key, connection) and 1 or 0
local alone = 1
for _, other in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    if other ~= connection and other ~= 'lease' and other ~= 'kept' then
        alone = 0
    end
end
if kind == 'end' then
    redis.call('ZREM', key, connection)
elseif kind == 'beat' then
    redis.call('ZADD', key, now + lasts, connection)
    -- A socket is a better witness than a word given over HTTP, or than a memory.
    redis.call('ZREM', key, 'lease', 'kept')
end
local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]
local seen = tonumber(last or redis.call('HGET', hash, 'until') or now)
if kind == 'end' and known == 1 and not last then
    seen = now
end
if kind ~= 'look' then
    -- Also for an agent who is not known here yet: what the tables say is copied around it.
    redis.call('HSET', hash, 'until', string.format('%.0f', seen))
end
if last then
    redis.call('PEXPIREAT', key, string.format('%.0f', seen + 60000))
end
return { string.format('%.0f', seen - now), known, alone }
