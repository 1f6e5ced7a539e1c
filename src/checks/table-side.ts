import type { CompiledMapping } from '../mapping/mapping.ts'
import { hashesRows, inBuckets, sumRows } from '../target/row-sums.ts'
import { type StageColumn, storedValues } from '../target/stage.ts'
import { keyTupleOf, type TableRows } from '../target/table-rows.ts'
import type { Target, Transaction } from '../target/target.ts'
import { type OwnRows, ownRows } from './own-rows.ts'
import { RowTally } from './row-tally.ts'

export interface TableSideOptions {
  readonly target: Target
  readonly rows: TableRows
  /** Whose rows. */
  readonly mappings: readonly CompiledMapping[]
  readonly tracked: boolean
  /** Rows that expired before are nobody's. Milliseconds since 1970. */
  readonly now: number
  /** Whole rows, or only their keys? */
  readonly of: 'rows' | 'keys'
  /** Nobody wants to know any more. */
  readonly signal?: AbortSignal | undefined
}

/**
 * The rows of mappings in a table, summed up: by Postgres itself where it can, else by reading them. Nothing is kept of a row, and where
 * Postgres does it, nothing is sent of it.
 */
export class TableSide {
  readonly #options: TableSideOptions
  /** What is summed up of a row, and its key among that. */
  readonly #columns: readonly StageColumn[]
  readonly #key: readonly StageColumn[]
  readonly #keyIndexes: readonly number[]
  #isHashed = false
  tally: RowTally

  constructor(options: TableSideOptions) {
    this.#options = options
    const { rows, of } = options
    this.#columns = of === 'rows' ? rows.wires : rows.keyWires
    this.#keyIndexes = of === 'rows' ? rows.keyIndexes.toSorted((a, b) => a - b) : [...rows.keyWires.keys()]
    this.#key = this.#keyIndexes.map((it) => this.#columns[it]!)
    this.tally = this.newTally()
  }

  /** One for what the table is compared with: rows, or keys, as tuples. */
  newTally(): RowTally {
    return new RowTally(this.#keyIndexes)
  }

  async sum(): Promise<void> {
    const { target } = this.#options
    await target.transaction(async (tx) => {
      // Another try counts anew.
      const tally = this.newTally()
      const own = await this.#own(tx)
      this.#isHashed = await hashesRows(target, tx, this.#columns)
      if (this.#isHashed)
        for await (const it of sumRows(tx, this.#rowsOf(own), { columns: this.#columns, key: this.#key }))
          tally.addSum(it)
      else
        for await (const tuples of this.#read(tx, own, this.#columns))
          for (const it of tuples) tally.add(it, 0)
      this.tally = tally
    }, this.#patiently)
  }

  /** The keys of rows in sums that differ from those of the other, as tuples; at most so many. */
  async keysThatDiffer(other: RowTally, most: number): Promise<Buffer[]> {
    const { target, rows, of } = this.#options
    const found: Buffer[] = []
    await target.transaction(async (tx) => {
      found.length = 0
      const own = await this.#own(tx)
      const some = this.#isHashed ? await this.#inBuckets(tx, own, this.tally.differing(other)) : own
      for await (const tuples of this.#read(tx, some, this.#columns)) {
        for (const it of tuples) {
          if (!this.tally.differsAt(it, 0, other)) continue
          if (found.length >= most) return
          found.push(of === 'rows' ? keyTupleOf(rows, it) : Buffer.from(it))
        }
      }
    }, this.#patiently)
    return found
  }

  /** Those of these keys (tuples in latin1) whose rows are there and have not expired meanwhile; for somebody else's transaction. */
  async stillThere(tx: Transaction, keys: ReadonlySet<string>): Promise<Buffer[]> {
    const left: Buffer[] = []
    const own = await this.#own(tx, 'now')
    for await (const tuples of this.#read(tx, own, this.#options.rows.keyWires))
      left.push(...tuples.filter((it) => keys.has(it.toString('latin1'))))
    return left
  }

  /** One statement goes over the whole table. */
  get #patiently() {
    const { signal } = this.#options
    return { statementMillis: 0, ...(signal ? { signal } : {}) }
  }

  #own(tx: Transaction, expired: number | 'now' = this.#options.now): Promise<OwnRows> {
    const { rows, mappings, tracked } = this.#options
    return ownRows(tx, rows, { mappings, tracked, expired })
  }

  #rowsOf(own: OwnRows) {
    return { ...own, table: this.#options.rows.name }
  }

  async #inBuckets(tx: Transaction, own: OwnRows, buckets: readonly number[]): Promise<OwnRows> {
    const parameters = [...own.parameters, `{${buckets.join()}}`]
    const isWanted = await inBuckets(tx, this.#options.rows.name, this.#key, parameters.length)
    return { from: `${own.from} AND ${isWanted}`, parameters }
  }

  #read(
    tx: Transaction,
    { from, parameters }: OwnRows,
    columns: readonly StageColumn[],
  ): AsyncIterable<readonly Buffer[]> {
    return tx.copyOut(`SELECT ${storedValues('t', columns)} FROM ${from}`, parameters)
  }
}
