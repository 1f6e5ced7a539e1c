import type { Entry } from '../sources/source.ts'
import type { TupleWriter } from '../target/codec.ts'
import type { TableRows } from '../target/table-rows.ts'
import type { Row } from '../value.ts'
import { ByteList } from './byte-list.ts'
import type { Part } from './mapping.ts'

/**
 * Rows that a mapping makes, and the records they come from. There are millions, so nothing is kept of one but bytes: row `n` is tuple `n`,
 * and came from `key(n)`, part `part(n)`.
 */
export class RowBatch {
  readonly tuples: TupleWriter
  /** The cells too, where Postgres has to be asked what it would store: a column of a type that kvmig has no codec for. */
  readonly cells: Row[] | undefined
  /** Where rows may be written by the short way. */
  readonly bytes: TupleWriter | undefined
  readonly #keys = new ByteList()
  /** For each row, which of the keys it came from. */
  readonly #owners: number[] = []
  readonly #parts: Part[] = []
  #entry: Entry | undefined
  /** Is its key in the list? */
  #isListed = false

  constructor(table: Pick<TableRows, 'writer' | 'staged'>) {
    this.tuples = table.writer()
    this.cells = table.staged ? [] : undefined
    this.bytes = table.staged ? undefined : this.tuples
  }

  get count(): number {
    return this.tuples.count
  }

  /** Whose records are arriving. */
  get entry(): Entry {
    return this.#entry!
  }

  key(row: number): Buffer {
    return this.#keys.at(this.#owners[row]!)
  }

  part(row: number): Part {
    return this.#parts[row]!
  }

  /** Says whose records arrive from now on. */
  of(entry: Entry): this {
    // The next part of a collection comes with its key again.
    this.#isListed &&= entry.offset > 0 && (this.#entry?.key.equals(entry.key) ?? false)
    this.#entry = entry
    return this
  }

  row(cells: Row, part: () => Part): void {
    this.tuples.append(cells)
    this.cells?.push(cells)
    this.wrote(part)
  }

  /** A row was written into `bytes`. */
  wrote(part: () => Part): void {
    if (!this.#isListed) this.#keys.add(this.#entry!.key)
    this.#isListed = true
    this.#owners.push(this.#keys.count - 1)
    this.#parts.push(part())
  }

  /** Takes back the rows from `count` on. */
  keep(count: number): void {
    this.tuples.keep(count)
    for (const list of [this.#owners, this.#parts, this.cells ?? []])
      if (list.length > count) list.length = count
    const keys = (this.#owners.at(-1) ?? -1) + 1
    if (keys === this.#keys.count) return
    this.#keys.keep(keys)
    this.#isListed = false
  }

  /** Begins anew, in the same memory. */
  clear(): void {
    this.keep(0)
    this.#entry = undefined
  }
}
