import type { ByteStrings } from '../byte-strings.ts'
import type { OptionSchema } from '../plan/catalog.ts'
import type { EntryType } from '../plan/plan.ts'
import type { StoreEditor } from './editor.ts'
import type { LiveContext, LiveStore } from './live-store.ts'
import type { Answer, Answers, Question } from './question.ts'
import type { StoreWriter } from './writer.ts'

/** The stateless part of a driver: it knows its URL schemes, and opens stores. Client libraries are imported inside `open`. */
export interface SourceAdapter {
  /** One word, as in docs and reports: `redis`. */
  readonly name: string
  /** URL schemes without colon: `redis`, `rediss`. */
  readonly schemes: readonly string[]
  readonly summary: string
  /** What migrations.yaml may say beside the URL. */
  readonly options: OptionSchema
  /** What this kind of store cannot do, and why. The conformance suite shows the rest, and the table of stores is made of it. */
  readonly lacks: Readonly<Partial<Record<Capability, string>>>
  /** Somebody pays for each command: they are counted, whether there is a budget or not. */
  readonly bills?: true
  /** What it holds is of one instant: a record that is not there was not deleted since. */
  readonly isBackup?: true
  open(address: string, context: SourceContext): Promise<Source>
  /** Only stores that can take part in dual-write. */
  openLive?(address: string, context: LiveContext): Promise<LiveStore>
  /** For stores that can be written into. */
  openWriter?(address: string, context: SourceContext): Promise<StoreWriter>
}

/** What most stores can do: the columns of the table of stores. */
export const CAPABILITIES = {
  types: 'hashes, lists, sets, sorted sets, streams',
  bytes: 'any bytes in keys and values',
  expiry: 'expiry of the same instant as the value',
  resume: 'goes on after a crash',
  count: 'number of keys told cheaply',
} as const
export type Capability = keyof typeof CAPABILITIES

export interface SourceContext {
  /** Folder that relative paths are relative to. */
  readonly root: string
  /** Aborts whatever is under way; the pending call rejects with the signal's reason. */
  readonly signal: AbortSignal
  /** Commands a second, at most; undefined: as fast as the store answers. */
  readonly perSecond?: number
  /** Somebody else uses the store: ask for little at a time. */
  readonly gentle?: boolean
  /** Asked before every request; undefined: nobody limits how much is asked in all. */
  readonly allowance?: Allowance
  /** The environment, for stores whose credentials have well-known names there. */
  readonly variables?: Readonly<Record<string, string | undefined>>
  /** What migrations.yaml says beside the URL. */
  readonly options?: Readonly<Record<string, string>>
}

/** How many commands may be sent in all. */
export interface Allowance {
  /** False: it only counts. */
  readonly isLimited: boolean
  /** Resolves when so many may be sent, and counts them; rejects with SourceError SOURCE_BUDGET (exit 5) where they would be too many. */
  take(commands: number): Promise<void>
}

/** An open store that can be read. Keys and values are bytes; nothing is decoded, guessed or dropped here. */
export interface Source {
  /** Without credentials, for people: `redis://127.0.0.1:6379/0`. */
  readonly label: string
  /** Same answer, same store: a cursor of one identity is never used with another (Redis: run id, database; files: size, time, digest of the head). */
  identity(): Promise<string>
  /** Pages of entries in an order that a cursor can resume. May give an entry more than once (SCAN may), never an entry that was not there. */
  scan(selection: Selection, from?: Cursor): AsyncIterable<Page>
  /** The entries of these keys, whole or in parts; missing keys are left out. */
  read(keys: readonly Buffer[]): AsyncIterable<Page>
  /** What other keys say, each question answered in its place, in few round trips. Absent where the store has no index to ask. */
  ask?(questions: readonly Question[]): Promise<readonly Answer[]>
  /** Its own search by vectors. Absent where the store has none. */
  readonly vectors?: VectorSearch
  /** Number of keys in the store, where it can tell cheaply. */
  count?(): Promise<number>
  /** Milliseconds since 1970 by the clock that its expiries are counted by, of each of its servers. Absent: nothing depends on its clock. */
  clocks?(): Promise<readonly number[]>
  /**
   * How often each command was carried out since its servers were started, or their statistics reset: for whomever, on whatever key, in
   * lower case. Commands inside of scripts count too. Absent: it keeps no such statistics.
   */
  calls?(): Promise<ReadonlyMap<string, number>>
  /** How much of a scan lies before a cursor, 0 to 1, where that can be told; near enough to say how long the rest will take. */
  reached?(cursor: Cursor): number
  /** A store that kvmig can also retire and bring back. Absent: it is only read. */
  edit?(): Promise<StoreEditor>
  /** A scan from the last cursor of one that was complete gives what has changed since then. Otherwise it gives nothing. */
  readonly goesOn?: boolean
  /** Commands sent so far (what a bill would count). */
  commands(): number
  /** What people should know of the store: what is in it and is not given. */
  readonly warnings?: readonly string[]
  close(): Promise<void>
}

/** How far two vectors are from each other: the square of the Euclidean distance, 1 - cosine, or 1 - inner product. */
export type Metric = 'l2' | 'cosine' | 'ip'

/** How a store of vectors finds them. Each answer is for one collection of those that may have keys with the prefix. */
export interface VectorSearch {
  metrics(prefix: Buffer): readonly Measured[]
  /** The entries nearest to the vector, nearest first. */
  nearest(vector: readonly number[], prefix: Buffer, count: number): Promise<readonly Neighbours[]>
}

export interface Measured {
  /** The collection's name. */
  readonly of: string
  readonly metric: Metric
}

export interface Neighbours extends Measured {
  readonly neighbours: readonly { readonly key: Buffer; readonly distance: number }[]
}

/** What a scan is for. */
export interface Selection {
  /** Bytes that every wanted key begins with; empty for all. A driver may use it to read less, and must give no key without it. */
  readonly prefix: Buffer
  /** Asked once for each key: its value too, only the key with its type, or nothing. */
  want(key: Buffer): 'entry' | 'key' | 'nothing'
}

/** Where a scan can go on; opaque, printable, at most a few hundred characters (more, where the store goes on at the end). */
export type Cursor = string

export interface Page {
  readonly entries: readonly Entry[]
  /** Keys that vanished between being listed and being read. */
  readonly expired: number
  /** Everything up to and with this page has been given; undefined while there is nothing to resume at (in the middle of a big collection). */
  readonly cursor?: Cursor
}

/**
 * One key with its type, value and expiry, as the source holds it. A collection larger than a part comes as several entries of the same
 * key, one after the other, in one scan: `offset` counts its elements from 0, and all but the last say `more`. A collection may begin anew,
 * with offset 0 (a list was written to, a connection was lost); what came of it before is void then, also if the key is gone and no more of
 * it follows. Buffers may be views of a larger chunk that was received: copy what is kept for long.
 */
export interface Entry {
  readonly key: Buffer
  readonly type: EntryType | UnknownType
  /** Undefined where only the key was wanted, or for a type kvmig cannot read. */
  readonly value?: EntryValue
  /**
   * Absolute, in milliseconds since 1970; null: never. From the same instant as the value. Where only the key was wanted, a store that
   * bills for the answer is not asked, and it is null.
   */
  readonly expiresAt: number | null
  readonly offset: number
  readonly more: boolean
  /** What its lookups were answered; there where a mapping that may have the entry asks something. */
  readonly answers?: Answers
}

/**
 * A type beyond those a plan can name: a module's, or one newer than this build. The text is the store's own word; `unknown:noperm` is a
 * key that only had to be listed and whose type the store would not tell this user.
 */
export type UnknownType = `unknown:${string}`

export type EntryValue =
  | { readonly type: 'string'; readonly bytes: Buffer }
  /**
   * Field, value, field, value … in the store's order. `expiries`, where fields of the hash have an expiry of their own: one for each
   * field, in milliseconds since 1970; null: with the key. `packed`: the same pairs once more, where a store has them in one piece:
   * `pairs` are then only made when somebody asks for them.
   */
  | {
      readonly type: 'hash'
      readonly pairs: readonly Buffer[]
      readonly expiries?: readonly (number | null)[]
      readonly packed?: ByteStrings
    }
  | { readonly type: 'list'; readonly items: readonly Buffer[] }
  | { readonly type: 'set'; readonly members: readonly Buffer[] }
  | { readonly type: 'zset'; readonly members: readonly Buffer[]; readonly scores: readonly number[] }
  | { readonly type: 'stream'; readonly messages: readonly StreamMessage[] }

export interface StreamMessage {
  /** `1526919030474-55`. */
  readonly id: string
  /** Field, value, field, value … */
  readonly pairs: readonly Buffer[]
}
