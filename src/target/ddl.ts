import type {
  ColumnDefinition,
  IndexDefinition,
  Reference,
  TableDefinition,
  TableName,
} from '../plan/table.ts'

/** A name as SQL reads it back unchanged. Throws for what Postgres would cut or refuse: plans are checked long before. */
export function quote(identifier: string): string {
  if (identifier === '' || identifier.includes('\0') || Buffer.byteLength(identifier) > 63) {
    throw new RangeError(`not a name for Postgres (1 to 63 bytes, no NUL): ${JSON.stringify(identifier)}`)
  }
  return `"${identifier.replaceAll('"', '""')}"`
}

export const qualified = ({ schema, table }: TableName): string => `${quote(schema)}.${quote(table)}`

/** The columns, primary key, unique constraints, checks and partitioning; indexes and foreign keys come later. */
export function createTable(table: TableDefinition): string {
  const parts = [
    ...table.columns.map(columnSql),
    ...(table.primaryKey.length > 0 ? [`PRIMARY KEY (${names(table.primaryKey)})`] : []),
    ...table.unique.map((columns) => `UNIQUE (${names(columns)})`),
    ...table.checks.map((check) => `CHECK (${check})`),
  ]
  const own = table.partitionBy !== undefined && table.partitions?.with === undefined
  const partitioned = own ? ` PARTITION BY ${table.partitionBy}` : ''
  return `CREATE TABLE ${qualified(table.name)} (\n  ${parts.join(',\n  ')}\n)${partitioned}`
}

/** An index whose column says no operator class, where pgvector wants one: it measures as `metric` says. */
export const isUnmeasured = ({ using, columns }: IndexDefinition): boolean =>
  using !== undefined && /^(hnsw|ivfflat)$/i.test(using) && columns.length === 1 && BARE.test(columns[0]!)

const BARE = /^([a-z_][\w$]*|"([^"]|"")+")$/i

export function createIndex(
  table: TableName,
  index: IndexDefinition,
  {
    concurrently = false,
    metric = 'l2',
  }: { readonly concurrently?: boolean; readonly metric?: 'l2' | 'cosine' | 'ip' | undefined } = {},
): string {
  const unique = index.unique ? ' UNIQUE' : ''
  const how = concurrently ? ' CONCURRENTLY' : ''
  const using = index.using === undefined ? '' : ` USING ${index.using}`
  const where = index.where === undefined ? '' : ` WHERE ${index.where}`
  const operators = isUnmeasured(index) ? ` vector_${metric}_ops` : ''
  const columns = `${index.columns.map(indexColumn).join(', ')}${operators}`
  return `CREATE${unique} INDEX${how} ${quote(index.name)} ON ${qualified(table)}${using} (${columns})${where}`
}

/** NOT VALID: it holds for new rows, and the rows that are there are looked at by `validateConstraint`. */
export function addForeignKey(table: TableName, name: string, reference: Reference): string {
  const to = reference.toColumns.length > 0 ? ` (${names(reference.toColumns)})` : ''
  const onDelete = reference.onDelete === 'no action' ? '' : ` ON DELETE ${reference.onDelete.toUpperCase()}`
  const deferrable = reference.deferrable ? ' DEFERRABLE INITIALLY IMMEDIATE' : ''
  return `ALTER TABLE ${qualified(table)} ADD CONSTRAINT ${quote(name)} FOREIGN KEY (${names(reference.columns)}) REFERENCES ${qualified(reference.to)}${to}${onDelete}${deferrable} NOT VALID`
}

export const validateConstraint = (table: TableName, constraint: string): string =>
  `ALTER TABLE ${qualified(table)} VALIDATE CONSTRAINT ${quote(constraint)}`

export const dropTable = (table: TableName): string => `DROP TABLE IF EXISTS ${qualified(table)}`

/** An index lies in the schema of its table. */
export const dropIndex = (schema: string, index: string): string =>
  `DROP INDEX IF EXISTS ${quote(schema)}.${quote(index)}`

export const dropConstraint = (table: TableName, constraint: string): string =>
  `ALTER TABLE IF EXISTS ${qualified(table)} DROP CONSTRAINT IF EXISTS ${quote(constraint)}`

export const createSchema = (schema: string): string => `CREATE SCHEMA IF NOT EXISTS ${quote(schema)}`

/** One that a plan's types come from goes to public, where the application finds it too; any other chooses its own place. */
export const createExtension = (extension: string, { optional }: { readonly optional?: true } = {}): string =>
  `CREATE EXTENSION IF NOT EXISTS ${quote(extension)}${optional ? '' : ' WITH SCHEMA public'}`

export const analyze = (table: TableName): string => `ANALYZE ${qualified(table)}`

/**
 * Moves the sequence behind a serial or identity column past the largest value there is, and past `count`; never back. Gives a row with
 * that value if it moved; `fits` is false where the sequence cannot go so far, and it stays. Nobody else may be drawing numbers meanwhile.
 */
export function setSequence(table: TableName, column: string, count?: bigint): string {
  const largest = `greatest((SELECT max(${quote(column)})::numeric FROM ${qualified(table)}), ${count ?? 'NULL'}::numeric)`
  return `SELECT CASE WHEN fits THEN setval(sequence, largest::bigint) END AS value, fits
    FROM (SELECT sequence, largest, largest <= q.seqmax AS fits
      FROM (SELECT pg_get_serial_sequence(${literal(qualified(table))}, ${literal(column)})::regclass AS sequence, ${largest} AS largest) s
      JOIN pg_sequence q ON q.seqrelid = sequence) t
    WHERE largest > coalesce(pg_sequence_last_value(sequence), 0)`
}

const names = (columns: readonly string[]): string => columns.map(quote).join(', ')

const columnSql = (column: ColumnDefinition): string => `${quote(column.name)} ${column.sql}`

// A column's name keeps its case; what follows it (DESC, an operator class, a collation) and expressions stay as they were written.
function indexColumn(sql: string): string {
  const [, name, rest] = /^([A-Za-z_][\w$]*)((?:\s+[\w$."]+)*)$/.exec(sql.trim()) ?? []
  return name === undefined ? sql : `${quote(name)}${rest}`
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
