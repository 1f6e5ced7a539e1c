import { oneWayOf } from '../mapping/way-back.ts'
import { list, object, text } from '../plan/schema-parts.ts'
import { readSoak } from '../state/flips.ts'
import { readCounters } from '../state/metrics.ts'
import type { Check, Scope } from './check.ts'
import { counted, listed } from './counted.ts'
import { fail, pass } from './finding.ts'
import { unmapped } from './unmapped.ts'

export const oneWay: Check<{ readonly accept?: readonly string[] }> = {
  name: 'one_way',
  code: 'KV332',
  always: ['C'],
  summary: 'Every column has a way back to the source, or the plan accepts what the way back loses.',
  options: object(
    {
      accept: {
        ...list(text('the name of a column')),
        description: 'Columns whose way back loses something that nobody needs. Say because beside it.',
      },
    },
    { title: 'a map with accept' },
  ),
  run: async (scope, { accept = [] }) => {
    const { plan, compiled } = scope
    // What gate B had found in order, the application may have changed since: then all is looked at again.
    const dropped = (await wroteUnmapped(scope)) ? await unmapped.run(scope, {}) : undefined
    if (dropped && dropped.status !== 'pass') return { ...dropped, check: oneWay.name, code: oneWay.code }
    const lossy = oneWayOf(plan, compiled)
    const open = lossy.filter((it) => !accept.includes(it.column))
    const columns = [...new Set(lossy.map((it) => it.column))]
    const facts = {
      measured:
        lossy.length === 0
          ? 'Every column has a way back.'
          : `${counted(lossy.length, 'column has', 'columns have')} none: ${listed(columns)}${open.length === 0 ? ', which is accepted: in C they are read by SQL or store()' : ''}.`,
      expected: oneWay.summary,
      samples: open.map((it) => `${it.table}.${it.column}: ${it.why}`),
      data: { columns: lossy.map(({ table, column, why }) => ({ table, column, why })) },
    }
    return open.length === 0
      ? pass(oneWay, facts)
      : fail(oneWay, {
          ...facts,
          hint: `In C a wrapped client cannot be answered from such rows (ONE_WAY), and reconcile cannot write them back. Keep the form of the source in a column of its own; or read them by SQL or store(), and accept it: gates: { C: [{ one_way: { accept: [${columns.map((it) => (it === '*' ? "'*'" : it)).join(', ')}] }, because: … }] }.`,
        })
  },
}

/** Has the application written what no column takes, since dual-write is complete? */
async function wroteUnmapped({ target, plan }: Scope): Promise<boolean> {
  const soaked = await readSoak(target, plan.name)
  if (!soaked) return false
  const counters = await readCounters(target, plan.name, { fromMillis: soaked.millis })
  return (counters.get('write.unmapped') ?? 0) > 0
}
