import { TargetError } from '../errors.ts'
import type { BaseType, ColumnType, TableName } from '../plan/table.ts'
import { showTable } from '../plan/table.ts'
import type { Transaction } from './target.ts'

/** A column's type with what only the database knows. */
export interface WireType {
  readonly type: ColumnType
  /** The type's OID; of an array, that of its elements. Enums and extensions have another one in every database. */
  readonly oid: number
  /** The type as any search path reads it: `public.mood[]`, `numeric(10,2)`. */
  readonly sql: string
  /** Where the type was made, if that is not Postgres itself: its operators are there too. */
  readonly schema?: string
}

/**
 * Looks up in the catalog what the named columns of a table are. Throws `TargetError` COLUMN_MISSING, and COLUMN_TYPE where a column is
 * not what the plan takes it for: rows are written and compared as bytes, which another type of the same width would read as other values.
 */
export async function wireTypes(
  tx: Transaction,
  table: TableName,
  columns: readonly { readonly name: string; readonly type: ColumnType }[],
): Promise<WireType[]> {
  const rows = await tx.query(
    `SELECT a.attname AS name, e.oid, CASE WHEN e.oid = t.oid THEN '' ELSE '[]' END AS brackets, f.sql AS written, nullif(n.nspname, 'pg_catalog') AS schema,
        CASE WHEN n.nspname = 'pg_catalog' THEN f.sql
          ELSE format('%I.%I', n.nspname, e.typname) || coalesce(substring(f.sql FROM '\\(.*\\)'), '')
            || CASE WHEN e.oid = t.oid THEN '' ELSE '[]' END
        END AS sql
      FROM pg_catalog.pg_attribute a
      JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
      JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
      JOIN pg_catalog.pg_type e ON e.oid = CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem ELSE t.oid END
      JOIN pg_catalog.pg_namespace n ON n.oid = e.typnamespace
      CROSS JOIN LATERAL (SELECT pg_catalog.format_type(a.atttypid, a.atttypmod) AS sql) f
      WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1) AND c.relname = $2
        AND a.attnum > 0 AND NOT a.attisdropped`,
    [table.schema, table.table],
  )
  const byName = new Map(rows.map((it) => [it.name, it]))
  return columns.map(({ name, type }) => {
    const row = byName.get(name)
    if (!row) {
      throw new TargetError(
        'COLUMN_MISSING',
        `Table ${showTable(table)} of the target has no column ${name}.`,
        {
          hint: 'Was the table changed? kvmig plan --live shows what is there.',
        },
      )
    }
    const oid = Number(row.oid)
    if ((row.brackets === '[]') !== type.array || !hasBytesOf(type.base, oid)) {
      throw new TargetError(
        'COLUMN_TYPE',
        `Column ${name} of table ${showTable(table)} is ${row.written}, and the plan says ${type.sql}${type.array ? '[]' : ''}.`,
        { hint: 'Was the table changed? Give the column back its type, or have the plan say the new one.' },
      )
    }
    return { type, oid, sql: row.sql!, ...(row.schema ? { schema: row.schema } : {}) }
  })
}

/** Do values of this type look as those of the type with this OID do? Texts of all kinds do, and what kvmig has no codec for is converted. */
function hasBytesOf(base: BaseType, oid: number): boolean {
  const found = BASE_OF.get(oid)
  if (base === found || base === 'other') return true
  if (TEXTS.has(base)) return found === undefined || TEXTS.has(found)
  return found === undefined && OIDS[base] === undefined
}

const TEXTS: ReadonlySet<BaseType> = new Set(['text', 'varchar', 'char', 'enum'])

/** The type of a column that Postgres itself defines, without asking a database. For enums, vectors and others use `wireTypes`. */
export function builtInType(type: ColumnType): WireType {
  const oid = OIDS[type.base]
  if (oid === undefined) throw new Error(`the OID of ${type.sql} is another one in every database`)
  return { type, oid, sql: type.array ? `${type.sql}[]` : type.sql }
}

const OIDS: Partial<Record<BaseType, number>> = {
  boolean: 16,
  bytea: 17,
  bigint: 20,
  smallint: 21,
  integer: 23,
  text: 25,
  json: 114,
  real: 700,
  'double precision': 701,
  char: 1042,
  varchar: 1043,
  date: 1082,
  timestamp: 1114,
  timestamptz: 1184,
  numeric: 1700,
  uuid: 2950,
  jsonb: 3802,
}

const BASE_OF: ReadonlyMap<number, BaseType> = new Map(
  Object.entries(OIDS).map(([base, oid]) => [oid, base as BaseType]),
)
