import type { PageSize } from '../redis/page-size.ts'
import type { RestClient } from './rest.ts'

/** What reading needs to know of the store it reads from. */
export interface Store {
  readonly client: RestClient
  readonly label: string
  readonly size: PageSize
  readonly habits: Habits
}

/** What was learned of a store while reading it. It only moves to the right. */
export interface Habits {
  /** How expiries are asked for. `absolute`: PEXPIRETIME. `relative`: PTTL and TIME, where that is not offered. */
  expiry: 'absolute' | 'relative'
  /** Who tells the types of keys. `scan`: SCAN … WITHTYPE, for nothing. `type`: TYPE, one command a key. */
  types: 'scan' | 'type'
}
