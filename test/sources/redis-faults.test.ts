import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { PART } from '../../src/sources/part.ts'
import { parseRedisAddress } from '../../src/sources/redis/address.ts'
import { LIMITS, type Limits } from '../../src/sources/redis/connection.ts'
import { RedisSource } from '../../src/sources/redis/redis-source.ts'
import type { Entry, Page, Selection } from '../../src/sources/source.ts'
import { type FaultyProxy, startProxy } from '../setup/proxy.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { byKey, entriesOf, hash, list, pagesOf, set, string } from './entries.ts'
import { writeEntries } from './redis-commands.ts'

const EVERYTHING: Selection = { prefix: Buffer.alloc(0), want: () => 'entry' }
const MANY: readonly Entry[] = Array.from({ length: 3000 }, (_, index) =>
  index % 7 === 0
    ? hash(`many:${index}`, ['n', String(index)])
    : string(`many:${index}`, `value ${index}`.repeat(5)),
)

let server: FreshRedis
let proxy: FaultyProxy
const sources: RedisSource[] = []

beforeAll(async () => {
  server = await freshRedis()
})
afterAll(() => server.stop())
afterEach(async () => {
  for (const source of sources.splice(0)) await source.close()
  await proxy?.close()
})

async function through(
  limits: Partial<Limits> = {},
  signal = new AbortController().signal,
): Promise<RedisSource> {
  proxy = await startProxy(server.port)
  return open(`redis://127.0.0.1:${proxy.port}`, limits, signal)
}

async function open(
  url: string,
  limits: Partial<Limits> = {},
  signal = new AbortController().signal,
): Promise<RedisSource> {
  const source = await RedisSource.open(parseRedisAddress(url, '/'), { signal }, { ...LIMITS, ...limits })
  sources.push(source)
  return source
}

async function fill(entries: readonly Entry[]): Promise<void> {
  await server.client.flushall()
  await writeEntries(server.client, entries)
}

describe('a connection that breaks', () => {
  test.each([1, 100, 4096, 20_000, 65_536, 100_000, 150_000])(
    'after %i more bytes costs nothing but time',
    async (bytes) => {
      await fill(MANY)
      const source = await through()
      const pages: Page[] = []
      for await (const page of source.scan(EVERYTHING)) {
        pages.push(page)
        if (pages.length === 1) proxy.cutAfter(bytes)
      }
      expect(byKey(pages.flatMap(({ entries }) => entries))).toEqual(byKey(MANY))
      expect(proxy.connections).toBe(2)
    },
  )

  test('again and again, with progress in between, does not end the scan', async () => {
    const entries = numbers(4000).map((it) => string(`k:${it}`, it.padEnd(1000)))
    await fill(entries)
    const source = await through()
    proxy.cutAfter(1_500_000, 'again')
    expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(entries))
    expect(proxy.connections).toBeGreaterThan(2)
  })

  test('while keys are read costs nothing but time', async () => {
    await fill(MANY)
    const source = await through()
    proxy.cutAfter(30_000)
    expect(byKey(await entriesOf(source.read(MANY.map(({ key }) => key))))).toEqual(byKey(MANY))
    expect(proxy.connections).toBe(2)
  })

  test('in the middle of a big collection begins the collection anew', async () => {
    const big = [
      hash(
        'h',
        numbers(15_000).flatMap((it) => [`f${it}`, `v${it}`]),
      ),
      list('l', numbers(25_000)),
    ]
    await fill(big)
    const source = await through()
    for (const bytes of [50_000, 200_000, 400_000]) {
      proxy.cutAfter(bytes)
      expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(big))
    }
  })

  test('for good is an error after a bounded number of attempts', async () => {
    await fill(MANY)
    const source = await through({ longestWaitMillis: 1 })
    const scanning = (async () => {
      for await (const _ of source.scan(EVERYTHING)) {
        proxy.refuse(true)
        proxy.cutAfter(1)
      }
    })()
    await expect(scanning).rejects.toMatchObject({ code: 'SOURCE_LOST' })
    expect(proxy.connections).toBe(1 + LIMITS.attempts)
  })

  test('does not stop an abort', async () => {
    await fill(MANY)
    const stop = new AbortController()
    const source = await through({}, stop.signal)
    const reason = new Error('enough')
    const scanning = (async () => {
      for await (const _ of source.scan(EVERYTHING)) {
        proxy.refuse(true)
        proxy.cutAfter(1)
        setImmediate(() => stop.abort(reason))
      }
    })()
    await expect(scanning).rejects.toBe(reason)
  })
})

test('answers that arrive a byte at a time are the same answers', async () => {
  await fill(MANY.slice(0, 300))
  const source = await through()
  for (const bytes of [1, 2, 3, 7]) {
    proxy.pieces(bytes)
    expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(MANY.slice(0, 300)))
  }
})

describe('a server that is silent', () => {
  test('is taken for lost, and asked again', async () => {
    await fill(MANY)
    // A busy machine is silent for a while, too, and then it is asked once more.
    const source = await through({ silenceMillis: 500 })
    const pages: Page[] = []
    let connections = 0
    proxy.onRequest(() => {
      // The first new connection is served.
      if (proxy.connections > connections) proxy.stall(false)
    })
    for await (const page of source.scan(EVERYTHING)) {
      if (pages.length === 0) {
        connections = proxy.connections
        proxy.stall(true)
      }
      pages.push(page)
    }
    expect(byKey(pages.flatMap(({ entries }) => entries))).toEqual(byKey(MANY))
    expect(proxy.connections).toBeGreaterThanOrEqual(2)
  })

  test('does not keep close from closing, nor abort from aborting', async () => {
    const stop = new AbortController()
    const source = await through({}, stop.signal)
    proxy.stall(true)
    const counting = source.count()
    await source.close()
    await expect(counting).rejects.toMatchObject({ code: 'SOURCE_CLOSED' })
    const second = await open(server.url, {}, stop.signal)
    const other = second.count()
    stop.abort(new Error('enough'))
    await expect(other).rejects.toThrow('enough')
  })

  test('does not answer while it is opened: an error in time', async () => {
    proxy = await startProxy(server.port)
    proxy.stall(true)
    await expect(open(`redis://127.0.0.1:${proxy.port}`, { silenceMillis: 50 })).rejects.toMatchObject({
      code: 'SOURCE_TIMEOUT',
    })
  })
})

describe('another server at the same address', () => {
  test('H08 after a restart ends the scan, and the next one is of the new server', async () => {
    const own = await freshRedis()
    try {
      await writeEntries(own.client, MANY)
      const source = await open(own.url)
      const before = await source.identity()
      const scanning = (async () => {
        let pages = 0
        for await (const _ of source.scan(EVERYTHING)) {
          if (pages++ > 0) continue
          await own.kill()
          await own.restart()
          await writeEntries(own.client, MANY.slice(0, 10))
        }
      })()
      await expect(scanning).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
      expect(await source.identity()).not.toBe(before)
      expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(MANY.slice(0, 10)))
    } finally {
      await own.stop()
    }
  })

  test('after a failover ends the scan as well', async () => {
    await fill(MANY)
    const other = await freshRedis()
    try {
      const source = await through()
      const scanning = (async () => {
        for await (const _ of source.scan(EVERYTHING)) proxy.redirect(other.port)
      })()
      await expect(scanning).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
      await expect(entriesOf(source.read(MANY.map(({ key }) => key)))).resolves.toEqual([])
    } finally {
      await other.stop()
    }
  })
})

describe('while the application goes on writing', () => {
  // Each request waits for a change: no two commands in different requests see the same store.
  const disturb = async (change: (count: number) => Promise<unknown>): Promise<RedisSource> => {
    const source = await through()
    let count = 0
    proxy.onRequest(async () => {
      await change(count++)
    })
    return source
  }

  test('H12 a value and its expiry are of the same instant', async () => {
    const keys = numbers(50).map((it) => `pair:${it}`)
    for (const kind of ['string', 'hash'] as const) {
      await server.client.flushall()
      const write = (version: number) => {
        const pipeline = server.client.multi()
        for (const key of keys) {
          const expiry = 2_000_000_000_000 + version
          if (kind === 'string') pipeline.set(key, String(version), 'PXAT', expiry)
          else pipeline.hset(key, 'version', String(version)).pexpireat(key, expiry)
        }
        return pipeline.exec()
      }
      await write(0)
      const source = await disturb((count) => write(count + 1))
      for (let round = 0; round < 20; round++) {
        const entries = await entriesOf(source.scan(EVERYTHING))
        expect(new Set(entries.map(({ key }) => key.toString())).size).toBe(keys.length)
        for (const { value, expiresAt } of entries) {
          const version =
            value?.type === 'string' ? value.bytes : value?.type === 'hash' ? value.pairs[1] : undefined
          expect(expiresAt).toBe(2_000_000_000_000 + Number(version))
        }
      }
      await source.close()
      await proxy.close()
    }
  })

  test('a key that gets its first expiry is seen with it', async () => {
    await server.client.flushall()
    await server.client.mset('a', '0', 'b', '0')
    const source = await disturb((count) =>
      count % 3 === 0 ? server.client.set('a', '1', 'PXAT', 2_000_000_000_001) : server.client.set('a', '0'),
    )
    for (let round = 0; round < 30; round++) {
      const { a } = Object.fromEntries(byKey(await entriesOf(source.scan(EVERYTHING))))
      expect([
        { type: 'string', value: '0', expiresAt: null },
        { type: 'string', value: '1', expiresAt: 2_000_000_000_001 },
      ]).toContainEqual(a)
    }
  })

  test('H13 keys that change their type are given as what they are at some instant', async () => {
    await server.client.flushall()
    const keys = numbers(20).map((it) => `flip:${it}`)
    const shapes = [
      (key: string) => server.client.multi().del(key).set(key, 'text').exec(),
      (key: string) => server.client.multi().del(key).hset(key, 'f', 'v').exec(),
      (key: string) => server.client.multi().del(key).rpush(key, 'a', 'b').exec(),
      (key: string) => server.client.multi().del(key).sadd(key, 'm').exec(),
      (key: string) => server.client.multi().del(key).zadd(key, 2, 'm').exec(),
      (key: string) => server.client.multi().del(key).xadd(key, '1-1', 'f', 'v').exec(),
    ]
    const turn = (count: number) =>
      Promise.all(keys.map((key, index) => shapes[(count + index) % shapes.length]!(key)))
    await turn(0)
    const source = await disturb(turn)
    const possible = [
      { type: 'string', value: 'text', expiresAt: null },
      { type: 'hash', value: [['f', 'v']], expiresAt: null },
      { type: 'list', value: ['a', 'b'], expiresAt: null },
      { type: 'set', value: ['m'], expiresAt: null },
      { type: 'zset', value: [['m', 2]], expiresAt: null },
      { type: 'stream', value: [['1-1', [['f', 'v']]]], expiresAt: null },
    ]
    for (let round = 0; round < 20; round++) {
      const found = byKey(await entriesOf(source.scan(EVERYTHING)))
      expect([...found.keys()].sort()).toEqual([...keys].sort())
      for (const it of found.values()) expect(possible).toContainEqual(it)
    }
  })

  test('keys that flip between small and big are given as one or the other', async () => {
    await server.client.flushall()
    const items = numbers(PART + 2000)
    const turn = (count: number) =>
      count % 2 === 0
        ? server.client.multi().del('flip').set('flip', 'text').exec()
        : server.client
            .multi()
            .del('flip')
            .hset('flip', ...items.flatMap((it) => [it, it]))
            .exec()
    await turn(1)
    const source = await disturb(turn)
    for (let round = 0; round < 10; round++) {
      const entries = await entriesOf(source.scan(EVERYTHING))
      const last = entries.at(-1)!
      expect(last.more).toBe(false)
      expect(['string', 'hash']).toContain(last.type)
    }
  })

  test('keys that expire or are deleted meanwhile are counted, and nothing is made up for them', async () => {
    await fill(MANY)
    const gone = MANY.filter((_, index) => index % 3 === 0).map(({ key }) => key)
    const source = await disturb((count) => {
      const some = gone.slice(count * 20, (count + 1) * 20)
      return some.length > 0 ? server.client.del(...some) : Promise.resolve()
    })
    const pages = await pagesOf(source.scan(EVERYTHING))
    const found = byKey(pages.flatMap(({ entries }) => entries))
    const rest = byKey(MANY.filter((_, index) => index % 3 !== 0))
    for (const [key, it] of rest) expect(found.get(key)).toEqual(it)
    const all = byKey(MANY)
    for (const [key, it] of found) expect(all.get(key)).toEqual(it)
    expect(pages.reduce((sum, { expired }) => sum + expired, 0)).toBeGreaterThan(0)
  })

  test('nothing that stays is missed while the keyspace grows and shrinks', async () => {
    await fill(MANY)
    let made = 0
    const source = await disturb(async () => {
      const pipeline = server.client.pipeline()
      if (made < 20_000) for (let index = 0; index < 2000; index++) pipeline.set(`new:${made++}`, 'x')
      else for (let index = 0; index < 1000; index++) pipeline.del(`new:${--made}`)
      await pipeline.exec()
    })
    const found = byKey(await entriesOf(source.scan(EVERYTHING)))
    for (const [key, it] of byKey(MANY)) expect(found.get(key)).toEqual(it)
  })

  test('H07 keys that are renamed appear under a name they had, with their own value', async () => {
    await fill(numbers(2000).map((it) => string(`old:${it}`, it)))
    const source = await disturb(async (count) => {
      const pipeline = server.client.pipeline()
      for (let it = count * 50; it < Math.min(count * 50 + 50, 2000); it++)
        pipeline.rename(`old:${it}`, `new:${it}`)
      await pipeline.exec()
    })
    const found = byKey(await entriesOf(source.scan(EVERYTHING)))
    for (const [key, { value }] of found) expect(value).toBe(key.split(':')[1])
    // A later scan, when all is quiet, has every one.
    proxy.onRequest(undefined)
    const quiet = byKey(await entriesOf(source.scan(EVERYTHING)))
    expect(new Set([...quiet.values()].map(({ value }) => value)).size).toBe(2000)
  })

  test('a list that is pushed to equals a state it had', async () => {
    const start = 2 * PART + 500
    for (const changes of [1, 3, 1000]) {
      await fill([list('l', numbers(start))])
      let next = start
      const source = await disturb(async (count) => {
        // Head and tail and length stay, the middle does not: pushing alone would be easy to notice.
        if (count >= changes) return
        await server.client
          .multi()
          .lset('l', 5, `w${next}`)
          .lset('l', PART + 5, `w${next}`)
          .lset('l', 2 * PART + 5, `w${next}`)
          .exec()
        next += 1
      })
      const found = byKey(await entriesOf(source.scan(EVERYTHING)))
      const items = found.get('l')?.value as string[]
      expect(items.length).toBe(start)
      const written = new Set([items[5], items[PART + 5], items[2 * PART + 5]])
      if ([...written].some((it) => it?.startsWith('w'))) expect(written.size).toBe(1)
      await source.close()
      await proxy.close()
    }
  })

  test('a list that is never left alone and too long to read at once is an error that names it', async () => {
    await fill([list('busy', numbers(200_001))])
    const source = await disturb(() => server.client.rpush('busy', 'x'))
    await expect(entriesOf(source.scan(EVERYTHING))).rejects.toMatchObject({
      code: 'SOURCE_UNSTABLE',
      message: expect.stringContaining('"busy"'),
    })
  })

  test('members that stay in a big set are all given, whatever happens to the others', async () => {
    await fill([set('s', numbers(30_000))])
    const source = await disturb(async (count) => {
      const pipeline = server.client.pipeline()
      for (let it = count * 400; it < count * 400 + 400; it++)
        if (it % 3 === 0) pipeline.srem('s', String(it))
      await pipeline.exec()
    })
    const members = (await entriesOf(source.scan(EVERYTHING))).flatMap(({ value }) =>
      value?.type === 'set' ? value.members : [],
    )
    const found = new Set(members.map(String))
    for (const it of numbers(30_000)) if (Number(it) % 3 !== 0) expect(found.has(it)).toBe(true)
  })
})

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index))
}
