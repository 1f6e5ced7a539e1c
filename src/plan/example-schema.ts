import { REJECT_CODES } from '../value.ts'
import { type JsonSchema, list, map, name, object, oneOf, ref } from './schema-parts.ts'

/** What stands under `examples:`. */
export const exampleDefinitions = (): JsonSchema => ({ example: EXAMPLE, bytes: BYTES })

const BYTES: JsonSchema = {
  type: ['string', 'object'],
  title: 'text, or a map with base64',
  properties: { base64: { type: 'string', format: 'base64', title: 'base64' } },
  required: ['base64'],
  additionalProperties: false,
}

const INSTANT: JsonSchema = {
  type: 'string',
  format: 'instant',
  title: "a time, such as '2026-01-08T00:00:00Z'",
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
        expires_at: INSTANT,
        field_expires_at: {
          ...map(INSTANT, 'a map from fields to times'),
          description: 'When fields of a hash expire by themselves (Redis 7.4, Valkey 9).',
        },
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
