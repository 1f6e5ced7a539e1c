import type { Change } from '../sources/change.ts'
import type { LiveAnswer, LiveCommand, LiveReply } from '../sources/live-store.ts'
import type { Entry } from '../sources/source.ts'
import type { Place } from '../state/touches.ts'
import type { Transaction } from '../target/target.ts'
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

/** A write of which what is there decides what it becomes. Of any number of plans, none of them in A. */
export interface Modification {
  /** Whose records these are. */
  readonly plans: readonly string[]
  readonly records: readonly { readonly kind: RecordKind | EntryKind; readonly place: Place }[]
  /** Plans of which more than the answer depends on what is there: that cannot be while instances write their source only. */
  readonly needsBase: readonly string[]
  /** What the source carries out itself, together with the changes. */
  readonly native?: Native
  /** Without this having held still, nothing is written. */
  readonly watch?: Watch
  /** One write for each record, in their order; undefined: nothing is to be written. What it throws is thrown to the caller as it is. */
  decide(bases: readonly Base[]): readonly PlaceWrite[] | undefined
}

/** Commands that are the source's own: on keys of plans in A, and on keys of none. */
export interface Native {
  /** Plans that have to be in A. */
  readonly plans: readonly string[]
  readonly keys: readonly Buffer[]
  readonly commands: readonly (readonly Buffer[])[]
}

/** Something that was seen before, and that a write depends on. */
export interface Watch {
  /** The epochs by which it was seen: a route that has changed since is a change, too. */
  readonly epochs: ReadonlyMap<string, number>
  /**
   * Has somebody else changed it? Asked while the write holds its records' locks and has advanced their versions. Throws what is no answer.
   */
  hasChanged(tx: Transaction, advanced: readonly Place[]): Promise<boolean>
  /** Runs commands of the source's own, or none, if nothing has changed there; undefined: something has. Once. */
  command(command: LiveCommand): Promise<LiveAnswer | undefined>
}

/** How a modification ended. `elsewhere`: plans are in other phases than it was made for; `changed`: what was watched is not as it was. */
export type Modified =
  | { readonly is: 'done'; readonly replies: readonly LiveReply[] }
  | { readonly is: 'elsewhere' | 'changed' }

/** `decide` makes elements of which nobody knew when the records were locked: these, too, then. */
export class MoreRecords extends Error {
  readonly records: Modification['records']
  constructor(records: Modification['records']) {
    super('more records than were locked')
    this.records = records
  }
}

/** What a place was before a write. */
export interface Base {
  readonly entry: Entry | undefined
  /** Of its key, where it is an element, and the key has one. */
  readonly keyExpiresAt: number | null
}

/** Is there no row any more? */
export const isGone = (it: PlaceWrite): boolean =>
  'rows' in it ? it.change.do === 'delete' : it.row === undefined
