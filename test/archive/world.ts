import type { Redis } from 'ioredis'
import { projectFolder } from '../setup/cli.ts'
import { isBeforeSeven } from '../sources/server-version.ts'

/** Every type, binary names and values, an expiry, keys of somebody else. */
export async function fill(client: Redis): Promise<void> {
  await client.set('note:1', 'plain text')
  await client.set(Buffer.from('note:\u{1F4DD} 2'), Buffer.from([0, 255, 1, 254, 10, 13]))
  await client.set('note:later', 'expires', 'PXAT', 4_102_444_800_000)
  await client.hset('bag:h', { a: '1', b: '2', ü: 'ä' })
  await client.hset('bag:h', Buffer.from([255, 0]), Buffer.from([0, 200]))
  await client.rpush('bag:l', 'one', 'two', 'one', Buffer.from([128]))
  await client.sadd('bag:s', 'x', 'y', Buffer.from([0]))
  await client.zadd('bag:z', 1.5, 'a', '-inf', 'b', '+inf', 'c', 0.1, 'd')
  await client.xadd('bag:x', '5-1', 'f', 'v', 'g', 'w')
  await client.xadd('bag:x', '7-0', 'f', Buffer.from([200]))
  await client.set('index:notes', 'mirror')
  await client.set('other:1', 'somebody else’s')
  await client.set('session:1', 'stays')
}

/** DUMP of every key, and when it expires: what a store holds, byte for byte. */
export async function dump(client: Redis): Promise<Record<string, string>> {
  const keys = (await client.keysBuffer('*')).sort(Buffer.compare)
  const found: Record<string, string> = {}
  for (const key of keys) {
    // A set has no order, and DUMP shows the one it happens to have.
    const isSet = (await client.type(key)) === 'set'
    const value = isSet
      ? Buffer.concat((await client.smembersBuffer(key)).sort(Buffer.compare))
      : await client.dumpBuffer(key)
    found[key.toString('latin1')] = `${value?.toString('base64')} ${await expiryOf(client, key)}`
  }
  return found
}

// Redis before 7 only says how long it has: to the minute is near enough there.
const expiryOf = async (client: Redis, key: Buffer): Promise<number> => {
  if (!isBeforeSeven()) return client.pexpiretime(key)
  const left = await client.pttl(key)
  return left < 0 ? left : Math.round((Date.now() + left) / 60_000)
}

export const PROJECT = {
  'migrations.yaml': `version: 1
sources: { kv: '\${KV_URL}' }
target: \${DATABASE_URL}
ephemeral: [{ match: 'session:{_}', because: people sign in again }]
ignore: [{ match: 'other:{_}', because: not ours }]
`,
  'plans/things.yaml': `version: 1
plan: things
mappings:
  - { match: 'note:{id}', type: string, into: notes, text: replace, fields: { id: $id, text: $value }, unmapped: { drop: [$expires_at], because: test } }
  - { match: 'bag:{id}', into: leftovers_of_bags, fields: { id: $id } }
  - { match: 'index:{_}', index: mirrors notes }
tables:
  notes: { columns: { id: text, text: text }, primary_key: [id] }
  leftovers_of_bags: { columns: { id: text }, primary_key: [id] }
archive: { to: './archive', keep: 30d }
`,
} as const

export const folder = () => projectFolder(PROJECT)
