import type { Value } from '../value.ts'
import { mismatch } from './kind.ts'
import type { TransformFunction } from './transform.ts'

/** Lifts a function over text: anything else that is present is a TYPE_MISMATCH. */
export const mapText =
  (map: (text: string) => Value): TransformFunction['forward'] =>
  (value) => {
    if (value === null || value === undefined) return value
    if (typeof value !== 'string') throw mismatch('text', value)
    return map(value)
  }
