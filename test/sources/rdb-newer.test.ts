import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { SourceError } from '../../src/errors.ts'
import { PART } from '../../src/sources/part.ts'
import { rdb } from '../../src/sources/rdb.ts'
import { byKey, expiringHash, hash, pagesOf, stream, string } from './entries.ts'
import { int64, listpack, RdbWriter } from './rdb-writer.ts'

/**
 * Files as servers newer than the one of the tests write them, put together by hand from what these say of their format: src/rdb.h and
 * src/rdb.c of redis/redis 7.4 (version 12, kinds 22 to 25, slots) and of valkey-io/valkey 9.0 (version 80, kind 22), redis/redis#14445
 * (key metadata), src/lib/defines.h of redis/librdb (Redis Enterprise).
 */
const folder = mkdtempSync(join(tmpdir(), 'kvmig newer rdb '))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function written(bytes: Buffer): string {
  const name = `${files++}.rdb`
  writeFileSync(join(folder, name), bytes)
  return `rdb:${name}`
}

const open = (bytes: Buffer) =>
  rdb.open(written(bytes), { root: folder, signal: new AbortController().signal })

async function pages(bytes: Buffer) {
  const source = await open(bytes)
  try {
    return await pagesOf(source.scan({ prefix: Buffer.alloc(0), want: () => 'entry' }))
  } finally {
    await source.close()
  }
}

const read = async (bytes: Buffer) => byKey((await pages(bytes)).flatMap(({ entries }) => entries))

const WRITTEN = 1_767_830_400
const LATER = WRITTEN * 1000 + 500
const MUCH_LATER = 2 ** 48 - 1

/** A length in the form for 64 bits. */
const wide = (value: number): Buffer => Buffer.concat([Buffer.from([0x81]), int64(BigInt(value)).reverse()])

const redis = (version = 12): RdbWriter =>
  new RdbWriter(version).note('redis-ver', '7.4.0').note('ctime', String(WRITTEN)).database(0)
const valkey = (): RdbWriter =>
  new RdbWriter(80, 'VALKEY').note('valkey-ver', '9.0.0').note('ctime', String(WRITTEN)).database(0)

/** The same hash in each way to write it. */
const FIELDS: readonly (readonly [field: string, value: string, expiry: number | null])[] = [
  ['session', 'x', LATER],
  ['name', 'Ann', null],
  ['token', 'y', MUCH_LATER],
]
const WAYS: Readonly<Record<string, (fields: typeof FIELDS) => Buffer>> = {
  'field by field, since the earliest (Redis 7.4)': (fields) => {
    const earliest = Math.min(...fields.map(([, , expiry]) => expiry ?? Infinity))
    const file = redis()
      .key(24, 'h')
      .raw(int64(BigInt(earliest)))
      .length(fields.length)
    for (const [field, value, expiry] of fields)
      file
        .raw(expiry === null ? 0 : wide(expiry - earliest + 1))
        .string(field)
        .string(value)
    return file.end()
  },
  'in a listpack (Redis 7.4)': (fields) =>
    redis()
      .key(25, 'h')
      .raw(int64(BigInt(LATER)))
      .string(listpack(fields.flatMap(([field, value, expiry]) => [field, value, String(expiry ?? 0)])))
      .end(),
  'field by field (release candidates of Redis 7.4)': (fields) => {
    const file = redis().key(22, 'h').length(fields.length)
    for (const [field, value, expiry] of fields)
      file
        .raw(wide(expiry ?? 0))
        .string(field)
        .string(value)
    return file.end()
  },
  'in a listpack (release candidates of Redis 7.4)': (fields) =>
    redis()
      .key(23, 'h')
      .string(listpack(fields.flatMap(([field, value, expiry]) => [field, value, String(expiry ?? 0)])))
      .end(),
  'field by field (Valkey 9)': (fields) => {
    const file = valkey().key(22, 'h').length(fields.length)
    for (const [field, value, expiry] of fields)
      file
        .string(field)
        .string(value)
        .raw(int64(BigInt(expiry ?? -1)))
    return file.end()
  },
}

describe.each(Object.entries(WAYS))('fields that expire by themselves, %s,', (_, file) => {
  test('come with their expiries', async () => {
    expect(await read(file(FIELDS))).toEqual(byKey([expiringHash('h', FIELDS)]))
  })

  test('are left out where they had expired when the backup was written, for the server gives them to nobody', async () => {
    const gone = ['gone', 'z', WRITTEN * 1000] as const
    expect(await read(file([...FIELDS, gone]))).toEqual(byKey([expiringHash('h', FIELDS)]))
  })

  test('are refused with the place where an expiry is no time', async () => {
    await expect(pages(file([['f', 'v', 2 ** 48]]))).rejects.toMatchObject({
      code: 'SOURCE_CORRUPT',
      message: expect.stringMatching(/damaged at byte \d+: an expiry of a field that is no time/),
    })
  })

  test('with any byte changed and no checksum are read or refused, but nothing hangs or breaks', async () => {
    const whole = file(FIELDS)
    whole.fill(0, whole.length - 8)
    let refusals = 0
    for (let at = 0; at < whole.length - 8; at++) {
      for (const mask of [1 << (at % 8), 0x80, 0xff]) {
        const changed = Buffer.from(whole)
        changed[at]! ^= mask
        await read(changed).catch((error: unknown) => {
          expect(error).toBeInstanceOf(SourceError)
          refusals += 1
        })
      }
    }
    expect(refusals).toBeGreaterThan(whole.length / 2)
  })

  test('cut off anywhere are refused with the place', async () => {
    const whole = file(FIELDS)
    for (let length = whole.length - 1; length >= 9; length--)
      await expect(open(whole.subarray(0, length))).rejects.toMatchObject({
        code: 'SOURCE_CORRUPT',
        message: expect.stringMatching(/damaged at byte \d+/),
      })
  })
})

test('a hash of which no field was left counts as expired, and is no empty hash', async () => {
  const found = await pages(WAYS['field by field (Valkey 9)']!([['f', 'v', 1000]]))
  expect(found.flatMap(({ entries }) => entries)).toEqual([])
  expect(found.reduce((sum, { expired }) => sum + expired, 0)).toBe(1)
})

test('without a note of when it was written, no field of a backup counts as expired', async () => {
  const bytes = new RdbWriter(80, 'VALKEY')
    .key(22, 'h')
    .length(1)
    .string('f')
    .string('v')
    .raw(int64(5n))
    .end()
  expect(await read(bytes)).toEqual(byKey([expiringHash('h', [['f', 'v', 5]])]))
})

test('a hash of more fields than a part has comes in parts, each field with its expiry', async () => {
  const fields = Array.from(
    { length: 2 * PART },
    (_, it) => [`f${it}`, `v${it}`, it % 3 === 0 ? null : it % 3 === 1 ? LATER + it : 1] as const,
  )
  const bytes = WAYS['field by field (Valkey 9)']!(fields)
  const entries = (await pages(bytes)).flatMap((it) => it.entries)
  expect(byKey(entries)).toEqual(
    byKey([
      expiringHash(
        'h',
        fields.filter(([, , it]) => it !== 1),
      ),
    ]),
  )
  expect(entries).toHaveLength(2)
})

describe('what stands beside the keys is passed over:', () => {
  const mark = [0]
  test.each<readonly [string, Buffer]>([
    [
      'slots of a cluster (Redis 7.4)',
      redis().raw(244).length(5).length(100).length(3).key(0, 'k').string('v').end(),
    ],
    [
      'slots of a cluster (Valkey 9)',
      valkey().raw(244).length(5).length(100).length(3).key(0, 'k').string('v').end(),
    ],
    [
      'slots that are being moved in (Valkey 9)',
      valkey()
        .raw(243)
        .string('job')
        .length(2)
        .length(0)
        .length(5)
        .length(9)
        .length(9000)
        .key(0, 'k')
        .string('v')
        .end(),
    ],
    [
      'what modules attach to a key (Redis 8.6)',
      redis(13)
        .raw(243)
        .length(2)
        .raw([1, 2, 3, 4], 2)
        .length(7)
        .raw(mark)
        .raw([5, 6, 7, 8], 5)
        .string('x')
        .raw(mark)
        .key(0, 'k')
        .string('v')
        .end(),
    ],
    [
      'notes of Redis Enterprise',
      redis().raw(121).length(3).raw(107).length(77).key(0, 'k').string('v').end(),
    ],
    ['functions', redis().raw(245).string('#!lua name=x').key(0, 'k').string('v').end()],
  ])('%s', async (_, bytes) => {
    expect(await read(bytes)).toEqual(byKey([string('k', 'v')]))
  })
})

describe('arrays of Redis 8.8', () => {
  const wide = (place: bigint) => [0x81, ...int64(place).toReversed()]
  // Every kind of element: an integer, a double, a string, one packed as a number, a short string; with and without a next place.
  const array = (version = 14) =>
    redis(version)
      .key(28, 'a')
      .raw(5, 1, wide(-2n))
      .raw(0, 1, int64(-5n))
      .raw(1, 2, Buffer.alloc(8, 7))
      .raw(wide(2n ** 40n), 0)
      .string('text')
      .raw(63, 0, [0xc0, 9])
      .raw([0x41, 0], 3)
      .string('abc')
      .key(28, 'empty')
      .raw(0, 0)
      .key(0, 'k')
      .string('v')

  test('are named and passed over, for no plan can name their type', async () => {
    const found = await read(array().end())
    expect([...found].map(([key, { type, value }]) => [key, type, value])).toEqual([
      ['a', 'unknown:array', undefined],
      ['empty', 'unknown:array', undefined],
      ['k', 'string', 'v'],
    ])
  })

  test('cut off anywhere, or with an element of no kind, are refused with the place', async () => {
    const whole = array().end()
    for (let length = 9; length < whole.length; length++)
      await expect(open(whole.subarray(0, length))).rejects.toMatchObject({
        code: 'SOURCE_CORRUPT',
        message: expect.stringMatching(/byte \d+/),
      })
    await expect(open(redis(14).key(28, 'a').raw(1, 0, 0, 4).end())).rejects.toThrow(
      'an element of an array with tag 4',
    )
    await expect(open(redis(14).key(28, 'a').raw(1, 2).end())).rejects.toThrow('neither there nor missing')
  })

  test('are damage in a file of an older server', async () => {
    await expect(open(array(13).end())).rejects.toThrow('there is no kind of entry 28')
  })
})

describe('what this build cannot read is refused with its name and its place:', () => {
  test.each<readonly [string, Buffer, string]>([
    [
      'functions of release candidates',
      redis(10).raw(246).string('x').end(),
      'functions in the form of release candidates of Redis 7.0 (kind 246)',
    ],
    [
      'values of modules of release candidates',
      redis(8).key(6, 'm').end(),
      'a value of a module in the form of release candidates of Redis 4.0 (kind 6)',
    ],
  ])('%s', async (_, bytes, name) => {
    const at = 9 + 2 * 2 + 'redis-ver7.4.0'.length + 1 + 2 + `ctime${WRITTEN}`.length + 1 + 2
    await expect(open(bytes)).rejects.toMatchObject({
      code: 'SOURCE_FORMAT',
      message: expect.stringContaining(`at byte ${at - 2} ${name}, which this build cannot read`),
    })
  })

  test.each([
    ['REDIS', 15, "version 15 of Redis's backup format"],
    ['VALKEY', 81, "version 81 of Valkey's backup format"],
    ['VALKEY', 11, "version 11 of Valkey's backup format"],
  ] as const)('%s %i', async (server, version, message) => {
    await expect(open(new RdbWriter(version, server).end())).rejects.toMatchObject({
      code: 'SOURCE_FORMAT',
      message: expect.stringContaining(message),
    })
  })

  test('kinds that only Redis knows, in a file of Valkey', async () => {
    await expect(open(valkey().key(26, 's').end())).rejects.toMatchObject({
      code: 'SOURCE_CORRUPT',
      message: expect.stringContaining('there is no kind of entry 26'),
    })
  })
})

describe('streams, with what they note beside their messages,', () => {
  const id = Buffer.concat([int64(0n), int64(5n)]).reverse()
  const master = Buffer.concat([Buffer.alloc(7), Buffer.from([5]), Buffer.alloc(8)])
  const messages = listpack(['1', '0', '1', 'f', '0', '2', '0', '1', 'v', '4'])
  const begun = (file: RdbWriter, kind: number): RdbWriter =>
    file.key(kind, 's').length(1).string(master).string(messages).raw([1, 5, 1, 5, 1, 0, 0, 1])
  /** One group with a pending message and its consumer. */
  const group = (file: RdbWriter): RdbWriter =>
    file
      .length(1)
      .string('group')
      .raw([5, 1, 1])
      .raw(1, id, Buffer.alloc(8), 1)
      .raw(1)
      .string('consumer')
      .raw(Buffer.alloc(16), 1, id)
  const producers = (file: RdbWriter): RdbWriter =>
    file
      .raw([36, 60, 2])
      .string('p1')
      .length(2)
      .string('i1')
      .raw(wide(1_767_830_400_000), 0)
      .string('i2')
      .raw(wide(1_767_830_400_001), 7)
      .string('p2')
      .length(0)
      .raw([2, 1])
  const nobody = (file: RdbWriter): RdbWriter => file.raw([36, 36, 0, 0, 0])

  test.each<readonly [string, RdbWriter]>([
    ['of Redis 7.2', group(begun(redis(11), 21))],
    ['of Redis 8.6', nobody(group(begun(redis(13), 26)))],
    ['of Redis 8.6, with producers', producers(group(begun(redis(13), 26)))],
    ['of Redis 8.6, without groups', producers(begun(redis(13), 26).length(0))],
    [
      'of Redis 8.8, with what was given back',
      nobody(
        group(begun(redis(14), 27))
          .length(1)
          .raw(id),
      ),
    ],
  ])('%s', async (_, file) => {
    expect(await read(file.key(0, 'after').string('x').end())).toEqual(
      byKey([stream('s', [['5-1', ['f', 'v']]]), string('after', 'x')]),
    )
  })
})

test('a file of Redis 8.6 that has nothing new in it is read', async () => {
  expect(await read(redis(13).key(4, 'h').length(1).string('f').string('v').end())).toEqual(
    byKey([hash('h', ['f', 'v'])]),
  )
})
