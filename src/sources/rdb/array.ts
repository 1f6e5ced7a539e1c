import type { ByteFile } from './byte-file.ts'
import { readLength, readWide, skipString } from './primitives.ts'

/** An array of Redis 8.8, a type that no plan can name: it is passed over, and named as TYPE names it. */
export const ARRAY = { typeByte: 28, since: 14, type: 'array' } as const

/**
 * Passes over an array: how many elements, whether there is a place for the next insert and which, then each element's index, tag and value
 * (the tags are those of array.h of Redis 8.8: a string, an integer, a double, a short string).
 */
export function skipArray(file: ByteFile): void {
  const elements = readLength(file)
  const at = file.position
  const hasPlace = readLength(file)
  if (hasPlace > 1) throw file.damaged('an array whose next place is neither there nor missing', at)
  if (hasPlace === 1) readWide(file)
  for (let left = elements; left > 0; left--) {
    readWide(file)
    const tagAt = file.position
    const tag = readLength(file)
    if (tag === INTEGER || tag === DOUBLE) file.skip(8)
    else if (tag === STRING || tag === SHORT_STRING) skipString(file)
    else throw file.damaged(`an element of an array with tag ${tag}, which does not exist`, tagAt)
  }
}

const STRING = 0
const INTEGER = 1
const DOUBLE = 2
const SHORT_STRING = 3
