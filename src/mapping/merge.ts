import { add } from '../decimal.ts'
import type { Merge } from '../plan/plan.ts'
import type { ColumnDefinition } from '../plan/table.ts'
import { type Cell, Decimal } from '../value.ts'
import { toCell } from './column.ts'
import { fromCell } from './from-cell.ts'
import { type CompareRank, compareRecords, type Member, settle } from './resolve.ts'

/** A record that gives a row, and its cells by column: as values, beside the bytes that Postgres has of them. */
export interface Contribution extends Member {
  readonly values: ReadonlyMap<string, Cell>
}

/** A row made of several records: whose it is where the ledger wants one name, and its cells by column. */
export interface MergedRow<C extends Contribution> {
  readonly owner: C
  readonly values: ReadonlyMap<string, Cell>
}

/**
 * The row that some records give between them. Columns with a rule are made of all of them, the others are those of the record that has
 * the row by the conflict policies. Depends on what the records are, never on how they came. `contested` where nobody chooses: the policies
 * do not, or `coalesce` finds two values in one mapping. Throws RejectError where a sum does not fit its column.
 */
export function mergeRecords<C extends Contribution>(
  records: readonly C[],
  {
    rules,
    columns,
    compare,
  }: {
    readonly rules: readonly Merge[]
    readonly columns: readonly ColumnDefinition[]
    readonly compare: CompareRank
  },
): MergedRow<C> | 'contested' {
  const merged = new Set(rules.map((it) => it.column))
  const owner = settle(
    records.map((it) => ({ ...it, merged, of: it })),
    compare,
  )
  if (owner === 'contested') return 'contested'
  const values = new Map([...owner.values].filter(([column]) => !merged.has(column)))
  const inOrder = records.toSorted(compareRecords)
  for (const { column, by } of rules) {
    const givers = inOrder.filter((it) => it.values.has(column))
    if (givers.length === 0) continue
    const definition = columns.find((it) => it.name === column)!
    const value = MERGE[by](
      givers.filter((it) => it.values.get(column) !== null),
      definition,
      compare,
    )
    if (value === 'contested') return 'contested'
    values.set(column, value.cell)
  }
  return { owner: owner.of, values }
}

type MergeColumn = (
  givers: readonly Contribution[],
  column: ColumnDefinition,
  compare: CompareRank,
) => { readonly cell: Cell } | 'contested'

/** All of these are about records that give a value: NULL takes no part. */
const MERGE: { readonly [by in Merge['by']]: MergeColumn } = {
  coalesce: (givers, { name }) => {
    const [first] = givers
    if (!first) return NOTHING
    const own = givers.filter((it) => it.writer === first.writer)
    const isOne = own.every((it) => it.cells.get(name)!.equals(first.cells.get(name)!))
    return isOne ? { cell: first.values.get(name)! } : 'contested'
  },
  greatest: foremost(1),
  least: foremost(-1),
  sum: (givers, column) => {
    if (givers.length === 0) return NOTHING
    const read = fromCell(column.type)
    const numbers = givers.map((it) => (read(it.values.get(column.name)!) as Decimal).text)
    return { cell: toCell(column, false)(new Decimal(numbers.reduce(add))) }
  },
}

const NOTHING = { cell: null }

function foremost(sign: 1 | -1): MergeColumn {
  return (givers, { name }, compare) => {
    const [first, ...others] = givers
    if (!first) return NOTHING
    const cellOf = (it: Contribution) => it.cells.get(name) ?? null
    const best = others.reduce(
      (a, b) => (sign * (compare(name, cellOf(b), cellOf(a)) ?? 0) > 0 ? b : a),
      first,
    )
    return { cell: best.values.get(name)! }
  }
}
