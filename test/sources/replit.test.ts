import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LIMITS, type Limits } from '../../src/sources/replit/client.ts'
import { ReplitSource } from '../../src/sources/replit/replit-source.ts'
import { replit } from '../../src/sources/replit.ts'
import { type ReplitServer, startReplit } from '../setup/replit-server.ts'
import type { Fault } from '../setup/upstash-server.ts'
import { describeSource } from './conformance.ts'
import { byKey, entriesOf, pagesOf, string } from './entries.ts'

const folder = mkdtempSync(join(tmpdir(), 'kvmig replit '))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describeSource({
  name: 'replit',
  adapter: replit,
  reached: 'by http',
  start: async (entries) => {
    const server = await startReplit()
    for (const { key, value } of entries) {
      if (value?.type !== 'string') throw new Error('no string')
      server.data.set(key.toString(), value.bytes)
    }
    const variables = { REPLIT_DB_URL: server.url }
    return {
      open: (context) =>
        replit.open('replit:', { ...context, variables, options: { file: join(folder, 'none') } }),
      stop: server.stop,
      network: {
        port: Number(new URL(server.url).port),
        open: (context, port) => {
          const url = new URL(server.url)
          url.port = String(port)
          const options = { file: join(folder, 'none') }
          return replit.open('replit:', { ...context, variables: { REPLIT_DB_URL: url.href }, options })
        },
        twice: server.listTwice,
        refuse: (...statuses) => server.fail(...statuses.map((status) => ({ status }))),
      },
    }
  },
})

const EVERYTHING = { prefix: Buffer.alloc(0), want: () => 'entry' as const }
const IMPATIENT: Limits = {
  ...LIMITS,
  attempts: 3,
  firstWaitMillis: 1,
  longestWaitMillis: 2,
  answerMillis: 1000,
}
const file = join(folder, 'replitdb')
const signal = new AbortController().signal

let server: ReplitServer
beforeEach(async () => {
  server = await startReplit()
  writeFileSync(file, `${server.url}\n`)
})
afterEach(() => server.stop())

const open = (limits = IMPATIENT): Promise<ReplitSource> =>
  ReplitSource.open({ root: folder, signal, options: { file: 'replitdb' } }, limits)

const fill = (count: number) => {
  const entries = Array.from({ length: count }, (_, it) => string(`k:${it}`, `{"n":${it}}`))
  for (const { key, value } of entries)
    server.data.set(key.toString(), value?.type === 'string' ? value.bytes : Buffer.alloc(0))
  return entries
}

test('reads keys that are no good as paths or lines', async () => {
  const keys = [
    '..',
    '.',
    'a/b',
    '/',
    '//',
    '../..',
    'a b',
    'a+b',
    'a%2Fb',
    '%',
    'a\nb',
    '?',
    '#',
    'a?prefix=b',
    'é',
    '👋',
    'x'.repeat(1000),
  ]
  for (const key of keys) server.data.set(key, Buffer.from(`value of ${key}`))
  const source = await open()
  const expected = byKey(keys.map((key) => string(key, `value of ${key}`)))
  expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(expected)
  expect(byKey(await entriesOf(source.read(keys.map((it) => Buffer.from(it)))))).toEqual(expected)
  await source.close()
})

test('gives values as they are stored: encoded twice, wrapped, raw, or no text at all', async () => {
  const values = [
    '"{\\"a\\":1}"',
    '{"ok":true,"value":{"a":1}}',
    '{"a":1.10}',
    'plain',
    '',
    'null',
    '12345678901234567890',
  ].map((it) => Buffer.from(it))
  values.push(Buffer.from([0xff, 0x00, 0xfe]))
  for (const [index, value] of values.entries()) server.data.set(`k${index}`, value)
  const source = await open()
  expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(
    byKey(values.map((value, index) => string(`k${index}`, value))),
  )
  await source.close()
})

test('asks for a few keys at a time, once each, and counts every request', async () => {
  fill(300)
  const source = await open()
  let second: () => void
  const isThere = new Promise<void>((resolve) => {
    second = resolve
  })
  server.onRequest((path) => {
    if (server.asked.length === 2) return isThere
    if (path.startsWith('/')) second()
    return undefined
  })
  await entriesOf(source.scan(EVERYTHING))
  expect(server.together).toBeLessThanOrEqual(LIMITS.together)
  expect(server.together).toBeGreaterThan(1)
  expect(server.requests).toBe(301)
  expect(source.commands()).toBe(301)
  await entriesOf(source.scan({ prefix: Buffer.from('k:1'), want: () => 'key' }))
  expect(source.commands()).toBe(302)
  expect(server.asked.at(-1)).toBe('?prefix=k%3A1&encode=true')
  await source.close()
})

test('a key that is gone when its turn comes counts as expired', async () => {
  fill(10)
  const source = await open()
  server.onRequest((path) => {
    if (path.startsWith('/')) server.data.delete('k:3')
  })
  const pages = await pagesOf(source.scan(EVERYTHING))
  expect(pages.reduce((sum, { expired }) => sum + expired, 0)).toBe(1)
  expect(pages.flatMap(({ entries }) => entries)).toHaveLength(9)
  await source.close()
})

test('follows the address when Replit renews it, and stays the same store', async () => {
  const entries = fill(300)
  const source = await open()
  const identity = await source.identity()
  let seen = 0
  server.onRequest(() => {
    seen += 1
    if (seen !== 100 && seen !== 200) return
    server.renew()
    writeFileSync(file, server.url)
  })
  expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(entries))
  expect(await source.identity()).toBe(identity)
  await source.close()
})

test('notices that the new address is of another database', async () => {
  fill(300)
  const source = await open()
  server.renew('database-2')
  writeFileSync(file, server.url)
  await expect(entriesOf(source.scan(EVERYTHING))).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  await source.close()
})

test('an address that is not taken any more is told with where the new one is', async () => {
  fill(10)
  const source = await open()
  server.renew()
  const failure = await entriesOf(source.scan(EVERYTHING)).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'SOURCE_AUTH', hint: expect.stringContaining('/tmp/replitdb') })
  expect(`${failure}${(failure as { hint: string }).hint}`).not.toContain('/v0/')
  await source.close()
})

const PASSING: readonly (readonly [string, Fault, string])[] = [
  ['too many requests', { status: 429 }, 'SOURCE_THROTTLED'],
  ['too many requests, with a time to come back', { status: 429, retryAfter: 0 }, 'SOURCE_THROTTLED'],
  ['a fault within', { status: 500 }, 'SOURCE_SERVER'],
  ['a gateway without an answer', { status: 503 }, 'SOURCE_SERVER'],
  ['an answer cut off on the wire', { cutAfter: 3 }, 'SOURCE_LOST'],
  ['no answer', { stall: true }, 'SOURCE_TIMEOUT'],
]

describe.each(PASSING)('%s', (_, fault, code) => {
  test('is asked again', async () => {
    const entries = fill(5)
    const source = await open()
    server.fail(fault, fault, fault)
    expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(entries))
    await source.close()
  })

  test('is told where it stays so', async () => {
    fill(5)
    const source = await open()
    server.fail(...Array.from({ length: 40 }, () => fault))
    await expect(entriesOf(source.scan(EVERYTHING))).rejects.toMatchObject({ code })
    await source.close()
  })
})

test.each([
  ['a list that is not encoded', { answer: 'a key\nanother' }, 'SOURCE_ANSWER'],
  ['a page of something else', { answer: '<html>' }, 'SOURCE_ANSWER'],
  ['a redirect', { status: 302 }, 'SOURCE_ANSWER'],
] as const)('%s is not taken for keys', async (_, fault, code) => {
  const source = await open()
  server.fail(fault)
  await expect(entriesOf(source.scan(EVERYTHING))).rejects.toMatchObject({ code })
  await source.close()
})

describe('the address', () => {
  test.each([
    ['nowhere', {}, 'no file', 'REPLIT_DB_URL'],
    ['no URL', { REPLIT_DB_URL: 'secret' }, 'not an address', '/tmp/replitdb'],
    ['clear text', { REPLIT_DB_URL: 'http://kv.replit.com/v0/secret' }, 'clear text', '/tmp/replitdb'],
    ['a query', { REPLIT_DB_URL: 'https://kv.replit.com/v0/secret?a=b' }, 'more than', '/tmp/replitdb'],
  ])('%s is told without repeating it', async (_, variables, __, hint) => {
    const failure = await replit
      .open('replit:', { root: folder, signal, variables, options: { file: 'none' } })
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'SOURCE_ADDRESS', hint: expect.stringContaining(hint) })
    expect(String(failure)).not.toContain('secret')
  })

  test('is replit: and nothing more', async () => {
    await expect(
      replit.open('replit:https://kv.replit.com/v0/secret', { root: folder, signal }),
    ).rejects.toMatchObject({
      code: 'SOURCE_ADDRESS',
      message: expect.not.stringContaining('secret'),
    })
  })

  test('in the file wins over the environment, which may be old', async () => {
    fill(3)
    const variables = { REPLIT_DB_URL: 'https://kv.replit.com/v0/old' }
    const source = await replit.open('replit:', { root: folder, signal, variables, options: { file } })
    expect(await source.count!()).toBe(3)
    expect(source.label).toMatch(/^replit:127\.0\.0\.1:\d+$/)
    await source.close()
  })
})
