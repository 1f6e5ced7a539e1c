import type { Position } from '../diagnostic.ts'

/** A table's place. The schema is always known after loading (`target_schema` fills it in). */
export interface TableName {
  readonly schema: string
  readonly table: string
}

export const sameTable = (a: TableName, b: TableName): boolean => a.schema === b.schema && a.table === b.table
/** `app.users`: for messages and ids, not for SQL. */
export const showTable = ({ schema, table }: TableName): string =>
  schema === 'public' ? table : `${schema}.${table}`

/** A table as a plan (`tables:`) or the application (`schema:`) declares it. */
export interface TableDefinition {
  readonly name: TableName
  /** `plan`: kvmig creates it, and rollback of A drops it. `schema`: it belongs to the application. */
  readonly owner: 'plan' | 'schema'
  readonly columns: readonly ColumnDefinition[]
  readonly primaryKey: readonly string[]
  readonly unique: readonly (readonly string[])[]
  readonly indexes: readonly IndexDefinition[]
  readonly references: readonly Reference[]
  readonly checks: readonly string[]
  /** Raw tail of PARTITION BY, if any. */
  readonly partitionBy?: string
  readonly partitions?: Partitions
  readonly expiry?: Expiry
  /** The table, in the same schema, that keeps every change. */
  readonly history?: string
  readonly at: Position
}

/** Partitions that kvmig makes, by time. */
export interface Partitions {
  readonly every: 'day' | 'week' | 'month' | 'year'
  /** The first of them: a date. The present one unless said; what is older lies in the default partition. */
  readonly from?: string
  /** How many there are beyond the present one. */
  readonly ahead: number
  /** Makes a hypertable, where the server has TimescaleDB, and one plain table where not; undefined: partitions of Postgres. */
  readonly with?: 'timescaledb'
}

/** Rows that end by themselves. */
export interface Expiry {
  /** When a row expires; one without a time never does. */
  readonly column: string
  /** The view, in the table's schema, that shows the others only. */
  readonly view: string
  /** Who deletes them: a job in the database, or `kvmig sweep`. */
  readonly sweep: 'pg_cron' | 'kvmig'
}

export interface ColumnDefinition {
  readonly name: string
  readonly type: ColumnType
  readonly notNull: boolean
  /** SQL of the default expression, if any. */
  readonly default?: string
  readonly identity: boolean
  /** Written by Postgres itself (GENERATED … STORED): no mapping may fill it. */
  readonly generated: boolean
  /** The definition as written, after the column's name: `text not null default ''`. */
  readonly sql: string
  readonly at: Position
}

/** A column's type, as far as kvmig has to know it to accept a value or refuse it. */
export interface ColumnType {
  readonly base: BaseType
  /** One array level (`text[]`); Postgres does not tell dimensions apart. */
  readonly array: boolean
  /** varchar(n), char(n): code points. */
  readonly length?: number
  /** numeric(p, s). */
  readonly precision?: number
  readonly scale?: number
  /** timestamptz(n), timestamp(n): digits of a second. */
  readonly fraction?: number
  /** vector(n). */
  readonly dimensions?: number
  /** The labels, where `base` is `enum` and they are known. */
  readonly labels?: readonly string[]
  /** The type as written, without the array brackets: for SQL and for messages. */
  readonly sql: string
}

export const BASE_TYPES = [
  'text',
  'varchar',
  'char',
  'smallint',
  'integer',
  'bigint',
  'numeric',
  'real',
  'double precision',
  'boolean',
  'timestamptz',
  'timestamp',
  'date',
  'uuid',
  'json',
  'jsonb',
  'bytea',
  'vector',
  'enum',
  /** Anything else (inet, citext, a domain): the cell is text, and Postgres converts it. */
  'other',
] as const
export type BaseType = (typeof BASE_TYPES)[number]

export interface IndexDefinition {
  readonly name: string
  /** Columns, expressions, `created_at DESC`: SQL as written. */
  readonly columns: readonly string[]
  readonly unique: boolean
  /** btree unless said. */
  readonly using?: string
  readonly where?: string
  readonly at: Position
}

export interface Reference {
  readonly columns: readonly string[]
  readonly to: TableName
  readonly toColumns: readonly string[]
  readonly onDelete: 'no action' | 'restrict' | 'cascade' | 'set null' | 'set default'
  readonly deferrable: boolean
  readonly at: Position
}

/** The one column of `range (created_at)`. */
export const partitionColumn = (partitionBy: string | undefined): string | undefined =>
  /^\s*range\s*\(\s*"?([A-Za-z_]\w*)"?\s*\)\s*$/i.exec(partitionBy ?? '')?.[1]
