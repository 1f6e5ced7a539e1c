import type { Value } from '../value.ts'
import { mismatch } from './kind.ts'

/**
 * What stands at a path: own keys of objects, places of lists. Undefined where a key is not there, or what should hold it is missing or
 * null. Where something else stands in the way: TYPE_MISMATCH, or undefined if `lenient`.
 */
export function valueAt(root: Value, path: readonly (string | number)[], lenient = false): Value {
  let value = root
  for (const step of path) {
    if (value === undefined || value === null) return undefined
    if (value instanceof Map) value = value.get(String(step))
    else if (Array.isArray(value) && typeof step === 'number') value = value[step]
    else if (lenient) return undefined
    else throw mismatch(typeof step === 'number' ? 'a list' : 'an object', value)
  }
  return value
}
