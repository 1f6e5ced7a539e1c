import { isUtf8 } from 'node:buffer'
import { SourceError } from '../../errors.ts'
import type {
  LiveAnswer,
  LiveApplied,
  LiveChange,
  LiveContext,
  LivePlace,
  LiveRecord,
  LiveStore,
  LiveWrite,
} from '../live-store.ts'
import { findReplitAddress, type ReplitAddress } from './address.ts'
import { LIMITS, ReplitClient } from './client.ts'

/**
 * A Replit database that is written to by the protocol. It compares nothing and knows no epochs: whoever writes to it holds the record's lock
 * in the target. One request a key, sent once.
 */
export class LiveReplit implements LiveStore {
  readonly label: string
  readonly underLock = true
  readonly #client: ReplitClient
  readonly #stop = new AbortController()

  static async open(context: LiveContext): Promise<LiveReplit> {
    return new LiveReplit(await findReplitAddress(context), context)
  }

  private constructor(address: ReplitAddress, context: LiveContext) {
    const { signal, allowance, timeoutMillis = TIMEOUT_MILLIS } = context
    this.label = address.label
    this.#client = new ReplitClient(address, {
      signal: AbortSignal.any([signal, this.#stop.signal]),
      pace: undefined,
      allowance,
      limits: { ...LIMITS, attempts: 0, answerMillis: timeoutMillis },
      find: () => findReplitAddress(context),
    })
  }

  /** In their order, one after the other: of two changes of one key the last stays. */
  async apply({ changes }: LiveWrite): Promise<LiveApplied> {
    for (const it of changes) {
      const unable = this.unable(it)
      if (unable) throw unable
    }
    for (const { key, change } of changes) {
      if (change.do === 'delete') await once(() => this.#client.delete(key))
      // What else there is was refused above.
      else await once(() => this.#client.set(key, (change.value as { readonly bytes: Buffer }).bytes))
    }
    return { fenced: false, results: changes.map(() => 'applied') }
  }

  unable({ key, part, change }: LiveChange): SourceError | undefined {
    const because = (why: string) => new SourceError('LIVE_UNABLE', `${this.label} cannot hold this: ${why}.`)
    if (part !== '' || (change.do === 'put' && change.value.type !== 'string'))
      return because('a key holds one text, and nothing of several elements')
    if (!isUtf8(key)) return because('keys and values are text')
    if (change.do === 'delete') return undefined
    if (key.length > MOST_KEY_BYTES) return because(`a key has at most ${MOST_KEY_BYTES} bytes`)
    if (change.expiresAt !== null) return because('nothing expires there')
    const { bytes } = change.value as { readonly bytes: Buffer }
    if (!isUtf8(bytes)) return because('keys and values are text')
    return bytes.length > MOST_VALUE_BYTES ? because('a value has at most 5 MiB') : undefined
  }

  read(records: readonly LivePlace[]): Promise<readonly LiveRecord[]> {
    return Promise.all(
      records.map(async ({ key }): Promise<LiveRecord> => {
        const bytes = key.length > 0 && isUtf8(key) ? await this.#client.value(key) : undefined
        if (bytes === undefined) return { version: 0, entry: undefined }
        const value = { type: 'string', bytes } as const
        return { version: 0, entry: { key, type: 'string', value, expiresAt: null, offset: 0, more: false } }
      }),
    )
  }

  async command(): Promise<LiveAnswer> {
    throw new SourceError('LIVE_UNABLE', `${this.label} cannot do this: it has no commands.`)
  }

  /** Nothing expires there, so nobody depends on its clock. */
  async clock(): Promise<number> {
    return Date.now()
  }

  // The target alone knows epochs, and holds them while this store is written.
  async raiseEpoch(): Promise<void> {}
  async epoch(): Promise<undefined> {}
  async forget(): Promise<void> {}

  async close(): Promise<void> {
    this.#stop.abort()
    this.#client.close()
  }
}

const TIMEOUT_MILLIS = 2000
/** As reported of the service: 1,000 bytes a key, 5 MiB a value. */
const MOST_KEY_BYTES = 1000
const MOST_VALUE_BYTES = 5 << 20

/** A server that fails within itself may have done what it was asked. */
async function once(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof SourceError) || error.code !== 'SOURCE_SERVER') throw error
    throw new SourceError('SOURCE_LOST', error.message)
  }
}
