import type { BaseType, ColumnType, TableName } from '../plan/table.ts'
import type { Transaction } from './target.ts'

/** What the catalog says about a table. */
export interface TableFacts {
  readonly name: TableName
  readonly kind: 'table' | 'partitioned' | 'partition' | 'view' | 'other'
  readonly owner: string
  /** May the role of this connection run DDL on it? */
  readonly owned: boolean
  readonly columns: readonly ColumnFacts[]
  readonly primaryKey: readonly string[]
  /** Unique constraints and unique indexes over columns, without those that cover only some rows; the primary key is not among them. */
  readonly unique: readonly (readonly string[])[]
  readonly indexes: readonly IndexFacts[]
  readonly foreignKeys: readonly ForeignKeyFacts[]
  readonly checks: readonly {
    readonly name: string
    readonly definition: string
    readonly validated: boolean
  }[]
  /** Triggers that somebody wrote; those of foreign keys are left out. */
  readonly triggers: readonly { readonly name: string; readonly definition: string }[]
  readonly rowSecurity: boolean
  readonly unlogged: boolean
  /** The planner's guess; undefined before the first ANALYZE. */
  readonly rows: number | undefined
}

export interface ColumnFacts {
  readonly name: string
  readonly type: ColumnType
  readonly oid: number
  readonly notNull: boolean
  readonly default: string | undefined
  readonly generated: boolean
  readonly identity: 'always' | 'by default' | undefined
  /** The sequence behind a serial or identity column. */
  readonly sequence: TableName | undefined
}

export interface IndexFacts {
  readonly name: string
  readonly definition: string
  readonly unique: boolean
  /** False while or after a CREATE INDEX CONCURRENTLY that did not come to its end. */
  readonly valid: boolean
}

export interface ForeignKeyFacts {
  readonly name: string
  readonly columns: readonly string[]
  readonly to: TableName
  readonly toColumns: readonly string[]
  readonly onDelete: 'no action' | 'restrict' | 'cascade' | 'set null' | 'set default'
  readonly deferrable: boolean
  readonly validated: boolean
}

/** The tables of these names that exist, by `schema.table`. Needs no right on the tables themselves. */
export async function inspectTables(
  tx: Transaction,
  names: readonly TableName[],
): Promise<ReadonlyMap<string, TableFacts>> {
  const wanted = JSON.stringify(names)
  const rows = await tx.query(SQL, [wanted])
  return new Map(
    rows.map((row) => {
      const facts = readFacts(JSON.parse(row.facts!) as CatalogTable)
      return [`${facts.name.schema}.${facts.name.table}`, facts]
    }),
  )
}

/** One table; undefined where it is not there. */
export async function inspectTable(tx: Transaction, name: TableName): Promise<TableFacts | undefined> {
  return (await inspectTables(tx, [name])).get(`${name.schema}.${name.table}`)
}

// As the query below writes it.
interface CatalogTable extends Omit<TableFacts, 'columns' | 'kind' | 'rows'> {
  readonly relkind: string
  readonly partition: boolean
  readonly rows: number
  readonly columns: readonly CatalogColumn[]
}

interface CatalogColumn extends Omit<ColumnFacts, 'type' | 'default' | 'identity' | 'sequence'> {
  readonly typeName: string
  readonly typeSchema: string
  readonly typeKind: string
  readonly array: boolean
  readonly modifier: number
  readonly sql: string
  readonly labels: readonly string[] | null
  readonly default: string | null
  readonly identity: string
  readonly sequence: TableName | null
}

function readFacts({ relkind, partition, rows, columns, ...facts }: CatalogTable): TableFacts {
  const kinds: Readonly<Record<string, TableFacts['kind']>> = {
    r: 'table',
    p: 'partitioned',
    v: 'view',
    m: 'view',
  }
  return {
    ...facts,
    kind: partition ? 'partition' : (kinds[relkind] ?? 'other'),
    rows: rows < 0 ? undefined : rows,
    columns: columns.map((column) => ({
      name: column.name,
      type: columnType(column),
      oid: column.oid,
      notNull: column.notNull,
      default: column.default ?? undefined,
      generated: column.generated,
      identity: column.identity === 'a' ? 'always' : column.identity === 'd' ? 'by default' : undefined,
      sequence: column.sequence ?? undefined,
    })),
  }
}

function columnType(column: CatalogColumn): ColumnType {
  const { typeName, typeSchema, typeKind, array, modifier, labels } = column
  const sql = array ? column.sql.replace(/(\[\])+$/, '') : column.sql
  const base = typeKind === 'e' ? 'enum' : baseOf(typeSchema, typeName)
  const plain = { base, array, sql } as const
  if (base === 'enum') return { ...plain, labels: labels ?? [] }
  if (modifier < 0) return plain
  switch (base) {
    // Modifiers as format_type reads them: https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/
    case 'varchar':
    case 'char':
      return { ...plain, length: modifier - 4 }
    case 'numeric': {
      const bits = modifier - 4
      // Eleven bits with a sign: a scale may be negative since Postgres 15.
      return { ...plain, precision: (bits >> 16) & 0xffff, scale: ((bits & 0x7ff) ^ 1024) - 1024 }
    }
    case 'timestamptz':
    case 'timestamp':
      return { ...plain, fraction: modifier }
    case 'vector':
      return { ...plain, dimensions: modifier }
    default:
      return plain
  }
}

// Vectors come from an extension that may be installed anywhere; all others are Postgres's own.
const baseOf = (schema: string, name: string): BaseType =>
  name === 'vector' ? 'vector' : schema === 'pg_catalog' ? (BASES[name] ?? 'other') : 'other'

/** What kvmig calls the types of pg_catalog that it has a codec for. */
export const BASES: Readonly<Record<string, BaseType>> = {
  text: 'text',
  varchar: 'varchar',
  bpchar: 'char',
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  numeric: 'numeric',
  float4: 'real',
  float8: 'double precision',
  bool: 'boolean',
  timestamptz: 'timestamptz',
  timestamp: 'timestamp',
  date: 'date',
  uuid: 'uuid',
  json: 'json',
  jsonb: 'jsonb',
  bytea: 'bytea',
}

// Postgres's own arrays of column numbers, as names, in the order of the key.
const columnNames = (relation: string, numbers: string): string =>
  `(SELECT coalesce(json_agg(ka.attname ORDER BY k.n), '[]') FROM unnest(${numbers}) WITH ORDINALITY k(attnum, n)
    JOIN pg_attribute ka ON ka.attrelid = ${relation} AND ka.attnum = k.attnum)`

const list = (object: string, from: string, order: string): string =>
  `(SELECT coalesce(json_agg(json_build_object(${object}) ORDER BY ${order}), '[]') FROM ${from})`

const SQL = `
  SELECT json_build_object(
    'name', json_build_object('schema', n.nspname, 'table', c.relname),
    'relkind', c.relkind, 'partition', c.relispartition,
    'owner', pg_get_userbyid(c.relowner), 'owned', pg_has_role(c.relowner, 'USAGE'),
    'rowSecurity', c.relrowsecurity, 'unlogged', c.relpersistence = 'u', 'rows', c.reltuples::bigint,
    'columns', ${list(
      `'name', a.attname, 'oid', a.atttypid::bigint, 'notNull', a.attnotnull, 'generated', a.attgenerated <> '', 'identity', a.attidentity,
      'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END, 'modifier', a.atttypmod,
      'sql', format_type(a.atttypid, a.atttypmod), 'array', t.typcategory = 'A' AND t.typelem <> 0,
      'typeName', e.typname, 'typeSchema', en.nspname, 'typeKind', e.typtype,
      'labels', (SELECT json_agg(l.enumlabel ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = e.oid),
      'sequence', (SELECT json_build_object('schema', sn.nspname, 'table', s.relname) FROM pg_depend x
        JOIN pg_class s ON s.oid = x.objid AND s.relkind = 'S' JOIN pg_namespace sn ON sn.oid = s.relnamespace
        WHERE x.classid = 'pg_class'::regclass AND x.refclassid = 'pg_class'::regclass AND x.refobjid = c.oid
          AND x.refobjsubid = a.attnum AND x.deptype IN ('a', 'i') LIMIT 1)`,
      `pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        JOIN pg_type e ON e.oid = CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem ELSE t.oid END
        JOIN pg_namespace en ON en.oid = e.typnamespace LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped`,
      'a.attnum',
    )},
    'primaryKey', coalesce((SELECT ${columnNames('c.oid', 'p.conkey')} FROM pg_constraint p WHERE p.conrelid = c.oid AND p.contype = 'p'), '[]'),
    'unique', (SELECT coalesce(json_agg(columns), '[]') FROM (
      SELECT ${columnNames('c.oid', 'i.indkey[0:i.indnkeyatts - 1]')} AS columns FROM pg_index i
      WHERE i.indrelid = c.oid AND i.indisunique AND NOT i.indisprimary AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
        AND i.indexprs IS NULL ORDER BY i.indexrelid) u),
    'indexes', ${list(
      `'name', ic.relname, 'definition', pg_get_indexdef(i.indexrelid), 'unique', i.indisunique, 'valid', i.indisvalid`,
      'pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid WHERE i.indrelid = c.oid',
      'ic.relname',
    )},
    'foreignKeys', ${list(
      `'name', f.conname, 'columns', ${columnNames('c.oid', 'f.conkey')},
      'to', json_build_object('schema', fn.nspname, 'table', fc.relname), 'toColumns', ${columnNames('f.confrelid', 'f.confkey')},
      'onDelete', CASE f.confdeltype WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade' WHEN 'n' THEN 'set null' WHEN 'd' THEN 'set default' ELSE 'no action' END,
      'deferrable', f.condeferrable, 'validated', f.convalidated`,
      `pg_constraint f JOIN pg_class fc ON fc.oid = f.confrelid JOIN pg_namespace fn ON fn.oid = fc.relnamespace
        WHERE f.conrelid = c.oid AND f.contype = 'f'`,
      'f.conname',
    )},
    'checks', ${list(
      `'name', k.conname, 'definition', pg_get_constraintdef(k.oid), 'validated', k.convalidated`,
      `pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c'`,
      'k.conname',
    )},
    'triggers', ${list(
      `'name', g.tgname, 'definition', pg_get_triggerdef(g.oid)`,
      'pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal',
      'g.tgname',
    )}
  ) AS facts
  FROM json_to_recordset($1::json) AS wanted("schema" text, "table" text)
  JOIN pg_namespace n ON n.nspname = wanted."schema"
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted."table"
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')`
