import { afterEach, describe, expect, test } from 'vitest'
import { ChromaSource } from '../../src/sources/chroma/chroma-source.ts'
import { rawItems, rawMembers } from '../../src/sources/chroma/raw-json.ts'
import { chroma } from '../../src/sources/chroma.ts'
import type { HttpLimits } from '../../src/sources/http-line.ts'
import type { Entry } from '../../src/sources/source.ts'
import { type ChromaSeed, type ChromaServer, startChroma } from '../setup/chroma-server.ts'
import { fillChroma, REAL_CHROMA } from '../setup/real-chroma.ts'
import type { Fault } from '../setup/upstash-server.ts'
import { describeSource } from './conformance.ts'
import { byKey, entriesOf, pagesOf, string } from './entries.ts'

const textOf = ({ value }: Entry): string => (value?.type === 'string' ? value.bytes.toString() : '')

/** `many:12` is record 12 of collection `many`. */
const COLLECTION = /^([a-zA-Z0-9][\w.-]{1,60}[a-zA-Z0-9]):(.+)$/s

const as = (entry: Entry): Entry | undefined => {
  const [, , id] = COLLECTION.exec(entry.key.toString()) ?? []
  if (id === undefined) return undefined
  return string(
    entry.key,
    `{"id":${JSON.stringify(id)},"document":${JSON.stringify(textOf(entry))},"embedding":[0.5,-0.25],"metadata":null,"uri":null}`,
  )
}

function seedsOf(entries: readonly Entry[]): Map<string, ChromaSeed[]> {
  const seeds = new Map<string, ChromaSeed[]>()
  for (const entry of entries) {
    const [, name, id] = COLLECTION.exec(entry.key.toString())!
    const { document } = JSON.parse(textOf(entry))
    const seed = { id: id!, document, embedding: '[0.5,-0.25]', metadata: 'null' }
    seeds.set(name!, [...(seeds.get(name!) ?? []), seed])
  }
  return seeds
}

describeSource({
  name: 'chroma',
  adapter: chroma,
  reached: 'by http',
  as,
  start: async (entries) => {
    const server = await startChroma()
    for (const [name, seeds] of seedsOf(entries)) server.add(name, seeds)
    return {
      open: (context) => chroma.open(`chroma+${server.url}`, context),
      stop: server.stop,
      network: {
        port: Number(new URL(server.url).port),
        open: (context, port) => chroma.open(`chroma+http://127.0.0.1:${port}`, context),
        twice: server.listTwice,
        refuse: (...statuses) => server.fail(...statuses.map((status) => ({ status }))),
      },
    }
  },
})

if (REAL_CHROMA !== undefined) {
  const real = REAL_CHROMA
  describeSource({
    name: 'chroma, the real server',
    adapter: chroma,
    reached: { not: 'faults on the way are shown with the server of the tests' },
    as,
    start: async (entries) => {
      const collections = [...seedsOf(entries)].map(([name, seeds]) => [name, { seeds }] as const)
      const address = await fillChroma(real, Object.fromEntries(collections))
      return { open: (context) => chroma.open(`chroma+${address}`, context), stop: async () => {} }
    },
  })
}

const EVERYTHING = { prefix: Buffer.alloc(0), want: () => 'entry' as const }
const IMPATIENT: HttpLimits = { attempts: 3, firstWaitMillis: 1, longestWaitMillis: 2, answerMillis: 300 }
const signal = new AbortController().signal

const servers: ChromaServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

async function start(token?: string): Promise<ChromaServer> {
  const server = await startChroma(token)
  servers.push(server)
  return server
}

const open = ({ url }: ChromaServer, limits = IMPATIENT): Promise<ChromaSource> =>
  ChromaSource.open(
    {
      database: `${url}/api/v2/tenants/default_tenant/databases/default_database`,
      token: undefined,
      label: url,
    },
    { signal },
    limits,
  )

const seed = (id: string, more: Partial<ChromaSeed> = {}): ChromaSeed => ({
  id,
  document: 'text',
  embedding: '[0.1,0.2]',
  metadata: 'null',
  ...more,
})

test('gives every number as Chroma wrote it, and every text as it is', async () => {
  const server = await start()
  server.add('docs', [
    seed('a', {
      embedding: '[0.099999994,-1e-20,3.4028235e38,0.333333343267]',
      metadata: '{"n":9007199254740993,"f":1.0,"s":"007","b":true,"x":"a,]}\\"\\\\"}',
    }),
    seed('b', { document: null, embedding: 'null' }),
    seed('c:d', { document: '', embedding: '[null,null]' }),
  ])
  const source = await open(server)
  const entries = await entriesOf(source.scan(EVERYTHING))
  expect(Object.fromEntries(entries.map((it) => [it.key.toString(), textOf(it)]))).toEqual({
    'docs:a':
      '{"id":"a","document":"text","embedding":[0.099999994,-1e-20,3.4028235e38,0.333333343267],"metadata":{"n":9007199254740993,"f":1.0,"s":"007","b":true,"x":"a,]}\\"\\\\"},"uri":null}',
    'docs:b': '{"id":"b","document":null,"embedding":null,"metadata":null,"uri":null}',
    'docs:c:d': '{"id":"c:d","document":"","embedding":[null,null],"metadata":null,"uri":null}',
  })
  await source.close()
})

test('a record that is deleted after it was listed counts as expired, and no other is missed for it', async () => {
  const server = await start()
  const seeds = Array.from({ length: 500 }, (_, it) => seed(`r${it}`))
  server.add('docs', seeds)
  const source = await open(server)
  let seen = 0
  let expired = 0
  for await (const page of source.scan(EVERYTHING)) {
    if (seen === 0)
      server.remove(
        'docs',
        seeds.slice(0, 250).map((it) => it.id),
      )
    seen += page.entries.length
    expired += page.expired
  }
  expect(seen + expired).toBe(500)
  expect(expired).toBeGreaterThan(0)
  await source.close()
})

test('a collection that was made anew is another store', async () => {
  const [first, second] = [await start(), await start()]
  for (const it of [first, second]) it.add('docs', [seed('a')])
  const source = await open(first)
  const identity = await source.identity()
  first.add('more', [seed('a')])
  expect(await source.identity()).not.toBe(identity)
  await source.close()
})

const FAULTS: readonly (readonly [string, Fault, string])[] = [
  ['too many requests', { status: 429 }, 'SOURCE_THROTTLED'],
  ['a fault within', { status: 500 }, 'SOURCE_SERVER'],
  ['an answer cut off on the wire', { cutAfter: 3 }, 'SOURCE_LOST'],
  ['no answer', { stall: true }, 'SOURCE_TIMEOUT'],
]

describe.each(FAULTS)('%s', (_, fault, code) => {
  test('is asked again, and told where it stays so', async () => {
    const server = await start()
    server.add('docs', [seed('a'), seed('b')])
    const source = await open(server)
    server.fail(fault, fault, fault)
    expect(byKey(await entriesOf(source.scan(EVERYTHING))).size).toBe(2)
    server.fail(...Array.from({ length: 4 }, () => fault))
    await expect(pagesOf(source.scan(EVERYTHING))).rejects.toMatchObject({ code })
    await source.close()
  })
})

test.each([
  ['another shape', { answer: '{"error":1}' }, 'SOURCE_ANSWER'],
  ['a page', { answer: '<html>' }, 'SOURCE_ANSWER'],
  ['half of it', { answer: '{"ids":["a"' }, 'SOURCE_ANSWER'],
  ['a redirect', { status: 302 }, 'SOURCE_ANSWER'],
  ['nothing there', { status: 404 }, 'SOURCE_CHANGED'],
] as const)('%s is told', async (_, fault, code) => {
  const server = await start()
  server.add('docs', [seed('a')])
  const source = await open(server)
  server.fail(fault)
  await expect(pagesOf(source.scan(EVERYTHING))).rejects.toMatchObject({ code })
  await source.close()
})

test('takes a token from the environment or the project, and prints none', async () => {
  const server = await start('s3cret')
  const address = `chroma+${server.url}`
  const context = { root: '/', signal }
  await (await chroma.open(address, { ...context, variables: { CHROMA_TOKEN: 's3cret' } })).close()
  await (await chroma.open(address, { ...context, options: { token: 's3cret' } })).close()
  const failure = await chroma
    .open(address, { ...context, options: { token: 'wr0ng' } })
    .catch((it: unknown) => it)
  expect(failure).toMatchObject({ code: 'SOURCE_AUTH' })
  expect(String(failure)).not.toContain('wr0ng')
})

test.each([
  'chroma+http://',
  'chroma+http://u:s3cret@host',
  'chroma+http://h/a/b/c',
  'chroma+http://h?token=s3cret',
])('%s is no address', async (address) => {
  const failure = await Promise.resolve()
    .then(() => chroma.open(address, { root: '/', signal }))
    .catch((it: unknown) => it)
  expect(failure).toMatchObject({ code: 'SOURCE_ADDRESS' })
  expect(String(failure)).not.toContain('s3cret')
})

test('raw JSON is taken apart at its own commas', () => {
  expect(rawItems(' [ 1.10 , "a,\\"]" ,[2,{"b":3}],{},"\\\\" ] ')).toEqual([
    '1.10',
    '"a,\\"]"',
    '[2,{"b":3}]',
    '{}',
    '"\\\\"',
  ])
  expect(rawItems('[]')).toEqual([])
  expect([...rawMembers('{"a:b" : [1, 2], "c":"x:y"}')]).toEqual([
    ['a:b', '[1, 2]'],
    ['c', '"x:y"'],
  ])
  for (const broken of ['', '[', '[1', '{"a"}', '["a]', '[[1]', '[1]]'])
    expect(() => rawItems(broken)).toThrow()
})
