import { encodeArray } from './codec.ts'
import { builtInType } from './column-types.ts'

/** A parameter for `$1::text[]`. */
export function textArray(texts: readonly (string | null)[]): string {
  const escaped = texts.map((it) => (it === null ? 'NULL' : `"${it.replace(/["\\]/g, '\\$&')}"`))
  return `{${escaped.join(',')}}`
}

/** A parameter for `$1::bytea[]`. */
export const byteaArray = (bytes: readonly (Buffer | null)[]): Buffer => encodeArray(BYTEA, bytes)

const BYTEA = builtInType({ base: 'bytea', array: false, sql: 'bytea' })
