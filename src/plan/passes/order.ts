import type { Diagnostic } from '../../diagnostic.ts'
import { sameTable, showTable } from '../table.ts'
import {
  type Draft,
  edges,
  findTable,
  type OrderedPlan,
  type Pass,
  type PlacedTable,
  refuse,
  stepsAbout,
} from './pass.ts'

/** What a plan copies comes after what the plans before it copy. */
export const orderByPlan: Pass = (draft) => ({
  edges: draft.plans.flatMap((later) =>
    draft.plans
      .filter(({ plan }) => later.behind.has(plan.name))
      .flatMap((earlier) => edges(copies(draft, later), lastWork(draft, earlier))),
  ),
})

/**
 * A table of the application has its foreign keys from the start, so its rows are copied after those they refer to. (For a table of a
 * plan the constraint comes after the copy, and any order will do.)
 */
export const orderByReference: Pass = (draft) => {
  const enforced = draft.tables.flatMap((child) =>
    child.definition.owner === 'schema' && child.fillers.length > 0
      ? child.definition.references.map((reference) => ({ child, reference }))
      : [],
  )
  const toItself = enforced.filter(({ child, reference }) => sameTable(child.definition.name, reference.to))
  const toOthers = enforced.filter((it) => !toItself.includes(it))
  const circle = findCircle(
    draft,
    toOthers.map(({ child, reference }) => [child, findTable(draft, reference.to)]),
  )
  if (circle) return { diagnostics: [circle] }
  return {
    edges: toOthers.flatMap(({ child, reference }) =>
      edges(
        stepsAbout(draft, child.definition.name, 'backfill'),
        stepsAbout(draft, reference.to, 'backfill'),
      ),
    ),
    diagnostics: [...new Set(toItself.map(({ child }) => child))].map(refersToItself),
  }
}

const copies = ({ steps }: Draft, { plan }: OrderedPlan): readonly string[] =>
  steps.flatMap((it) => (it.kind === 'backfill' && it.plan === plan.name ? [it.id] : []))

function lastWork(draft: Draft, ordered: OrderedPlan): readonly string[] {
  const copied = copies(draft, ordered)
  if (copied.length > 0) return copied
  return draft.steps.flatMap((it) => (it.kind === 'table' && it.plan === ordered.plan.name ? [it.id] : []))
}

function findCircle(
  draft: Draft,
  references: readonly (readonly [PlacedTable, PlacedTable | undefined])[],
): Diagnostic | undefined {
  const parents = (table: PlacedTable) =>
    references.flatMap(([child, parent]) => (child === table && parent ? [parent] : []))
  for (const start of draft.tables) {
    const path = pathBack(start, parents)
    if (!path) continue
    const names = [...path, start].map(({ definition }) => showTable(definition.name))
    return refuse(
      'KV102',
      start.definition.at,
      `Foreign keys of the application’s tables form a circle, so no row can be the first: ${names.join(' ► ')}.`,
      'Drop one of these constraints for the time of the migration, or let the plan declare the tables: then foreign keys come after the copy.',
    )
  }
  return undefined
}

function pathBack(
  start: PlacedTable,
  parents: (table: PlacedTable) => readonly PlacedTable[],
): readonly PlacedTable[] | undefined {
  const seen = new Set<PlacedTable>()
  const open: PlacedTable[][] = [[start]]
  for (const path of open) {
    for (const parent of parents(path.at(-1)!)) {
      if (parent === start) return path
      if (!seen.has(parent)) open.push([...path, parent])
      seen.add(parent)
    }
  }
  return undefined
}

const refersToItself = ({ definition }: PlacedTable): Diagnostic => ({
  severity: 'warning',
  code: 'KV107',
  message: `The application’s table ${showTable(definition.name)} has a foreign key to itself, and rows come in the order of the source: a row that comes before the one it refers to is quarantined.`,
  hint: 'Drop the constraint for the time of the migration, or replay with "kvmig retry".',
  at: definition.at,
})
