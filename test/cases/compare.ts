import type { Case } from './case.ts'
import type { Store } from './stores.ts'

/** Rows that are expected and not there, and the other way round; Postgres does the typing, over the columns that the rows name. */
export async function differences(store: Store, it: Pick<Case, 'rows'>): ReturnType<Store['query']> {
  const statements = [...it.rows].map(([table, rows], index) => {
    const name = quote(table)
    const columns = Object.keys(Object.assign({}, ...rows))
      .map(quote)
      .join(', ')
    const expected = `SELECT ${columns} FROM jsonb_populate_recordset(NULL::${name}, $1::jsonb -> ${index})`
    const actual = `SELECT ${columns} FROM ${name}`
    return `SELECT 'missing' AS kind, '${table}' AS "table", to_jsonb(x) AS "row" FROM (${expected} EXCEPT ALL ${actual}) x
      UNION ALL SELECT 'extra', '${table}', to_jsonb(x) FROM (${actual} EXCEPT ALL ${expected}) x`
  })
  return store.query(statements.join('\nUNION ALL '), [JSON.stringify([...it.rows.values()])])
}

/** Every row with the transaction that wrote it: a row written again, even with the same values, shows. */
export const everyRow = (store: Store, it: Pick<Case, 'rows'>) =>
  store.query(
    `${[...it.rows.keys()]
      .map((table) => `SELECT '${table}' AS "table", xmin::text, x::text AS "row" FROM ${quote(table)} x`)
      .join(' UNION ALL ')} ORDER BY 1, 3`,
  )

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`
