-- What this side believes, for a comparison with the tables: one moment's picture.
--
-- KEYS[1]  the tenant's prefix
-- ARGV     ids of agents, then "|", then ids of works
-- Answer   { warm, {agent, version, load, held, ready, in room, …}, {work, version, in line or
--            reserved, …}, works in line }
local base = KEYS[1]
local agents, works = {}, {}
local target = agents
for _, id in ipairs(ARGV) do
    if id == '|' then
        target = works
    elseif target == agents then
        local one = redis.call('HMGET', base .. ':agent:' .. id, 'v', 'load', 'held', 'ready')
        for _, value in ipairs({ id, one[1] or '0', one[2] or '0', one[3] or '0', one[4] or '0',
            tostring(redis.call('SISMEMBER', base .. ':room', id)) }) do
            agents[#agents + 1] = value
        end
    else
        local waits = (redis.call('ZSCORE', base .. ':queue', id)
            or redis.call('HEXISTS', base .. ':reserved', id) == 1) and '1' or '0'
        for _, value in ipairs({ id, redis.call('HGET', base .. ':work:' .. id, 'v') or '0',
            waits }) do
            works[#works + 1] = value
        end
    end
end
return { redis.call('EXISTS', base .. ':warm'), agents, works,
    redis.call('ZRANGE', base .. ':queue', 0, -1) }
