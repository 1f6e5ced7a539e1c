import { canonicalTuples } from '../mapping/canonical-tuples.ts'
import type { CompiledMapping } from '../mapping/mapping.ts'
import type { RowBatch } from '../mapping/row-batch.ts'
import type { Merge } from '../plan/plan.ts'
import { showTable } from '../plan/table.ts'
import type { Ledger, Origin, Rival } from '../state/ledger.ts'
import { type Traced, trace, tracedTo, writerName } from '../state/trace.ts'
import { TupleWriter } from '../target/codec.ts'
import { readRowsAt } from '../target/read-rows.ts'
import { rowKeyOf } from '../target/row-key.ts'
import { keyTupleOf, openTableRows, reachTypes, type TableRows } from '../target/table-rows.ts'
import type { Target, Transaction } from '../target/target.ts'
import { type Difference, Differences } from './differences.ts'
import { allMergedRows, type MergedRow, type MergedTable, mergedRows } from './merged-rows.ts'
import { fatesOf, type Odd, type RowRecord } from './odd-records.ts'
import type { Reread } from './read-records.ts'
import { RowTally } from './row-tally.ts'
import type { TableSurvey } from './survey.ts'
import { TableSide } from './table-side.ts'

/** Rows that a mapping makes of the source, waiting to be compared with the table. */
export interface Expected {
  readonly compiled: CompiledMapping
  readonly rows: RowBatch
  /** Called when the record of a row turns out to be in the quarantine, put there while it was loaded. */
  readonly quarantined: (row: number) => void
}

/** What to compare with, and who wants to hear of every difference. */
export interface Comparison {
  readonly target: Target
  readonly ledger: Ledger
  readonly onDifference?: (difference: Difference) => void
  /** How records are read again. Needed where a table merges records. */
  readonly reread?: Reread
}

export interface ComparedOptions {
  /** All mappings that write the table, in file order. */
  readonly writers: readonly CompiledMapping[]
  /** Those of them whose rows are looked at. */
  readonly own: readonly CompiledMapping[]
  readonly tracked: boolean
  readonly comparison: Comparison | undefined
  /** What is made of several records, by column. */
  readonly merges: readonly Merge[]
  /** Is only a share of the records looked at? Then merged rows are compared with them, and not all of them in the end. */
  readonly sampled: boolean
  /** Rows that expired before are nobody's. Milliseconds since 1970. */
  readonly now: number
  /** The survey was given up. */
  readonly signal?: AbortSignal
}

/** Row keys that are remembered while extra rows are looked for. */
const MOST_SUSPECTS = 500_000

/**
 * One table's side of a survey: compares what the source gives with what is there, both ways, in constant memory.
 *
 * Where it can (`isSummed`), it first only sums up the rows of both sides (`sum`, `mayDiffer`): equal sums are equal rows. Only those in
 * sums that differ (`isSuspect`) are then compared one by one. Elsewhere all rows are (`compare`), and the keys are summed up to find rows
 * that nothing in the source gives.
 */
export class Compared {
  readonly #options: ComparedOptions
  #inSource = new RowTally([])
  /** Undefined without a comparison. */
  #side: TableSide | undefined
  #summing: Promise<void> | undefined
  /** Mappings may fill different columns of the table, so each compares its own. */
  readonly #rows = new Map<CompiledMapping, TableRows>()
  #expected = 0
  #actual = 0
  #matching = 0
  /** Rows of ours that differ; `different` counts records that should have changed another one's row as well. */
  #changed = 0
  readonly #found: Differences
  /** Key tuples, in latin1, of rows in sums that do not add up. */
  readonly #suspects = new Set<string>()
  /** Rows (their keys) that records of a sample were merged into. */
  #merged: Buffer[] = []
  /** Could all rows be summed up, rather than looked up? */
  isSummed = false

  constructor(options: ComparedOptions) {
    this.#options = options
    this.#found = new Differences(this.#name, options.comparison?.onDifference)
  }

  async open(): Promise<void> {
    await this.#options.comparison?.target.transaction(async (tx) => {
      for (const writer of this.#options.writers) {
        const { columns, keyIndexes, table } = writer
        this.#rows.set(writer, await openTableRows(tx, { name: table.name, columns, keyIndexes }))
      }
    })
    const { comparison, writers, own, tracked } = this.#options
    const [first] = writers
    const table = comparison && first && this.#rows.get(first)
    this.isSummed =
      table !== undefined && !table.staged && !tracked && writers.length === 1 && own.length === 1
    if (table) this.#sumOf(table, this.isSummed ? 'rows' : 'keys')
  }

  /** Rows that are not summed up are looked up: then only keys are summed up, to find what nothing in the source gives. */
  lookUp(): void {
    this.isSummed = false
    if (this.#side) this.#sumOf(this.#rows.get(this.#options.writers[0]!)!, 'keys')
  }

  #sumOf(rows: TableRows, of: 'rows' | 'keys'): void {
    const { comparison, own: mappings, tracked, now, signal } = this.#options
    this.#side = new TableSide({ target: comparison!.target, rows, mappings, tracked, now, of, signal })
    this.#inSource = this.#side.newTally()
  }

  /**
   * Sums the table up while the source is being read, once another one is done with. What is written meanwhile, on either side, differs, and
   * is then looked at row by row.
   */
  sumAhead(after: Promise<void>): Promise<void> {
    if (!this.isSummed) return after
    this.#summing = after.then(() => this.#side!.sum())
    // It is awaited later: a failure until then is nobody's unhandled rejection.
    return this.#summing.catch(() => {})
  }

  /** How rows of a mapping are written to be compared. */
  rowsOf(compiled: CompiledMapping): Pick<TableRows, 'writer' | 'staged'> {
    const wires = compiled.columns.map(({ type }) => ({ type, oid: 0, sql: type.sql }))
    // Without a comparison nobody reads them.
    return this.#rows.get(compiled) ?? { writer: () => new TupleWriter(wires), staged: false }
  }

  /** A row that the source gives, and that nothing is compared with. */
  expect(): void {
    this.#expected += 1
  }

  /** A row that the source gives, the last of a writer. */
  sum(tuples: TupleWriter): void {
    const row = tuples.count - 1
    this.#inSource.add(tuples.memory, tuples.startOf(row))
  }

  /** May this row, the last of a writer, not be there as it is? */
  isSuspect(tuples: TupleWriter): boolean {
    return this.#inSource.differsAt(tuples.memory, tuples.startOf(tuples.count - 1), this.#side!.tally)
  }

  async compare(expected: Expected): Promise<void> {
    if (expected.rows.count === 0) return
    await this.#options.comparison!.target.transaction((tx) => this.#compareIn(tx, expected))
    const rows = this.#merged
    this.#merged = []
    if (this.#options.sampled && rows.length > 0)
      for (const it of await mergedRows(rows, this.#mergedTable, this.#ownNames)) this.#judgeMerged(it)
  }

  /** Compares rows that several records were merged into: when all records were looked at, each row once. */
  async compareMerged(): Promise<void> {
    const { comparison, merges } = this.#options
    if (!comparison || merges.length === 0) return
    for await (const it of allMergedRows(this.#mergedTable, this.#ownNames)) this.#judgeMerged(it)
  }

  get #mergedTable(): MergedTable {
    const { writers, merges, comparison } = this.#options
    const { ledger, reread } = comparison!
    if (!reread) throw new Error(`${this.#name} merges records, and nobody said how to read them again`)
    return { writers, merges, ledger, reread }
  }

  get #ownNames(): ReadonlySet<string> {
    return new Set(this.#options.own.map(writerName))
  }

  #judgeMerged({ verdict, keyTuple, records }: MergedRow): void {
    if (verdict === 'alike') {
      this.#matching += 1
      this.#sumKey(keyTuple)
      return
    }
    const [first, ...others] = records
    this.#found.note(verdict, first, keyTuple)
    // It takes all of them to mend it.
    for (const it of others) this.#found.tell(verdict, it, keyTuple)
    if (verdict === 'missing') return
    this.#changed += 1
    this.#sumKey(keyTuple)
  }

  async #compareIn(tx: Transaction, expected: Expected): Promise<void> {
    const { tracked } = this.#options
    const { ledger } = this.#options.comparison!
    const { compiled, rows: batch } = expected
    const table = this.#rows.get(compiled)!
    await reachTypes(tx, table)
    const { tuples, refused } = await canonicalTuples(tx, table, batch)
    const all: readonly RowRecord[] = Array.from({ length: batch.count }, (_, number) => ({
      number,
      key: batch.key(number),
      part: batch.part(number),
    }))
    const records = all.filter((it) => !refused.has(it.number))
    const given = records.map((it) => tuples.tuple(it.number))
    const keys = given.map((it) => keyTupleOf(table, it))
    const there = await readRowsAt(tx, table, keys)
    const rowKeys = tracked ? keys.map(rowKeyOf) : []
    const origins = tracked ? await ledger.origins.find(tx, this.#name, rowKeys) : undefined
    const rivals = await this.#rivalsOf(tx, origins)
    const odd: Odd[] = all.flatMap((it) => (refused.has(it.number) ? { it, found: 'missing' } : []))
    for (const [index, it] of records.entries()) {
      const [origin, given_, there_] = [origins?.[index], given[index]!, there[index]]
      const keyTuple = keys[index]!
      if (this.isSummed) this.#suspects.delete(keyTuple.toString('latin1'))
      const isSame = there_?.equals(given_) ?? false
      // The row was there before the migration, exactly like this: right, but not ours to count.
      if (isSame && origins && !origin) continue
      const row = rowKeys[index]?.toString('latin1') ?? ''
      const merged = origin?.state === 'stands' && rivals.get(row)
      if (merged && (isOf(origin, compiled, it) || merged.some((one) => isOf(one, compiled, it)))) {
        if (this.#options.sampled) this.#merged.push(rowKeys[index]!)
        continue
      }
      const owns = !origins || (origin?.state === 'stands' && isOf(origin, compiled, it))
      if (owns && isSame) {
        this.#matching += 1
        this.#sumKey(keyTuple)
        continue
      }
      odd.push({
        it,
        found: there_ ? 'different' : 'missing',
        keyTuple,
        ...(owns ? { owns } : {}),
        ...(!owns && origin?.state === 'stands' && there_
          ? { giving: { row: rowKeys[index]!, given: given_, there: there_, origin } }
          : {}),
      })
    }
    await this.#judge(tx, odd, expected)
  }

  /** In a table that merges: the other records of rows, by their keys. */
  async #rivalsOf(
    tx: Transaction,
    origins: readonly (Origin | undefined)[] | undefined,
  ): Promise<ReadonlyMap<string, readonly Rival[]>> {
    const found = new Map<string, Rival[]>()
    if (this.#options.merges.length === 0 || !origins) return found
    const rows = origins.flatMap((it) => (it ? [it.row] : []))
    for (const it of await this.#options.comparison!.ledger.origins.rivals.of(tx, this.#name, rows)) {
      const row = it.row.toString('latin1')
      found.set(row, [...(found.get(row) ?? []), it])
    }
    return found
  }

  #sumKey(keyTuple: Buffer): void {
    if (!this.isSummed) this.#inSource.add(keyTuple, 0)
  }

  /** Records that do not have the row they give: they may be in the quarantine, or have given way to another one. */
  async #judge(tx: Transaction, odd: readonly Odd[], { compiled, quarantined }: Expected): Promise<void> {
    const { plan, mapping } = compiled
    const { writers, comparison } = this.#options
    const fates = await fatesOf(tx, odd, {
      compiled,
      writers,
      table: this.#rows.get(compiled)!,
      ledger: comparison!.ledger,
    })
    for (const [index, { it, found, keyTuple, owns }] of odd.entries()) {
      if (fates[index] === 'quarantined') quarantined(it.number)
      if (fates[index] !== undefined) continue
      this.#found.note(found, { key: it.key, part: it.part, plan, mapping: mapping.name }, keyTuple)
      if (!owns || found !== 'different') continue
      this.#changed += 1
      this.#sumKey(keyTuple!)
    }
  }

  /** Sums up our rows (their keys, where all rows were looked up already), and says whether the sums of both sides differ. */
  async mayDiffer(): Promise<boolean> {
    const side = this.#side
    if (!side) return false
    await (this.#summing ?? side.sum())
    this.#actual = side.tally.total
    if (this.isSummed) this.#matching += side.tally.alike(this.#inSource)
    if (!this.#inSource.differs(side.tally)) return false
    for (const key of await side.keysThatDiffer(this.#inSource, MOST_SUSPECTS))
      this.#suspects.add(key.toString('latin1'))
    return this.isSummed || this.#suspects.size > 0
  }

  /** The source does give these rows. */
  async explain({ compiled, rows }: Pick<Expected, 'compiled' | 'rows'>): Promise<void> {
    const table = this.#rows.get(compiled)
    if (!table) return
    const { tuples } = table.staged
      ? await this.#options.comparison!.target.transaction((tx) => canonicalTuples(tx, table, rows))
      : rows
    for (let row = 0; row < rows.count; row++)
      this.#suspects.delete(keyTupleOf(table, tuples.tuple(row)).toString('latin1'))
  }

  /** What no record of the source explained is extra, unless it expired meanwhile. */
  async settleExtra(): Promise<void> {
    const { comparison, tracked, writers } = this.#options
    if (!comparison || this.#suspects.size === 0) return
    let left: readonly Buffer[] = []
    const counted = this.#actual
    const records = await comparison.target.transaction(async (tx) => {
      left = await this.#side!.stillThere(tx, this.#suspects)
      this.#actual = counted - (this.#suspects.size - left.length)
      if (!tracked) return trace(tx, left, this.#rows.get(writers[0]!)!, writers, comparison.ledger, false)
      const origins = await comparison.ledger.origins.find(tx, this.#name, left.map(rowKeyOf))
      return origins.map((it): Traced | undefined => it && tracedTo(it, writers))
    })
    for (const [index, it] of records.entries()) this.#found.note('extra', it, left[index])
  }

  result(): TableSurvey {
    const { missing, different, extra } = this.#found
    const isCompared = this.#options.comparison !== undefined
    // Every row of ours is alike, different or extra, however often a scan gave its record.
    const matching =
      isCompared && this.#actual > 0
        ? Math.min(this.#matching, this.#actual - this.#changed - extra.count)
        : this.#matching
    return {
      table: this.#name,
      compared: isCompared,
      expected: isCompared ? matching + different.count + missing.count : this.#expected,
      actual: this.#actual,
      matching,
      missing,
      different,
      extra,
    }
  }

  get #name(): string {
    return showTable(this.#options.writers[0]!.table.name)
  }
}

const isOf = ({ writer, key, part }: Rival, compiled: CompiledMapping, it: RowRecord): boolean =>
  writer === writerName(compiled) && key.equals(it.key) && part === it.part
