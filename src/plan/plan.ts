import type { Position } from '../diagnostic.ts'
import type { ChunkKey } from './chunks.ts'
import type { Expression, TransformCall } from './expression.ts'
import type { KeyPattern } from './key-pattern.ts'
import type { TableDefinition, TableName } from './table.ts'

/** A backfill, B dual-write, C cutover, D retire. */
export type Phase = 'A' | 'B' | 'C' | 'D'
export const PHASES: readonly Phase[] = ['A', 'B', 'C', 'D']

/** `migrations.yaml`, validated: named sources, the target, which plans belong. Frozen data; nothing here is a secret. */
export interface Project {
  readonly version: 1
  /** Absolute folder of the project file; every path of the project lies inside it. */
  readonly root: string
  /** The project file as the user named it, for diagnostics. */
  readonly file: string
  /** Store addresses by name, as templates: `${KV_URL:-rdb:./kv.rdb}` is resolved only where a store is opened. */
  readonly sources: ReadonlyMap<string, StoreAddress>
  readonly target: StoreAddress
  /** Schema of tables named without one. Default `public`. */
  readonly targetSchema: string
  readonly plans: readonly Plan[]
  /** What the application already owns, read from `schema:`; tables here are never created, altered or dropped by kvmig. */
  readonly schema?: { readonly file: string; readonly sql: string }
  readonly budget: Budget
  /** Extensions of Postgres to be used where the server has them. */
  readonly extensions: readonly string[]
  /** What the target's storage costs, and how much of it there is. */
  readonly tariff?: Tariff
  /** Keys that no plan takes and that the project lets be, with the reason. Asked after all plans. */
  readonly skips: readonly Skip[]
  readonly environments: ReadonlyMap<string, Environment>
}

/** An address as written, with `${ENV}` and `${ENV:-default}` not yet replaced. `insecure` is the reason clear text is accepted. */
export interface StoreAddress {
  readonly url: string
  readonly insecure?: string
  /** What the driver takes beside the URL; templates too. */
  readonly options?: Readonly<Record<string, string>>
  readonly at: Position
}

/** What `--env NAME` replaces. */
export interface Environment {
  readonly sources: ReadonlyMap<string, StoreAddress>
  readonly target?: StoreAddress
}

/** A quota and a price of storage. Without a price the quota is all there is; with one it is what is included. */
export interface Tariff {
  /** For people; absent where the project says it itself. */
  readonly title?: string
  /** Whose it is: `neon`. */
  readonly provider?: string
  /** Bytes. */
  readonly storage?: number
  /** Dollars for a gigabyte and month beyond that. */
  readonly gbMonth?: number
}

/** Hard limits on source commands for everything kvmig does. */
export interface Budget {
  readonly commands?: number
  /** Of a calendar month (UTC). */
  readonly perMonth?: number
  readonly perSecond?: number
}

/** One file of `plans/`: one data type. Frozen data. */
export interface Plan {
  readonly version: 1
  readonly name: string
  readonly file: string
  readonly risk: 'low' | 'medium' | 'high'
  readonly after: readonly string[]
  /** Name of a source of the project. */
  readonly source: string
  /** Rules in order; the first that fits a key claims it. */
  readonly rules: readonly Rule[]
  readonly tables: readonly TableDefinition[]
  readonly queries: readonly Query[]
  /** Counters of the source that sequences have to be beyond. */
  readonly sequences?: readonly Counter[]
  readonly gates: ReadonlyMap<'B' | 'C' | 'D', readonly CheckRequest[]>
  readonly triggers: ReadonlyMap<Phase, readonly TriggerRequest[]>
  /** Quarantined records the team has looked at and accepts, by reason code and key pattern. */
  readonly accept: readonly Acceptance[]
  readonly examples: readonly Example[]
  /** Where the source data goes before phase D lets go of it. */
  readonly archive?: ArchiveTo
  /** Commands of the team's own around each phase, in order. */
  readonly hooks?: readonly Hook[]
  /** Parts of the language for later phases, validated and carried along: writes, reads. */
  readonly later: Readonly<Record<string, unknown>>
  readonly at: Position
}

export type Rule = Mapping | Skip

/** Keys that make no rows, and why. Each is a fate of its own in every report. */
export interface Skip {
  readonly kind: 'skip'
  /** `index` mirrors other keys, `ephemeral` stays in the store, `ignore` is left out. */
  readonly fate: 'index' | 'ephemeral' | 'ignored'
  readonly match: KeyPattern
  readonly type?: EntryType
  readonly because: string
  readonly at: Position
}

/** Entries whose keys match become rows of one table. Mappings of a plan with the same `match` and `type` read the same entries. */
export interface Mapping {
  readonly kind: 'mapping'
  /** Unique in the plan: the table's name, and `name.2` for the second into the same table. Part of step ids. */
  readonly name: string
  readonly match: KeyPattern
  readonly type?: EntryType
  readonly each?: Each
  /** The value of a string goes on in other keys. */
  readonly chunks?: ChunkKey
  /** Decoding of the value (or of each field, item, member), in order. Default: none, the record's value is text (`utf8`). */
  readonly decode: readonly DecodeStep[]
  /** Of a hash read as one record: decoding of single fields, by name. The others are text. */
  readonly decodeFields?: ReadonlyMap<string, readonly DecodeStep[]>
  /** CEL over `r`, `key`, `item`, `field`, `member`, `score`, `index`, `parent`. `ofKey`: it looks at nothing but the key. */
  readonly where?: { readonly cel: string; readonly ofKey?: boolean; readonly at: Position }
  /** What `where` says no to is rejected, unless a later rule has it, instead of passed over. */
  readonly otherwise?: 'reject'
  readonly into: TableName
  /** Columns that identify a row: the primary key or a unique constraint of the table. */
  readonly key: readonly string[]
  readonly conflict: Conflict
  /** Columns that are made of all records that give the row: the same list in every mapping of the plan into the table, by column. */
  readonly merge?: readonly Merge[]
  /** Of several mappings into one table: the layout that is written towards the store. */
  readonly write?: true
  readonly fields: readonly Field[]
  /** What the data has and no column takes, dropped on purpose. */
  readonly unmapped?: Unmapped
  /** What becomes of text that Postgres cannot hold. Default `reject`. */
  readonly text: 'reject' | 'replace'
  /** The step fails when more than this share of records is rejected. Absent: no limit (the gate still closes). */
  readonly rejectLimit?: number
  /** May rows that were there before the migration be updated? Default: never. */
  readonly existing: 'keep' | 'update'
  readonly at: Position
}

/** `{ drop: [id, metadata.extra, $expires_at], because: … }`, or `drop: all`, which is about fields, never about expiries. */
export interface Unmapped {
  readonly fields: 'all' | readonly (readonly PathSegment[])[]
  readonly expiry: boolean
  /** `$field_expires_at`: that fields of a hash expire before their key. */
  readonly fieldExpiry?: boolean
  readonly because: string
}

/** The types a store distinguishes. */
export const ENTRY_TYPES = ['string', 'hash', 'list', 'set', 'zset', 'stream'] as const
export type EntryType = (typeof ENTRY_TYPES)[number]

/**
 * How one entry becomes many records. A path walks arrays (`*` or the array itself) and objects (`.*`) inside the decoded value. What
 * stands at its end goes through the transforms first (`tech | list(',')`), for lists that are kept as text.
 */
export type Each =
  | { readonly kind: 'field' | 'item' | 'member' | 'message'; readonly inside?: Inside }
  | Inside

/** `[field, '*']` has it as `inside`: the elements inside of every field. */
export interface Inside {
  readonly kind: 'path'
  readonly path: readonly PathSegment[]
  readonly transforms: readonly TransformCall[]
}
export type PathSegment = string | number | typeof EACH
/** The `*` of `games.*`. */
export const EACH = '*' as const

/** One link of a decode chain, e.g. `json` or `unwrap(value)`. */
export interface DecodeStep {
  readonly name: string
  readonly arguments: readonly string[]
  /** Taken only where the condition holds. Steps of one group share it, and it is asked once, before the first of them. */
  readonly when?: DecodeCondition
  readonly at: Position
}

export interface DecodeCondition {
  /** CEL over `r` (what the store holds), `value` (what has become of it so far), `key`, `field`, `index`, `score`, `message`. */
  readonly cel: string
  /** Place of the group in the chain. */
  readonly group: number
  readonly at: Position
}

/** Several records for one row. Within one mapping, `keep` and `update` do not choose between two keys: that would depend on timing. */
export type Conflict =
  | { readonly policy: 'error' | 'keep' | 'update' }
  | { readonly policy: 'newest' | 'greatest' | 'least'; readonly column: string }

/** How a column is made of what several records give it. */
export const MERGES = ['coalesce', 'greatest', 'least', 'sum'] as const
export interface Merge {
  readonly column: string
  readonly by: (typeof MERGES)[number]
}

export interface Field {
  readonly column: string
  readonly expression: Expression
  readonly source: string
  readonly at: Position
}

/** A key (or a field of a hash) that holds the number given out last, and the column whose sequence goes on from there. */
export interface Counter {
  readonly table: TableName
  readonly column: string
  readonly key: string
  readonly field?: string
  readonly at: Position
}

/** SQL that the application runs, guarded by index_use. */
export interface Query {
  readonly name: string
  readonly sql: string
  readonly args: readonly (string | number | boolean | null)[]
  readonly uses?: string
  readonly at: Position
}

/** A check as a plan asks for it: its name and its validated options. */
export interface CheckRequest {
  readonly check: string
  readonly options: Readonly<Record<string, unknown>>
  readonly because?: string
  readonly at: Position
}

export interface TriggerRequest extends CheckRequest {
  readonly do: 'alert' | 'pause' | 'rollback'
  /** Milliseconds it has to fail without a break. */
  readonly forMillis: number
  /** What it means when nothing can be measured. Default hold: the clock stands still. */
  readonly missing?: 'hold' | 'fail' | 'pass'
}

/** `{ to: ./archive/messages, keep: 30d }`. */
export interface ArchiveTo {
  /** A folder, relative to the project, or `s3://bucket/prefix`; a template like an address. */
  readonly to: string
  /** How long the keys stay in the store after they were archived. */
  readonly keepMillis: number
  readonly at: Position
}

/** A command that is run before or after plans begin a phase. */
export interface Hook {
  readonly when: 'before' | 'after'
  readonly phase: Phase
  /** A command line, for the shell. */
  readonly run: string
  /** It is ended after so long, and counts as failed. */
  readonly withinMillis: number
  readonly at: Position
}

export interface Acceptance {
  readonly code: string
  readonly match: KeyPattern
  /** With more open records than this none of them is accepted. Absent: any number. */
  readonly atMost?: number
  readonly because: string
}

/** A unit test of the plan: an entry, and the rows or the reject it must give. */
export interface Example {
  readonly entry: ExampleEntry
  /** Other keys of the store, for lookups. */
  readonly beside: readonly ExampleEntry[]
  readonly rows: ReadonlyMap<string, readonly ReadonlyMap<string, unknown>[]>
  readonly rejects: readonly { readonly code: string; readonly column?: string }[]
  readonly at: Position
}

/** An entry as a source would give it: text is UTF-8, `{ base64: … }` raw bytes. */
export interface ExampleEntry {
  readonly key: Buffer
  readonly value: ExampleValue
  /** Milliseconds since 1970. */
  readonly expiresAt?: number
}

/** The same shape as a source's `EntryValue`, which this layer does not know. */
export type ExampleValue =
  | { readonly type: 'string'; readonly bytes: Buffer }
  | {
      readonly type: 'hash'
      readonly pairs: readonly Buffer[]
      readonly expiries?: readonly (number | null)[]
    }
  | { readonly type: 'list'; readonly items: readonly Buffer[] }
  | { readonly type: 'set'; readonly members: readonly Buffer[] }
  | { readonly type: 'zset'; readonly members: readonly Buffer[]; readonly scores: readonly number[] }
  | {
      readonly type: 'stream'
      readonly messages: readonly { readonly id: string; readonly pairs: readonly Buffer[] }[]
    }

/** The path that leads into what was read, if there is one. */
export const insideOf = (each: Each | undefined): Inside | undefined =>
  each?.kind === 'path' ? each : each?.inside

/** Is `where` part of claiming? Else it only leaves out records of keys that are claimed. */
export const asksBeforeClaiming = ({ where, each }: Mapping): boolean =>
  where !== undefined && (each === undefined || where.ofKey === true)

/** Is the entry read as a whole? A path may lead inside. */
export const isWhole = (each: Each | undefined): boolean => each === undefined || each.kind === 'path'

export const mappingsOf = (plan: Plan): readonly Mapping[] =>
  plan.rules.filter((rule): rule is Mapping => rule.kind === 'mapping')

/** Do two mappings of one plan read the same entries? Then they do so together. */
export const sharesEntries = (one: Mapping, other: Mapping): boolean =>
  one.match.source === other.match.source && one.type === other.type
