import type { Redis } from 'ioredis'
import type { Entry } from '../../src/sources/source.ts'

/** Writes the entries into a Redis, as they are. */
export async function writeEntries(client: Redis, entries: readonly Entry[]): Promise<void> {
  for (let start = 0; start < entries.length; start += 500) {
    const pipeline = client.pipeline()
    for (const entry of entries.slice(start, start + 500)) {
      for (const [name, ...args] of commandsOf(entry)) pipeline.call(name, ...args)
    }
    for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error
  }
}

type Command = readonly [name: string, ...args: readonly (string | Buffer)[]]

function commandsOf({ key, value, expiresAt }: Entry): Command[] {
  const expire: Command[] = expiresAt === null ? [] : [['PEXPIREAT', key, String(expiresAt)]]
  switch (value?.type) {
    case 'string':
      return [['SET', key, value.bytes], ...expire]
    case 'hash':
      return [...chunks(value.pairs).map((it): Command => ['HSET', key, ...it]), ...expire]
    case 'list':
      return [...chunks(value.items).map((it): Command => ['RPUSH', key, ...it]), ...expire]
    case 'set':
      return [...chunks(value.members).map((it): Command => ['SADD', key, ...it]), ...expire]
    case 'zset': {
      const args = value.members.flatMap((member, index) => [score(value.scores[index]!), member])
      return [...chunks(args).map((it): Command => ['ZADD', key, ...it]), ...expire]
    }
    case 'stream':
      return [...value.messages.map(({ id, pairs }): Command => ['XADD', key, id, ...pairs]), ...expire]
    default:
      throw new Error('an entry without a value')
  }
}

// An even number, so that pairs stay together.
const AT_ONCE = 1000

const chunks = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / AT_ONCE) }, (_, index) =>
    items.slice(index * AT_ONCE, (index + 1) * AT_ONCE),
  )

const score = (value: number): string =>
  Number.isFinite(value) ? String(value) : value > 0 ? '+inf' : '-inf'
