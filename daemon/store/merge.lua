-- merge.lua -- two messages of the outbox become one, in one step: what a crash leaves is either both or the one.
-- KEYS: 1 epoch, 2 outbox. ARGV: epoch, id of the one that stays, id of the one that goes, the new entry of the first.
-- Answer: 1 done; 2 it was done before; 0 the second is not there (any more), nothing was done; -1 not the owner.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
if redis.call('HDEL', KEYS[2], ARGV[3]) == 0 then
  return redis.call('HGET', KEYS[2], ARGV[2]) == ARGV[4] and 2 or 0
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
return 1
