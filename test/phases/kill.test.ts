import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LATER_FAILPOINTS } from '../../src/failpoint.ts'
import { startWorld, USERS, user, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({
    files: {
      'plans/users.yaml': `${USERS.replace('keep: 30d', 'keep: 1ms')}gates: { B: [{ full: { drift: 50% }, because: busy }], D: [{ idle: 1ms }] }\n`,
    },
  })
  expect((await world.run(['apply', '--phase=A'])).code).toBe(0)
  await world.instance('web-1', { shadow: 0 })
})
afterAll(() => world?.stop())

const B = ['apply', '--phase=B', '--expect=1', '--confirm-deletes=50']
let round = 0

/** What instances without the runtime do to the source while the plan is in A: a change, a new key, a deletion. */
async function writePastUs(): Promise<void> {
  round += 1
  await world.redis.client.set('user:1', user(`changed ${round}`, round))
  await world.redis.client.set(`user:new ${round}`, user(`new ${round}`))
  await world.redis.client.del(`user:${10 + round}`)
}

const alike = async () => {
  const { source, target } = await world.users()
  expect(target).toEqual(source)
}

test.each([
  'route.flipped',
  'route.raised',
  'catch-up.claimed',
  'catch-up.written',
  'catch-up.committed',
  'catch-up.done',
])('killed at %s on the way into B, and run again: both stores agree', async (name) => {
  if (round > 0) await world.run(['rollback', '--to=A'])
  await writePastUs()
  expect((await world.run(B, { KVMIG_FAILPOINT: name })).signal).toBe('SIGKILL')
  const ended = await world.run(B)
  expect(ended.stderr).not.toContain('kvmig:')
  expect(ended.code).toBe(0)
  await alike()
})

test('killed while it repairs the source, and run again: Postgres has its way', async () => {
  await world.redis.client.del('user:1', 'user:2')
  expect((await world.run(['reconcile'], { KVMIG_FAILPOINT: 'reconcile.written' })).signal).toBe('SIGKILL')
  await world.redis.client.del('user:3')
  expect((await world.run(['reconcile'], { KVMIG_FAILPOINT: 'outbox.applied' })).signal).toBe('SIGKILL')
  expect((await world.run(['reconcile'])).code).toBe(0)
  await alike()
})

test('killed on the way back, and run again', async () => {
  expect((await world.run(['apply', '--phase=C'])).code).toBe(0)
  expect((await world.run(['rollback'], { KVMIG_FAILPOINT: 'route.flipped' })).signal).toBe('SIGKILL')
  expect((await world.run(['rollback', '--to=B'])).code).toBe(0)
  await alike()
})

test('retires the source: asks, archives, lets go of what is as it was archived; killed in between, run again', async () => {
  expect((await world.run(['apply', '--phase=C'])).code).toBe(0)
  const before = await world.users()
  const asked = await world.run(['apply', '--phase=D', '--yes'])
  expect(asked.stderr).toContain('--point-of-no-return')
  expect(asked.code).toBe(1)
  const D = ['apply', '--phase=D', '--point-of-no-return', '--yes']
  for (const name of ['route.flipped', 'archive.part-written'])
    expect((await world.run(D, { KVMIG_FAILPOINT: name })).signal).toBe('SIGKILL')
  // Whoever still writes past us is noticed, and loses nothing.
  const killed = await world.run(D, { KVMIG_FAILPOINT: 'archive.keys-removed' })
  expect(killed.signal).toBe('SIGKILL')
  await world.redis.client.set('user:1', user('forgotten writer'))
  const done = await world.run(D)
  expect(done.stdout).toMatch(/archive {2}\d+ keys in \.\/archive\//)
  expect(done.stdout).toMatch(/1 key holds something else by now and stays: user:1/)
  expect(await world.redis.client.keys('user:*')).toEqual(['user:1'])
  expect((await world.users()).target).toEqual(before.target)
  expect((await world.run(['rollback'])).stderr).toContain('RETIRED')

  // The archive brings all of it back.
  const folder = /keys in \.\/(archive\/\S+),/.exec(done.stdout)![1]!
  const restored = await world.run(['restore', folder, '--yes', '--replace'])
  expect(restored.code).toBe(0)
  expect((await world.users()).source).toEqual(before.source)
})

test('H65 goes back from D: both stores are written again, and Postgres rebuilds the source', async () => {
  await world.redis.client.del(...(await world.redis.client.keys('*')))
  const before = await world.users()
  expect((await world.run(['rollback', '--to=C'])).stdout).toMatch(/done {2}users {2}route {2}phase C/)
  const early = await world.run(['rollback', '--to=B'])
  expect(early.stderr).toContain('NOT_REBUILT')
  expect(early.code).toBe(1)
  const rebuilt = await world.run(['reconcile'])
  expect(rebuilt.stdout).toMatch(/\d+ records repaired in the source, no difference is left/)
  expect((await world.run(['rollback', '--to=B'])).code).toBe(0)
  await alike()
  expect((await world.users()).target).toEqual(before.target)
})

test('every place where later phases may be killed is killed at somewhere', () => {
  const folders = [import.meta.dirname, join(import.meta.dirname, '../archive')]
  const tests = folders
    .flatMap((folder) => readdirSync(folder).map((it) => join(folder, it)))
    .filter((it) => it.endsWith('.test.ts'))
    .map((it) => readFileSync(it, 'utf8'))
    .join('\n')
  expect(LATER_FAILPOINTS.filter((it) => !tests.includes(`'${it}`))).toEqual([])
})
