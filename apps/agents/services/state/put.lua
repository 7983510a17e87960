-- Make copies anew from what the tables say; a copy that is newer already stays.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  JSON {agents: [{id, v, fields: [name, value, …]}], works: [{id, v, waits, order,
--          fields: […]}], settled: [{work, fence}], lowest: fence, warm: 0|1, keep: ms}
--          `settled`: reservations that were confirmed or refused; they hold nothing any more
--          `keep`: agents of this call count as present for so long, where nothing else is known
-- Answer   how many copies were made
local base = KEYS[1]
local given = cjson.decode(ARGV[1])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local made = 0

-- Before the copies: their load already counts what was reserved and is confirmed now.
for _, one in ipairs(given.settled) do
    local held = redis.call('HGET', base .. ':reserved', one.work)
    if held then
        local agent, fence, weight = string.match(held, '^([^|]+)|(%d+)|(%d+)')
        if fence == one.fence then
            redis.call('HDEL', base .. ':reserved', one.work)
            redis.call('ZREM', base .. ':expiry', one.work)
            if redis.call('EXISTS', base .. ':agent:' .. agent) == 1 then
                redis.call('HINCRBY', base .. ':agent:' .. agent, 'held', -tonumber(weight))
            end
        end
    end
end

local function room(id)
    local key = base .. ':agent:' .. id
    local found = redis.call('HMGET', key, 'ready', 'load', 'held', 'cap')
    if found[1] == '1' and tonumber(found[2] or 0) + tonumber(found[3] or 0)
        < tonumber(found[4] or 0) then
        redis.call('SADD', base .. ':room', id)
    else
        redis.call('SREM', base .. ':room', id)
    end
end

for _, one in ipairs(given.agents) do
    local key = base .. ':agent:' .. one.id
    local known = tonumber(redis.call('HGET', key, 'v') or 0)
    -- One of the same version says the same, but for the hours, which go on by themselves.
    if tonumber(one.v) >= known then
        for _, name in ipairs(redis.call('HKEYS', key)) do
            if string.sub(name, 1, 2) == 's:' then
                redis.call('HDEL', key, name)
            end
        end
        -- What this side knows better: who was matched since, and who is connected.
        local last = math.max(tonumber(one.last), tonumber(redis.call('HGET', key, 'last') or 0))
        redis.call('HSET', key, 'v', one.v, 'last', last, unpack(one.fields))
        if given.keep > 0 and known == 0 then
            local seen = tonumber(redis.call('HGET', key, 'until') or 0)
            if seen < now + given.keep then
                redis.call('ZADD', base .. ':conns:' .. one.id, now + given.keep, 'kept')
            end
        end
        if tonumber(one.v) > known then
            made = made + 1
        end
    end
    if one.lease > now then
        redis.call('ZADD', base .. ':conns:' .. one.id, one.lease, 'lease')
    else
        redis.call('ZREM', base .. ':conns:' .. one.id, 'lease')
    end
    local seen = redis.call('ZRANGE', base .. ':conns:' .. one.id, -1, -1, 'WITHSCORES')
    if seen[2] then
        redis.call('HSET', key, 'until', seen[2])
    end
    room(one.id)
end

for _, one in ipairs(given.works) do
    local key = base .. ':work:' .. one.id
    if tonumber(one.v) > tonumber(redis.call('HGET', key, 'v') or 0) then
        redis.call('DEL', key)
        redis.call('HSET', key, 'v', one.v)
        if one.waits then
            redis.call('HSET', key, 'order', one.order, unpack(one.fields))
        else
            -- Kept a while by its version alone, so that an older copy that comes late is known.
            redis.call('EXPIRE', key, 120)
            redis.call('ZREM', base .. ':queue', one.id)
        end
        made = made + 1
    end
    local waits = redis.call('HGET', key, 'order')
    if waits and redis.call('HEXISTS', base .. ':reserved', one.id) == 0 then
        redis.call('ZADD', base .. ':queue', waits, one.id)
    end
end

if tonumber(given.lowest) > tonumber(redis.call('GET', base .. ':fence') or 0) then
    redis.call('SET', base .. ':fence', given.lowest)
end
if given.warm == 1 then
    redis.call('SET', base .. ':warm', now)
end
return made
