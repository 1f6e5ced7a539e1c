import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { EXIT } from '../../src/errors.ts'
import type { Page, Source } from '../../src/sources/source.ts'
import { LIMITS, type Limits } from '../../src/sources/upstash/rest.ts'
import { UpstashSource } from '../../src/sources/upstash/upstash-source.ts'
import { upstash } from '../../src/sources/upstash.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { type Fault, startUpstash, type UpstashOptions, type UpstashServer } from '../setup/upstash-server.ts'
import { byKey, entriesOf, hash, list, pagesOf, set, stream, string, zset } from './entries.ts'
import { writeEntries } from './redis-commands.ts'

let redis: FreshRedis
let servers: UpstashServer[] = []
beforeAll(async () => {
  redis = await freshRedis()
})
afterAll(() => redis.stop())
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
  await redis.client.flushall()
})

const EVERYTHING = { prefix: Buffer.alloc(0), want: () => 'entry' as const }
const IMPATIENT: Limits = {
  ...LIMITS,
  attempts: 3,
  firstWaitMillis: 1,
  longestWaitMillis: 2,
  answerMillis: 1000,
}
const FEW = [
  string('s', 'x', 2_000_000_000_000),
  hash('h', ['f', 'v']),
  list('l', ['a']),
  set('m', ['a']),
  zset('z', [['a', 1]]),
  stream('x', [['1-1', ['f', 'v']]]),
]

async function server(options: UpstashOptions = {}): Promise<UpstashServer> {
  const started = await startUpstash(redis.port, options)
  servers.push(started)
  return started
}

const open = ({ url, token }: { url: string; token: string }, limits = IMPATIENT): Promise<UpstashSource> =>
  UpstashSource.open(
    { url, token, host: new URL(url).host, label: url },
    { signal: new AbortController().signal },
    limits,
  )

const PASSING: readonly (readonly [string, Fault, string])[] = [
  ['too many requests', { status: 429, error: 'Too Many Requests' }, 'SOURCE_THROTTLED'],
  ['too many requests, with a time to come back', { status: 429, retryAfter: 0 }, 'SOURCE_THROTTLED'],
  ['a fault within', { status: 500, error: 'ERR internal error' }, 'SOURCE_SERVER'],
  ['a gateway without an answer', { status: 502 }, 'SOURCE_SERVER'],
  ['too many connections', { status: 400, error: 'ERR max concurrent connections exceeded' }, 'SOURCE_BUSY'],
  ['an answer cut off on the wire', { cutAfter: 20 }, 'SOURCE_LOST'],
  ['an answer that is not whole', { cutAfter: 20, end: true }, 'SOURCE_PROTOCOL'],
  ['an empty answer', { answer: '' }, 'SOURCE_PROTOCOL'],
  ['an empty object', { answer: '{}' }, 'SOURCE_PROTOCOL'],
  ['an empty list', { answer: '[]' }, 'SOURCE_PROTOCOL'],
  ['an answer without the encoding', { answer: '[{"result":["0",["key","string"]]}]' }, 'SOURCE_PROTOCOL'],
  ['no answer', { stall: true }, 'SOURCE_TIMEOUT'],
]

describe.each(PASSING)('%s', (_, fault, code) => {
  test('is asked again', async () => {
    await writeEntries(redis.client, FEW)
    const rest = await server()
    const source = await open(rest)
    rest.fail(fault, fault, fault)
    expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(FEW))
    await source.close()
  })

  test('is told where it stays so', async () => {
    await writeEntries(redis.client, FEW)
    const rest = await server()
    const source = await open(rest)
    rest.fail(...Array.from({ length: 40 }, () => fault))
    const failure = await entriesOf(source.scan(EVERYTHING)).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code })
    expect(String(failure)).not.toContain(rest.token)
    await source.close()
  })
})

test('a key that cannot be asked for in time is no missing key', async () => {
  await writeEntries(redis.client, FEW)
  const rest = await server()
  const source = await open(rest, { ...IMPATIENT, attempts: 0 })
  rest.fail({ stall: true })
  await expect(entriesOf(source.read([Buffer.from('s')]))).rejects.toMatchObject({ code: 'SOURCE_TIMEOUT' })
  await source.close()
})

describe('a quota that is used up', () => {
  const MANY = Array.from({ length: 3000 }, (_, it) => string(`k:${it}`, String(it)))

  async function untilItFails(source: Source, from?: string): Promise<{ pages: Page[]; failure: unknown }> {
    const pages: Page[] = []
    try {
      for await (const page of source.scan(EVERYTHING, from)) pages.push(page)
      return { pages, failure: undefined }
    } catch (failure) {
      return { pages, failure }
    }
  }

  test.each([
    ['monthly', undefined, /^\d{4}-\d\d-01$/],
    ['daily', 'daily', /^\d{4}-\d\d-\d\d$/],
  ] as const)(
    'ends the scan, says when the %s one begins anew, and what the way out is',
    async (name, daily, date) => {
      await writeEntries(redis.client, MANY)
      const rest = await server()
      const source = await open(rest)
      rest.quota(1500, daily)
      const { pages, failure } = await untilItFails(source)
      expect(failure).toMatchObject({ code: 'SOURCE_QUOTA', exitCode: EXIT.notYet })
      const { message, hint } = failure as { message: string; hint: string }
      expect(message).toContain(`The ${name} quota of 1,500 commands`)
      expect(/until (\S+) \(UTC\)/.exec(message)?.[1]).toMatch(date)
      expect(hint).toContain('rdb:./backup.rdb')
      const before = rest.requests
      await expect(entriesOf(source.scan(EVERYTHING))).rejects.toMatchObject({ code: 'SOURCE_QUOTA' })
      expect(rest.requests - before, 'it is not asked again').toBe(1)

      const { cursor } = pages.findLast((it) => it.cursor !== undefined)!
      rest.quota(Number.POSITIVE_INFINITY)
      const after = await entriesOf(source.scan(EVERYTHING, cursor))
      expect(after.length).toBeLessThan(MANY.length)
      expect(byKey([...pages.flatMap(({ entries }) => entries), ...after])).toEqual(byKey(MANY))
      await source.close()
    },
  )
})

test.each([
  ['a wrong token', async () => ({ ...(await server()), token: 'wrong' }), 'SOURCE_AUTH', 'console'],
  [
    'an address of something else',
    async () => ({ url: `${(await server()).url}/elsewhere`, token: 'wrong' }),
    'SOURCE_AUTH',
    'console',
  ],
  [
    'a proxy that leaves the encoding out',
    () => server({ without: ['BASE64'] }),
    'SOURCE_PROTOCOL',
    'in between',
  ],
] as const)('%s is told when the store is opened', async (_, at, code, hint) => {
  const { url, token } = await at()
  await expect(open({ url, token })).rejects.toMatchObject({ code, hint: expect.stringContaining(hint) })
})

test('a read-only token opens, and cannot list keys: the sentence says which token can', async () => {
  const { url, readOnlyToken } = await server()
  const source = await open({ url, token: readOnlyToken })
  await expect(entriesOf(source.scan(EVERYTHING))).rejects.toMatchObject({
    code: 'SOURCE_NOPERM',
    message: expect.stringContaining('SCAN'),
    hint: expect.stringContaining('standard token'),
  })
  await source.close()
})

test('a store that is not there is told so', async () => {
  const { url, token, stop } = await server()
  servers = []
  await stop()
  await expect(open({ url, token })).rejects.toMatchObject({ code: 'SOURCE_REFUSED' })
})

test('keys that are too large for one request together are asked for in several', async () => {
  const entries = Array.from({ length: 100 }, (_, it) =>
    string(`${String(it).padStart(3, '0')}${'k'.repeat(1000)}`, 'v'),
  )
  await writeEntries(redis.client, entries)
  const rest = await server({ requestBytes: 5000 })
  const source = await open(rest)
  expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(entries))
  await source.close()
})

test('one key that is too large for a request is told with the way out', async () => {
  await writeEntries(redis.client, [string('k'.repeat(10_000), 'v')])
  const source = await open(await server({ requestBytes: 5000 }))
  await expect(entriesOf(source.scan(EVERYTHING))).rejects.toMatchObject({
    code: 'SOURCE_TOO_LARGE',
    hint: expect.stringContaining('rdb:'),
  })
  await source.close()
})

test.each([
  ['ERR max single record size exceeded. Limit: 104857600 bytes', 'SOURCE_TOO_LARGE', 'under one key'],
  ['ERR max key size exceeded. Limit: 32768 bytes', 'SOURCE_TOO_LARGE', 'its key'],
  ['ERR DB capacity quota exceeded', 'SOURCE_OOM', 'storage quota'],
] as const)('a write that is refused with %s is told in words', async (error, code, words) => {
  const rest = await server()
  const live = await upstash.openLive!('upstash:', {
    root: '/',
    signal: new AbortController().signal,
    variables: { UPSTASH_REDIS_REST_URL: rest.url, UPSTASH_REDIS_REST_TOKEN: rest.token },
  })
  rest.fail({ status: 400, error })
  await expect(live.raiseEpoch('p', 1)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(words),
    hint: expect.stringContaining('outbox'),
  })
  await live.close()
})

test('a command that is not offered is named', async () => {
  await writeEntries(redis.client, FEW)
  const source = await open(await server({ without: ['SSCAN'] }))
  await expect(entriesOf(source.scan(EVERYTHING))).rejects.toMatchObject({
    code: 'SOURCE_COMMAND',
    message: expect.stringContaining('SSCAN'),
  })
  await source.close()
})

test('a key that becomes something else after it was listed is given as what it is then', async () => {
  await writeEntries(redis.client, FEW)
  const rest = await server()
  const source = await open(rest)
  let isChanged = false
  rest.onRequest(async (path) => {
    if (path !== '/multi-exec' || isChanged) return
    isChanged = true
    await redis.client.del('h', 'l', 's', 'm')
    await redis.client.lpush('h', 'now a list')
    await redis.client.hset('s', 'now', 'a hash')
    await redis.client.set('m', 'now a string')
  })
  const pages = await pagesOf(source.scan(EVERYTHING))
  expect(byKey(pages.flatMap(({ entries }) => entries))).toEqual(
    byKey([
      list('h', ['now a list']),
      hash('s', ['now', 'a hash']),
      string('m', 'now a string'),
      FEW[4]!,
      FEW[5]!,
    ]),
  )
  expect(pages.reduce((sum, { expired }) => sum + expired, 0)).toBe(1)
  await source.close()
})

test('counts what is billed, for every type and with every fault', async () => {
  await writeEntries(redis.client, [
    ...FEW,
    string(Buffer.from([0xff]), 'no text'),
    hash(Buffer.from([0xfe]), ['f', 'v']),
  ])
  const rest = await server()
  const source = await open(rest)
  await entriesOf(source.scan(EVERYTHING))
  await entriesOf(source.read(FEW.map(({ key }) => key)))
  await source.count()
  expect(source.commands()).toBe(rest.billed)
  await source.close()
})

test('needs one command a thousand keys for their names, one for their values, and one a key for its expiry', async () => {
  const entries = Array.from({ length: 20_000 }, (_, it) => string(`k:${it}`, 'x'))
  await writeEntries(redis.client, entries)
  const rest = await server()
  const source = await open(rest)
  expect(await entriesOf(source.scan(EVERYTHING))).toHaveLength(20_000)
  expect(rest.billed - 20_000).toBeLessThan(80)
  const billed = rest.billed
  await entriesOf(source.scan({ prefix: Buffer.from('k:'), want: () => 'key' }))
  expect(rest.billed - billed).toBeLessThan(25)
  expect(rest.largest).toBeLessThanOrEqual(1001)
  await source.close()
})

test('never reads what is older than what it read before', async () => {
  await writeEntries(redis.client, FEW)
  const rest = await server()
  const source = await open(rest)
  await entriesOf(source.scan(EVERYTHING))
  const [first, ...others] = rest.syncTokens
  expect(first).toBeUndefined()
  expect(others.every((it, index) => it === `token:${index + 1}`)).toBe(true)
  await source.close()
})
