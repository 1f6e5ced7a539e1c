import type { ColumnDefinition } from '../../plan/table.ts'

/** What an example expects in a column, as text that Postgres reads as a value of the column's type; null is NULL. */
export function castText(expected: unknown, column: ColumnDefinition | undefined): string | null {
  if (expected === null || expected === undefined) return null
  const base = column?.type.base
  if (column?.type.array && Array.isArray(expected)) return arrayText(expected)
  if (base === 'vector' && Array.isArray(expected)) return JSON.stringify(expected)
  if (base === 'json' || base === 'jsonb') return jsonText(expected)
  if (typeof expected === 'object') return jsonText(expected)
  return String(expected)
}

/** The same for people: as short as it was written. */
export const showExpected = (expected: unknown): string =>
  expected === null || expected === undefined
    ? 'NULL'
    : typeof expected === 'object'
      ? jsonText(expected)
      : String(expected)

const arrayText = (items: readonly unknown[]): string =>
  `{${items.map((it) => (it === null ? 'NULL' : `"${(typeof it === 'object' ? jsonText(it) : String(it)).replace(/["\\]/g, '\\$&')}"`)).join(',')}}`

// Integers beyond 2^53 are bigints in YAML as it is read here.
const jsonText = (value: unknown): string =>
  JSON.stringify(value, (_, it: unknown) => (typeof it === 'bigint' ? `\u0000${it}` : it)).replace(
    /"\\u0000(-?\d+)"/g,
    '$1',
  )
