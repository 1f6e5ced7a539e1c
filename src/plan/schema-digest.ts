import { createHash } from 'node:crypto'
import type { JsonSchema } from './schema-parts.ts'

/** Tells one schema from every other: a function that was made of it is used for no other. */
export const digestOf = (schema: JsonSchema): string =>
  createHash('sha256').update(JSON.stringify(schema)).digest('hex')
