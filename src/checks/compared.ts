import type { CompiledMapping, Part } from '../mapping/mapping.ts'
import { showTable } from '../plan/table.ts'
import type { Ledger } from '../state/ledger.ts'
import { trace } from '../state/trace.ts'
import { scanKeys } from '../target/read-rows.ts'
import { rowKeyOf } from '../target/row-key.ts'
import { openTableRows, readTuples, type TableRows } from '../target/table-rows.ts'
import type { Target, Transaction } from '../target/target.ts'
import type { Row } from '../value.ts'
import { printable } from '../printable.ts'
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
}

const SAMPLES = 10
/** Row keys that are remembered while extra rows are looked for. */
const MOST_SUSPECTS = 500_000

/** One table's side of a survey: compares what the source gives with what is there, both ways, in constant memory. */
export class Compared {
  readonly #writers: readonly CompiledMapping[]
  readonly #tracked: boolean
  readonly #comparison: Comparison | undefined
  readonly #inSource = new RowTally()
  readonly #inTable = new RowTally()
  /** Mappings may fill different columns of the table, so each compares its own. */
  readonly #rows = new Map<CompiledMapping, TableRows>()
  #expected = 0
  #actual = 0
  #matching = 0
  readonly #missing: Found = { kind: 'missing', count: 0, samples: [] }
  readonly #different: Found = { kind: 'different', count: 0, samples: [] }
  readonly #extra: Found = { kind: 'extra', count: 0, samples: [] }
  /** Rows in buckets that do not add up: row key (latin1) → key tuple. */
  readonly #suspects = new Map<string, Buffer>()

  constructor(
    writers: readonly CompiledMapping[],
    tracked: boolean,
    comparison: Comparison | undefined,
  ) {
    this.#writers = writers
    this.#tracked = tracked
    this.#comparison = comparison
  }

  async open(): Promise<void> {
    await this.#comparison?.target.transaction(async (tx) => {
      for (const writer of this.#writers) {
        const { columns, keyIndexes, table } = writer
        this.#rows.set(writer, await openTableRows(tx, { name: table.name, columns, keyIndexes }))
      }
    })
  }

  async compare(expected: readonly Expected[]): Promise<void> {
    if (!this.#comparison) {
      this.#expected += expected.length
      return
    }
    for (const writer of this.#writers) {
      const own = expected.filter((it) => it.compiled === writer)
      if (own.length > 0) await this.#compareOwn(own, this.#rows.get(writer)!, this.#comparison)
    }
    this.#expected = this.#matching + this.#different.count + this.#missing.count
  }

  async #compareOwn(expected: readonly Expected[], rows: TableRows, { target, ledger }: Comparison): Promise<void> {
    await target.transaction(async (tx) => {
      const actual = await readTuples(tx, rows, expected.map((it) => it.row))
      const rowKeys = expected.map((it) => rows.rowKey(it.row))
      const origins = this.#tracked ? await ledger.origins.find(tx, this.#name, rowKeys) : undefined
      const absent: { it: Expected; place: number; found: Found }[] = []
      for (const [place, it] of expected.entries()) {
        const origin = origins?.[place]
        const there = actual[place]
        const same = there?.equals(rows.tuple(it.row)) ?? false
        const part = it.part()
        const owns = !origins || (origin?.mapping === it.compiled.mapping.name && origin.part === part && origin.key.equals(it.key))
        // A record that gave way to another one for its row, by the policy or because both are the same.
        if (origin && origin.mapping !== '' && !owns && (same || it.compiled.mapping.conflict.policy !== 'error')) continue
        if (same && origins && !origin) {
          // The row was there before the migration, exactly like this: right, but not ours to count.
          continue
        }
        if (same) {
          this.#matching += 1
          this.#inSource.add(rowKeys[place]!)
        } else absent.push({ it, place, found: there ? this.#different : this.#missing })
      }
      const quarantined = await this.#quarantined(tx, absent.map(({ it }) => it))
      for (const { it, place, found } of absent) {
        if (quarantined.has(recordName(it))) {
          it.quarantined()
          continue
        }
        this.#note(found, it.key, it.part())
        if (found === this.#different) this.#inSource.add(rowKeys[place]!)
      }
    })
  }

  /** Reads the keys of all our rows, and says whether the tallies of both sides differ. */
  async mayHaveExtra(): Promise<boolean> {
    if (!this.#comparison) return false
    const { target } = this.#comparison
    await target.transaction(async (tx) => {
      for await (const keys of this.#ownKeys(tx)) {
        this.#actual += keys.length
        for (const { rowKey } of keys) this.#inTable.add(rowKey)
      }
    })
    if (this.#inSource.equals(this.#inTable)) return false
    await target.transaction(async (tx) => {
      for await (const keys of this.#ownKeys(tx)) {
        for (const { rowKey, tuple } of keys) {
          if (this.#suspects.size >= MOST_SUSPECTS) return
          if (this.#inSource.differsAt(rowKey, this.#inTable)) this.#suspects.set(rowKey.toString('latin1'), tuple)
        }
      }
    })
    return this.#suspects.size > 0
  }

  /** The source does give this row. */
  explain(compiled: CompiledMapping, row: Row): void {
    const rows = this.#rows.get(compiled)
    if (rows) this.#suspects.delete(rows.rowKey(row).toString('latin1'))
  }

  /** What no record of the source explained is extra. */
  async settleExtra(): Promise<void> {
    if (!this.#comparison || this.#suspects.size === 0) return
    const { target, ledger } = this.#comparison
    const rows = this.#rows.get(this.#writers[0]!)!
    const suspects = [...this.#suspects]
    const records: readonly ({ readonly key: Buffer; readonly part: Part } | undefined)[] = await target.transaction<readonly ({ readonly key: Buffer; readonly part: Part } | undefined)[]>((tx) =>
      this.#tracked
        ? ledger.origins.find(tx, this.#name, suspects.map(([rowKey]) => Buffer.from(rowKey, 'latin1')))
        : trace(tx, suspects.map(([, tuple]) => tuple), rows, this.#writers, ledger, false),
    )
    for (const it of records) this.#note(this.#extra, it?.key, it?.part ?? '')
  }

  result(): TableSurvey {
    return {
      table: this.#name,
      compared: this.#comparison !== undefined,
      expected: this.#expected,
      actual: this.#actual,
      matching: this.#matching,
      missing: this.#missing,
      different: this.#different,
      extra: this.#extra,
    }
  }

  #note(found: Found, key: Buffer | undefined, part: Part): void {
    found.count += 1
    if (found.samples.length < SAMPLES) found.samples.push(key ? sample(key, part) : `a row of ${this.#name} of unknown origin`)
    this.#comparison?.onDifference?.({ table: this.#name, kind: found.kind, key, part })
  }

  get #name(): string {
    return showTable(this.#writers[0]!.table.name)
  }

  // The keys of the rows that are ours: all of a table that only kvmig fills, else those with an origin.
  async *#ownKeys(tx: Transaction): AsyncIterable<readonly { rowKey: Buffer; tuple: Buffer }[]> {
    const rows = this.#rows.get(this.#writers[0]!)!
    if (this.#tracked) {
      for await (const origins of this.#comparison!.ledger.origins.all(tx, this.#name)) {
        yield origins.filter((it) => it.mapping !== '').map((it) => ({ rowKey: it.row, tuple: it.row }))
      }
      return
    }
    for await (const tuples of scanKeys(tx, rows.name, rows.keyWires)) {
      yield tuples.map((tuple) => ({ rowKey: rowKeyOf(tuple), tuple }))
    }
  }

  async #quarantined(tx: Transaction, records: readonly Expected[]): Promise<ReadonlySet<string>> {
    if (records.length === 0) return new Set()
    const plan = records[0]!.compiled.plan
    const found = await this.#comparison!.ledger.quarantine.find(tx, plan, records.map((it) => it.key))
    return new Set(found.map((it) => `${it.mapping}\0${it.key.toString('latin1')}\0${it.part}`))
  }
}

interface Found {
  readonly kind: Difference['kind']
  count: number
  readonly samples: string[]
}

const recordName = (it: Expected): string => `${it.compiled.mapping.name}\0${it.key.toString('latin1')}\0${it.part()}`

const sample = (key: Buffer, part: Part): string => (part === '' ? printable(key) : `${printable(key)} ${part}`)
