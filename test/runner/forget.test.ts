import { expect, test } from 'vitest'
import type { CheckRequest, Plan } from '../../src/plan/plan.ts'
import { forgetOld } from '../../src/runner/converge/forget.ts'
import { fleet, heartbeat } from '../../src/state/instances.ts'
import { addMetrics, readCounters } from '../../src/state/metrics.ts'
import { openLedger } from '../../src/state/postgres-ledger.ts'
import { freshTarget } from '../target/targets.ts'

const DAY = 86_400_000
const asking = (
  name: string,
  options: CheckRequest['options'] = {},
): Pick<Plan, 'name' | 'gates' | 'triggers'> => ({
  name,
  gates: new Map([['C' as const, [{ check: 'divergence', options, at: { file: '', offset: 0 } as never }]]]),
  triggers: new Map(),
})

test('what was measured is kept for as long as a check looks back, and for two days at least', async () => {
  const target = await freshTarget('postgres')
  await openLedger(target).install()
  for (const days of [0, 1, 3, 9, 20]) {
    const counters = [{ plan: 'p', name: 'shadow.match' as const, count: 1 }]
    await addMetrics(target, `of ${days}`, { latencies: [], counters })
    await target.transaction((tx) =>
      tx.query(`UPDATE kvmig.counter SET at = at - $1 * interval '1 day' WHERE instance = $2`, [
        days,
        `of ${days}`,
      ]),
    )
  }
  const left = async (plans: readonly unknown[]) => {
    await forgetOld(target, plans as readonly Plan[])
    return (await readCounters(target, 'p', { fromMillis: 100 * DAY })).get('shadow.match')
  }
  expect(await left([asking('p'), asking('q', { over: '10d' })])).toBe(4)
  expect(await left([asking('p', { unexplained: { over: '8d' } })])).toBe(3)
  expect(await left([asking('p', { at_least: 1000 })])).toBe(2)
})

test('an instance that never said good-bye is forgotten after a day', async () => {
  const target = await freshTarget('postgres')
  await openLedger(target).install()
  for (const id of ['alive', 'killed'])
    await heartbeat(target, { id, version: '1', host: 'h', epochs: new Map() })
  await target.transaction((tx) =>
    tx.query(`UPDATE kvmig.instance SET seen_at = seen_at - interval '25 hours' WHERE id = 'killed'`),
  )
  await forgetOld(target, [])
  expect((await fleet(target, 100 * DAY)).map((it) => it.id)).toEqual(['alive'])
})
