import type { SourceError } from '../errors.ts'
import type { Change } from './change.ts'
import type { Allowance, Entry } from './source.ts'

/**
 * A store that takes part in dual-write: it applies changes by compare-and-set on a version that it keeps beside each record, and refuses
 * whoever carries an epoch that is over; or others do that for it (`underLock`). Errors are SourceErrors; after SOURCE_LOST and SOURCE_TIMEOUT nobody knows whether a write took
 * place, and doing it again is safe.
 */
export interface LiveStore {
  /** Without credentials, for people. */
  readonly label: string
  /**
   * It can neither compare versions nor refuse epochs: whoever writes to it holds the records' locks in the target meanwhile (`carryTo`). What
   * it is asked to apply is applied, and versions are 0.
   */
  readonly underLock?: boolean
  /** Upstash: what makes another client see the writes of this one, whichever replica answers it. */
  readonly syncToken?: string | undefined
  /** Why it cannot hold what a change would make, by its own limits; absent: it holds whatever an entry may be. */
  unable?(change: LiveChange): SourceError | undefined
  /** All changes at one instant. */
  apply(write: LiveWrite): Promise<LiveApplied>
  /** Records as they are, each with its version from the same instant; undefined where there is none. */
  read(records: readonly LivePlace[]): Promise<readonly LiveRecord[]>
  /**
   * Runs commands of the store's own on these keys, asking the epochs first, all at one instant: how writes go while the store is alone
   * (phase A). One that fails does not keep the others from being run.
   */
  command(command: LiveCommand): Promise<LiveAnswer>
  /** A connection that watches keys; absent where the store cannot. */
  watch?(): Promise<LiveWatch>
  /** Milliseconds since 1970 by the store's clock. */
  clock(): Promise<number>
  /** From now on whoever writes with a smaller epoch is refused. Lower than what is there: no change. */
  raiseEpoch(plan: string, epoch: number): Promise<void>
  /** What the store knows of a plan's epoch; undefined before anybody wrote. */
  epoch(plan: string): Promise<number | undefined>
  /** Forgets an epoch and the versions beside these keys: after D, and after the ledger was uninstalled. */
  forget(plan: string, keys: readonly Buffer[]): Promise<void>
  close(): Promise<void>
}

/** A record of the store: a key ('' as part), or one of its elements (`field:name`, `member:x`). */
export interface LivePlace {
  readonly key: Buffer
  readonly part: string
}

/** By which route somebody writes. */
export interface Fence {
  readonly plan: string
  readonly epoch: number
}

export interface LiveWrite extends Fence {
  /** Other plans whose records are among the changes, or whose keys are among those of the commands. */
  readonly others?: readonly Fence[]
  readonly changes: readonly LiveChange[]
  /** Commands of the store's own that go along, at the same instant. */
  readonly along?: Pick<LiveCommand, 'keys' | 'commands'>
}

export interface LiveChange extends LivePlace {
  readonly change: Change
  /** Applied only if the record's version is smaller. Absent: applied in any case, version kept (phase A, where there are none). */
  readonly version?: number
}

/** `older`: the record has this version or a newer one already, and was left alone. */
export type LiveApplied =
  | LiveFenced
  | {
      readonly fenced: false
      readonly results: readonly ('applied' | 'older')[]
      /** Of the commands that went along. */
      readonly replies?: readonly LiveReply[]
    }

/** Nothing was done: the store knows a newer epoch of a plan (`plan`, where there were several). */
export interface LiveFenced {
  readonly fenced: true
  readonly epoch: number
  readonly plan?: string
}

export interface LiveRecord {
  /** 0: nobody wrote it through the protocol. */
  readonly version: number
  /** Undefined: it is not there. Of an element: an entry with that element alone. */
  readonly entry: Entry | undefined
  /** Of the key, also where it has no such element; absent: there is no key, or it never expires. */
  readonly keyExpiresAt?: number
}

export interface LiveCommand {
  /** The plans of the keys; none, where no plan has any of them. */
  readonly fences: readonly Fence[]
  readonly keys: readonly Buffer[]
  /** Each with its name and arguments. */
  readonly commands: readonly (readonly Buffer[])[]
}

export type LiveAnswer = LiveFenced | { readonly fenced: false; readonly replies: readonly LiveReply[] }

/** `error`: what the store says to the command, in its own words. */
export interface LiveReply {
  readonly reply: unknown
  readonly error?: string
}

/**
 * A connection of its own on which keys are watched, as Redis does it. It is never made again: what was watched on one that was lost is not
 * watched any more, and everything after that is SOURCE_LOST.
 */
export interface LiveWatch {
  watch(keys: readonly Buffer[]): Promise<void>
  /** Runs commands as `LiveStore.command`, if nobody has touched a watched key since; else undefined. Watches nothing any more. */
  command(command: LiveCommand): Promise<LiveAnswer | undefined>
  /** Watches nothing any more; somebody else may have the connection. */
  close(): void
}

export interface LiveContext {
  readonly root: string
  readonly signal: AbortSignal
  /** A command that was not answered for so long has failed, or not: SOURCE_TIMEOUT. */
  readonly timeoutMillis?: number
  /** Asked before every request, where somebody counts them. */
  readonly allowance?: Allowance
  /** The environment, for stores whose credentials have well-known names there. */
  readonly variables?: Readonly<Record<string, string | undefined>>
  /** What migrations.yaml says beside the URL. */
  readonly options?: Readonly<Record<string, string>>
}
