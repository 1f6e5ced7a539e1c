import { REJECT_CODES } from '../value.ts'
import type { OptionSignature, PlanCatalog } from './catalog.ts'
import { ENTRY_TYPES } from './plan.ts'
import {
  duration,
  type JsonSchema,
  keyPattern,
  list,
  map,
  name,
  object,
  oneOf,
  percentage,
  ref,
  text,
} from './schema-parts.ts'

/** Checks of the phases after A. Their names are known, so that plans can be written ahead; their options are not looked at yet. */
export const LATER_CHECKS = [
  'soak',
  'divergence',
  'write_errors',
  'error_rate',
  'data_loss',
  'reconciled',
  'load',
  'fleet',
  'rollback_drill',
  'idle',
  'latency',
  'reports',
  'command',
  'sql',
  'prometheus',
  'http',
] as const

/** Keys of the language that a later version understands, with where they belong. */
export const LATER_KEYS: ReadonlySet<string> = new Set([
  'chunks',
  'preset',
  'presets',
  'write',
  'one_way',
  'merge',
  'computed',
  'audit',
  'hooks',
])

/** A plan file, with references into `planDefinitions`. */
export function planShape(): JsonSchema {
  return object(
    {
      version: { const: 1, title: '1', description: 'The version of this language.' },
      plan: { ...name('the name of the plan'), description: 'One data type, such as messages.' },
      risk: {
        ...oneOf('a risk', 'low', 'medium', 'high'),
        description: 'Low-risk plans go first within a wave. Default medium.',
      },
      after: {
        ...list(text('the name of a plan')),
        description: 'Plans that come before this one. References between tables do so by themselves.',
      },
      source: { ...text('the name of a source'), description: 'Needed only where the project has several.' },
      mappings: {
        ...list(ref('rule'), 'a list of rules'),
        minItems: 1,
        description: 'Rules in order; the first that fits a key by template, type and where claims it.',
      },
      tables: {
        ...map(ref('table'), 'a map from names to tables'),
        description: 'Tables that kvmig creates.',
      },
      queries: {
        ...map(ref('query'), 'a map from names to queries'),
        description: 'SQL that the application runs, guarded by index_use.',
      },
      gates: object(
        { B: list(ref('gate_check')), C: list(ref('later_check')), D: list(ref('later_check')) },
        {
          title: 'a map with B, C, D',
          description: 'Checks that must pass before a phase begins, beside the mandatory ones.',
        },
      ),
      triggers: object(
        {
          A: list(ref('trigger')),
          B: list(ref('trigger')),
          C: list(ref('trigger')),
          D: list(ref('trigger')),
        },
        { title: 'a map with A, B, C, D', description: 'Checks that are asked as long as a phase lasts.' },
      ),
      accept: {
        ...list(ref('acceptance')),
        description: 'Quarantined records that the team has looked at and accepts.',
      },
      examples: { ...list(ref('example')), description: 'Unit tests of the mappings: kvmig test.' },
      writes: object(
        { failure: oneOf('a failure policy', 'strict', 'available') },
        { title: 'a map with failure', description: 'What dual-write does when one side is down.' },
      ),
      archive: object(
        { to: text('an address'), keep: duration },
        {
          required: ['to'],
          title: 'a map with to and keep',
          description: 'Where the source data goes in phase D.',
        },
      ),
    },
    { required: ['version', 'plan', 'mappings'], title: 'a plan' },
  )
}

/** What `planShape` refers to. */
export function planDefinitions(catalog: PlanCatalog): JsonSchema {
  return {
    rule: RULE,
    skip: SKIP,
    mapping: mapping(catalog),
    entry_type: oneOf('a type of entry', ...ENTRY_TYPES),
    table: TABLE,
    index: INDEX,
    reference: REFERENCE,
    query: object(
      {
        sql: text('SQL'),
        args: list({
          type: ['string', 'number', 'boolean', 'null'],
          title: 'text, a number, true, false or null',
        }),
        uses: text('the name of an index'),
      },
      { required: ['sql'], title: 'a map with sql, args, uses' },
    ),
    gate_check: check(catalog.checks, []),
    later_check: check(catalog.checks, LATER_CHECKS),
    trigger: {
      type: 'object',
      title: 'a map with when, do, for',
      properties: {
        when: oneOf('a check', ...catalog.checks.keys(), ...LATER_CHECKS),
        do: oneOf('an action', 'alert', 'pause', 'rollback'),
        for: duration,
        because: text('the reason'),
      },
      required: ['when', 'do'],
      additionalProperties: { type: ['string', 'number', 'boolean'], title: 'text, a number, true or false' },
    },
    acceptance: object(
      { code: oneOf('a reason code', ...REJECT_CODES), match: keyPattern, because: text('the reason') },
      { required: ['code', 'match', 'because'], title: 'a map with code, match and because' },
    ),
    example: EXAMPLE,
    bytes: BYTES,
  }
}

// The key that says what a rule is decides which shape it is held against, so that one mistake gives one message.
const RULE: JsonSchema = {
  type: 'object',
  title: 'a map with match and into, or with match and index, ignore or ephemeral',
  if: {
    type: 'object',
    anyOf: [{ required: ['index'] }, { required: ['ignore'] }, { required: ['ephemeral'] }],
    not: { required: ['into'] },
  },
  // biome-ignore lint/suspicious/noThenProperty: JSON Schema's word
  then: ref('skip'),
  else: ref('mapping'),
}

const SKIP: JsonSchema = object(
  {
    match: keyPattern,
    type: ref('entry_type'),
    index: { ...text('the reason'), description: 'These keys only mirror others; why.' },
    ignore: { ...text('the reason'), description: 'These keys are left out; why.' },
    ephemeral: { ...text('the reason'), description: 'These keys stay in the store; why.' },
  },
  { required: ['match'], minProperties: 2, title: 'a rule that skips keys' },
)

function mapping({ decoders, transforms }: PlanCatalog): JsonSchema {
  const decoder = {
    type: 'string',
    title: 'a decoder, such as json',
    description: `Known are ${[...decoders.keys()].join(', ')}.`,
  }
  return object(
    {
      match: keyPattern,
      type: { ...ref('entry_type'), description: 'Only entries of this type.' },
      each: {
        ...text('field, item, member, message or a path'),
        description:
          'Makes a record of every field of a hash, item of a list, member of a set, message of a stream, or of every element at a path into the decoded value.',
      },
      decode: {
        type: ['string', 'array'],
        title: 'a decoder, such as json, or a list of decoders',
        items: decoder,
        minItems: 1,
        description: decoder.description,
      },
      where: {
        ...text('a condition in CEL'),
        description: 'Over r (the record), key, item, field, member, score, index, name, parent.',
      },
      into: {
        type: ['string', 'object'],
        title: 'a table, or a map with schema and table',
        properties: { schema: name('the name of a schema'), table: name('the name of a table') },
        required: ['schema', 'table'],
        additionalProperties: false,
      },
      key: {
        ...list(name('the name of a column'), 'a list of columns'),
        minItems: 1,
        description: 'Columns that identify a row: the primary key (default) or a unique constraint.',
      },
      conflict: {
        type: 'string',
        pattern: '^(error|keep|update|(newest|greatest|least)\\([^()]+\\))$',
        title: 'error, keep, update, newest(column), greatest(column) or least(column)',
        description: 'What happens when several records give the same row. Default error.',
      },
      fields: {
        ...map(
          { not: { type: ['array', 'object'] }, title: 'an expression' },
          'a map from columns to expressions',
        ),
        minProperties: 1,
        description: `Where each column comes from: a root, then transforms. Transforms are ${[...transforms.keys()].join(', ')}.`,
      },
      unmapped: drop('Fields of the record that no column takes are dropped; why.'),
      text: {
        ...oneOf('reject or replace', 'reject', 'replace'),
        description: 'What becomes of text that Postgres cannot hold. Default reject.',
      },
      reject: object(
        { limit: percentage },
        {
          required: ['limit'],
          title: 'a map with limit',
          description: 'The step fails when more records than that are rejected.',
        },
      ),
      ttl: drop('The expiry of keys is dropped; why.'),
      existing: {
        ...oneOf('keep or update', 'keep', 'update'),
        description: 'May rows that were there before be updated? Default keep.',
      },
    },
    { required: ['match', 'into', 'fields'], title: 'a mapping' },
  )
}

const drop = (description: string): JsonSchema =>
  object(
    { drop: text('the reason') },
    { required: ['drop'], title: 'a map such as { drop: the reason }', description },
  )

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

const BYTES: JsonSchema = {
  type: ['string', 'object'],
  title: 'text, or a map with base64',
  properties: { base64: { type: 'string', format: 'base64', title: 'base64' } },
  required: ['base64'],
  additionalProperties: false,
}

const EXAMPLE: JsonSchema = object(
  {
    entry: object(
      {
        key: ref('bytes'),
        string: ref('bytes'),
        hash: map(ref('bytes'), 'a map from fields to text'),
        list: list(ref('bytes')),
        set: list(ref('bytes')),
        zset: map({ type: 'number', title: 'a number' }, 'a map from members to scores'),
        stream: list({
          type: 'object',
          title: 'a map with id and fields',
          properties: {
            id: { type: 'string', pattern: '^\\d+-\\d+$', title: 'an id, such as 1526919030474-0' },
          },
          required: ['id'],
          additionalProperties: ref('bytes'),
        }),
        expires_at: { type: 'string', format: 'instant', title: "a time, such as '2026-01-08T00:00:00Z'" },
      },
      {
        required: ['key'],
        minProperties: 2,
        title: 'a map with key, and string, hash, list, set, zset or stream',
      },
    ),
    rows: {
      ...map(
        list({ type: 'object', title: 'a map from columns to values' }, 'a list of rows'),
        'a map from tables to lists of rows',
      ),
      description:
        'The rows that the entry gives, table by table; columns that are left out are not compared.',
    },
    rejects: list({
      type: ['string', 'object'],
      title: 'a reason code, or a map with code and column',
      if: { type: 'string' },
      // biome-ignore lint/suspicious/noThenProperty: JSON Schema's word
      then: oneOf('a reason code', ...REJECT_CODES),
      properties: { code: oneOf('a reason code', ...REJECT_CODES), column: name('the name of a column') },
      required: ['code'],
      additionalProperties: false,
    }),
  },
  { required: ['entry'], title: 'a map with entry, rows, rejects' },
)

// A check is asked for by its name, or by a map from its name to its options, with the reason beside it.
function check(checks: ReadonlyMap<string, OptionSignature>, later: readonly string[]): JsonSchema {
  const bare = [...checks].filter(
    ([, it]) => !Array.isArray(it.options.required) || it.options.required.length === 0,
  )
  const options = Object.fromEntries(
    [...checks].map(([it, { options, summary }]) => [it, { description: summary, ...options }]),
  )
  return {
    type: ['string', 'object'],
    title: 'a check, or a map from a check to its options',
    if: { type: 'string' },
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema's word
    then: oneOf('a check', ...bare.map(([it]) => it), ...later),
    properties: {
      ...options,
      ...Object.fromEntries(
        later.map((it) => [it, { type: ['object', 'string', 'number'], title: 'options' }]),
      ),
      because: text('the reason'),
    },
    additionalProperties: false,
    minProperties: 1,
  }
}
