import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { redis } from '../../src/sources/redis.ts'
import type { Entry } from '../../src/sources/source.ts'
import type { StoreWriter } from '../../src/sources/writer.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { byKey, entriesOf, expiringHash, hash, list, set, stream, string, zset } from './entries.ts'
import { hasFieldExpiry } from './server-version.ts'

let server: FreshRedis
let writer: StoreWriter
const context = { root: '/', signal: new AbortController().signal }
beforeAll(async () => {
  server = await freshRedis()
  writer = await redis.openWriter!(server.url, context)
})
afterAll(async () => {
  await writer.close()
  await server.stop()
})
beforeEach(() => server.client.flushall())

async function everything(): Promise<readonly Entry[]> {
  const source = await redis.open(server.url, context)
  try {
    return await entriesOf(source.scan({ prefix: Buffer.alloc(0), want: () => 'entry' }))
  } finally {
    await source.close()
  }
}

const bytes = fc.uint8Array({ maxLength: 20 }).map((it) => Buffer.from(it))
const some = <T>(items: fc.Arbitrary<T>) => fc.array(items, { minLength: 1, maxLength: 8 })
const distinct = <T>(items: fc.Arbitrary<T>, nameOf: (item: T) => Buffer) =>
  fc.uniqueArray(items, { minLength: 1, maxLength: 8, selector: (it) => nameOf(it).toString('latin1') })
// Redis forgets the sign of a zero where it packs a sorted set.
const score = fc.double({ noNaN: true }).map((it) => (it === 0 ? 0 : it))
const expiry = fc.option(fc.integer({ min: 3_000_000_000_000, max: 9_000_000_000_000 }))
const id = fc.tuple(fc.nat(1_000_000), fc.nat(50)).filter(([a, b]) => a + b > 0)

/** An entry of any type, under the key that it is given. */
const anyEntry: fc.Arbitrary<(key: Buffer) => Entry> = fc
  .tuple(
    expiry,
    fc.oneof(
      bytes.map((it) => (key: Buffer) => string(key, it)),
      some(bytes).map((it) => (key: Buffer) => list(key, it)),
      distinct(bytes, (it) => it).map((it) => (key: Buffer) => set(key, it)),
      distinct(fc.tuple(bytes, bytes), ([name]) => name).map((it) => (key: Buffer) => hash(key, it.flat())),
      distinct(fc.tuple(bytes, score), ([name]) => name).map((it) => (key: Buffer) => zset(key, it)),
      fc
        .uniqueArray(fc.tuple(id, some(fc.tuple(bytes, bytes))), {
          minLength: 1,
          maxLength: 5,
          selector: ([[a, b]]) => `${a}-${b}`,
        })
        .map((it) => it.toSorted(([[a, b]], [[c, d]]) => a - c || b - d))
        .map(
          (it) => (key: Buffer) =>
            stream(
              key,
              it.map(([[a, b], pairs]) => [`${a}-${b}`, pairs.flat()] as const),
            ),
        ),
    ),
  )
  .map(([expiresAt, make]) => (key) => ({ ...make(key), expiresAt }))

describe('a Redis that is written to', () => {
  test('holds what was written, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEntry, { maxLength: 6 }), some(bytes), async (made, names) => {
        await server.client.flushall()
        const entries = made.map((it, index) =>
          it(Buffer.concat([names[index % names.length]!, Buffer.from(`:${index}`)])),
        )
        await writer.write(entries)
        expect(byKey(await everything())).toEqual(byKey(entries))
        expect(await writer.count()).toBe(entries.length)
      }),
      { numRuns: 150 },
    )
  })

  test('adds to what is there of a collection, in order', async () => {
    await writer.write([list('l', ['a']), hash('h', ['a', '1'])])
    await writer.write([list('l', ['b', 'c']), hash('h', ['b', '2']), list('l', ['d'])])
    expect(byKey(await everything())).toEqual(
      byKey([list('l', ['a', 'b', 'c', 'd']), hash('h', ['a', '1', 'b', '2'])]),
    )
  })

  test('takes collections larger than one command', async () => {
    const items = Array.from({ length: 4321 }, (_, it) => String(it))
    const entries = [
      list('l', items),
      set('s', items),
      hash(
        'h',
        items.flatMap((it) => [it, it]),
      ),
      zset(
        'z',
        items.map((it) => [it, Number(it)] as const),
      ),
    ]
    await writer.write(entries)
    expect(byKey(await everything())).toEqual(byKey(entries))
  })

  test('says which keys are there', async () => {
    await writer.write([string('a', 'x')])
    expect(await writer.exist([Buffer.from('a'), Buffer.from('b')])).toEqual([true, false])
    expect(await writer.exist([])).toEqual([])
  })

  test('tells what it refuses, without a key or a value', async () => {
    await writer.write([string('secret-key', 'x')])
    const refused = writer.write([list('secret-key', ['secret-value'])])
    await expect(refused).rejects.toMatchObject({
      code: 'SOURCE_REPLY',
      message: expect.not.stringContaining('secret'),
    })
  })

  test.skipIf(!hasFieldExpiry())('keeps the expiry of each field', async () => {
    const entry = expiringHash('h', [
      ['a', 'x', 3_000_000_000_000],
      ['b', 'y', null],
    ])
    await writer.write([entry])
    expect(byKey(await everything())).toEqual(byKey([entry]))
  })
})
