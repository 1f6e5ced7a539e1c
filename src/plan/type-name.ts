import type { BaseType, ColumnType } from './table.ts'

/** A type by its name and modifiers, as far as kvmig has to know it. `sql` is what it is written as. */
export function columnType(
  name: string,
  modifiers: readonly number[],
  { sql, array }: { sql: string; array: boolean },
): ColumnType {
  const [first, second] = modifiers
  const known = Object.hasOwn(ALIASES, name) ? ALIASES[name]! : 'other'
  if (name === 'float') {
    return { base: first !== undefined && first <= 24 ? 'real' : 'double precision', array, sql }
  }
  const type = { base: known, array, sql }
  // Postgres reads `char` as `char(1)`, but `bpchar` as unlimited.
  if (known === 'char' && name !== 'bpchar') return { ...type, length: first ?? 1 }
  if (first === undefined) return type
  if (known === 'varchar' || known === 'char') return { ...type, length: first }
  if (known === 'numeric') return { ...type, precision: first, scale: second ?? 0 }
  if (known === 'timestamptz' || known === 'timestamp') return { ...type, fraction: first }
  if (known === 'vector') return { ...type, dimensions: first }
  return type
}

/** Does the type bring a sequence and NOT NULL with it? */
export const isSerial = (name: string): boolean => SERIAL.has(name)

/** Names of one type for another; what is missing here and in BASE_TYPES is `other`. */
const ALIASES: Readonly<Record<string, BaseType>> = {
  text: 'text',
  varchar: 'varchar',
  'character varying': 'varchar',
  char: 'char',
  character: 'char',
  bpchar: 'char',
  smallint: 'smallint',
  int2: 'smallint',
  smallserial: 'smallint',
  serial2: 'smallint',
  integer: 'integer',
  int: 'integer',
  int4: 'integer',
  serial: 'integer',
  serial4: 'integer',
  bigint: 'bigint',
  int8: 'bigint',
  bigserial: 'bigint',
  serial8: 'bigint',
  numeric: 'numeric',
  decimal: 'numeric',
  dec: 'numeric',
  real: 'real',
  float4: 'real',
  'double precision': 'double precision',
  float8: 'double precision',
  boolean: 'boolean',
  bool: 'boolean',
  timestamptz: 'timestamptz',
  'timestamp with time zone': 'timestamptz',
  timestamp: 'timestamp',
  'timestamp without time zone': 'timestamp',
  date: 'date',
  uuid: 'uuid',
  json: 'json',
  jsonb: 'jsonb',
  bytea: 'bytea',
  vector: 'vector',
}

/** What types may be called by, as people write them. */
export const TYPE_NAMES: readonly string[] = Object.keys(ALIASES)

const SERIAL = new Set(['smallserial', 'serial2', 'serial', 'serial4', 'bigserial', 'serial8'])
