import { type JsonSchema, list, map, name, object, oneOf, ref, text } from './schema-parts.ts'

/** What stands under `tables:`, with references into itself. */
export const tableDefinitions = (): JsonSchema => ({ table: TABLE, index: INDEX, reference: REFERENCE })

const NAMES = { ...list(name('the name of a column'), 'a list of columns'), minItems: 1 }
const SQL_LIST = {
  ...list(text('a column or an expression'), 'a list of columns and expressions'),
  minItems: 1,
}

const TABLE: JsonSchema = object(
  {
    columns: {
      ...map(text('a column definition, such as text not null'), 'a map from columns to their definitions'),
      minProperties: 1,
    },
    primary_key: NAMES,
    unique: { ...list(NAMES, 'a list of lists of columns'), description: 'Such as [[email]].' },
    indexes: map(ref('index'), 'a map from names to indexes'),
    references: list(ref('reference')),
    checks: list(text('a condition in SQL')),
    partition_by: text('SQL, such as range (created_at)'),
    partitions: object(
      {
        every: oneOf('a period', 'day', 'week', 'month', 'year'),
        from: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\d$', title: 'a date, such as 2026-01-01' },
        ahead: { type: 'integer', minimum: 1, maximum: 366, title: 'a whole number from 1' },
        with: oneOf('what makes them', 'timescaledb'),
      },
      {
        required: ['every'],
        title: 'a map with every, from, ahead, with',
        description: 'Partitions that kvmig makes.',
      },
    ),
    audit: {
      type: ['boolean', 'string'],
      title: 'true, or the name of a table',
      description: 'A history of every change: who, when, before and after. true: NAME_history.',
    },
    expiry: object(
      {
        column: name('the name of a column'),
        view: name('the name of a view'),
        sweep: oneOf('a sweeper', 'kvmig', 'pg_cron'),
      },
      {
        required: ['column'],
        title: 'a map with column, view, sweep',
        description: 'Rows that end by themselves: a view hides them, a sweeper deletes them.',
      },
    ),
  },
  { required: ['columns'], title: 'a table' },
)

const INDEX: JsonSchema = {
  type: ['array', 'object'],
  title: 'a list of columns and expressions, or a map with columns',
  items: text('a column or an expression'),
  minItems: 1,
  properties: {
    columns: SQL_LIST,
    unique: { type: 'boolean', title: 'true or false' },
    using: text('an index method, such as gin'),
    where: text('a condition in SQL'),
  },
  required: ['columns'],
  additionalProperties: false,
}

const REFERENCE: JsonSchema = object(
  {
    columns: NAMES,
    to: { ...text('a table with columns, such as users(id)'), pattern: '^[^()]+(\\([^()]+\\))?$' },
    on_delete: oneOf('an action', 'no action', 'restrict', 'cascade', 'set null', 'set default'),
    deferrable: { type: 'boolean', title: 'true or false' },
  },
  { required: ['columns', 'to'], title: 'a map with columns and to' },
)
