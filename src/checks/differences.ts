import type { CompiledMapping, Part } from '../mapping/mapping.ts'
import { printable } from '../printable.ts'
import type { Traced } from '../state/trace.ts'

export interface Difference {
  readonly table: string
  readonly kind: 'missing' | 'different' | 'extra'
  /** Undefined for a row whose record cannot be told. */
  readonly key: Buffer | undefined
  readonly part: Part
  /** The mapping that gives the row, or gave it. */
  readonly writer?: Pick<CompiledMapping, 'plan'> & { readonly mapping: string }
  /** The key tuple of the row, where there is one or should be one. */
  readonly row?: Buffer
}

/** How many there are of a kind, and a few of them in words. */
export interface Found {
  count: number
  readonly samples: string[]
}

const SAMPLES = 10

/** Counts what differs in a table, keeps samples, and tells whoever wants to hear of each. */
export class Differences {
  readonly missing: Found = { count: 0, samples: [] }
  readonly different: Found = { count: 0, samples: [] }
  readonly extra: Found = { count: 0, samples: [] }
  readonly #table: string
  readonly #onDifference: ((difference: Difference) => void) | undefined

  constructor(table: string, onDifference: ((difference: Difference) => void) | undefined) {
    this.#table = table
    this.#onDifference = onDifference
  }

  /** One more, of this record, as far as that can be told; `row`: the key tuple of the row. */
  note(kind: Difference['kind'], record: Traced | undefined, row: Buffer | undefined): void {
    const found = this[kind]
    found.count += 1
    const { key, part = '' } = record ?? {}
    if (found.samples.length < SAMPLES)
      found.samples.push(key ? sample(key, part) : `a row of ${this.#table} of unknown origin`)
    this.tell(kind, record, row)
  }

  /** The same without counting: another record of the same row. */
  tell(kind: Difference['kind'], record: Traced | undefined, row: Buffer | undefined): void {
    const { key, part = '' } = record ?? {}
    this.#onDifference?.({
      table: this.#table,
      kind,
      key: key && Buffer.from(key),
      part,
      ...(record ? { writer: { plan: record.plan, mapping: record.mapping } } : {}),
      ...(row ? { row } : {}),
    })
  }
}

const sample = (key: Buffer, part: Part): string =>
  part === '' ? printable(key) : `${printable(key)} ${part}`
