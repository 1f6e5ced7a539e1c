import type { Entry } from './source.ts'

/** A store that can be written into: the way back, from rows to entries. Opened by an adapter's `openWriter`. */
export interface StoreWriter {
  /** Without credentials, for people. */
  readonly label: string
  /** Number of keys that are there. */
  count(): Promise<number>
  /** Which of these keys are there, by place. */
  exist(keys: readonly Buffer[]): Promise<readonly boolean[]>
  /**
   * Writes entries with plain commands, whole or in parts: what is given of a collection is added to what is there of it, in order. All of
   * it is there when this returns; when it throws, any part may be. Throws SourceError.
   */
  write(entries: readonly WrittenEntry[]): Promise<void>
  /** Commands sent so far. */
  commands(): number
  close(): Promise<void>
}

export type WrittenEntry = Pick<Entry, 'key' | 'type' | 'value' | 'expiresAt'>
