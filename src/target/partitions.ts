import type { TableName } from '../plan/table.ts'
import { qualified, quote } from './ddl.ts'
import { DatabaseError } from './error.ts'
import { inSavepoint } from './savepoint.ts'
import type { Transaction } from './target.ts'

export interface Partitioning {
  readonly every: 'day' | 'week' | 'month' | 'year'
  /** A date; the present period unless said. */
  readonly from?: string
  /** How many periods after the present one. */
  readonly ahead: number
}

export interface MadePartitions {
  readonly made: readonly string[]
  /** Partitions that could not be made: rows of their time lie in the default partition. */
  readonly blocked: readonly string[]
}

/**
 * Makes the partitions that are missing, from the first period up to so many after the present one by the server's clock (in UTC), and one
 * for whatever is outside of them. May be done again and again.
 */
export async function makePartitions(
  tx: Transaction,
  table: TableName,
  { every, from, ahead }: Partitioning,
): Promise<MadePartitions> {
  const periods = await tx.query(
    `SELECT to_char(start, 'YYYYMMDD') AS day, start::text AS low, (start + step)::text AS high
     FROM (SELECT ('1 ' || $1)::interval AS step) s,
       generate_series(date_trunc($1, coalesce($2::timestamptz, now())), date_trunc($1, now()) + step * $3::int, step) AS start`,
    [every, from ?? null, ahead],
  )
  const there = await partitionsOf(tx, table)
  const made: string[] = []
  const blocked: string[] = []
  for (const { day, low, high } of periods) {
    const name = `${table.table}_p${day}`
    if (there.has(name)) continue
    const values = `FROM (${literal(low!)}) TO (${literal(high!)})`
    try {
      await inSavepoint(tx, () => tx.query(partition(table, name, `FOR VALUES ${values}`)))
      made.push(name)
    } catch (error) {
      // check_violation: the default partition has rows that would belong here.
      if (!(error instanceof DatabaseError) || error.sqlState !== '23514') throw error
      blocked.push(name)
    }
  }
  const rest = `${table.table}_default`
  if (!there.has(rest)) {
    await tx.query(partition(table, rest, 'DEFAULT'))
    made.push(rest)
  }
  return { made, blocked }
}

async function partitionsOf(tx: Transaction, { schema, table }: TableName): Promise<ReadonlySet<string>> {
  const rows = await tx.query(
    `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
     JOIN pg_namespace n ON n.oid = p.relnamespace WHERE n.nspname = $1 AND p.relname = $2`,
    [schema, table],
  )
  return new Set(rows.map((it) => it.name!))
}

const partition = (table: TableName, name: string, values: string): string =>
  `CREATE TABLE ${quote(table.schema)}.${quote(name)} PARTITION OF ${qualified(table)} ${values}`

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
