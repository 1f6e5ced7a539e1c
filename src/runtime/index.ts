/** The part of kvmig that lives inside the migrating application. */

export { KvmigError } from '../errors.ts'
export { connect } from './connect.ts'
export type { EntryStore } from './entry-store.ts'
export type { ConnectOptions, Kvmig } from './kvmig.ts'
export { type EntryInput, type EntryOutput, type Mapped, type Mappings, openMappings } from './mappings.ts'
export type { MetricsHandler } from './metrics-handler.ts'
export type { Store } from './record-store.ts'
export type { JsValue } from './values.ts'

/** The rows and keys of each plan's store, by its name: what `kvmig types` adds to. */
// An interface, because only that can be added to from outside.
// biome-ignore lint/suspicious/noEmptyInterface: see above
export interface Plans {}
