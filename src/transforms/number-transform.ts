import { Decimal } from '../value.ts'
import { mismatch } from './kind.ts'
import type { TransformFunction } from './transform.ts'

/** Lifts a function over the source text of numbers: anything else that is present is a TYPE_MISMATCH. */
export const mapNumber =
  (map: (text: string) => string): TransformFunction['forward'] =>
  (value) => {
    if (value === null || value === undefined) return value
    if (!(value instanceof Decimal)) throw mismatch('a number', value)
    return new Decimal(map(value.text))
  }
