import { digestOf } from './canonical.ts'
import { columnsEffect, mappingEffect } from './fingerprint.ts'
import { overlaps } from './key-overlap.ts'
import type { KeyPattern } from './key-pattern.ts'
import {
  type Counter,
  type Mapping,
  mappingsOf,
  type Plan,
  type Project,
  type Rule,
  type Skip,
  sharesEntries,
} from './plan.ts'
import type { TableDefinition } from './table.ts'

/**
 * A hash, for each mapping of a plan, of what else in the project decides which records it has: rules that may take the same keys (those
 * before it claim them, those behind it and the project's own take what its captures do not fit), and the mappings that read its entries
 * with it (a document is copied whole or not at all). `tableOf`: of a mapping, if there is one.
 */
export function besides(
  plan: Plan,
  project: Pick<Project, 'plans' | 'skips'>,
  tableOf: (mapping: Mapping) => TableDefinition | undefined,
): ReadonlyMap<Mapping, string> {
  const counters = project.plans
    .filter((it) => it.source === plan.source)
    .flatMap((it) => (it.sequences ?? []).flatMap((one) => counterKey(one) ?? []))
  const elsewhere = [
    ...project.plans
      .filter((it) => it.name !== plan.name && it.source === plan.source)
      .flatMap((it) => it.rules),
    ...project.skips,
  ]
  return new Map(
    mappingsOf(plan).map((mapping) => {
      const group = mappingsOf(plan).filter((it) => sharesEntries(it, mapping))
      const place = plan.rules.indexOf(group[0]!)
      const fits = misfitsToo(mapping.match)
      const touches = ({ match }: Mapping | Skip) => overlaps(fits, match) !== 'no'
      const own = plan.rules.flatMap((rule, index) =>
        group.some((it) => it === rule) || !touches(rule)
          ? []
          : [digestOf([index < place ? 'before' : 'behind', claimOf(rule)])],
      )
      const others = elsewhere.filter(touches).map((rule) => digestOf(['elsewhere', claimOf(rule)]))
      const counted = counters.filter((it) => overlaps(fits, it) !== 'no').map(({ parts }) => parts)
      const readers = group.map((it) => {
        const table = it === mapping ? undefined : tableOf(it)
        return it === mapping ? 'itself' : digestOf([mappingEffect(it), table && columnsEffect(it, table)])
      })
      return [mapping, digestOf([own.sort(), others.sort(), readers, ...counted])]
    }),
  )
}

/** The key that a counter has to itself; undefined where it is a field of a hash. */
export const counterKey = ({ key, field, at }: Counter): KeyPattern | undefined =>
  field === undefined ? { source: key, parts: [{ kind: 'literal', text: key }], at } : undefined

/** What a rule takes, whatever becomes of it then. */
function claimOf(rule: Rule): unknown {
  if (rule.kind === 'skip') return [rule.match.parts, rule.type]
  const { match, type, where } = rule
  return where ? mappingEffect(rule) : [match.parts, type]
}

/** The pattern, with captures that take text of any form: such keys are its mapping's to reject, unless another rule has them. */
const misfitsToo = (pattern: KeyPattern): KeyPattern => ({
  ...pattern,
  parts: pattern.parts.map((it) =>
    it.kind === 'capture' && it.type !== 'rest' ? { kind: 'capture', name: it.name, type: 'text' } : it,
  ),
})
