import type { OptionSignature } from './catalog.ts'
import { type JsonSchema, oneOf, text } from './schema-parts.ts'

/** A check is asked for by its name, or by a map from its name to its options, with the reason beside it. */
export function checkRequest(checks: ReadonlyMap<string, OptionSignature>): JsonSchema {
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
    then: oneOf('a check', ...bare.map(([it]) => it)),
    properties: {
      ...options,
      because: text('the reason'),
    },
    additionalProperties: false,
    minProperties: 1,
  }
}
