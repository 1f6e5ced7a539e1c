import { execFileSync } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { SourceError } from '../../src/errors.ts'
import { PART } from '../../src/sources/part.ts'
import { rdb } from '../../src/sources/rdb.ts'
import { redis } from '../../src/sources/redis.ts'
import type { Selection, Source } from '../../src/sources/source.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { describeSource } from './conformance.ts'
import { byKey, type Comparable, entriesOf, hash, list, set, stream, string, zset } from './entries.ts'
import { int, int64, listpack, RdbWriter, ziplist, ziplistText } from './rdb-writer.ts'
import { writeEntries } from './redis-commands.ts'
import { isBeforeSeven } from './server-version.ts'

const EVERYTHING: Selection = { prefix: Buffer.alloc(0), want: () => 'entry' }
const folder = mkdtempSync(join(tmpdir(), 'kvmig rdb '))
let server: FreshRedis
let files = 0
beforeAll(async () => {
  // Before 7.0 it is allowed anyway.
  server = await freshRedis({ arguments: isBeforeSeven() ? [] : ['--enable-debug-command', 'yes'] })
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

const newFile = (): string => `dump ${files++}.rdb`

const open = (address: string): Promise<Source> =>
  rdb.open(address, { root: folder, signal: new AbortController().signal })

async function readAll(address: string): Promise<Map<string, Comparable>> {
  const source = await open(address)
  try {
    return byKey(await entriesOf(source.scan(EVERYTHING)))
  } finally {
    await source.close()
  }
}

function written(bytes: Buffer): string {
  const name = newFile()
  writeFileSync(join(folder, name), bytes)
  return `rdb:${name}`
}

async function saved(): Promise<string> {
  const name = newFile()
  copyFileSync(await server.save(), join(folder, name))
  return `rdb:./${name}`
}

async function overConnection(from: FreshRedis = server): Promise<Map<string, Comparable>> {
  const source = await redis.open(from.url, { root: folder, signal: new AbortController().signal })
  try {
    return byKey(await entriesOf(source.scan(EVERYTHING)))
  } finally {
    await source.close()
  }
}

describeSource({
  name: 'rdb',
  adapter: rdb,
  reached: { not: 'it is a file on this machine' },
  start: async (entries) => {
    await server.client.flushall()
    await writeEntries(server.client, entries)
    const address = await saved()
    return { open: (context) => rdb.open(address, { ...context, root: folder }), stop: async () => {} }
  },
})

describe('what Redis writes', () => {
  const texts = [
    '',
    'a',
    '0',
    '-1',
    '127',
    '128',
    '70000',
    '-9223372036854775808',
    'x'.repeat(63),
    'x'.repeat(64),
    'lorem ipsum '.repeat(30),
    'y'.repeat(5000),
    'z'.repeat(70_000),
    'é\0\xff',
  ]
  const VARIED = [
    ...texts.map((text, index) =>
      string(`string:${index}`, text, index % 2 ? 2_000_000_000_000 + index : null),
    ),
    list('list', [...texts, ...texts, ...Array.from({ length: 300 }, (_, it) => `item ${it}`)]),
    hash(
      'hash',
      texts.flatMap((text, index) => [`f${index}`, text]),
    ),
    set('set', texts),
    set('integers', ['1', '2', '300', '-70000']),
    zset(
      'zset',
      texts.map((text, index) => [text, index / 3] as const),
    ),
    stream(
      'stream',
      Array.from(
        { length: 250 },
        (_, it) =>
          [
            `${1 + it}-${it % 3}`,
            it % 5 ? ['a', String(it), 'b', 'x'] : ['other', texts[it % texts.length]!],
          ] as const,
      ),
    ),
  ]

  test.each<readonly [string, Readonly<Record<string, string>>]>([
    ['with its defaults', {}],
    ['without compression', { rdbcompression: 'no' }],
    ['without a checksum', {}],
    [
      'with nothing packed',
      {
        'hash-max-listpack-entries': '0',
        'zset-max-listpack-entries': '0',
        'set-max-intset-entries': '0',
        'list-max-listpack-size': '1',
      },
    ],
    [
      'with everything packed',
      {
        'hash-max-listpack-value': '100000',
        'zset-max-listpack-value': '100000',
        'list-max-listpack-size': '-5',
      },
    ],
    ['with compressed nodes', { 'list-compress-depth': '1', 'list-max-listpack-size': '5' }],
    ['with small nodes of streams', { 'stream-node-max-entries': '3' }],
    ['with LRU times', { 'maxmemory-policy': 'allkeys-lru', maxmemory: '1gb' }],
    ['with LFU counts', { 'maxmemory-policy': 'allkeys-lfu', maxmemory: '1gb' }],
  ])('%s is read as the server itself gives it', async (name, settings) => {
    const nameOf = (key: string) => (isBeforeSeven() ? key.replace('listpack', 'ziplist') : key)
    const own = await freshRedis({
      arguments: [
        ...Object.entries(settings).flatMap(([key, value]) => [`--${nameOf(key)}`, value]),
        ...(name === 'without a checksum' ? ['--rdbchecksum', 'no'] : []),
      ],
    })
    try {
      await writeEntries(own.client, VARIED)
      const file = newFile()
      copyFileSync(await own.save(), join(folder, file))
      const found = await readAll(`rdb:${file}`)
      expect(found).toEqual(byKey(VARIED))
      expect(found).toEqual(await overConnection(own))
    } finally {
      await own.stop()
    }
  })

  test.skipIf(isBeforeSeven())('for long elements of lists, which stand by themselves', async () => {
    await server.client.flushall()
    await server.client.call('DEBUG', 'QUICKLIST-PACKED-THRESHOLD', '100b')
    const entries = [list('l', ['short', 'x'.repeat(500), '', 'y'.repeat(101), 'short'])]
    await writeEntries(server.client, entries)
    expect(await readAll(await saved())).toEqual(byKey(entries))
    await server.client.call('DEBUG', 'QUICKLIST-PACKED-THRESHOLD', '0')
  })

  test('of streams with groups, consumers, pending and deleted messages, and of an empty one', async () => {
    await server.client.flushall()
    const { client } = server
    for (let it = 1; it <= 500; it++) await client.xadd('s', `${it}-${it % 7}`, 'n', String(it), 'm', 'x')
    await client.xgroup('CREATE', 's', 'g1', '0')
    await client.xgroup('CREATE', 's', 'g2', '100-0')
    await client.xreadgroup('GROUP', 'g1', 'ann', 'COUNT', 150, 'STREAMS', 's', '>')
    await client.xreadgroup('GROUP', 'g1', 'bo', 'COUNT', 3, 'STREAMS', 's', '>')
    await client.xack('s', 'g1', '5-5')
    await client.xdel('s', '7-0', '100-2', '499-2')
    await client.xtrim('s', 'MAXLEN', 480)
    await client.xadd('empty', '1-1', 'a', 'b')
    await client.xdel('empty', '1-1')
    await client.set('after', 'x')
    const found = await readAll(await saved())
    expect(found).toEqual(await overConnection())
    expect(found.get('empty')).toEqual({ type: 'stream', value: [], expiresAt: null })
    expect(found.get('s')?.value).toHaveLength(480)
  })

  test.skipIf(isBeforeSeven())('with a library of functions in it', async () => {
    await server.client.flushall()
    await server.client.call(
      'FUNCTION',
      'LOAD',
      "#!lua name=lib\nredis.register_function('f', function() return 1 end)",
    )
    await server.client.set('a', '1')
    expect([...(await readAll(await saved())).keys()]).toEqual(['a'])
    await server.client.call('FUNCTION', 'FLUSH')
  })

  test('to redis-cli --rdb', async () => {
    const own = await freshRedis({ arguments: ['--repl-diskless-sync-delay', '0'] })
    try {
      await writeEntries(own.client, VARIED)
      const file = newFile()
      const cli = join(dirname(inject('redisServer')), 'redis-cli')
      execFileSync(cli, ['-p', String(own.port), '--rdb', join(folder, file)], { stdio: 'pipe' })
      expect(await readAll(`rdb:${file}`)).toEqual(byKey(VARIED))
    } finally {
      await own.stop()
    }
  })
})

describe('several databases in one file', () => {
  let address: string
  beforeAll(async () => {
    await server.client.flushall()
    for (const database of [2, 0, 11]) {
      await server.client.select(database)
      for (let it = 0; it <= database; it++) await server.client.set(`of ${database}:${it}`, 'x')
    }
    await server.client.select(0)
    address = await saved()
    await server.client.flushall()
  })

  test('are listed, and one has to be named', async () => {
    await expect(open(address)).rejects.toMatchObject({
      code: 'SOURCE_DATABASE',
      message: expect.stringContaining('0 (1 keys), 2 (3 keys), 11 (12 keys)'),
      hint: expect.stringContaining('?db=0'),
    })
  })

  test.each([
    [0, 1],
    [2, 3],
    [11, 12],
    [5, 0],
  ])('database %i has %i keys, and no others are given', async (database, count) => {
    const source = await open(`${address}?db=${database}`)
    const keys = [...byKey(await entriesOf(source.scan(EVERYTHING))).keys()]
    expect(keys.sort()).toEqual(Array.from({ length: count }, (_, it) => `of ${database}:${it}`).sort())
    expect(await source.count!()).toBe(count)
    expect(await entriesOf(source.read([Buffer.from('of 2:1')]))).toHaveLength(database === 2 ? 1 : 0)
    await source.close()
  })

  test('are different stores', async () => {
    const [first, second] = [await open(`${address}?db=0`), await open(`${address}?db=2`)]
    expect(await first.identity()).not.toBe(await second.identity())
    await Promise.all([first.close(), second.close()])
  })

  test('and only one that has keys needs no number', async () => {
    await server.client.flushall()
    await server.client.select(7)
    await server.client.set('a', '1')
    await server.client.select(0)
    expect([...(await readAll(await saved())).keys()]).toEqual(['a'])
    await server.client.flushall()
  })
})

// Written by hand as the format says, and loaded by a real Redis where it still can: both have to find the same.
describe('what older servers wrote', () => {
  const numbers = [
    [0xf1],
    [0xfd],
    [0xfe, 0x80],
    [0xc0, ...int(2, -300)],
    [0xf0, ...int(3, -70_000)],
    [0xd0, ...int(4, 2 ** 30)],
    Buffer.concat([Buffer.from([0xe0]), int64(-(2n ** 62n))]),
  ]
  const numberTexts = ['0', '12', '-128', '-300', '-70000', '1073741824', '-4611686018427387904']
  const long = 'x'.repeat(300)
  const elements = [
    ...numbers,
    ziplistText('a'),
    ziplistText(long),
    ziplistText('b'),
    ziplistText('c', 14),
    ziplistText('d', 32),
    ziplistText(''),
  ]
  const texts = [...numberTexts, 'a', long, 'b', 'c', 'd', '']
  const pairs = ['f', 'v', 'g', long, '1', '-7']
  const packedPairs = ziplist([
    ziplistText('f'),
    ziplistText('v'),
    ziplistText('g'),
    ziplistText(long),
    [0xf2],
    [0xfe, 0xf9],
  ])
  const scored = ziplist([
    ziplistText('m'),
    ziplistText('0.5'),
    ziplistText('n'),
    [0xf3],
    ziplistText('o'),
    ziplistText('inf'),
  ])
  const zipmap = Buffer.concat([
    Buffer.from([2, 1]),
    Buffer.from('f'),
    Buffer.from([1, 0]),
    Buffer.from('v'),
    Buffer.from([1]),
    Buffer.from('g'),
    Buffer.from([254]),
    int(4, 300),
    Buffer.from([2]),
    Buffer.from(`${long}??`),
    Buffer.from([255]),
  ])
  const intset = (width: 2 | 4 | 8, members: readonly bigint[]): Buffer =>
    Buffer.concat([
      int(4, width),
      int(4, members.length),
      ...members.map((it) => int64(it).subarray(0, width)),
    ])

  const file = (version: number): RdbWriter =>
    new RdbWriter(version)
      .database(0)
      .raw(0xfd, int(4, 2_000_000_000))
      .key(0, 'string that expires in seconds')
      .string('x')
      .key(0, 'int8')
      .raw([0xc0, 0x85])
      .key(0, 'int16')
      .raw(0xc1, int(2, -12345))
      .key(0, 'int32')
      .raw(0xc2, int(4, -1234567))
      .key(1, 'plain list')
      .length(3)
      .string('a')
      .raw([0xc0, 7])
      .string('a')
      .key(2, 'plain set')
      .length(2)
      .string('a')
      .string('b')
      .key(3, 'zset with scores in decimal')
      .length(4)
      .string('a')
      .raw(3, '1.5')
      .string('b')
      .raw(254)
      .string('c')
      .raw(255)
      .string('d')
      .raw(23, '-0.10000000000000000555')
      .key(4, 'plain hash')
      .length(1)
      .string('f')
      .string('v')
      .key(9, 'zipmap')
      .string(zipmap)
      .key(10, 'ziplist')
      .string(ziplist(elements))
      .key(11, 'intset of 16 bits')
      .string(intset(2, [-300n, 5n]))
      .key(11, 'intset of 32 bits')
      .string(intset(4, [-70_000n, 5n]))
      .key(11, 'intset of 64 bits')
      .string(intset(8, [-(2n ** 62n), 5n]))
      .key(12, 'zset in a ziplist')
      .string(scored)
      .key(13, 'hash in a ziplist')
      .string(packedPairs)
      .key(14, 'quicklist of ziplists')
      .length(2)
      .string(ziplist(elements))
      .string(ziplist([ziplistText('last')]))

  const EXPECTED = [
    string('string that expires in seconds', 'x', 2_000_000_000_000),
    string('int8', '-123'),
    string('int16', '-12345'),
    string('int32', '-1234567'),
    list('plain list', ['a', '7', 'a']),
    set('plain set', ['a', 'b']),
    zset('zset with scores in decimal', [
      ['a', 1.5],
      ['b', Infinity],
      ['c', -Infinity],
      ['d', -0.1],
    ]),
    hash('plain hash', ['f', 'v']),
    hash('zipmap', ['f', 'v', 'g', long]),
    list('ziplist', texts),
    set('intset of 16 bits', ['-300', '5']),
    set('intset of 32 bits', ['-70000', '5']),
    set('intset of 64 bits', ['-4611686018427387904', '5']),
    zset('zset in a ziplist', [
      ['m', 0.5],
      ['n', 2],
      ['o', Infinity],
    ]),
    hash('hash in a ziplist', pairs),
    list('quicklist of ziplists', [...texts, 'last']),
  ]

  test.each([
    [9, 'checksum'],
    [7, 'none'],
    [4, 'before there were any'],
  ] as const)('version %i, %s', async (version, checksum) => {
    const bytes = file(version).end(checksum)
    expect(await readAll(written(bytes))).toEqual(byKey(EXPECTED))
    const own = await freshRedis()
    try {
      await own.kill()
      writeFileSync(join(own.folder, 'dump.rdb'), bytes)
      await own.restart()
      expect(await overConnection(own)).toEqual(byKey(EXPECTED))
    } finally {
      await own.stop()
    }
  })

  test('and what Redis 7.2 writes', async () => {
    const id = Buffer.concat([int64(0n), int64(5n)]).reverse()
    const master = Buffer.concat([Buffer.alloc(7), Buffer.from([5]), Buffer.alloc(8)])
    // One message, nothing deleted, one field; its flags say that the fields are the same.
    const messages = listpack(['1', '0', '1', 'f', '0', '2', '0', '1', 'v', '4'])
    const bytes = new RdbWriter(11)
      .raw(0xfa)
      .string('redis-ver')
      .string('7.2.0')
      .database(0)
      .raw(0xfb, [2, 0])
      .key(20, 'set')
      .string(listpack(['a', 'b']))
      .key(21, 'stream')
      .length(1)
      .string(master)
      .string(messages)
      .raw([1, 5, 1, 5, 1, 0, 0, 1])
      .raw(1)
      .string('group')
      .raw([5, 1, 1])
      .raw(1, id, Buffer.alloc(8), 1)
      .raw(1)
      .string('consumer')
      .raw(Buffer.alloc(16), 1, id)
      .key(0, 'after')
      .string('x')
      .end()
    expect(await readAll(written(bytes))).toEqual(
      byKey([set('set', ['a', 'b']), stream('stream', [['5-1', ['f', 'v']]]), string('after', 'x')]),
    )
  })
})

test('values of modules are named and passed over, as is what modules keep for themselves', async () => {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const id = Buffer.alloc(9, 0x81)
  id.writeBigUInt64BE(
    [...'ReJSON-RL'].reduce((sum, letter) => (sum << 6n) | BigInt(letters.indexOf(letter)), 0n) << 10n,
    1,
  )
  const data = (writer: RdbWriter) =>
    writer.raw([1, 5], [2, 5], [3, 0, 0, 0, 0], 4, Buffer.alloc(8), 5).string('secret').raw(0)
  const writer = new RdbWriter(10).raw(0xf7, id, [2, 1])
  data(writer).database(0).raw(0xfc, int64(2_000_000_000_000n)).key(7, 'document').raw(id)
  const source = await open(written(data(writer).key(0, 'after').string('x').end()))
  expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(
    new Map([
      ['after', { type: 'string', value: 'x', expiresAt: null }],
      ['document', { type: 'unknown:ReJSON-RL', value: undefined, expiresAt: 2_000_000_000_000 }],
    ]),
  )
  expect(source.warnings).toEqual([
    `${source.label} also holds what is not copied: data of module ReJSON-RL.`,
  ])
  await source.close()
})

test.skipIf(isBeforeSeven())(
  'what is in a backup and is no key is named once, and nothing where there is nothing',
  async () => {
    await server.client.flushall()
    const { client } = server
    await client.xadd('x', '1-1', 'a', 'b')
    const plain = await open(await saved())
    expect(plain.warnings).toEqual([])
    await plain.close()
    for (const group of ['g', 'h']) await client.xgroup('CREATE', 'x', group, '0')
    await client.call(
      'FUNCTION',
      'LOAD',
      "#!lua name=l\nredis.register_function('f', function() return 1 end)",
    )
    const source = await open(await saved())
    expect(source.warnings).toEqual([
      `${source.label} also holds what is not copied: consumer groups of streams, functions.`,
    ])
    await source.close()
    await client.call('FUNCTION', 'FLUSH')
  },
)

describe('a file that is not what it should be', () => {
  test.each([
    ['is empty', Buffer.alloc(0), 'SOURCE_FORMAT', 'is no Redis backup'],
    ['is something else', Buffer.from('{"key":"a"}\n'), 'SOURCE_FORMAT', 'is no Redis backup'],
    ['is of a newer version', new RdbWriter(15).end(), 'SOURCE_FORMAT', 'has version 15'],
    [
      'holds a value of a kind that does not exist',
      new RdbWriter(11).key(66, 'k').end(),
      'SOURCE_CORRUPT',
      'at byte 9: there is no kind of entry 66',
    ],
    [
      'holds more after its end',
      Buffer.concat([new RdbWriter(11).end(), Buffer.from('x')]),
      'SOURCE_CORRUPT',
      'ends here',
    ],
    [
      'has a score that is no number',
      new RdbWriter(10).key(3, 'z').length(1).string('m').raw(253).end('none'),
      'SOURCE_CORRUPT',
      'score',
    ],
    [
      'has a string longer than the file',
      new RdbWriter(10).key(0, 'k').raw(0x80, [0x7f, 0, 0, 0]).end(),
      'SOURCE_CORRUPT',
      'should follow',
    ],
  ])('because it %s is refused', async (_, bytes, code, message) => {
    await expect(open(written(bytes))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    })
  })

  test('is refused with where it is not there, a folder, or not to be read', async () => {
    await expect(open('rdb:./nowhere.rdb')).rejects.toMatchObject({
      code: 'SOURCE_FILE',
      message: expect.stringContaining('no such file'),
    })
    await expect(open('rdb:.')).rejects.toMatchObject({
      code: 'SOURCE_FILE',
      message: expect.stringContaining('folder'),
    })
  })

  const everyKind = async (): Promise<{ path: string; address: string; bytes: Buffer }> => {
    await server.client.flushall()
    await writeEntries(server.client, [
      string('s', 'text', 2_000_000_000_000),
      string('compressed', 'lorem ipsum '.repeat(20)),
      string('number', '12345'),
      list('l', ['a', '1', 'b']),
      hash('h', ['f', 'v', 'n', '70000']),
      hash('plain', ['f', 'long '.repeat(30)]),
      set('set', ['a', 'b']),
      set('ints', ['1', '2']),
      zset('z', [
        ['m', 1.5],
        ['n', 2],
      ]),
      zset('long', [['x'.repeat(100), 1.5]]),
      stream('x', [
        ['1-1', ['a', 'b']],
        ['2-1', ['a', 'c']],
      ]),
    ])
    await server.client.xgroup('CREATE', 'x', 'g', '0')
    await server.client.xreadgroup('GROUP', 'g', 'c', 'COUNT', 1, 'STREAMS', 'x', '>')
    const address = await saved()
    const path = join(folder, address.slice('rdb:./'.length))
    return { path, address, bytes: readFileSync(path) }
  }

  const refused = async (address: string): Promise<void> => {
    const error = await open(address).then(
      () => undefined,
      (it: unknown) => it,
    )
    expect(error).toBeInstanceOf(SourceError)
    expect((error as SourceError).message).toMatch(
      /damaged at byte \d+|holds at byte \d+|is no Redis backup|has version \d+/,
    )
  }

  test('is refused with any of its bytes changed', async () => {
    const { path, address, bytes } = await everyKind()
    const descriptor = openSync(path, 'r+')
    for (let at = 0; at < bytes.length; at++) {
      const bit = 1 << (at % 8)
      for (const mask of [bit, 0xff]) {
        writeSync(descriptor, Buffer.from([bytes[at]! ^ mask]), 0, 1, at)
        await refused(address)
      }
      writeSync(descriptor, bytes, at, 1, at)
    }
    closeSync(descriptor)
    expect((await readAll(address)).size).toBe(11)
  })

  test('is refused cut off at every byte', async () => {
    const { path, address, bytes } = await everyKind()
    for (let length = bytes.length - 1; length >= 0; length--) {
      truncateSync(path, length)
      await refused(address)
    }
  })

  test('and has no checksum either is refused or read, but neither hangs nor breaks', async () => {
    const { path, address, bytes } = await everyKind()
    bytes.fill(0, bytes.length - 8)
    writeFileSync(path, bytes)
    const descriptor = openSync(path, 'r+')
    let refusals = 0
    for (let at = 0; at < bytes.length - 8; at++) {
      for (const mask of [1 << (at % 8), 0x80, 0xff]) {
        writeSync(descriptor, Buffer.from([bytes[at]! ^ mask]), 0, 1, at)
        try {
          const source = await open(address)
          await entriesOf(source.scan(EVERYTHING)).finally(() => source.close())
        } catch (error) {
          expect(error).toBeInstanceOf(SourceError)
          refusals += 1
        }
      }
      writeSync(descriptor, bytes, at, 1, at)
    }
    closeSync(descriptor)
    expect(refusals).toBeGreaterThan(bytes.length)
  })
})

test('a file that is replaced while it is read is still the same file, and the new one another store', async () => {
  await server.client.flushall()
  const entries = Array.from({ length: 3000 }, (_, it) => string(`k:${it}`, 'x'.repeat(200)))
  await writeEntries(server.client, entries)
  const [before, after] = [await saved(), await saved()]
  const source = await open(before)
  const found = []
  for await (const page of source.scan(EVERYTHING)) {
    if (found.length === 0) renameSync(join(folder, after.slice(6)), join(folder, before.slice(6)))
    found.push(...page.entries)
  }
  expect(byKey(found)).toEqual(byKey(entries))
  const replaced = await open(before)
  expect(await replaced.identity()).not.toBe(await source.identity())
  await Promise.all([source.close(), replaced.close()])
})

test('reading keys ends when the last of them was found', async () => {
  await server.client.flushall()
  await writeEntries(server.client, [
    list(
      'l',
      Array.from({ length: PART * 2 }, (_, it) => String(it)),
    ),
    string('s', 'x'),
  ])
  const source = await open(await saved())
  for (const key of ['l', 's']) expect(byKey(await entriesOf(source.read([Buffer.from(key)]))).size).toBe(1)
  await source.close()
})
