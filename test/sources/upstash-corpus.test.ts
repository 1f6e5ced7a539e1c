import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LIMITS } from '../../src/sources/upstash/rest.ts'
import { UpstashSource } from '../../src/sources/upstash/upstash-source.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'
import { startUpstash, type UpstashServer } from '../setup/upstash-server.ts'
import { entriesOf } from './entries.ts'

interface Line {
  readonly id: string
  readonly source?: { readonly setup: readonly (readonly [string, ...string[]])[] }
  readonly expect: { readonly action: string; readonly sha256?: string }
}

const CORPUS = readFileSync(join(import.meta.dirname, '../data/bad-input/upstash.jsonl'), 'utf8')
  .split('\n')
  .filter((it) => it !== '')
  .map((it): Line => JSON.parse(it))

const BYTES = CORPUS.filter((it) => it.expect.action === 'read_exact_bytes')

/** What the official client does wrong with a fault or a shape, and what is read here instead. */
const SHAPES: Readonly<Record<string, () => Promise<void>>> = {
  'upstash/abort_get': async () => {
    await redis.client.set('u:there', 'x')
    const source = await open({ answerMillis: 50, attempts: 0 })
    server.fail({ stall: true })
    await expect(entriesOf(source.read([Buffer.from('u:there')]))).rejects.toMatchObject({
      code: 'SOURCE_TIMEOUT',
    })
  },
  'upstash/error_leak': async () => {
    const source = await open({ attempts: 0 })
    server.fail({
      status: 400,
      error: 'WRONGTYPE Operation against a key, command was: ["lpush","u:secret","value"]',
    })
    const failure = await entriesOf(source.scan(EVERYTHING)).catch((error: unknown) => error)
    const { message, hint, cause, stack } = failure as Error & { hint?: string }
    expect(message).toContain('WRONGTYPE')
    expect(`${message} ${hint} ${String(cause)} ${stack}`).not.toMatch(/u:secret|lpush/)
  },
  'upstash/truncated_200': async () => {
    const source = await open({ attempts: 1 })
    server.fail({ cutAfter: 5, end: true })
    await entriesOf(source.scan(EVERYTHING))
  },
  'upstash/empty_object_200': async () => {
    const source = await open({ attempts: 1 })
    server.fail({ answer: '{}' })
    await entriesOf(source.scan(EVERYTHING))
    server.fail({ answer: '{}' }, { answer: '{}' })
    await expect(entriesOf(source.scan(EVERYTHING))).rejects.toMatchObject({ code: 'SOURCE_PROTOCOL' })
  },
  'upstash/scan_keys_parsed': async () => {
    const names = ['123', 'true', 'null', '{"a":1}', '"q"', '[1]']
    for (const name of names) await redis.client.set(name, 'x')
    const source = await open()
    expect((await entriesOf(source.scan(EVERYTHING))).map(({ key }) => key.toString()).sort()).toEqual(
      names.sort(),
    )
  },
  'upstash/hgetall_proto': async () => {
    await redis.client.hset('u:hash', '__proto__', 'x', 'constructor', 'y')
    const source = await open()
    const [entry] = await entriesOf(source.read([Buffer.from('u:hash')]))
    expect(entry?.value).toEqual({
      type: 'hash',
      pairs: ['__proto__', 'x', 'constructor', 'y'].map((it) => Buffer.from(it)),
    })
  },
  'upstash/hgetall_exp': async () => {
    await redis.client.hset('u:hash', 'n', '1e5')
    const source = await open()
    const [entry] = await entriesOf(source.read([Buffer.from('u:hash')]))
    expect(entry?.value).toEqual({ type: 'hash', pairs: [Buffer.from('n'), Buffer.from('1e5')] })
  },
}

const EVERYTHING = { prefix: Buffer.alloc(0), want: () => 'entry' as const }

let redis: FreshRedis
let server: UpstashServer
beforeAll(async () => {
  redis = await freshRedis()
  server = await startUpstash(redis.port)
})
afterAll(async () => {
  await server.stop()
  await redis.stop()
})

const open = (limits: Partial<typeof LIMITS> = {}): Promise<UpstashSource> =>
  UpstashSource.open(
    { url: server.url, token: server.token, host: '127.0.0.1', label: server.url },
    { signal: new AbortController().signal },
    { ...LIMITS, firstWaitMillis: 1, ...limits },
  )

test('every line of the corpus is asked here', () => {
  const known = [...BYTES.map((it) => it.id), ...Object.keys(SHAPES)]
  expect(CORPUS.map((it) => it.id).sort()).toEqual(known.sort())
  expect(BYTES.length).toBeGreaterThan(5)
})

test.each(BYTES.map((it) => [it.id, it] as const))('%s: exactly its bytes', async (_, line) => {
  await redis.client.flushall()
  for (const [command, ...args] of line.source!.setup)
    await redis.client.call(command, ...args.map((it) => Buffer.from(it, 'base64')))
  const source = await open()
  const [entry] = await entriesOf(source.scan(EVERYTHING))
  const value = entry?.value
  if (value?.type !== 'string') throw new Error('no string')
  expect(createHash('sha256').update(value.bytes).digest('hex')).toBe(line.expect.sha256)
  await source.close()
})

test.each(Object.entries(SHAPES))('%s: nothing is lost and nothing is said', async (_, check) => {
  await redis.client.flushall()
  await check()
})
