import { REJECT_CODES } from '../value.ts'
import type { PlanCatalog } from './catalog.ts'
import { checkRequest } from './check-schema.ts'
import { exampleDefinitions } from './example-schema.ts'
import { ENTRY_TYPES, MERGES, PHASES } from './plan.ts'
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
import { tableDefinitions } from './table-schema.ts'

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
      sequences: {
        ...map(
          {
            if: { type: 'object' },
            // biome-ignore lint/suspicious/noThenProperty: JSON Schema's word
            then: object(
              { key: text('a key'), field: text('a field of the hash') },
              { required: ['key', 'field'], title: 'a key, or a map with key and field' },
            ),
            else: { ...text('a key'), title: 'a key, or a map with key and field' },
          },
          'a map from table.column to keys',
        ),
        minProperties: 1,
        description: 'Counters of the source that sequences go on from: messages.id: messages:next_id.',
      },
      queries: {
        ...map(ref('query'), 'a map from names to queries'),
        description: 'SQL that the application runs, guarded by index_use.',
      },
      gates: object(
        { B: list(ref('gate_check')), C: list(ref('gate_check')), D: list(ref('gate_check')) },
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
      reads: object(
        {
          cache: object(
            {
              ttl: duration,
              entries: {
                type: 'integer',
                minimum: 1,
                title: 'a whole number above 0',
                description: 'How many records an instance keeps. Default 10000.',
              },
            },
            {
              required: ['ttl'],
              title: 'a map with ttl and entries',
              description: 'Instances keep records that store() read, and forget them when somebody writes.',
            },
          ),
        },
        { title: 'a map with cache', description: 'How the application reads.' },
      ),
      archive: object(
        { to: text('an address'), keep: duration },
        {
          required: ['to'],
          title: 'a map with to and keep',
          description:
            'Where the source data goes in phase D, and how long the keys stay after that. Default 30d.',
        },
      ),
      hooks: {
        ...list(ref('hook'), 'a list of hooks'),
        description: 'Commands that are run before and after a phase: a deploy, a backup, a smoke test.',
      },
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
    ...tableDefinitions(),
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
    gate_check: checkRequest(catalog.checks),
    trigger: trigger(catalog),
    hook: object(
      {
        before: {
          ...oneOf('a phase', ...PHASES),
          description: 'Runs before the phase begins; if it fails, nothing does.',
        },
        after: {
          ...oneOf('a phase', ...PHASES),
          description: 'Runs when every instance has confirmed the phase.',
        },
        run: text('a command'),
        within: { ...duration, description: 'It is ended after that long. Default 10m.' },
      },
      { required: ['run'], title: 'a map with before or after, run, within' },
    ),
    acceptance: object(
      {
        code: oneOf('a reason code', ...REJECT_CODES),
        match: keyPattern,
        at_most: {
          type: 'integer',
          minimum: 1,
          title: 'a whole number above 0',
          description: 'With more records than this none of them is accepted.',
        },
        because: text('the reason'),
      },
      { required: ['code', 'match', 'because'], title: 'a map with code, match, at_most and because' },
    ),
    ...exampleDefinitions(),
  }
}

/** A check with its options beside it, and what to do about it. */
function trigger({ checks }: PlanCatalog): JsonSchema {
  const common = {
    when: oneOf('a check', ...checks.keys()),
    do: oneOf('an action', 'alert', 'pause', 'rollback'),
    for: {
      ...duration,
      description: 'How long it has to fail without a pass in between. Default: it fires at once.',
    },
    missing: {
      ...oneOf('hold, fail or pass', 'hold', 'fail', 'pass'),
      description: 'What it means when nothing could be measured. Default hold: the clock stands still.',
    },
    because: text('the reason'),
  }
  return {
    type: 'object',
    title: 'a map with when, do, for',
    required: ['when', 'do'],
    properties: common,
    allOf: [...checks].map(([name, { options }]) => ({
      if: { type: 'object', properties: { when: { const: name } }, required: ['when'] },
      // biome-ignore lint/suspicious/noThenProperty: JSON Schema's word
      then: {
        type: 'object',
        properties: { ...(options.properties as object | undefined), ...common },
        ...(Array.isArray(options.required) && { required: options.required }),
        additionalProperties: false,
      },
    })),
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
  const place = {
    match: keyPattern,
    type: { ...ref('entry_type'), description: 'Only entries of this type.' },
    each: {
      type: ['string', 'array'],
      title: 'field, item, member, message or a path',
      items: text('field, item, member, message or a path'),
      minItems: 2,
      maxItems: 2,
      description:
        'Makes a record of every field of a hash, item of a list, member of a set, message of a stream, or of every element at a path into the decoded value; a list of both goes into every field, item or member.',
    },
    decode: {
      type: ['string', 'array', 'object'],
      title: 'a decoder, such as json, a list of decoders, or a map from fields of a hash to decoders',
      additionalProperties: {
        type: ['string', 'array'],
        title: 'a decoder, such as json, or a list of decoders',
        items: decoder,
        minItems: 1,
      },
      minProperties: 1,
      items: {
        if: { type: 'object' },
        // biome-ignore lint/suspicious/noThenProperty: JSON Schema's word
        then: object(
          {
            if: text('a condition in CEL'),
            do: {
              type: ['string', 'array'],
              title: 'a decoder, such as json, or a list of decoders',
              items: decoder,
              minItems: 1,
            },
          },
          { required: ['if', 'do'], title: 'a decoder, or a map with if and do' },
        ),
        else: decoder,
      },
      minItems: 1,
      description: `${decoder.description} A map with if and do is taken only where the condition (CEL over r, value, key) holds.`,
    },
    chunks: {
      ...text("a key, such as '{key}-{i}'"),
      description:
        'Where the further pieces of a string lie that was cut: {key} is the key of the first, {i} counts from 1.',
    },
    where: {
      ...text('a condition in CEL'),
      description: 'Over r (the record), key, item, field, member, score, index, name, parent.',
    },
    otherwise: {
      ...oneOf('pass or reject', 'pass', 'reject'),
      description:
        'What becomes of what where: says no to and no later rule has: passed over (default), or rejected.',
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
    computed: {
      ...map(text('a CEL expression'), 'a map from columns to CEL expressions'),
      minProperties: 1,
      description: 'Columns that CEL computes, over what where: knows.',
    },
    unmapped: UNMAPPED,
    write: {
      const: true,
      title: 'true',
      description: 'Of several layouts of one row: the one that is written towards the store.',
    },
  }
  return object(
    {
      ...place,
      from: {
        ...list(
          object(place, {
            required: ['match'],
            title: 'a place: a map with match, type, each, decode, where',
          }),
          'a list of places',
        ),
        minItems: 1,
        description:
          'Several places that hold the same data: one mapping for each, in this order, with what it says itself before what the mapping says.',
      },
      into: {
        type: ['string', 'object'],
        title: 'a table, or a map with schema and table',
        description: 'kvmig.leftovers is the table for what nobody wants to model: it needs match alone.',
        properties: { schema: name('the name of a schema'), table: name('the name of a table') },
        required: ['schema', 'table'],
        additionalProperties: false,
      },
      key: {
        ...list(name('the name of a column'), 'a list of columns'),
        minItems: 1,
        description: 'Columns that identify a row: the primary key (default) or a unique constraint.',
      },
      text: {
        ...oneOf('reject or replace', 'reject', 'replace'),
        description: 'What becomes of text that Postgres cannot hold. Default reject.',
      },
      merge: {
        ...map(oneOf('a way to merge', ...MERGES), 'a map from columns to coalesce, greatest, least or sum'),
        minProperties: 1,
        description:
          'Columns that are made of all records that give the row. Holds for every mapping of the plan into the table.',
      },
      reject: object(
        { limit: percentage },
        {
          required: ['limit'],
          title: 'a map with limit',
          description: 'The step fails when more records than that are rejected.',
        },
      ),
      existing: {
        ...oneOf('keep or update', 'keep', 'update'),
        description: 'May rows that were there before be updated? Default keep.',
      },
    },
    {
      title: 'a mapping',
      if: { required: ['from'] },
      // biome-ignore lint/suspicious/noThenProperty: JSON Schema's word
      then: { required: ['into'] },
      else: { required: ['match', 'into'], properties: { match: keyPattern } },
    },
  )
}

const UNMAPPED: JsonSchema = object(
  {
    drop: {
      type: ['array', 'string'],
      title: 'a list of fields, or all',
      items: text('a field, such as id or metadata.extra, or $expires_at or $field_expires_at'),
      minItems: 1,
    },
    because: text('the reason'),
  },
  {
    required: ['drop'],
    title: 'a map with drop and because',
    description:
      'What no column takes and may be dropped: fields by path, $expires_at, $field_expires_at, or all fields there may ever be.',
    // Text is `all`: whoever writes a reason there is told so once, and not that it is missing as well.
    if: { properties: { drop: { type: 'string', not: { const: 'all' } } } },
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema's word
    then: {
      properties: {
        drop: { const: 'all', hint: 'Did you mean { drop: [field, …], because: the reason }?' },
      },
    },
    else: { required: ['because'], properties: { because: text('the reason') } },
  },
)
