-- Pick and reserve: the rule of `matching.py`, atomic for agents and work, in one call.
--
-- KEYS[1]  the tenant's prefix, in braces: every key below shares its hash slot
-- ARGV     1 ranking (comma-separated) · 2 relax steps "after:drop,…" · 3 sticky ms · 4 warm gap ms
--          5 matches at most · 6 works to look at · 7 places to pass over · 8 reservation ms · 9 now
-- Answer   { state, places looked at, work, agent, fence, work, agent, fence, … }
--          state: "cold" (nothing is known: rebuild), "more" (look on from there) or "done"
local base = KEYS[1]
local QUEUE, ROOM, RESERVED, EXPIRY = base .. ':queue', base .. ':room', base .. ':reserved',
    base .. ':expiry'
local ranking, sticky_ms, gap = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local most, scan, skip, hold = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]),
    tonumber(ARGV[8])
local clock = redis.call('TIME')
local micros = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local now = ARGV[9] ~= '' and tonumber(ARGV[9]) or math.floor(micros / 1000)

if redis.call('EXISTS', base .. ':warm') == 0 then
    return { 'cold', 0 }
end

-- Reservations whose owner never came back: the work waits again, the agent has room again.
for _, work in ipairs(redis.call('ZRANGEBYSCORE', EXPIRY, '-inf', now, 'LIMIT', 0, 100)) do
    local held = redis.call('HGET', RESERVED, work)
    if held then
        local agent, weight = string.match(held, '^([^|]+)|%d+|(%d+)')
        redis.call('HDEL', RESERVED, work)
        if redis.call('EXISTS', base .. ':agent:' .. agent) == 1 then
            redis.call('HINCRBY', base .. ':agent:' .. agent, 'held', -tonumber(weight))
            redis.call('SADD', ROOM, agent)
        end
        local order = redis.call('HGET', base .. ':work:' .. work, 'order')
        if order then
            redis.call('ZADD', QUEUE, order, work)
        end
    end
    redis.call('ZREM', EXPIRY, work)
end

local steps = {}
for after, drop in string.gmatch(ARGV[2], '(%d+):(%d+)') do
    steps[#steps + 1] = { tonumber(after), tonumber(drop) }
end
local function levels_less(waited)
    local less = 0
    for _, step in ipairs(steps) do
        if waited >= step[1] and step[2] > less then
            less = step[2]
        end
    end
    return less
end

-- Agents with room: numbers now, levels of skills when they are asked for.
local agents, room = {}, {}
local FIELDS = { 'cap', 'load', 'held', 'until', 'from', 'to', 'warm', 'last', 'turn', 'share',
    'speed', 'team', 'ready', 'langs' }
local function agent_of(id)
    if agents[id] == nil then
        local found = redis.call('HMGET', base .. ':agent:' .. id, unpack(FIELDS))
        if not found[1] then
            agents[id] = false
        else
            local one = { id = id, levels = {} }
            for index, name in ipairs(FIELDS) do
                one[name] = index < 12 and (tonumber(found[index]) or 0) or (found[index] or '')
            end
            one.load = one.load + one.held
            agents[id] = one
        end
    end
    return agents[id]
end
local function level(one, skill)
    if one.levels[skill] == nil then
        one.levels[skill] =
            tonumber(redis.call('HGET', base .. ':agent:' .. one.id, 's:' .. skill) or 0)
    end
    return one.levels[skill]
end
local function is_in(one)
    return one.ready == '1' and now < one['until'] and one.from <= now and now < one.to
end
local function is_free(one)
    local warming = now < one.warm and now < one.last + gap
    return is_in(one) and one.load < one.cap and not warming
end
for _, id in ipairs(redis.call('SMEMBERS', ROOM)) do
    local one = agent_of(id)
    if not one or one.load >= one.cap or one.ready ~= '1' then
        redis.call('SREM', ROOM, id)
    elseif is_free(one) then
        room[#room + 1] = one
    end
end

local turned = tonumber(redis.call('GET', base .. ':turn') or 0)
-- Below 0: `a` comes first. The criteria of `matching.CRITERIA`.
local COMPARE = {
    load = function(a, b) return a.load * b.cap - b.load * a.cap end,
    skill = function(a, b) return b.skill - a.skill end,
    speed = function(a, b) return a.speed - b.speed end,
    idle = function(a, b) return a.last - b.last end,
    turn = function(a, b) return math.max(a.turn, turned) - math.max(b.turn, turned) end,
}
local by = {}
for name in string.gmatch(ranking, '%a+') do
    by[#by + 1] = COMPARE[name]
end
local function comes_first(a, b)
    for _, compare in ipairs(by) do
        local difference = compare(a, b)
        if difference ~= 0 then
            return difference < 0
        end
    end
    return a.id < b.id
end

local NEED = { 'queued', 'weight', 'skills', 'lang', 'team', 'agent', 'fallback', 'sticky',
    'declined', 'order', 'fence' }
local function need_of(id)
    local found = redis.call('HMGET', base .. ':work:' .. id, unpack(NEED))
    if not found[1] then
        return nil
    end
    local need = { id = id }
    for index, name in ipairs(NEED) do
        need[name] = found[index] or ''
    end
    need.queued, need.weight = tonumber(need.queued), tonumber(need.weight)
    need.fallback, need.fence = tonumber(need.fallback), tonumber(need.fence)
    need.wanted = {}
    for name, wanted in string.gmatch(need.skills, '([^=\n]+)=(%d+)') do
        need.wanted[#need.wanted + 1] = { name, tonumber(wanted) }
    end
    need.said_no = {}
    for name, at in string.gmatch(need.declined, '([^=\n]+)=(%d+)') do
        need.said_no[name] = tonumber(at)
    end
    return need
end
local function waits_for_sticky(need)
    if need.sticky == '' or now >= need.queued + sticky_ms
        or now < (need.said_no[need.sticky] or 0) then
        return false
    end
    local one = agent_of(need.sticky)
    return one and is_in(one) or false
end
local function may_take(need, one, less, sticky)
    if one.load + need.weight > one.cap or now < (need.said_no[one.id] or 0) then
        return false
    end
    if now < need.fallback then
        if need.agent ~= '' then
            return one.id == need.agent
        end
        if need.team ~= '' and one.team ~= need.team then
            return false
        end
    end
    if sticky and one.id ~= need.sticky then
        return false
    end
    if less < 5 and need.lang ~= '' and one.langs ~= ''
        and not string.find(one.langs, '\n' .. need.lang .. '\n', 1, true) then
        return false
    end
    for _, wanted in ipairs(need.wanted) do
        if level(one, wanted[1]) < wanted[2] - less then
            return false
        end
    end
    return true
end

local function choose(need)
    local sticky, less = waits_for_sticky(need), levels_less(now - need.queued)
    local best
    for _, one in ipairs(room) do
        if may_take(need, one, less, sticky) then
            one.skill = 0
            for _, wanted in ipairs(need.wanted) do
                one.skill = one.skill + level(one, wanted[1])
            end
            if not best or comes_first(one, best) then
                best = one
            end
        end
    end
    return best
end

local fence = tonumber(redis.call('GET', base .. ':fence') or 0)
local answer = { 'done', 0 }
local function reserve(need, one)
    fence = math.max(fence + 1, micros, need.fence + 1)
    one.load, one.last = one.load + need.weight, now
    turned = math.max(one.turn, turned)
    one.turn = turned + math.floor(1000000 / one.share)
    redis.call('HINCRBY', base .. ':agent:' .. one.id, 'held', need.weight)
    redis.call('HSET', base .. ':agent:' .. one.id, 'last', now,
        'turn', string.format('%.0f', one.turn))
    redis.call('ZREM', QUEUE, need.id)
    redis.call('HSET', RESERVED, need.id,
        one.id .. '|' .. string.format('%.0f', fence) .. '|' .. need.weight)
    redis.call('ZADD', EXPIRY, now + hold, need.id)
    if not is_free(one) then
        for index, other in ipairs(room) do
            if other == one then
                table.remove(room, index)
                break
            end
        end
        if one.load >= one.cap then
            redis.call('SREM', ROOM, one.id)
        end
    end
    answer[#answer + 1] = need.id
    answer[#answer + 1] = one.id
    answer[#answer + 1] = string.format('%.0f', fence)
end

local matched, place, last = 0, skip, skip + scan
while #room > 0 and matched < most do
    local ids = redis.call('ZRANGE', QUEUE, place, math.min(place + 99, last - 1))
    if #ids == 0 then
        break
    end
    -- Counted one by one: whoever the loop ends before has not been looked at.
    local looked, gone = 0, 0
    for _, id in ipairs(ids) do
        looked = looked + 1
        local need = need_of(id)
        if not need then
            redis.call('ZREM', QUEUE, id)
            gone = gone + 1
        else
            local one = choose(need)
            if one then
                reserve(need, one)
                matched, gone = matched + 1, gone + 1
            end
        end
        if #room == 0 or matched >= most then
            break
        end
    end
    place = place + looked - gone
    last = last - gone
    if place >= last then
        break
    end
end
if matched > 0 then
    redis.call('SET', base .. ':fence', string.format('%.0f', fence))
    redis.call('SET', base .. ':turn', string.format('%.0f', turned))
end
if #room > 0 and redis.call('ZCARD', QUEUE) > place then
    answer[1] = 'more'
end
answer[2] = place
return answer
