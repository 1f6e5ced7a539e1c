/** A mapping from `k:{id}` into table `t`, and an entry that it meets. */
export interface RejectCase {
  /** Columns beside `id`, which is the primary key. */
  readonly columns: string
  /** The mapping, without match and into. */
  readonly mapping: string
  /** What the source holds. */
  readonly entry: string
  /** Captures other than `id`. */
  readonly match?: string
}

export interface RejectExample {
  readonly wrong: RejectCase
  readonly right: RejectCase
}

/** The same lines, as a reader of a plan knows them. */
export const showCase = ({ columns, mapping, entry, match }: RejectCase): string =>
  [`match: ${match ?? 'k:{id}'}`, mapping, `columns: { id: text, ${columns} }`, `entry: ${entry}`].join('\n')

type Part = Partial<RejectCase>

/** The right way out is the same case with something changed: the plan where the data is right, else the data. */
const example = (wrong: RejectCase, change: Part): RejectExample => ({
  wrong,
  right: { ...wrong, ...change },
})

const json = (value: string): string => `{ key: 'k:1', string: '${value}' }`
const field = (expression: string): string =>
  `decode: json\nfields:\n  id: $id\n  v: ${expression.includes(': ') ? `"${expression}"` : expression}`

/**
 * For each reason that a mapping can give: a record that is turned away for it, and what takes it, or the record as it should be. Both
 * are run by the tests. What only the database can say is in `stored-examples.ts`.
 */
export const REJECT_EXAMPLES: Readonly<Record<string, RejectExample>> = {
  CAPTURE_TYPE: example(
    {
      match: 'k:{id:int}',
      columns: 'v: text',
      mapping: 'type: string\nfields: { id: $id | text, v: $value }',
      entry: "{ key: 'k:undefined', string: x }",
    },
    { match: 'k:{id}', mapping: 'type: string\nfields: { id: $id, v: $value }' },
  ),
  CODEC_MISMATCH: example(
    {
      columns: 'v: text',
      mapping: 'decode: [base64, json]\nfields: { id: $id, v: v }',
      entry: json('{"v":"x"}'),
    },
    { mapping: 'decode: json\nfields: { id: $id, v: v }' },
  ),
  DOUBLE_ENCODED_JSON: example(
    { columns: 'v: text', mapping: field('v'), entry: json('"{\\"v\\":\\"x\\"}"') },
    { mapping: 'decode: json until object\nfields: { id: $id, v: v }' },
  ),
  DUPLICATE_JSON_KEY: example(
    { columns: 'v: text', mapping: field('v'), entry: json('{"v":"x","v":"y"}') },
    { entry: json('{"v":"x"}') },
  ),
  FIELD_MISSING: example(
    { columns: 'v: text not null', mapping: field('v'), entry: json('{}') },
    { mapping: field("v | default('')") },
  ),
  INT_OUT_OF_RANGE: example(
    { columns: 'v: integer', mapping: field('v'), entry: json('{"v":1767830400000}') },
    { columns: 'v: bigint' },
  ),
  INVALID_JSON: example(
    { columns: 'v: text', mapping: field('v'), entry: json('{"v":') },
    { entry: json('{"v":"x"}') },
  ),
  INVALID_UTF8: example(
    {
      columns: 'v: text',
      mapping: 'type: string\nfields: { id: $id, v: $value }',
      entry: "{ key: 'k:1', string: { base64: wyg= } }",
    },
    { columns: 'v: bytea', mapping: 'type: string\ndecode: bytes\nfields: { id: $id, v: $value }' },
  ),
  INVALID_UTF8_KEY: example(
    {
      columns: 'v: text',
      mapping: 'type: string\nfields: { id: $id, v: $value }',
      entry: '{ key: { base64: azrDKA== }, string: x }',
    },
    { entry: "{ key: 'k:é', string: x }" },
  ),
  JSON_TOO_DEEP: example(
    { columns: 'v: jsonb', mapping: field('v'), entry: json(`{"v":${'['.repeat(1001)}${']'.repeat(1001)}}`) },
    { entry: json('{"v":[[1]]}') },
  ),
  KEY_TYPE_MISMATCH: example(
    {
      columns: 'v: text',
      mapping: 'type: string\nfields: { id: $id, v: $value }',
      entry: "{ key: 'k:1', hash: { v: x } }",
    },
    { mapping: 'type: hash\nfields: { id: $id, v: v }' },
  ),
  LONE_SURROGATE: example(
    { columns: 'v: text', mapping: field('v'), entry: json('{"v":"\\ud83d"}') },
    { mapping: `${field('v')}\ntext: replace` },
  ),
  LOSSY_FLOAT: example(
    { columns: 'v: real', mapping: field('v'), entry: json('{"v":0.123456789012}') },
    { columns: 'v: numeric' },
  ),
  LOSSY_PRECISION: example(
    { columns: 'v: date', mapping: field('v | date'), entry: json('{"v":"2026-01-08T10:00:00Z"}') },
    { columns: 'v: timestamptz', mapping: field('v | iso') },
  ),
  LOSSY_ROUNDING: example(
    { columns: "v: 'numeric(12,2)'", mapping: field('v'), entry: json('{"v":9.995}') },
    { columns: "v: 'numeric(12,3)'" },
  ),
  NON_CANONICAL_NUMBER: example(
    { columns: 'v: integer', mapping: field('v | int'), entry: json('{"v":"007"}') },
    { columns: 'v: text', mapping: field('v') },
  ),
  NON_FINITE: example(
    { columns: 'v: numeric', mapping: field('v | decimal'), entry: json('{"v":"Infinity"}') },
    { mapping: field("v | null_if('Infinity') | decimal") },
  ),
  NOT_A_BOOLEAN: example(
    { columns: 'v: boolean', mapping: field('v | bool'), entry: json('{"v":"yes"}') },
    { mapping: field("v | bool('yes', 'no')") },
  ),
  NOT_A_DATE: example(
    { columns: 'v: date', mapping: field('v | date'), entry: json('{"v":"2026-02-30"}') },
    { entry: json('{"v":"2026-02-28"}') },
  ),
  NOT_A_NUMBER: example(
    { columns: 'v: numeric', mapping: field('v | decimal'), entry: json('{"v":"n/a"}') },
    { mapping: field("v | null_if('n/a') | decimal") },
  ),
  NOT_A_TIMESTAMP: example(
    { columns: 'v: timestamptz', mapping: field('v | iso'), entry: json('{"v":"01/08/2026"}') },
    { entry: json('{"v":"2026-01-08T00:00:00Z"}') },
  ),
  NOT_A_UUID: example(
    { columns: 'v: uuid', mapping: field('v'), entry: json('{"v":"42"}') },
    { columns: 'v: text' },
  ),
  NOT_AN_INTEGER: example(
    { columns: 'v: integer', mapping: field('v | int'), entry: json('{"v":"4.5"}') },
    { columns: 'v: numeric', mapping: field('v | decimal') },
  ),
  NOT_IN_ENUM: example(
    { columns: 'v: text', mapping: field('v | map({ A: active })'), entry: json('{"v":"X"}') },
    { mapping: field('v | map({ A: active, X: deleted })') },
  ),
  NOT_THE_SAME: example(
    {
      columns: 'v: text',
      mapping: 'decode: json\nfields: { id: "same($id, id)", v: v }',
      entry: json('{"id":"2","v":"x"}'),
    },
    { entry: json('{"id":"1","v":"x"}') },
  ),
  NOT_WANTED: example(
    {
      columns: 'v: text',
      mapping: `${field('v')}\nwhere: has(r.v)\notherwise: reject`,
      entry: json('{"w":"x"}'),
    },
    { entry: json('{"v":"x"}') },
  ),
  NUL_IN_JSON: example(
    { columns: 'v: jsonb', mapping: field('v'), entry: json('{"v":["\\u0000"]}') },
    { mapping: `${field('v')}\ntext: replace` },
  ),
  NUL_IN_TEXT: example(
    {
      columns: 'v: text',
      mapping: 'type: string\nfields: { id: $id, v: $value }',
      entry: "{ key: 'k:1', string: { base64: AA== } }",
    },
    { columns: 'v: bytea', mapping: 'type: string\ndecode: bytes\nfields: { id: $id, v: $value }' },
  ),
  NULL_NOT_ALLOWED: example(
    { columns: 'v: text not null', mapping: field('v'), entry: json('{"v":null}') },
    { columns: 'v: text' },
  ),
  NUMERIC_OVERFLOW: example(
    { columns: "v: 'numeric(4,2)'", mapping: field('v'), entry: json('{"v":1000}') },
    { columns: "v: 'numeric(12,2)'" },
  ),
  TEXT_TOO_LONG: example(
    { columns: "v: 'varchar(3)'", mapping: field('v'), entry: json('{"v":"long"}') },
    { columns: 'v: text' },
  ),
  TIMESTAMP_IMPLAUSIBLE: example(
    { columns: 'v: timestamptz', mapping: field('v | epoch_ms'), entry: json('{"v":1767830400}') },
    { mapping: field('v | epoch_s') },
  ),
  TIMEZONE_MISSING: example(
    { columns: 'v: timestamptz', mapping: field('v | iso'), entry: json('{"v":"2026-01-08T10:00:00"}') },
    { mapping: field("v | iso('UTC')") },
  ),
  TRANSFORM: example(
    { columns: 'v: text', mapping: `where: r.v.size() > 0\n${field('v')}`, entry: json('{"v":5}') },
    { mapping: `where: has(r.v)\n${field('v | text')}` },
  ),
  TYPE_MISMATCH: example(
    {
      columns: 'v: timestamptz',
      mapping: field('v | epoch_ms'),
      entry: json('{"v":"2026-01-08T10:00:00Z"}'),
    },
    { mapping: field('v | iso') },
  ),
}
