/** The part of kvmig that lives inside the migrating application. */

export { KvmigError } from '../errors.ts'
export { type ConnectOptions, connect, type Kvmig, type Plans } from './connect.ts'
export { type EntryInput, type EntryOutput, type Mapped, type Mappings, openMappings } from './mappings.ts'
export type { Store } from './record-store.ts'
export type { JsValue } from './values.ts'
