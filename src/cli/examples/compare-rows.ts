import type { ComparedColumn, ComparedRow } from '../../report/report.ts'
import { differencesInside } from './differences-inside.ts'
import type { Embedded, StoredRow } from './embedded.ts'
import { showExpected } from './expected-text.ts'

type Expected = ReadonlyMap<string, unknown>

/**
 * Pairs the rows that an example expects of a table with those that were made, each with the one it is most like, and says what differs.
 * Columns that the example leaves out are not compared.
 */
export async function compareRows(
  table: string,
  expected: readonly Expected[],
  actual: readonly StoredRow[],
  embedded: Embedded,
): Promise<readonly ComparedRow[]> {
  const pairs: { row: Expected; made: StoredRow; columns: readonly ComparedColumn[]; same: number }[] = []
  for (const row of expected) {
    for (const made of actual) {
      const columns = await compareColumns(row, made, embedded)
      pairs.push({ row, made, columns, same: columns.filter((it) => it.same).length })
    }
  }
  pairs.sort((a, b) => likeness(b) - likeness(a))
  const left = { expected: new Set(expected), actual: new Set(actual) }
  const compared = new Map<Expected, ComparedRow>()
  for (const { row, made, columns } of pairs) {
    if (!left.expected.has(row) || !left.actual.has(made)) continue
    left.expected.delete(row)
    left.actual.delete(made)
    compared.set(row, { table, status: columns.every((it) => it.same) ? 'same' : 'different', columns })
  }
  return [
    ...expected.map((row) => compared.get(row) ?? missing(table, row)),
    ...[...left.actual].map((made) => extra(table, made)),
  ]
}

async function compareColumns(
  row: Expected,
  made: StoredRow,
  embedded: Embedded,
): Promise<readonly ComparedColumn[]> {
  const columns: ComparedColumn[] = []
  for (const [column, expected] of row) {
    const actual = made.cells.get(column) ?? 'NULL'
    const { same, shown } = await embedded.compare(made, column, expected)
    columns.push({
      column,
      expected: shown,
      actual,
      same,
      ...(same ? {} : { inside: differencesInside(column, shown, actual) }),
    })
  }
  return columns
}

const missing = (table: string, row: Expected): ComparedRow => ({
  table,
  status: 'missing',
  columns: [...row].map(([column, expected]) => ({ column, expected: showExpected(expected), same: false })),
})

const extra = (table: string, { cells }: StoredRow): ComparedRow => ({
  table,
  status: 'extra',
  columns: [...cells].map(([column, actual]) => ({ column, actual: actual ?? 'NULL', same: false })),
})

const likeness = ({
  same,
  columns,
}: {
  readonly same: number
  readonly columns: readonly ComparedColumn[]
}): number => same / Math.max(1, columns.length)
