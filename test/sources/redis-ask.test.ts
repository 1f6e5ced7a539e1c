import { afterAll, beforeAll, expect, test } from 'vitest'
import { Held } from '../../src/mapping/held.ts'
import { PART } from '../../src/sources/part.ts'
import type { Question } from '../../src/sources/question.ts'
import { parseRedisAddress } from '../../src/sources/redis/address.ts'
import { RedisSource } from '../../src/sources/redis/redis-source.ts'
import { type FaultyProxy, startProxy } from '../setup/proxy.ts'
import { type FreshRedis, freshRedis } from '../setup/redis.ts'

let server: FreshRedis
let source: RedisSource
const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

beforeAll(async () => {
  server = await freshRedis()
  const { client } = server
  await client.set('s', ALL_BYTES)
  await client.hset('h', 'a', 'x', 'b', '', ALL_BYTES, ALL_BYTES)
  await client.zadd('z', '9007199254740993', 'a', '-inf', 'b', 'inf', 'c', '0.1', ALL_BYTES)
  await client.sadd('set', 'a', ALL_BYTES)
  await client.rpush('l', ...Array.from({ length: 2 * PART + 5 }, (_, at) => `item ${at}`), ALL_BYTES)
  await client.xadd('x', '*', 'a', 'b')
  source = await open(server.port)
})
afterAll(async () => {
  await source.close()
  await server.stop()
})

const open = (port: number): Promise<RedisSource> =>
  RedisSource.open(parseRedisAddress(`redis://127.0.0.1:${port}`, '/'), {
    signal: new AbortController().signal,
  })

const ITEMS = ['a', 'b', 'c', '', 'item 0', `item ${2 * PART + 4}`, 'item -1', ALL_BYTES].map((it) =>
  Buffer.from(it),
)
const EVERYTHING: readonly Question[] = ['s', 'h', 'z', 'set', 'l', 'x', 'nothing'].flatMap(
  (name): Question[] => {
    const key = Buffer.from(name)
    return [
      { kind: 'get', key },
      ...ITEMS.flatMap((item) => (['hget', 'score', 'member'] as const).map((kind) => ({ kind, key, item }))),
    ]
  },
)

test('every question about every type is answered as one who holds the whole store would', async () => {
  const whole = [
    {
      source: '{_:rest}',
      parts: [{ kind: 'capture', name: '_', type: 'rest' } as const],
      at: { file: '', line: 1, column: 1 },
    },
  ]
  const answers = await source.ask(EVERYTHING)
  const held = await new Held(source, whole, Date.now).ask(EVERYTHING)
  const kindOf = (it: unknown) => (typeof it === 'object' && it !== null && 'wrong' in it ? 'wrong' : it)
  expect(answers.map(kindOf)).toEqual(held.map(kindOf))
})

test('questions are sent together: a command each, the type of a key once, a list read once', async () => {
  const before = source.commands()
  const gets = Array.from(
    { length: 500 },
    (_, at): Question => ({ kind: 'get', key: Buffer.from(`none ${at}`) }),
  )
  await source.ask(gets)
  expect(source.commands() - before).toBe(500)
  const members = Array.from(
    { length: 500 },
    (_, at): Question => ({ kind: 'member', key: Buffer.from('l'), item: Buffer.from(`item ${at}`) }),
  )
  await source.ask(members)
  expect(source.commands() - before).toBe(500 + 1 + 1)
})

test('a lost connection is made again', async () => {
  const proxy: FaultyProxy = await startProxy(server.port)
  const through = await open(proxy.port)
  proxy.cutAfter(1)
  expect(await through.ask([{ kind: 'hget', key: Buffer.from('h'), item: Buffer.from('a') }])).toEqual([
    Buffer.from('x'),
  ])
  await through.close()
  await proxy.close()
})
