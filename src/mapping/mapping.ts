import type { Position } from '../diagnostic.ts'
import type { KeyPattern } from '../plan/key-pattern.ts'
import type { EntryType, Mapping, Skip } from '../plan/plan.ts'
import type { ColumnDefinition, TableDefinition } from '../plan/table.ts'
import type { Entry } from '../sources/source.ts'
import type { Reject, Row } from '../value.ts'
import type { Decoding } from './decode.ts'
import type { Grain } from './grain.ts'
import type { Lineage } from './lineage.ts'
import type { RecordPlace } from './source-of.ts'
import type { RowBytes } from './straight.ts'

/**
 * A mapping, compiled once: the same object makes rows in the backfill, in every comparison and in the application's runtime.
 * Pure: entry in, rows out, and back.
 */
export interface CompiledMapping {
  readonly plan: string
  readonly mapping: Mapping
  readonly table: TableDefinition
  /** The columns that the cells of a row fill, in order. */
  readonly columns: readonly ColumnDefinition[]
  /** Positions in `columns` of the mapping's key. */
  readonly keyIndexes: readonly number[]
  /** What of its entries is locked and versioned as one while others write them. */
  readonly grain: Grain
  /** Types of the entries it reads. */
  readonly types: readonly EntryType[]
  /**
   * True if two different records cannot give the same row key, and the record's key in the source can be computed from the row:
   * then nobody has to remember where a row came from.
   */
  readonly injective: boolean
  /** Does a field take `$expires_at`, here or in a mapping that reads the same entries, or does one of them drop it by name? */
  readonly takesExpiry: boolean
  /** What the way back loses, by column (`*`: not for want of a column); empty for a reversible mapping. */
  readonly oneWay: readonly { readonly column: string; readonly why: string }[]
  /** Makes the rows of one entry (or of one part of a big one). */
  forward(entry: Entry, sink: RecordSink): Claimed
  /** Keys that its lookups name: what a hole may hold, whatever it is. */
  readonly lookups: readonly KeyPattern[]
  /** The same, as narrow as the template says: keys that it speaks for where no rule does. */
  readonly lookupKeys: readonly KeyPattern[]
  /** Asks what the records of an entry need to know of other keys, of the entry's `answers`. There where the mapping has lookups. */
  ask?(entry: Entry): void
  /** The record a row came from, by the cells of the row's key; there where the mapping is injective. */
  sourceOf?(keyCells: Row): RecordPlace
  /** The entry (its type and value) that these rows came from, in canonical form. Absent where the mapping has no way back. */
  inverse?(rows: readonly Row[]): Pick<Entry, 'key' | 'type' | 'value' | 'expiresAt'>
  /** What the way back is made of, for those who read the same entries and give them back together. */
  readonly back: BackParts
  /** An entry that stands for all that gave a row, in a store that holds none of them: there where the mapping says `write: true`. */
  rewrite?(rows: readonly Row[]): Pick<Entry, 'key' | 'type' | 'value' | 'expiresAt'>
}

export interface BackParts {
  /** Of the columns, in their order. */
  readonly lineages: readonly Lineage[]
  readonly decoding: Decoding
  /** Of single fields of a hash. */
  readonly decodings: ReadonlyMap<string, Decoding>
}

/** Did the mapping take the entry? `filtered`: its `where` said no to the entry as a whole, so the next rule may have it. */
export type Claimed = 'claimed' | 'filtered'

/** Receives what `forward` makes. `part` says which record of the entry it is; called only where somebody wants to know. */
export interface RecordSink {
  /** Where it wants rows as bytes, if it does; then it is told of each by `wrote`. What has to be a row of cells still comes to `row`. */
  readonly bytes?: RowBytes | undefined
  wrote?(part: () => Part): void
  row(cells: Row, part: () => Part): void
  reject(reject: Reject, part: () => Part): void
  /** A record that `where` left out of a claimed entry. */
  filtered(part: () => Part): void
  /** A field, or `$field_expires_at`, that no column takes and that the mapping does not drop: as `unmapped` wants it written. */
  unmapped(field: string): void
}

/** Which record of an entry: '' for the whole, `field:name`, `index:3`, `member:x`, `message:1-0`; nested ones joined by `/`. */
export type Part = string

/** Decides which rule has a key. One router for all rules of a project, asked for every key of a scan. */
export interface Router {
  /** Keys that lookups of this source's mappings name. */
  readonly lookups: readonly KeyPattern[]
  /**
   * The rules that may have the key, best first: the first group whose mappings claim the entry gets it (a `where` can pass it on).
   * An empty list: uncovered.
   */
  route(key: Buffer, type: Entry['type']): readonly Claim[]
  /**
   * Could any rule have a key with these bytes, whatever its type? Cheap; used to select what a scan reads. `entry` only for keys that one
   * of the `wanted` mappings may have (all, if absent).
   */
  mayClaim(key: Buffer, wanted?: ReadonlySet<CompiledMapping>): 'entry' | 'key' | 'nothing'
}

export type Claim =
  /** Mappings of one plan with the same match and type: all of them read the entry. */
  | { readonly kind: 'mappings'; readonly plan: string; readonly mappings: readonly CompiledMapping[] }
  | { readonly kind: 'skip'; readonly plan?: string; readonly skip: Skip }
  /** No rule has the key, but a lookup of the plan names it: it gives columns of rows that other keys make. */
  | { readonly kind: 'lookup'; readonly plan: string; readonly match: KeyPattern; readonly at: Position }
  /** Fits the rule but for a capture's type, the entry's type, or because the key is no UTF-8: quarantined under that mapping. */
  | {
      readonly kind: 'reject'
      readonly plan: string
      readonly mapping: CompiledMapping
      readonly reject: Reject
    }
