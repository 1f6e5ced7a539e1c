import type { CompiledMapping, Part } from '../mapping/mapping.ts'
import { rankOf } from '../mapping/rank.ts'
import { decide } from '../mapping/resolve.ts'
import { showTable } from '../plan/table.ts'
import { printable } from '../printable.ts'
import type { Ledger, Origin } from '../state/ledger.ts'
import { type Traced, trace, tracedTo, writerName } from '../state/trace.ts'
import { canonicalRows } from '../target/canonical-rows.ts'
import { rowKeyOf } from '../target/row-key.ts'
import {
  cellsOf,
  keyTupleOf,
  openTableRows,
  reachTypes,
  readTuples,
  type TableRows,
} from '../target/table-rows.ts'
import type { Target, Transaction } from '../target/target.ts'
import type { Row } from '../value.ts'
import { ownKeys } from './own-keys.ts'
import { RowTally } from './row-tally.ts'
import type { TableSurvey } from './survey.ts'

/** A record that the source gives, waiting to be compared with the table. */
export interface Expected {
  readonly compiled: CompiledMapping
  readonly row: Row
  readonly key: Buffer
  readonly part: () => Part
  /** Called when the record turns out to be in the quarantine, put there while it was loaded. */
  readonly quarantined: () => void
}

/** What to compare with, and who wants to hear of every difference. */
export interface Comparison {
  readonly target: Target
  readonly ledger: Ledger
  readonly onDifference?: (difference: Difference) => void
}

export interface Difference {
  readonly table: string
  readonly kind: 'missing' | 'different' | 'extra'
  /** Undefined for a row whose record cannot be told. */
  readonly key: Buffer | undefined
  readonly part: Part
  /** The mapping that gives the row, or gave it. */
  readonly writer?: Pick<CompiledMapping, 'plan'> & { readonly mapping: string }
  /** The key tuple of the row, where there is one or should be one. */
  readonly row?: Buffer
}

export interface ComparedOptions {
  /** All mappings that write the table, in file order. */
  readonly writers: readonly CompiledMapping[]
  /** Those of them whose rows are looked at. */
  readonly own: readonly CompiledMapping[]
  readonly tracked: boolean
  readonly comparison: Comparison | undefined
  /** Rows that expired before are nobody's. Milliseconds since 1970. */
  readonly now: number
}

const SAMPLES = 10
/** Row keys that are remembered while extra rows are looked for. */
const MOST_SUSPECTS = 500_000

/** One table's side of a survey: compares what the source gives with what is there, both ways, in constant memory. */
export class Compared {
  readonly #options: ComparedOptions
  readonly #inSource = new RowTally()
  readonly #inTable = new RowTally()
  /** Mappings may fill different columns of the table, so each compares its own. */
  readonly #rows = new Map<CompiledMapping, TableRows>()
  #expected = 0
  #actual = 0
  #matching = 0
  /** Rows of ours that differ; `different` counts records that should have changed another one's row as well. */
  #changed = 0
  readonly #missing: Found = { kind: 'missing', count: 0, samples: [] }
  readonly #different: Found = { kind: 'different', count: 0, samples: [] }
  readonly #extra: Found = { kind: 'extra', count: 0, samples: [] }
  /** Rows in buckets that do not add up: row key (latin1) → key tuple. */
  readonly #suspects = new Map<string, Buffer>()

  constructor(options: ComparedOptions) {
    this.#options = options
  }

  async open(): Promise<void> {
    await this.#options.comparison?.target.transaction(async (tx) => {
      for (const writer of this.#options.writers) {
        const { columns, keyIndexes, table } = writer
        this.#rows.set(writer, await openTableRows(tx, { name: table.name, columns, keyIndexes }))
      }
    })
  }

  async compare(expected: readonly Expected[]): Promise<void> {
    const { comparison, writers } = this.#options
    if (!comparison) {
      this.#expected += expected.length
      return
    }
    for (const writer of writers) {
      const own = expected.filter((it) => it.compiled === writer)
      if (own.length > 0) await comparison.target.transaction((tx) => this.#compareOwn(tx, own, writer))
    }
  }

  async #compareOwn(tx: Transaction, expected: readonly Expected[], writer: CompiledMapping): Promise<void> {
    const { tracked } = this.#options
    const { ledger } = this.#options.comparison!
    const rows = this.#rows.get(writer)!
    await reachTypes(tx, rows)
    const { rows: canonical, refused } = await canonicalRows(
      tx,
      rows.wires,
      expected.map((it) => it.row),
    )
    const places = [...expected.keys()].filter((it) => !refused.has(it))
    const there = await readTuples(
      tx,
      rows,
      places.map((it) => canonical[it]!),
    )
    const given = places.map((it) => rows.tuple(canonical[it]!))
    const rowKeys = given.map((it) => rowKeyOf(keyTupleOf(rows, it)))
    const origins = tracked ? await ledger.origins.find(tx, this.#name, rowKeys) : undefined
    const odd: Odd[] = [...refused.keys()].map((it) => ({ it: expected[it]!, found: this.#missing }))
    for (const [index, place] of places.entries()) {
      const it = expected[place]!
      const [origin, given_, there_] = [origins?.[index], given[index]!, there[index]]
      const isSame = there_?.equals(given_) ?? false
      // The row was there before the migration, exactly like this: right, but not ours to count.
      if (isSame && origins && !origin) continue
      const owns = !origins || (origin?.state === 'stands' && isOf(origin, it))
      if (owns && isSame) {
        this.#matching += 1
        this.#inSource.add(rowKeys[index]!)
        continue
      }
      odd.push({
        it,
        found: there_ ? this.#different : this.#missing,
        row: rowKeys[index]!,
        tuple: keyTupleOf(rows, given_),
        ...(owns ? { owns } : {}),
        ...(!owns && origin?.state === 'stands' && there_
          ? { giving: { given: given_, there: there_, origin } }
          : {}),
      })
    }
    await this.#judge(tx, odd, rows)
  }

  /** Records that do not have the row they give: they may be in the quarantine, or have given way to another one. */
  async #judge(tx: Transaction, odd: readonly Odd[], rows: TableRows): Promise<void> {
    if (odd.length === 0) return
    const { ledger } = this.#options.comparison!
    const { plan, mapping } = odd[0]!.it.compiled
    const quarantined = new Set(
      (
        await ledger.quarantine.find(
          tx,
          plan,
          odd.map(({ it }) => it.key),
        )
      )
        .filter((it) => it.mapping === mapping.name)
        .map(recordName),
    )
    const giving = odd.filter((it) => it.giving && !quarantined.has(nameOf(it.it)))
    const rivals = new Set(
      (
        await ledger.origins.rivals.of(
          tx,
          this.#name,
          giving.map((it) => it.row!),
        )
      )
        .filter((it) => it.writer === writerName(odd[0]!.it.compiled))
        .map((it) => `${it.row.toString('latin1')}${recordName(it)}`),
    )
    for (const { it, found, row, tuple, owns, giving } of odd) {
      if (quarantined.has(nameOf(it))) {
        it.quarantined()
        continue
      }
      const isRival = giving && rivals.has(`${row!.toString('latin1')}${nameOf(it)}`)
      if (isRival && this.#givesWay(it, giving, rows)) continue
      const { plan, mapping } = it.compiled
      this.#note(found, { key: it.key, part: it.part(), plan, mapping: mapping.name }, tuple)
      if (!owns || found !== this.#different) continue
      this.#changed += 1
      this.#inSource.add(row!)
    }
  }

  /** Does the record still agree with the row of another one, or give way to it by the policy? */
  #givesWay({ compiled, key, part }: Expected, { given, there, origin }: Giving, rows: TableRows): boolean {
    const { writers } = this.#options
    const owner = writers.findIndex((it) => writerName(it) === origin.writer)
    const policy = writers[owner]?.mapping.conflict ?? { policy: 'error' }
    const record = {
      writer: writers.indexOf(compiled),
      policy: compiled.mapping.conflict,
      key,
      part: part(),
      cells: cellsOf(rows, given),
    }
    return (
      decide(record, { writer: owner, policy }, cellsOf(rows, there), rankOf(rows.columns)) === 'gives way'
    )
  }

  /** Reads the keys of all our rows, and says whether the tallies of both sides differ. */
  async mayHaveExtra(): Promise<boolean> {
    const { comparison } = this.#options
    if (!comparison) return false
    await comparison.target.transaction(async (tx) => {
      for await (const keys of this.#ownKeys(tx)) {
        this.#actual += keys.length
        for (const it of keys) this.#inTable.add(rowKeyOf(it))
      }
    })
    if (this.#inSource.equals(this.#inTable)) return false
    await comparison.target.transaction(async (tx) => {
      for await (const keys of this.#ownKeys(tx)) {
        for (const tuple of keys) {
          if (this.#suspects.size >= MOST_SUSPECTS) return
          const row = rowKeyOf(tuple)
          if (this.#inSource.differsAt(row, this.#inTable)) this.#suspects.set(row.toString('latin1'), tuple)
        }
      }
    })
    return this.#suspects.size > 0
  }

  /** The source does give these rows. */
  async explain(compiled: CompiledMapping, rows: readonly Row[]): Promise<void> {
    const table = this.#rows.get(compiled)
    if (!table) return
    const { rows: canonical } = table.staged
      ? await this.#options.comparison!.target.transaction((tx) => canonicalRows(tx, table.wires, rows))
      : { rows }
    for (const row of canonical) this.#suspects.delete(table.rowKey(row).toString('latin1'))
  }

  /** What no record of the source explained is extra, unless it expired meanwhile. */
  async settleExtra(): Promise<void> {
    const { comparison, tracked, writers } = this.#options
    if (!comparison || this.#suspects.size === 0) return
    const left: Buffer[] = []
    const records = await comparison.target.transaction(async (tx) => {
      left.length = 0
      for await (const keys of this.#ownKeys(tx, 'now'))
        left.push(...keys.filter((it) => this.#suspects.has(rowKeyOf(it).toString('latin1'))))
      this.#actual -= this.#suspects.size - left.length
      if (!tracked) return trace(tx, left, this.#rows.get(writers[0]!)!, writers, comparison.ledger, false)
      const origins = await comparison.ledger.origins.find(tx, this.#name, left.map(rowKeyOf))
      return origins.map((it): Traced | undefined => it && tracedTo(it, writers))
    })
    for (const [index, it] of records.entries()) this.#note(this.#extra, it, left[index])
  }

  result(): TableSurvey {
    const isCompared = this.#options.comparison !== undefined
    // Every row of ours is alike, different or extra, however often a scan gave its record.
    const matching =
      isCompared && this.#actual > 0
        ? Math.min(this.#matching, this.#actual - this.#changed - this.#extra.count)
        : this.#matching
    return {
      table: this.#name,
      compared: isCompared,
      expected: isCompared ? matching + this.#different.count + this.#missing.count : this.#expected,
      actual: this.#actual,
      matching,
      missing: this.#missing,
      different: this.#different,
      extra: this.#extra,
    }
  }

  #note(found: Found, record: Traced | undefined, row: Buffer | undefined): void {
    found.count += 1
    const { key, part = '' } = record ?? {}
    if (found.samples.length < SAMPLES)
      found.samples.push(key ? sample(key, part) : `a row of ${this.#name} of unknown origin`)
    this.#options.comparison?.onDifference?.({
      table: this.#name,
      kind: found.kind,
      key,
      part,
      ...(record ? { writer: { plan: record.plan, mapping: record.mapping } } : {}),
      ...(row ? { row } : {}),
    })
  }

  get #name(): string {
    return showTable(this.#options.writers[0]!.table.name)
  }

  #ownKeys(tx: Transaction, expired: number | 'now' = this.#options.now): AsyncIterable<readonly Buffer[]> {
    const { writers, own, tracked } = this.#options
    return ownKeys(tx, this.#rows.get(writers[0]!)!, { mappings: own, tracked, expired })
  }
}

interface Found {
  readonly kind: Difference['kind']
  count: number
  readonly samples: string[]
}

/** A record without the row it gives. */
interface Odd {
  readonly it: Expected
  readonly found: Found
  readonly row?: Buffer
  readonly tuple?: Buffer
  /** The row is its own, and differs or is not there. */
  readonly owns?: boolean
  readonly giving?: Giving
}

/** Another record has the row. */
interface Giving {
  readonly given: Buffer
  readonly there: Buffer
  readonly origin: Origin
}

const isOf = ({ writer, key, part }: Origin, it: Expected): boolean =>
  writer === writerName(it.compiled) && key.equals(it.key) && part === it.part()

const recordName = ({ key, part }: { readonly key: Buffer; readonly part: Part }): string =>
  `${key.toString('latin1')}\0${part}`
const nameOf = ({ key, part }: Expected): string => recordName({ key, part: part() })

const sample = (key: Buffer, part: Part): string =>
  part === '' ? printable(key) : `${printable(key)} ${part}`
