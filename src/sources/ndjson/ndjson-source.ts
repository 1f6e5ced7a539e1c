import { setImmediate as turn } from 'node:timers/promises'
import { SourceError } from '../../errors.ts'
import { KeySet } from '../../key-set.ts'
import { Batch } from '../batch.ts'
import { type DataFile, openDataFile } from '../data-file.ts'
import { elements } from '../part.ts'
import { startsWith } from '../prefix.ts'
import type { Cursor, Entry, Page, Selection, Source } from '../source.ts'
import { lines } from './lines.ts'
import { lineToEntry } from './parse.ts'

/** A file of entries, one a line, in the order of the file. */
export class NdjsonSource implements Source {
  readonly label: string
  readonly #data: DataFile
  readonly #signal: AbortSignal
  #isClosed = false

  static async open(path: string, label: string, signal: AbortSignal): Promise<NdjsonSource> {
    return new NdjsonSource(await openDataFile(path, label), label, signal)
  }

  private constructor(data: DataFile, label: string, signal: AbortSignal) {
    this.#data = data
    this.label = label
    this.#signal = signal
  }

  async identity(): Promise<string> {
    return this.#data.identity
  }

  /** The cursor is the offset and the number of the next line. */
  async *scan({ prefix, want }: Selection, from: Cursor = '0:1'): AsyncGenerator<Page> {
    const selected = (key: Buffer) => (startsWith(key, prefix) ? want(key) : 'nothing')
    yield* this.#pages(from, selected, new KeySet())
  }

  /** A file has no index: this reads all of it, so all keys belong in one call. */
  async *read(keys: readonly Buffer[]): AsyncGenerator<Page> {
    const wanted = new Set(keys.map((key) => key.toString('latin1')))
    const found = (key: Buffer) => (wanted.has(key.toString('latin1')) ? 'entry' : 'nothing')
    if (wanted.size === 0) return
    for await (const { entries } of this.#pages('0:1', found)) {
      if (entries.length > 0) yield { entries, expired: 0 }
    }
  }

  reached(cursor: Cursor): number {
    return Number.parseInt(cursor, 10) / this.#data.size
  }

  commands(): number {
    return 0
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#data.close()
  }

  async *#pages(from: Cursor, want: Selection['want'], seen?: KeySet): AsyncGenerator<Page> {
    const [, offset, first] = /^(\d{1,15}):(\d{1,15})$/.exec(from) ?? []
    const { descriptor, size } = this.#data
    if (offset === undefined || Number(offset) > size)
      throw new SourceError(
        'SOURCE_CURSOR',
        `What was kept as the place in ${this.label} is no place in this file.`,
      )
    let page = new Batch()
    let cursor: Cursor | undefined = from
    let wanted: ReturnType<typeof want> = 'nothing'
    let before: Entry | undefined
    await this.#breathe()
    for (const line of lines(descriptor, size, Number(offset), Number(first))) {
      page.pass()
      if (!isBlank(line.bytes)) {
        const entry = lineToEntry(line.bytes, (what) => this.#unreadable(line.number, what))
        if (!follows(entry, before))
          throw this.#unreadable(line.number, 'the parts of a collection do not follow each other here')
        before = entry
        if (entry.offset === 0 && seen && !seen.add(entry.key)) this.#refuseTwice(entry.key, line.number)
        if (entry.offset === 0) wanted = want(entry.key)
        if (wanted === 'entry') page.add(entry)
        else if (wanted === 'key' && entry.offset === 0) page.add(withoutValue(entry))
        cursor = entry.more ? undefined : `${line.next}:${line.number + 1}`
      }
      if (!page.isFull) continue
      yield pageOf(page, cursor)
      page = new Batch()
      await this.#breathe()
    }
    if (before?.more) throw new SourceError('SOURCE_FORMAT', `${this.label} ends within a collection.`)
    yield pageOf(page, cursor)
  }

  // Reading is synchronous: whoever wants to stop it gets a word in between.
  async #breathe(): Promise<void> {
    await turn()
    this.#signal.throwIfAborted()
    if (this.#isClosed)
      throw new SourceError('SOURCE_CLOSED', `${this.label} was closed while it was being read.`)
  }

  // The set tells keys apart by hashes: only another line with the same key proves anything.
  #refuseTwice(key: Buffer, number: number): void {
    const { descriptor, size } = this.#data
    for (const line of lines(descriptor, size, 0, 1)) {
      if (line.number === number) return
      if (isBlank(line.bytes)) continue
      const { key: other, offset } = lineToEntry(line.bytes, (what) => this.#unreadable(line.number, what))
      if (offset === 0 && other.equals(key))
        throw this.#unreadable(number, `its key stands in line ${line.number} already`)
    }
  }

  #unreadable(line: number, what: string): SourceError {
    return new SourceError('SOURCE_FORMAT', `${this.label}:${line}: this line is no entry: ${what}.`)
  }
}

function follows(entry: Entry, before: Entry | undefined): boolean {
  if (!before?.more) return entry.offset === 0
  const given = before.offset + (before.value ? elements(before.value) : 0)
  return entry.offset === given && entry.type === before.type && entry.key.equals(before.key)
}

const pageOf = ({ entries }: Batch, cursor: Cursor | undefined): Page =>
  cursor === undefined ? { entries, expired: 0 } : { entries, expired: 0, cursor }

const withoutValue = ({ key, type, expiresAt }: Entry): Entry => ({
  key,
  type,
  expiresAt,
  offset: 0,
  more: false,
})

const isBlank = (bytes: Buffer): boolean => bytes.every((byte) => byte === 32 || byte === 13 || byte === 9)
