import type { Case } from './case.ts'
import type { Store } from './stores.ts'

/**
 * Rows that are expected and not there, and the other way round; Postgres does the typing. What no expected row names has to be empty:
 * values of other columns, and other tables.
 */
export async function differences(store: Store, it: Compared): ReturnType<Store['query']> {
  const rows = await rowDifferences(store, it)
  return [...rows, ...(await unnamed(store, it))]
}

async function unnamed(store: Store, it: Compared): ReturnType<Store['query']> {
  const columns = await store.query(
    `SELECT table_name AS "table", column_name AS "column" FROM information_schema.columns
      WHERE table_schema = 'public' AND NOT (SELECT relispartition FROM pg_class WHERE oid = quote_ident(table_name)::regclass)
      ORDER BY table_name, ordinal_position`,
  )
  const statements = columns.flatMap(({ table, column }) => {
    const rows = it.rows.get(String(table))
    // What was there before the migration is nobody's to compare.
    if (!rows && new RegExp(`insert into ${table}\\b`, 'i').test(it.ddl ?? '')) return []
    if (rows?.some((row) => Object.hasOwn(row, String(column)))) return []
    const kind = rows ? 'unnamed column' : 'unnamed table'
    return `SELECT '${kind}' AS kind, '${table}' AS "table", to_jsonb(x) AS "row" FROM ${quote(String(table))} x${rows ? ` WHERE ${quote(String(column))} IS NOT NULL` : ''}`
  })
  return statements.length > 0 ? store.query(statements.join(' UNION ')) : []
}

async function rowDifferences(store: Store, it: Compared): ReturnType<Store['query']> {
  // json has no equality: its texts are compared as what they say.
  const json = new Set(
    (
      await store.query(
        `SELECT attrelid::regclass::text AS "table", attname AS "column" FROM pg_attribute WHERE atttypid = 'json'::regtype AND attnum > 0`,
      )
    ).map(({ table, column }) => `${table} ${column}`),
  )
  const statements = [...it.rows].map(([table, rows], index) => {
    const name = quote(table)
    const columns = Object.keys(Object.assign({}, ...rows))
      .map((column) => (json.has(`${table} ${column}`) ? `${quote(column)}::jsonb` : quote(column)))
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

type Compared = Pick<Case, 'rows'> & Partial<Pick<Case, 'ddl'>>
