import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StatusReport } from '../../src/report/report.ts'
import { passDays } from './days.ts'
import { startWorld, USERS, type World } from './world.ts'

let world: World
/** Every key that was seen, as `plans[].later.outbox`. */
const seen = new Set<string>()

beforeAll(async () => {
  world = await startWorld({
    count: 5,
    files: {
      'plans/users.yaml': `${USERS}gates: { B: [{ full: { drift: 50% }, because: busy }], C: [soak: 14d], D: [soak: 1d, idle: 24h] }\n`,
    },
  })
  // One record that is rejected, and accepted.
  await world.redis.client.set('user:bad', '{"visits":1}')
})
afterAll(() => world?.stop())

const status = async () => {
  const { stdout, stderr, code } = await world.run(['status', '--json'])
  expect([code, stderr]).toEqual([0, ''])
  const report: StatusReport = JSON.parse(stdout)
  keysOf(report, '')
  return { ...report.plans[0]!, lastRun: report.lastRun }
}

function keysOf(value: unknown, path: string): void {
  if (Array.isArray(value)) for (const it of value) keysOf(it, `${path}[]`)
  else if (typeof value === 'object' && value !== null)
    for (const [key, it] of Object.entries(value)) keysOf(it, path === '' ? key : `${path}.${key}`)
  // A list of texts is one key.
  else seen.add(path.replace(/\[\]$/, ''))
}

test('in A: nothing applied, then the gate with its findings', async () => {
  expect(await status()).toMatchObject({
    plan: 'users',
    steps: { done: 0, changed: 0 },
    canAdvance: { to: 'B', yes: false, reasons: ['Nothing was applied yet: kvmig apply --phase=A.'] },
  })
  await world.run(['apply', '--phase=A'])
  const closed = await status()
  expect(closed).toMatchObject({
    phase: 'A',
    epoch: 1,
    gate: { opens: 'B', status: 'closed' },
    quarantine: { open: 1, reasons: [{ code: 'FIELD_MISSING', open: 1, sample: 'user:bad' }] },
  })
  expect(closed.gate?.findings.filter((it) => it.status !== 'pass').map((it) => it.check)).toEqual([
    'quarantine',
  ])
  await world.run(['accept', 'users', '--because', 'nobody'])
})

test('in B: who has not confirmed, then the soak clock and when to come back, and a pause', async () => {
  await world.instance('web-1', { shadow: 0 })
  await world.database.query(
    `INSERT INTO kvmig.instance (id, version, host, epochs, seen_at) VALUES ('web-2', '0', 'far', '{"users":1}', clock_timestamp() + interval '1 hour')`,
  )
  expect((await world.run(['apply', '--phase=B', '--expect=2', '--wait=1'])).code).toBe(5)
  expect(await status()).toMatchObject({
    phase: 'B',
    canAdvance: {
      to: 'B',
      yes: false,
      reasons: ['Dual-write is not complete: kvmig apply --phase=B goes on.'],
    },
    later: { to: 'B', instances: 2, laggards: ['web-2'], outbox: 0 },
  })
  await world.database.query(`DELETE FROM kvmig.instance WHERE id = 'web-2'`)
  expect((await world.run(['apply', '--phase=B', '--expect=1'])).code).toBe(0)
  await world.run(['reconcile'])
  await world.run(['pause', 'users', '--because', 'sale'])
  // The last change of route is news to it for a moment.
  await expect.poll(async () => (await status()).later!.laggards).toEqual([])
  const soaking = await status()
  expect(soaking).toMatchObject({ phase: 'B', epoch: 3, later: { to: 'C', laggards: [], paused: 'sale' } })
  expect(soaking.canAdvance.reasons).toEqual([
    expect.stringMatching(/^Paused since .*: sale/),
    expect.stringMatching(/^soak: Plan users has been in phase B for/),
  ])
  expect(Date.parse(soaking.later!.nextAt!) - Date.now()).toBeGreaterThan(13 * 86_400_000)
  await world.run(['resume', 'users'])
})

test('in C, after a rollback, and in C again', async () => {
  await passDays(14, world.database)
  await world.run(['reconcile'])
  await expect.poll(async () => (await status()).canAdvance).toEqual({ to: 'C', yes: true, reasons: [] })
  expect((await world.run(['apply', '--phase=C'])).code).toBe(0)
  expect(await status()).toMatchObject({
    phase: 'C',
    epoch: 4,
    later: { to: 'D' },
    gate: { opens: 'C', status: 'open' },
  })
  expect((await world.run(['rollback'])).code).toBe(0)
  const back = await status()
  expect(back).toMatchObject({
    phase: 'B',
    epoch: 5,
    later: { to: 'C' },
    lastRun: { command: 'rollback', outcome: 'done' },
  })
  // The clock begins anew.
  expect(back.later!.soakMillis).toBeLessThan(86_400_000)
  await passDays(14, world.database)
  await world.run(['reconcile'])
  expect((await world.run(['apply', '--phase=C'])).code).toBe(0)
})

test('in D: until when the keys are kept, and that nothing is left to do', async () => {
  await passDays(2, world.database)
  await world.run(['reconcile'])
  const D = ['apply', '--phase=D', '--point-of-no-return', '--yes']
  expect((await world.run(D)).code).toBe(5)
  const kept = await status()
  expect(kept).toMatchObject({ phase: 'D', canAdvance: { to: 'D', yes: false } })
  expect(kept.canAdvance.reasons).toEqual([
    `The archived keys stay in the source until ${kept.later!.nextAt}.`,
  ])
  await passDays(31, world.database, world.redis.client)
  expect((await world.run(D)).code).toBe(0)
  expect((await status()).canAdvance.reasons).toEqual(['The source is retired: there is nothing left to do.'])
})

test('has the keys that docs/commands.md names, and no other', () => {
  const page = readFileSync(resolve(import.meta.dirname, '../../docs/commands.md'), 'utf8')
  const table = page.slice(page.indexOf('<!-- keys: status --json -->'), page.indexOf('<!-- end -->'))
  const rows = table.split('\n').filter((it) => it.startsWith('| `'))
  const named = rows.flatMap((it) => [...it.split('|')[1]!.matchAll(/`([^`]+)`/g)].map(([, key]) => key!))
  const elsewhere = ['plans[].later', 'environment', 'lease.holder', 'lease.since', 'lease.until', 'lease.id']
  expect([...seen].filter((it) => !named.includes(it)).sort()).toEqual([])
  expect(named.filter((it) => !seen.has(it) && !elsewhere.includes(it))).toEqual([])
})
