-- Take works out of the line; what they need is copied anew if they wait after all.
--
-- KEYS[1]  the tenant's prefix
-- ARGV     ids of works
for _, id in ipairs(ARGV) do
    redis.call('ZREM', KEYS[1] .. ':queue', id)
    redis.call('DEL', KEYS[1] .. ':work:' .. id)
end
return #ARGV
