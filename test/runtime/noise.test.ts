import { afterAll, beforeEach, expect, test } from 'vitest'
import { CHECKS } from '../../src/checks/index.ts'
import { readCounters } from '../../src/state/metrics.ts'
import { startProxy } from '../setup/proxy.ts'
import { startWorld } from './world.ts'

const world = await startWorld()
await world.applyA()
await world.flip('users', 'B')
const kv = await startProxy(world.redis.port)
afterAll(() => kv.close())
const url = Object.assign(new URL(world.redis.url), { port: String(kv.port) }).href
const looking = await world.connect({ shadow: 1, variables: { KV_URL: url } }, { settleMillis: 10 })
const users = looking.store('users')

/** What one read of a record adds to the counters. */
async function readOnce(id: string): Promise<Record<string, number>> {
  const before = counted(await looking.metrics())
  await users.get({ id })
  let after = before
  await expect
    .poll(async () => {
      after = counted(await looking.metrics())
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

const counted = (text: string): Record<string, number> =>
  Object.fromEntries(
    [...text.matchAll(/^kvmig_events_total\{plan="users",event="(.*)"\} (\d+)$/gm)].map((it) => [
      it[1]!,
      Number(it[2]),
    ]),
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
