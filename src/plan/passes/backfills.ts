import { besides } from '../beside.ts'
import { type Mapping, mappingsOf } from '../plan.ts'
import { edges, type Filler, findTable, type Pass, place, stepsAbout } from './pass.ts'

/** A backfill for each mapping, after its table, and after the mappings into the same table that come before it. */
export const addBackfills: Pass = (draft) => {
  const tableOf = ({ into }: Mapping) => findTable(draft, into)?.definition
  const backfills = draft.plans.flatMap(({ plan }) => {
    const beside = besides(plan, draft.project, tableOf)
    return mappingsOf(plan).flatMap((mapping) => {
      const table = tableOf(mapping)
      if (!table) return []
      return [
        {
          ...place(plan.name, 'backfill', mapping.name),
          plan: plan.name,
          source: plan.source,
          mapping,
          table,
          beside: beside.get(mapping)!,
        },
      ]
    })
  })
  const idOf = ({ plan, mapping }: Filler) => place(plan, 'backfill', mapping.name).id
  return {
    steps: backfills,
    edges: [
      ...backfills.flatMap(({ id, table }) => edges([id], stepsAbout(draft, table.name, 'table'))),
      ...draft.tables.flatMap(({ fillers }) =>
        fillers.flatMap((later, index) => {
          const earlier = fillers.slice(0, index).filter((it) => couldMeet(it.mapping, later.mapping))
          return edges([idOf(later)], earlier.map(idOf))
        }),
      ),
    ],
  }
}

/**
 * Could two mappings into one table give the same row? Not where both keep the source key as it is in the same column of their key, and
 * read different keys: then neither has to wait, and one pass over the source serves both.
 */
export function couldMeet(one: Mapping, other: Mapping): boolean {
  const sameEntries = one.match.source === other.match.source && one.type === other.type
  const keptKey = (mapping: Mapping) =>
    mapping.fields.flatMap(({ column, expression }) =>
      mapping.key.includes(column) &&
      expression.kind === 'root' &&
      expression.root === 'key' &&
      expression.path.length === 0
        ? [column]
        : [],
    )
  const shared = keptKey(one).filter((it) => keptKey(other).includes(it))
  return sameEntries || shared.length === 0
}
