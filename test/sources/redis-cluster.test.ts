import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Question } from '../../src/sources/question.ts'
import { bySlot, SLOTS, slotOf } from '../../src/sources/redis-cluster/slot.ts'
import { readNodes } from '../../src/sources/redis-cluster/topology.ts'
import { cluster } from '../../src/sources/redis-cluster.ts'
import type { Entry, Source } from '../../src/sources/source.ts'
import { openProject } from '../runner/harness.ts'
import { projectFolder } from '../setup/cli.ts'
import { freshDatabase } from '../setup/postgres.ts'
import { type FreshCluster, freshCluster } from '../setup/redis-cluster.ts'
import { describeSource } from './conformance.ts'
import { byKey, entriesOf, hash, list, string } from './entries.ts'

let servers: FreshCluster
beforeAll(async () => {
  servers = await freshCluster()
})
afterAll(() => servers.stop())

describeSource({
  name: 'a cluster of three',
  adapter: cluster,
  reached: { not: 'its nodes name each other by their own ports; each is read as a single Redis is' },
  start: async (entries) => {
    await servers.flush()
    await servers.write(entries)
    return { open: (context) => cluster.open(servers.url, context), stop: async () => {} }
  },
})

const EVERYTHING = { prefix: Buffer.alloc(0), want: () => 'entry' as const }
const signal = new AbortController().signal
const open = (url = servers.url): Promise<Source> => cluster.open(url, { root: '/', signal })

// Without expiries: moving a key between servers rounds its own by a millisecond.
const MANY: readonly Entry[] = Array.from({ length: 3000 }, (_, it) =>
  it % 3 ? string(`k:${it}`, String(it)) : hash(`k:${it}`, ['f', String(it)]),
)

describe('the slot of a key', () => {
  test.each([
    ['123456789', 0x31c3],
    ['foo', 12182],
    ['{user1000}.following', slotOf(Buffer.from('user1000'))],
    ['foo{}{bar}', slotOf(Buffer.from('foo{}{bar}'))],
    ['foo{{bar}}zap', slotOf(Buffer.from('{bar'))],
    ['foo{bar}{zap}', slotOf(Buffer.from('bar'))],
    ['', 0],
  ])('%s', (key, slot) => {
    expect(slotOf(Buffer.from(key))).toBe(slot)
  })

  test('is what the servers say', async () => {
    const { client } = servers.nodes[0]!
    for (const key of ['a', 'foo{}{bar}', '{x}y', '{x', 'é', '{}', 'x{a}b{c}'])
      expect([key, slotOf(Buffer.from(key))]).toEqual([
        key,
        Number(await client.call('CLUSTER', 'KEYSLOT', key)),
      ])
  })

  test('groups keys', () => {
    const keys = ['{a}1', 'b', '{a}2'].map((it) => Buffer.from(it))
    expect([...bySlot(keys).values()].map((it) => it.map(String))).toEqual([['{a}1', '{a}2'], ['b']])
  })
})

test('reads what a node says of its cluster', () => {
  const text = [
    'b 10.0.0.2:6379@16379,two.example master - 0 0 2 connected 8192-16383',
    'a :6379@16379 myself,master - 0 0 1 connected 0-8000 8002-8191 [8001->-b] [5-<-b] 8001',
    'c 10.0.0.3:6379@16379 slave a 0 0 1 connected',
    'd 10.0.0.4:6379@16379 master - 0 0 3 connected',
    'e 10.0.0.5:6379@16379 slave,fail a 0 0 1 disconnected',
    '',
  ].join('\n')
  const { masters, replicas, owners, moving } = readNodes(text, '10.0.0.1')
  expect(masters).toEqual([
    { id: 'a', host: '10.0.0.1', port: 6379 },
    { id: 'b', host: 'two.example', port: 6379 },
  ])
  expect([owners.length, owners[0], owners[8001], owners[8192]]).toEqual([SLOTS, 'a', 'a', 'b'])
  expect([...replicas]).toEqual([['a', [{ id: 'c', host: '10.0.0.3', port: 6379 }]]])
  expect([...moving]).toEqual([8001, 5])
})

describe('H09 slots that move', () => {
  // Those of half the keys of the first node, whichever they are.
  const slotsOf = (node: number): number[] => {
    const first = Math.floor((node * SLOTS) / 3)
    const last = Math.floor(((node + 1) * SLOTS) / 3)
    const own = [...bySlot(MANY.map(({ key }) => key)).keys()].filter((slot) => first <= slot && slot < last)
    return own.slice(0, 40)
  }
  const moved: { slots: number[]; from: number; to: number }[] = []
  afterEach(async () => {
    for (const { slots, from, to } of moved.splice(0)) await servers.move(slots, to, from)
  })

  test.each([
    [0, 1],
    [0, 2],
    [1, 0],
    [1, 2],
    [2, 0],
    [2, 1],
  ])('from node %i to node %i while a scan is under way are read where they are then', async (from, to) => {
    await servers.flush()
    await servers.write(MANY)
    const source = await open()
    const slots = slotsOf(from)
    const entries: Entry[] = []
    let pages = 0
    for await (const page of source.scan(EVERYTHING)) {
      entries.push(...page.entries)
      pages += 1
      if (pages !== 3) continue
      await servers.move(slots, from, to)
      moved.push({ slots, from, to })
    }
    expect(byKey(entries)).toEqual(byKey(MANY))
    expect(byKey(await entriesOf(source.read(MANY.map(({ key }) => key))))).toEqual(byKey(MANY))
    await source.close()
  })

  test('are waited for while they are between two nodes', async () => {
    await servers.flush()
    await servers.write(MANY)
    const source = await open()
    const slots = slotsOf(0)
    const entries: Entry[] = []
    let pages = 0
    let settling: Promise<void> | undefined
    for await (const page of source.scan(EVERYTHING)) {
      entries.push(...page.entries)
      pages += 1
      if (pages === 2) {
        await servers.move(slots, 0, 1, 'open')
        moved.push({ slots, from: 0, to: 1 })
      }
      // By now most of it has been read.
      if (entries.length > 2000) settling ??= servers.settle(slots, 0, 1)
    }
    await settling
    expect(byKey(entries)).toEqual(byKey(MANY))
    await source.close()
  })

  test.each([
    ['have moved', undefined],
    ['are on their way', 'open' as const],
  ])('are asked where they are, when they %s since', async (_, how) => {
    await servers.flush()
    await servers.write(MANY)
    const source = await open()
    const questions = MANY.map(
      ({ key, type }): Question =>
        type === 'hash' ? { kind: 'hget', key, item: Buffer.from('f') } : { kind: 'get', key },
    )
    const right = MANY.map(({ key }) => key.toString().slice(2))
    const answers = async () => (await source.ask!(questions)).map((it) => String(it))
    expect(await answers()).toEqual(right)
    const slots = slotsOf(0)
    await servers.move(slots, 0, 1, how)
    moved.push({ slots, from: 0, to: 1 })
    const asked = answers()
    if (how === 'open') await servers.settle(slots, 0, 1)
    expect(await asked).toEqual(right)
    await source.close()
  })

  test('make another store of it, for cursors of before say nothing about where keys are now', async () => {
    await servers.flush()
    await servers.write(MANY)
    const source = await open()
    const before = await source.identity()
    const slots = slotsOf(0)
    await servers.move(slots, 0, 1)
    moved.push({ slots, from: 0, to: 1 })
    expect(await source.identity()).not.toBe(before)
    await source.close()
  })
})

test('keys of one slot are asked for together, others apart; a long list is read at its own node', async () => {
  await servers.flush()
  const items = Array.from({ length: 25_000 }, (_, it) => String(it))
  const entries = [...Array.from({ length: 50 }, (_, it) => string(`{tag}:${it}`, 'x')), list('long', items)]
  await servers.write(entries)
  const source = await open()
  expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(entries))
  await source.close()
})

test('any of several nodes in the address will do', async () => {
  const ports = servers.nodes.map((it) => it.port)
  const source = await open(`redis+cluster://127.0.0.1:1,127.0.0.1:${ports[2]}`)
  expect(source.label).toBe('redis+cluster://127.0.0.1:1')
  expect(await source.count!()).toBeGreaterThanOrEqual(0)
  await source.close()
})

test.each([
  'redis+cluster://',
  'redis+cluster://u:s3cret@h/3',
  'redis+cluster://u:s3cret@h:x',
  'redis+cluster://u:s3cret@h#1',
])('%s is no address', async (address) => {
  const failure = await Promise.resolve()
    .then(() => open(address))
    .catch((it: unknown) => it)
  expect(failure).toMatchObject({ code: 'SOURCE_ADDRESS' })
  expect(String(failure)).not.toContain('s3cret')
})

test('a single Redis is no cluster, and says so', async () => {
  const { freshRedis } = await import('../setup/redis.ts')
  const single = await freshRedis()
  await expect(open(single.url.replace('redis:', 'redis+cluster:'))).rejects.toMatchObject({
    code: expect.stringMatching(/^SOURCE_/),
  })
  await single.stop()
})

describe('a master that fails', () => {
  test('makes another cluster of it: the scan begins anew, with the replica', async () => {
    const own = await freshCluster(1)
    await own.write(MANY)
    const source = await open(own.url)
    await source.identity()
    // What the replica does not have is lost with the master.
    await own.nodes[0]!.client.wait(1, 5000)
    const entries: Entry[] = []
    const scanning = (async () => {
      let pages = 0
      for await (const page of source.scan(EVERYTHING)) {
        entries.push(...page.entries)
        if (++pages === 1) await own.nodes[0]!.kill()
      }
    })()
    // Where that master's turn was over already, its slots are read again at the one who has them now.
    const ending = await scanning.then(
      () => byKey(entries),
      (error: { code?: string }) => error.code,
    )
    expect([byKey(MANY), 'SOURCE_CHANGED']).toContainEqual(ending)
    await source.identity()
    expect(byKey(await entriesOf(source.scan(EVERYTHING)))).toEqual(byKey(MANY))
    await source.close()
    await own.stop()
  }, 60_000)

  test('does not stop a copy: every row is there, and the gate says so', async () => {
    const own = await freshCluster(1)
    await own.write(MANY)
    await own.nodes[0]!.client.wait(1, 5000)
    const database = await freshDatabase()
    const folder = projectFolder({
      'migrations.yaml': `version: 1\nsources: { kv: '${own.url}' }\ntarget: \${DATABASE_URL}\nplans: plans/*.yaml\n`,
      'plans/k.yaml': `version: 1
plan: k
mappings:
  - { match: 'k:{id:int}', type: string, into: k, fields: { id: $id, v: $value } }
  - { match: 'k:{id:int}', type: hash, into: k, fields: { id: $id, v: f } }
tables:
  k: { columns: { id: integer, v: text not null }, primary_key: [id] }
`,
    })
    const harness = await openProject(folder.path, { DATABASE_URL: database.url }, { batchRows: 100 })
    let killing: Promise<void> | undefined
    const { steps, findings } = await harness.apply({
      listener: ({ kind }) => {
        if (kind === 'progress') killing ??= own.nodes[0]!.kill()
      },
    })
    await killing
    expect(killing, 'it was killed in the middle').toBeDefined()
    expect(steps.flatMap((it) => it.error?.message ?? [])).toEqual([])
    expect([...findings.values()].flat().filter((it) => it.status !== 'pass')).toEqual([])
    const { rows } = await database.query('SELECT count(*) AS rows, sum((id::text = v)::int) AS same FROM k')
    expect(rows).toEqual([{ rows: String(MANY.length), same: String(MANY.length) }])
    await harness.close()
    await own.stop()
    await database.drop()
    folder.remove()
  }, 60_000)
})
