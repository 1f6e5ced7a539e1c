import { closeSync, copyFileSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { rdb } from '../../src/sources/rdb.ts'
import { redis } from '../../src/sources/redis.ts'
import type { Entry, Selection } from '../../src/sources/source.ts'
import { freshRedis } from '../setup/redis.ts'
import { byKey, entriesOf, hash, list, set, string, zset } from './entries.ts'
import { int64, listpack, RdbWriter } from './rdb-writer.ts'
import { writeEntries } from './redis-commands.ts'

const EVERYTHING: Selection = { prefix: Buffer.alloc(0), want: () => 'entry' }
const folder = mkdtempSync(join(tmpdir(), 'kvmig random rdb '))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function readAll(adapter: typeof rdb, address: string) {
  const source = await adapter.open(address, { root: folder, signal: new AbortController().signal })
  try {
    return byKey(await entriesOf(source.scan(EVERYTHING)))
  } finally {
    await source.close()
  }
}

// Short and long, numbers in every width, bytes of no text, and what packs well.
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 80 }).map((it) => Buffer.from(it)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((it) => Buffer.from(String(it))),
  fc.integer({ min: -300, max: 70_000 }).map((it) => Buffer.from(String(it))),
  fc.tuple(fc.string({ maxLength: 9 }), fc.nat(60)).map(([text, times]) => Buffer.from(text.repeat(times))),
)
const several = fc.uniqueArray(bytes, {
  minLength: 1,
  maxLength: 200,
  selector: (it) => it.toString('latin1'),
})
const expiry = fc.option(fc.integer({ min: 2_000_000_000_000, max: 4_000_000_000_000 }), { nil: null })
const score = fc.oneof(
  fc.double({ noNaN: true }),
  fc.integer(),
  fc.constantFrom(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324, 2 ** 53),
)
const content = fc.oneof(
  bytes.map((it) => (key: Buffer, at: number | null) => string(key, it, at)),
  fc
    .array(bytes, { minLength: 1, maxLength: 300 })
    .map((it) => (key: Buffer, at: number | null) => list(key, it, at)),
  several.map((it) => (key: Buffer, at: number | null) => set(key, it, at)),
  fc.tuple(several, fc.infiniteStream(bytes)).map(
    ([names, values]) =>
      (key: Buffer, at: number | null) =>
        hash(
          key,
          names.flatMap((name) => [name, values.next().value]),
          at,
        ),
  ),
  fc.tuple(several, fc.infiniteStream(score)).map(
    ([members, scores]) =>
      (key: Buffer, at: number | null) =>
        zset(
          key,
          // Redis keeps no negative zero beside a member that is packed as an integer.
          members.map((it) => [it, scores.next().value + 0] as const),
          at,
        ),
  ),
)
const entries: fc.Arbitrary<readonly Entry[]> = fc
  .array(fc.tuple(bytes, content, expiry), { minLength: 1, maxLength: 25 })
  .map((all) => [
    ...new Map(all.map(([key, make, at]) => [key.toString('latin1'), make(key, at)] as const)).values(),
  ])

test('whatever a server holds, its backup says the same', async () => {
  const server = await freshRedis()
  try {
    await fc.assert(
      fc.asyncProperty(entries, async (all) => {
        await server.client.flushall()
        await writeEntries(server.client, all)
        copyFileSync(await server.save(), join(folder, 'dump.rdb'))
        const found = await readAll(rdb, 'rdb:./dump.rdb')
        expect(found).toEqual(byKey(all))
        expect(await readAll(redis, server.url)).toEqual(found)
      }),
      { numRuns: 30 },
    )
  } finally {
    await server.stop()
  }
}, 60_000)

test('so does one that was put together by hand, in encodings old and new', async () => {
  const small = fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 20 })
  const names = fc.uniqueArray(small, { minLength: 1, maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.tuple(names, fc.constantFrom('plain', 'packed'), fc.constantFrom('hash', 'set', 'zset', 'list')),
        {
          maxLength: 12,
        },
      ),
      async (all) => {
        const writer = new RdbWriter(11).database(0)
        const expected: Entry[] = []
        for (const [at, [items, form, type]] of all.entries()) {
          const key = `${type}:${at}`
          const isPacked = form === 'packed'
          if (type === 'hash') {
            const pairs = items.flatMap((it) => [it, `${it}!`])
            if (isPacked) writer.key(16, key).string(listpack(pairs))
            else {
              writer.key(4, key).length(items.length)
              for (const it of pairs) writer.string(it)
            }
            expected.push(hash(key, pairs))
          } else if (type === 'zset') {
            const members = items.map((it, place) => [it, place - 1.5] as const)
            if (isPacked)
              writer.key(17, key).string(listpack(members.flatMap(([it, value]) => [it, String(value)])))
            else {
              writer.key(5, key).length(items.length)
              for (const [it, value] of members) {
                const double = Buffer.alloc(8)
                double.writeDoubleLE(value)
                writer.string(it).raw(double)
              }
            }
            expected.push(zset(key, members))
          } else if (isPacked && type === 'list') {
            writer.key(18, key).length(2).length(2).string(listpack(items)).length(1).string('last')
            expected.push(list(key, [...items, 'last']))
          } else {
            if (isPacked) writer.key(20, key).string(listpack(items))
            else {
              writer.key(type === 'set' ? 2 : 1, key).length(items.length)
              for (const it of items) writer.string(it)
            }
            expected.push(type === 'set' ? set(key, items) : list(key, items))
          }
        }
        writeFileSync(join(folder, 'made.rdb'), writer.end())
        expect(await readAll(rdb, 'rdb:./made.rdb')).toEqual(byKey(expected))
      },
    ),
  )
})

test('a collection that is far larger than memory may be is read in the memory of its parts', async () => {
  const item = Buffer.concat([Buffer.from([0x44, 0x00]), Buffer.alloc(1024, 'x')])
  const block = Buffer.concat(Array.from({ length: 1024 }, () => item))
  const file = openSync(join(folder, 'large.rdb'), 'w')
  const length = Buffer.alloc(5, 0x80)
  length.writeUInt32BE(200 * 1024, 1)
  writeSync(file, Buffer.concat([Buffer.from('REDIS0011\xfe\x00\x01\x04list', 'latin1'), length]))
  for (let written = 0; written < 200; written++) writeSync(file, block)
  // No checksum, as of a server with `rdbchecksum no`.
  writeSync(file, Buffer.concat([Buffer.from([0xff]), int64(0n)]))
  closeSync(file)
  const source = await rdb.open('rdb:./large.rdb', { root: folder, signal: new AbortController().signal })
  const before = process.memoryUsage()
  const held = ({ heapUsed, arrayBuffers }: NodeJS.MemoryUsage) => heapUsed + arrayBuffers
  let [items, most] = [0, 0]
  for await (const { entries: page } of source.scan(EVERYTHING)) {
    for (const { value } of page) items += value?.type === 'list' ? value.items.length : 0
    most = Math.max(most, held(process.memoryUsage()) - held(before))
  }
  await source.close()
  expect(items).toBe(200 * 1024)
  // Two hundred megabytes are in the file; what is not collected yet counts, too.
  expect(most).toBeLessThan(100 * 1024 * 1024)
}, 60_000)
