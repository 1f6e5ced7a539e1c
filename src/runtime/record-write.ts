import type { Change } from '../sources/change.ts'
import type { Entry } from '../sources/source.ts'
import type { Place } from '../state/touches.ts'
import type { Row } from '../value.ts'
import type { RecordKind } from './record-kind.ts'

/** One record's write. */
export interface RecordWrite {
  readonly kind: RecordKind
  readonly place: Place
  /** Undefined: there shall be no row. */
  readonly row: Row | undefined
  /** What the source gets. */
  readonly change: Change
}

/** A write of which what is there decides what it becomes. */
export interface Modification {
  readonly records: readonly { readonly kind: RecordKind; readonly place: Place }[]
  /** Does more than the answer depend on what is there? Then it cannot be while instances write the source only. */
  readonly needsBase: boolean
  /** One write for each record, in their order; undefined: nothing is to be written. What it throws is thrown to the caller as it is. */
  decide(bases: readonly (Entry | undefined)[]): readonly RecordWrite[] | undefined
}
