import type { ByteStrings } from '../byte-strings.ts'
import type { EntryValue } from './source.ts'

/** A hash as it was received, in one piece. Most are read in place, and nobody asks for the pairs. */
export class PackedHash implements Extract<EntryValue, { type: 'hash' }> {
  readonly type = 'hash'
  readonly packed: ByteStrings
  #pairs: readonly Buffer[] | undefined

  /** Field, value, field, value … */
  constructor(packed: ByteStrings) {
    this.packed = packed
  }

  get pairs(): readonly Buffer[] {
    this.#pairs ??= this.packed.list()
    return this.#pairs
  }
}
