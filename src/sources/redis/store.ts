import type { EntryType } from '../../plan/plan.ts'
import type { Entry } from '../source.ts'
import type { Connection } from './connection.ts'
import type { CollectionType } from './value.ts'

/** What reading needs to know of the store it reads from. */
export interface Store {
  readonly connection: Connection
  readonly label: string
  readonly database: number
  readonly habits: Habits
  /** There where it is a node of a cluster; told which slots are elsewhere by now. */
  readonly cluster: { moved(slot: number): void; readonly isReplica?: boolean } | undefined
  /** One more connection to the same server, for what must not be mixed with other commands. The caller closes it. */
  another(): Promise<Connection>
}

/** What was learned of a store while reading it; kept for all its connections. */
export interface Habits {
  /**
   * How expiries are asked for. `none`: no key of the database expires, which INFO proves anew each time, at the same instant, for one
   * command instead of one a key. `absolute`: PEXPIRETIME. `relative`: PTTL and TIME, for Redis before 7. It only moves to the right.
   */
  expiry: 'none' | 'absolute' | 'relative'
  /** The type that most of the keys read last had: the next ones are taken for the same until they prove otherwise. */
  expected: EntryType
  /**
   * Whether fields of hashes have an expiry of their own. `told`: INFO says whether any has. `untold`: the server knows the command, and
   * INFO says nothing. `none`: it has no such thing.
   */
  fieldExpiry: 'told' | 'untold' | 'none'
}

/** Some entries, and how many keys were gone when they were to be read. */
export interface Part {
  readonly entries: readonly Entry[]
  readonly expired: number
}

export interface Typed<Type extends string = string> {
  readonly key: Buffer
  readonly type: Type
}

export type Collection = Typed<CollectionType>
