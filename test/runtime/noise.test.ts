import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { CHECKS } from '../../src/checks/index.ts'
import { readCounters } from '../../src/state/metrics.ts'
import { startProxy } from '../setup/proxy.ts'
import { ENTRY_PLANS } from './entry-plans.ts'
import { PLANS, startWorld } from './world.ts'

const { lists, documents, tags } = ENTRY_PLANS
const world = await startWorld('postgres', { ...PLANS, lists: lists!, documents: documents!, tags: tags! })
await world.applyA()
for (const plan of world.project.plans) await world.flip(plan.name, 'B')
const kv = await startProxy(world.redis.port)
afterAll(() => kv.close())
const url = Object.assign(new URL(world.redis.url), { port: String(kv.port) }).href
const looking = await world.connect({ shadow: 1, variables: { KV_URL: url } }, { settleMillis: 10 })
const users = looking.store('users')
const redis = looking.wrap(world.redis.client)
/** Writes that are no reads. */
const writing = (await world.connect({ shadow: 0 })).wrap(world.redis.client)

/** What one read of a record adds to the counters. */
const readOnce = (id: string) => readingOnce('users', () => users.get({ id }))

async function readingOnce(plan: string, work: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = counted(await looking.metrics(), plan)
  await work()
  let after = before
  await expect
    .poll(async () => {
      after = counted(await looking.metrics(), plan)
      return Object.entries(after).some(
        ([name, count]) => name.startsWith('shadow.') && count !== before[name],
      )
    })
    .toBe(true)
  return Object.fromEntries(
    Object.entries(after)
      .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
      .filter(([name, more]) => more > 0 && /^(shadow|noise)/.test(name)),
  )
}

const counted = (text: string, plan: string): Record<string, number> =>
  Object.fromEntries(
    [...text.matchAll(new RegExp(`^kvmig_events_total\\{plan="${plan}",event="(.*)"\\} (\\d+)$`, 'gm'))].map(
      (it) => [it[1]!, Number(it[2])],
    ),
  )

beforeEach(() => kv.onRequest(undefined))

test('every shadow read compares the source with itself, too', async () => {
  await users.put({ id: 'ann', name: 'x' })
  expect(await readOnce('ann')).toEqual({ 'shadow.match': 1, 'noise.same': 1 })
})

test('a record that is written at every look is churn, and no divergence', async () => {
  await users.put({ id: 'hot', name: 'x' })
  let writes = 0
  kv.onRequest(async (bytes) => {
    // Whoever reads it finds another value than the one before.
    if (bytes.includes('EVALSHA') && bytes.includes('user:hot'))
      await world.redis.client.set('user:hot', JSON.stringify({ name: `v${++writes}` }))
  })
  expect(await readOnce('hot')).toEqual({ 'shadow.churn': 1, 'noise.changed': 1 })
})

test('one that differs at rest is a divergence, whatever its first look was', async () => {
  await users.put({ id: 'late', name: 'x' })
  let writes = 0
  kv.onRequest(async (bytes) => {
    if (bytes.includes('EVALSHA') && bytes.includes('user:late') && writes < 3)
      await world.redis.client.set('user:late', JSON.stringify({ name: `v${++writes}` }))
  })
  expect(await readOnce('late')).toEqual({ 'shadow.mismatch': 1, 'noise.changed': 1 })
})

describe('reads through a wrapped client', () => {
  const raw = world.redis.client
  const cases: readonly (readonly [
    name: string,
    plan: string,
    write: () => Promise<unknown>,
    read: () => Promise<unknown>,
    differ: () => Promise<unknown>,
  ])[] = [
    [
      'a key',
      'sessions',
      () => writing.set('session:a', '{"handle":"x"}'),
      () => redis.get('session:a'),
      () => raw.set('session:a', '{"handle":"y"}'),
    ],
    [
      'a field',
      'scores',
      () => writing.hset('scores:go', 'ann', '1', 'bo', '2'),
      () => redis.hget('scores:go', 'ann'),
      () => raw.hset('scores:go', 'ann', '9'),
    ],
    [
      'all fields of a hash',
      'scores',
      () => writing.hset('scores:go', 'ann', '1', 'bo', '2'),
      () => redis.hgetall('scores:go'),
      () => raw.hset('scores:go', 'cy', '3'),
    ],
    [
      'a list',
      'lists',
      () => writing.rpush('list:a', 'x', 'y'),
      () => redis.lrange('list:a', 0, -1),
      () => raw.lset('list:a', 1, 'z'),
    ],
    [
      'a document with rows in two tables',
      'documents',
      () => writing.set('doc:a', '{"title":"t","tags":["x","y"]}'),
      () => redis.get('doc:a'),
      () => raw.set('doc:a', '{"title":"t","tags":["x"]}'),
    ],
    [
      'a set, by a command that only the source answers',
      'tags',
      () => writing.sadd('tags:a', 'x', 'y'),
      () => redis.srandmember('tags:a'),
      () => raw.srem('tags:a', 'y'),
    ],
  ]

  test.each(cases)('are compared off the way of the answer: %s', async (_, plan, write, read, differ) => {
    await write()
    expect(await readingOnce(plan, read)).toEqual({ 'shadow.match': 1, 'noise.same': 1 })
    await differ()
    expect(await readingOnce(plan, read)).toEqual({ 'shadow.mismatch': 1, 'noise.same': 1 })
  })

  test('one that only one side has is told as such', async () => {
    await writing.rpush('list:b', 'x')
    await raw.del('list:b')
    await raw.rpush('list:c', 'x')
    expect(await readingOnce('lists', () => redis.llen('list:b'))).toMatchObject({
      'shadow.missing_in_source': 1,
    })
    expect(await readingOnce('lists', () => redis.llen('list:c'))).toMatchObject({
      'shadow.missing_in_target': 1,
    })
  })
})

test('the divergence check says how much differs without any fault, and counts it neither for nor against', async () => {
  await looking.close()
  const counters = await readCounters(world.target, 'users', { fromMillis: 60_000 })
  expect(counters.get('shadow.churn')).toBe(1)
  const plan = world.project.plans.find((it) => it.name === 'users')
  const found = await CHECKS.get('divergence')!.run(
    { target: world.target, plan } as never,
    { samples: 1 } as never,
  )
  expect(found).toMatchObject({
    status: 'fail',
    measured:
      '1 of 2 shadow reads (50 %) differ. Noise floor: the source differs from itself, read twice, in 2 of 3 reads (66.667 %). 1 record never came to rest, and counts as neither.',
  })
})
