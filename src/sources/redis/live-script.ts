/**
 * Applies changes and runs commands, all or none as far as Redis can: asks the epochs of the plans, then for each record its version. A command
 * that fails does not keep the others from being run.
 * KEYS: the hash of epochs, for each change the key and the hash of its versions, the commands' keys.
 * ARGV: number of plans, for each its name and epoch, number of changes, for each: part, version or '', verb, expiry ('': stays, '-': none),
 * number of arguments, arguments; then for each command the number of its words, and they.
 * Gives what became of each change, and for each command whether it is an error, and what it answered; or 'fenced', the plan, its epoch.
 */
export const WRITE = `
local plans = tonumber(ARGV[1])
local behind = {}
for i = 2, 2 * plans, 2 do
  local seen = redis.call('HGET', KEYS[1], ARGV[i])
  if seen and tonumber(seen) > tonumber(ARGV[i + 1]) then return {'fenced', ARGV[i], seen} end
  if not seen or tonumber(seen) < tonumber(ARGV[i + 1]) then behind[#behind + 1] = i end
end
for _, i in ipairs(behind) do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
local function all(command, key, from, to)
  for i = from, to, 1000 do
    redis.call(command, key, unpack(ARGV, i, math.min(i + 999, to)))
  end
end
local results = {}
local at = 2 + 2 * plans
local changes = tonumber(ARGV[at])
at = at + 1
for i = 2, 2 * changes, 2 do
  local key, versions = KEYS[i], KEYS[i + 1]
  local part, version, verb, expiry, count = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], tonumber(ARGV[at + 4])
  local from, to = at + 5, at + 4 + count
  at = to + 1
  local stored = version ~= '' and redis.call('HGET', versions, part)
  if stored and tonumber(stored) >= tonumber(version) then
    results[#results + 1] = 'older'
  else
    if verb == 'SET' then redis.call('SET', key, ARGV[from])
    elseif verb == 'DEL' then redis.call('DEL', key)
    elseif verb == 'HSET' or verb == 'RPUSH' or verb == 'SADD' or verb == 'ZADD' then
      redis.call('DEL', key)
      all(verb, key, from, to)
    elseif verb == '+HSET' or verb == '+SADD' or verb == '+ZADD' then all(string.sub(verb, 2), key, from, to)
    elseif verb == '-HDEL' then redis.call('HDEL', key, ARGV[from])
    elseif verb == '-MEMBER' then redis.call(redis.call('TYPE', key).ok == 'zset' and 'ZREM' or 'SREM', key, ARGV[from])
    else error('no verb ' .. verb) end
    if expiry == '-' then redis.call('PERSIST', key)
    elseif expiry ~= '' then redis.call('PEXPIREAT', key, expiry) end
    if version ~= '' then redis.call('HSET', versions, part, version) end
    results[#results + 1] = 'applied'
  end
end
local answers = {}
while at <= #ARGV do
  local count = tonumber(ARGV[at])
  local reply = redis.pcall(unpack(ARGV, at + 1, at + count))
  at = at + count + 1
  if type(reply) == 'table' and reply.err then answers[#answers + 1] = {1, reply.err}
  else answers[#answers + 1] = {0, reply} end
end
return {'ok', results, answers}
`

/**
 * A record and its version, of one instant. KEYS: the key, the hash of its versions. ARGV: part, kind ('' for the whole, field, member),
 * name of the element. Gives type (none where it is not there), expiry of the key (-1: none), version, value.
 */
export const READ = `
local version = redis.call('HGET', KEYS[2], ARGV[1]) or '0'
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'none' then return {'none', '-1', version} end
local expiry = redis.pcall('PEXPIRETIME', KEYS[1])
if type(expiry) == 'table' then
  expiry = redis.call('PTTL', KEYS[1])
  if expiry >= 0 then
    local now = redis.call('TIME')
    expiry = expiry + tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
  end
end
expiry = string.format('%.0f', expiry)
local value
if ARGV[2] == 'field' then
  local it = kind == 'hash' and redis.call('HGET', KEYS[1], ARGV[3])
  if not it then return {'none', expiry, version} end
  value = {ARGV[3], it}
elseif ARGV[2] == 'member' and kind == 'set' then
  if redis.call('SISMEMBER', KEYS[1], ARGV[3]) == 0 then return {'none', expiry, version} end
  value = {ARGV[3]}
elseif ARGV[2] == 'member' then
  local score = kind == 'zset' and redis.call('ZSCORE', KEYS[1], ARGV[3])
  if not score then return {'none', expiry, version} end
  value = {ARGV[3], score}
elseif kind == 'string' then value = redis.call('GET', KEYS[1])
elseif kind == 'hash' then value = redis.call('HGETALL', KEYS[1])
elseif kind == 'list' then value = redis.call('LRANGE', KEYS[1], 0, -1)
elseif kind == 'set' then value = redis.call('SMEMBERS', KEYS[1])
elseif kind == 'zset' then value = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
elseif kind == 'stream' then value = redis.call('XRANGE', KEYS[1], '-', '+')
else value = false end
return {kind, expiry, version, value}
`

/** KEYS: the hash of epochs. ARGV: plan, epoch. */
export const RAISE = `
local seen = redis.call('HGET', KEYS[1], ARGV[1])
if not seen or tonumber(seen) < tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
return 1
`

/** Where the epochs of plans are kept, field by plan. */
export const EPOCHS = 'kvmig:epoch'

/**
 * Where the versions of a key's records are kept, field by part: in the key's own slot of a cluster. A key that has a hash tag of its own
 * keeps it.
 */
export function versionsKey(key: Buffer): Buffer {
  const text = key.toString('latin1')
  const open = text.indexOf('{')
  const close = text.indexOf('}', open + 1)
  const isTagged = open !== -1 && close > open + 1
  return Buffer.from(isTagged ? `kvmig:v:${text}` : `kvmig:v:{${text}}`, 'latin1')
}
