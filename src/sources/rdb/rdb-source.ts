import { setImmediate as turn } from 'node:timers/promises'
import { SourceError } from '../../errors.ts'
import { Batch } from '../batch.ts'
import { type DataFile, openDataFile } from '../data-file.ts'
import { elements, livingFields, PART, regroup } from '../part.ts'
import { startsWith } from '../prefix.ts'
import type { Cursor, Entry, EntryValue, Page, Selection, Source } from '../source.ts'
import { ByteFile } from './byte-file.ts'
import { Crc64 } from './crc64.ts'
import { encodingOf } from './encodings.ts'
import { type KeyRecord, nextRecord } from './records.ts'
import { readUnnamed, type Survey, skipValue, survey } from './survey.ts'

/** One database of a Redis backup, in the order of the file. */
export class RdbSource implements Source {
  readonly label: string
  readonly #data: DataFile
  readonly #signal: AbortSignal
  readonly #database: number
  readonly #survey: Survey
  #isClosed = false

  /** Checks the whole file first, so that nothing is given of one that is damaged further on. */
  static async open(
    path: string,
    label: string,
    database: number | undefined,
    signal: AbortSignal,
  ): Promise<RdbSource> {
    const data = await openDataFile(path, label)
    try {
      const checksum = new Crc64()
      // The last eight bytes are the checksum itself.
      let left = data.size - 8
      const file = new ByteFile({ ...data, label }, (bytes, start, end) => {
        checksum.update(bytes, start, Math.min(end, start + left))
        left = Math.max(0, left - (end - start))
      })
      const found = await survey(file, checksum, signal)
      return new RdbSource(data, label, database ?? theOnlyOne(found.databases, label), found, signal)
    } catch (error) {
      await data.close()
      throw error
    }
  }

  private constructor(data: DataFile, label: string, database: number, found: Survey, signal: AbortSignal) {
    this.label = database === 0 ? label : `${label}?db=${database}`
    this.#data = data
    this.#signal = signal
    this.#database = database
    this.#survey = found
  }

  get warnings(): readonly string[] {
    const { passed } = this.#survey
    return passed.length === 0 ? [] : [`${this.label} also holds what is not copied: ${passed.join(', ')}.`]
  }

  /** Size, time and digest of the file, and the database. */
  async identity(): Promise<string> {
    return `${this.#data.identity}:${this.#database}`
  }

  /** The cursor is the offset of the next key. */
  async *scan({ prefix, want }: Selection, from?: Cursor): AsyncGenerator<Page> {
    if (from === END) return
    yield* this.#pages(this.#offset(from), (key) => (startsWith(key, prefix) ? want(key) : 'nothing'))
  }

  /** A file has no index: this reads from its beginning until the last of the keys was found, so all keys belong in one call. */
  async *read(keys: readonly Buffer[]): AsyncGenerator<Page> {
    const wanted = new Set(keys.map((key) => key.toString('latin1')))
    const found = (key: Buffer) => (wanted.delete(key.toString('latin1')) ? 'entry' : 'nothing')
    if (wanted.size === 0) return
    for await (const { entries } of this.#pages(this.#offset(undefined), found)) {
      if (entries.length > 0) yield { entries, expired: 0 }
      if (wanted.size === 0 && entries.at(-1)?.more !== true) return
    }
  }

  reached(cursor: Cursor): number {
    return cursor === END ? 1 : Number(cursor) / this.#data.size
  }

  async count(): Promise<number> {
    return this.#survey.databases.get(this.#database)?.keys ?? 0
  }

  commands(): number {
    return 0
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#data.close()
  }

  #offset(from: Cursor | undefined): number {
    if (from === undefined) return this.#survey.databases.get(this.#database)?.start ?? this.#data.size
    if (/^\d{1,15}$/.test(from) && Number(from) < this.#data.size) return Number(from)
    throw new SourceError(
      'SOURCE_CURSOR',
      `What was kept as the place in ${this.label} is no place in this file.`,
    )
  }

  async *#pages(offset: number, want: Selection['want']): AsyncGenerator<Page> {
    const file = new ByteFile({ ...this.#data, label: this.label })
    file.seek(offset)
    for (let page = new Batch(); ; page = new Batch()) {
      // Reading is synchronous: whoever wants to stop it gets a word in between.
      await turn()
      this.#signal.throwIfAborted()
      if (this.#isClosed)
        throw new SourceError('SOURCE_CLOSED', `${this.label} was closed while it was being read.`)
      let expired = 0
      while (!page.isFull) {
        const record = this.#next(file)
        if (record === undefined) {
          yield { entries: page.entries, expired, cursor: END }
          return
        }
        page.pass()
        const wanted = want(record.key)
        if (wanted !== 'entry') {
          const entry = bare(file, record, this.#survey)
          if (wanted === 'key') page.add(entry)
          continue
        }
        for (const entry of entriesOf(file, record, this.#survey)) {
          // Nothing of it was left when the backup was written.
          if (isEmptyHash(entry)) {
            expired += 1
            continue
          }
          page.add(entry)
          if (!entry.more) continue
          yield { entries: page.entries, expired }
          page = new Batch()
          expired = 0
        }
      }
      yield { entries: page.entries, expired, cursor: String(file.position) }
    }
  }

  // The next key of this database; its keys lie together.
  #next(file: ByteFile): KeyRecord | undefined {
    if (file.position === file.size) return undefined
    let database = this.#database
    const record = nextRecord(file, this.#survey.format, {
      select: (selected) => {
        database = selected
      },
    })
    return database === this.#database ? record : undefined
  }
}

const END: Cursor = 'end'

function entriesOf(file: ByteFile, record: KeyRecord, found: Survey): Iterable<Entry> {
  const { key, expiresAt, typeByte } = record
  const encoding = encodingOf(typeByte, found.format)
  if (encoding === undefined) return [bare(file, record, found)]
  const { type } = encoding
  const whole = encoding.whole?.(file)
  if (whole && elements(whole) <= PART) {
    const value = livingFields(whole, found.writtenAt ?? -Infinity)
    return [{ key, type, value, expiresAt, offset: 0, more: false }]
  }
  return regroup(
    { key, type, expiresAt },
    withoutExpired(whole ? [whole] : encoding.pieces(file), found.writtenAt),
  )
}

/** A server keeps fields that have expired until it gets round to them, and writes them into backups; it gives them to nobody. */
function* withoutExpired(pieces: Iterable<EntryValue>, writtenAt: number = -Infinity): Generator<EntryValue> {
  for (const piece of pieces) yield livingFields(piece, writtenAt)
}

const isEmptyHash = ({ value, offset, more }: Entry): boolean =>
  value?.type === 'hash' && value.expiries !== undefined && value.pairs.length === 0 && offset === 0 && !more

function bare(file: ByteFile, record: KeyRecord, { format }: Survey): Entry {
  const { key, expiresAt, typeByte } = record
  const encoding = encodingOf(typeByte, format)
  if (encoding) skipValue(file, record, format)
  return {
    key,
    type: encoding?.type ?? `unknown:${readUnnamed(file, typeByte)}`,
    expiresAt,
    offset: 0,
    more: false,
  }
}

function theOnlyOne(found: Survey['databases'], label: string): number {
  const [first = 0, ...others] = [...found.keys()].sort((a, b) => a - b)
  if (others.length === 0) return first
  const list = [...found].map(([database, { keys }]) => `${database} (${keys.toLocaleString('en')} keys)`)
  throw new SourceError('SOURCE_DATABASE', `${label} holds several databases: ${list.join(', ')}.`, {
    hint: `Say which one is meant: ${label}?db=${first}.`,
  })
}
