import type { Change } from '../sources/change.ts'
import type { Entry } from '../sources/source.ts'
import type { Place } from '../state/touches.ts'
import type { Row } from '../value.ts'
import type { EntryKind, MappedRow } from './entry-kind.ts'
import type { RecordKind } from './record-kind.ts'

/** The write of one place of the source: of a record that is one row, or of an entry with all its rows. */
export type PlaceWrite = RecordWrite | EntryWrite

/** One record's write. */
export interface RecordWrite {
  readonly kind: RecordKind
  readonly place: Place
  /** Undefined: there shall be no row. */
  readonly row: Row | undefined
  /** What the source gets. */
  readonly change: Change
}

/** The write of a place that has rows in any number of tables. */
export interface EntryWrite {
  readonly kind: EntryKind
  readonly place: Place
  /** All its rows from now on. */
  readonly rows: readonly MappedRow[]
  /** What it was before, as far as that is known. */
  readonly base: Entry | undefined
  readonly change: Change
}

/** A write of which what is there decides what it becomes. */
export interface Modification {
  readonly records: readonly { readonly kind: RecordKind | EntryKind; readonly place: Place }[]
  /** Does more than the answer depend on what is there? Then it cannot be while instances write the source only. */
  readonly needsBase: boolean
  /** One write for each record, in their order; undefined: nothing is to be written. What it throws is thrown to the caller as it is. */
  decide(bases: readonly (Entry | undefined)[]): readonly PlaceWrite[] | undefined
}

/** Is there no row any more? */
export const isGone = (it: PlaceWrite): boolean =>
  'rows' in it ? it.change.do === 'delete' : it.row === undefined
