import type { Entry } from './source.ts'

/**
 * What can be done to a store that is retired, and to one that an archive is brought back into. Everything else that writes to a store is
 * the application, through `kvmig/runtime`.
 */
export interface StoreEditor {
  /**
   * Deletes each of the keys that is at this moment exactly what its digest says (`EntryDigest`), and no other: the store itself sees to
   * it that nobody writes in between. The versions that dual-write kept beside a key go with it. Answers in the order of the keys.
   */
  remove(keys: readonly Expected[]): Promise<readonly Removed[]>
  /**
   * Writes one key, given as its parts in order, whole or not at all. A key that is there stays, unless `replace`. `expired`: its time was
   * over before it could be written.
   */
  put(parts: AsyncIterable<Entry> | Iterable<Entry>, options: { readonly replace: boolean }): Promise<Put>
  /**
   * For how long nobody has read or written each of the keys, in milliseconds, as the store itself remembers it; undefined for a key that is
   * not there, and for what it cannot know: it was started since. Asking touches no key. Undefined as a whole: this store keeps no such times.
   */
  idleMillis(keys: readonly Buffer[]): Promise<readonly (number | undefined)[] | undefined>
  close(): Promise<void>
}

export interface Expected {
  readonly key: Buffer
  readonly digest: Buffer
}

/** `changed`: it holds something else, so it stays. `gone`: there was no such key any more. */
export type Removed = 'removed' | 'changed' | 'gone'

export type Put = 'written' | 'there' | 'expired'
