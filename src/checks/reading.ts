import type { CompiledMapping, Part, RecordSink } from '../mapping/mapping.ts'
import { RowBatch } from '../mapping/row-batch.ts'
import type { RowBytes } from '../mapping/straight.ts'
import type { Entry } from '../sources/source.ts'
import type { Reject, Row } from '../value.ts'
import type { Compared } from './compared.ts'
import type { KeyAccount } from './key-account.ts'
import { MappingTally } from './mapping-tally.ts'

/** What a survey sees of one mapping. It is told of the records of one entry at a time. */
export class Reading implements RecordSink {
  readonly compiled: CompiledMapping
  readonly table: Compared
  readonly tally: MappingTally
  /** Rows that wait to be compared, and the keys they came from. */
  batch: RowBatch
  #accounts: KeyAccount[] = []
  #spare: RowBatch | undefined
  readonly #keeps: (reading: Reading, part: () => Part) => boolean
  #entry!: Entry
  #expired = false
  #again = false
  account!: KeyAccount

  constructor(
    compiled: CompiledMapping,
    table: Compared,
    keeps: (reading: Reading, part: () => Part) => boolean,
  ) {
    this.compiled = compiled
    this.table = table
    this.tally = new MappingTally(compiled)
    this.batch = new RowBatch(table.rowsOf(compiled))
    this.#keeps = keeps
  }

  get bytes(): RowBytes | undefined {
    return this.batch.bytes
  }

  /** Says whose records arrive from now on; `again`: they were seen and counted before. */
  of(
    entry: Entry,
    account: KeyAccount,
    { expired, again }: { readonly expired: boolean; readonly again: boolean },
  ): this {
    this.batch.of(entry)
    this.account = account
    this.#entry = entry
    this.#expired = expired
    this.#again = again
    if (entry.offset === 0 && !expired && !again) this.tally.key(entry)
    return this
  }

  row(cells: Row, part: () => Part): void {
    this.batch.row(cells, part)
    if (!this.#isKept(part)) this.batch.keep(this.batch.count - 1)
  }

  wrote(part: () => Part): void {
    // Most rows are summed up, and nothing else is kept of them.
    if (this.#isKept(part)) this.batch.wrote(part)
    else this.batch.tuples.keep(this.batch.tuples.count - 1)
  }

  #isKept(part: () => Part): boolean {
    if (this.#expired) return false
    this.account.rows += 1
    if (!this.#again) this.tally.record()
    if (!this.#keeps(this, part)) return false
    this.account.isCompared = true
    this.#accounts.push(this.account)
    return true
  }

  reject(reject: Reject): void {
    if (this.#expired) return
    this.account.rejects += 1
    if (!this.#again) this.tally.reject(reject, this.#entry.key)
  }

  filtered(): void {
    if (!this.#again) this.tally.filter()
  }

  unmapped(field: string): void {
    if (!this.#again) this.tally.unmapped(field, this.#entry.key)
  }

  /** What came last came of a key that is void. */
  forget(account: KeyAccount): void {
    while (this.#accounts.at(-1) === account) this.#accounts.pop()
    this.batch.keep(this.#accounts.length)
  }

  handOver(): Handed {
    const handed = { reading: this, rows: this.batch, accounts: this.#accounts }
    this.batch = this.#spare ?? new RowBatch(this.table.rowsOf(this.compiled))
    this.#spare = undefined
    this.#accounts = []
    return handed
  }

  /** They are compared: their memory can have the next ones. */
  takeBack(rows: RowBatch): void {
    rows.clear()
    this.#spare = rows
  }
}

/** Rows on their way to be compared, with the keys they came from. */
export interface Handed {
  readonly reading: Reading
  readonly rows: RowBatch
  readonly accounts: readonly KeyAccount[]
}
