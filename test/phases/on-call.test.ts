import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Kvmig } from '../../src/runtime/kvmig.ts'
import { type FaultyProxy, startProxy } from '../setup/proxy.ts'
import { startWorld, USERS, type World } from './world.ts'

let world: World
let kv: FaultyProxy
let app: Kvmig
/** The address at which kvmig and the application find the source. */
let through: { readonly KV_URL: string }

beforeAll(async () => {
  world = await startWorld({
    count: 20,
    files: {
      'plans/users.yaml': `${USERS}writes: { failure: available }
gates: { B: [{ full: { drift: 20% }, because: busy }] }
`,
    },
  })
  kv = await startProxy(world.redis.port)
  through = { KV_URL: `redis://127.0.0.1:${kv.port}/0` }
  expect((await run('apply', '--phase=A')).code).toBe(0)
  app = await world.instance('web-1', { variables: { ...world.environment, ...through }, shadow: 0 })
  expect((await run('apply', '--phase=B', '--expect=1')).code).toBe(0)
  await run('reconcile')
  expect((await run('apply', '--phase=C')).code).toBe(0)
})
afterAll(async () => {
  await world?.stop()
  await kv?.close()
})

const run = (...args: string[]) => world.run(args, through)

test('the source is down in C: writes go on, and status says what waits', async () => {
  kv.refuse(true)
  kv.cutAfter(0)
  await app.store('users').put({ id: '1', name: 'while it was down', visits: 1 })
  await app.store('users').delete({ id: '2' })
  expect(await app.store('users').get({ id: '1' })).toMatchObject({ name: 'while it was down' })
  const status = await run('status')
  expect(status.stdout).toMatch(/users .* outbox: 2/)
  expect(status.stdout).toMatch(/outbox: 2 changes are waiting/)
  expect(status.code).toBe(0)
})

test('a rollback says what is at risk, and goes only if that is accepted', async () => {
  const refused = await run('rollback')
  expect(refused.stderr).toContain(
    'AT_RISK  2 changes of users are in Postgres and not in the source, which is out of reach',
  )
  expect(refused.stderr).toContain('--accept-risk=2')
  expect(refused.code).toBe(1)
  expect((await run('status')).stdout).toMatch(/users +phase C/)

  const back = await run('rollback', '--accept-risk=2')
  expect(back.stdout).toMatch(/✓ done {2}users {2}route {2}phase B, .*2 changes are not in the source/)
  expect(back.code).toBe(0)

  // There the source is written alone, without versions: what waits would come later than that, and win.
  const further = await run('rollback', '--to=A', '--accept-risk=2')
  expect(further.stderr).toContain('AT_RISK  2 changes of users wait for the source, which is out of reach.')
  expect(further.stderr).toContain('users is in phase B')
  expect(further.code).toBe(1)
  expect((await run('status')).stdout).toMatch(/users +phase B/)
})

test('what was at risk arrives when the source answers again', async () => {
  kv.refuse(false)
  kv.cutAfter(Number.POSITIVE_INFINITY)
  const again = await run('reconcile')
  expect(again.stdout).toContain('no difference is left')
  expect(again.code).toBe(0)
  const { source, target } = await world.users()
  expect(target).toEqual(source)
  expect(source['1']).toMatchObject({ name: 'while it was down' })
  expect(source['2']).toBeUndefined()
})

test('without Postgres nothing can be rolled back, and nothing has to be: reads of B come from the source', async () => {
  const away = { DATABASE_URL: world.environment.DATABASE_URL!.replace(/:\d+\//, ':9/') }
  const refused = await world.run(['rollback'], { ...through, ...away })
  expect(refused.stderr).toContain('CONNECTION_REFUSED')
  expect(refused.code).toBe(1)
  await expect.poll(async () => (await app.store('users').get({ id: '1' }))?.name).toBe('while it was down')
})
