import type { CompiledMapping } from '../mapping/mapping.ts'
import { type Contribution, mergeRecords } from '../mapping/merge.ts'
import { rankOf } from '../mapping/rank.ts'
import { settle } from '../mapping/resolve.ts'
import type { Merge } from '../plan/plan.ts'
import { writerName } from '../state/trace.ts'
import { canonicalRows } from '../target/canonical-rows.ts'
import { cellsOf, keyTupleOf, openTableRows, reachTypes, type TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import { type Cell, type Reject, RejectError, type Row } from '../value.ts'
import type { FoundRecord } from './read-records.ts'

/** A row, by the columns that its record or records fill. */
export interface GivenRow {
  readonly access: TableRows
  readonly cellsOfRow: Row
  readonly tuple: Buffer
  readonly keyTuple: Buffer
}

/** A record, with the row that it gives by itself. */
export interface Contender extends Contribution, GivenRow {
  /** The name of its writer. */
  readonly mapping: string
}

/** What some records give between them. */
export interface Outcome extends GivenRow {
  /** Whose row it is in the ledger. */
  readonly owner: Contender
}

/** Makes rows of records that meet in one row of a table, in one transaction: which of them has it, or what they make together. */
export class Contenders {
  readonly #tx: Transaction
  readonly #writers: readonly CompiledMapping[]
  readonly #merge: readonly Merge[]
  /** Access to the table with the columns of each writer, and with those of rows that several fill. */
  readonly #access: Map<string, TableRows>

  static async open(
    tx: Transaction,
    writers: readonly CompiledMapping[],
    merge: readonly Merge[],
  ): Promise<Contenders> {
    const access = new Map<string, TableRows>()
    for (const mapping of writers) {
      const { columns, keyIndexes, table } = mapping
      const rows = await openTableRows(tx, { name: table.name, columns, keyIndexes })
      await reachTypes(tx, rows)
      access.set(writerName(mapping), rows)
    }
    return new Contenders(tx, writers, merge, access)
  }

  private constructor(
    tx: Transaction,
    writers: readonly CompiledMapping[],
    merge: readonly Merge[],
    access: Map<string, TableRows>,
  ) {
    this.#tx = tx
    this.#writers = writers
    this.#merge = merge
    this.#access = access
  }

  accessOf(writer: string): TableRows {
    return this.#access.get(writer)!
  }

  /** In file order. Records that Postgres has no row for are left out. */
  async of(records: readonly FoundRecord[]): Promise<readonly Contender[]> {
    const found: Contender[] = []
    for (const [place, mapping] of this.#writers.entries()) {
      const own = records.filter((it) => it.compiled === mapping)
      if (own.length > 0) found.push(...(await this.#ofMapping(own, mapping, place)))
    }
    return found
  }

  async #ofMapping(
    records: readonly FoundRecord[],
    { mapping, plan }: CompiledMapping,
    writer: number,
  ): Promise<readonly Contender[]> {
    const name = writerName({ plan, mapping })
    const access = this.accessOf(name)
    const { rows, refused } = await canonicalRows(
      this.#tx,
      access.wires,
      records.map((it) => it.row),
    )
    return records.flatMap(({ key, part }, index) => {
      if (refused.has(index)) return []
      const cellsOfRow = rows[index]!
      const tuple = access.tuple(cellsOfRow)
      return [
        {
          writer,
          policy: mapping.conflict,
          key,
          part,
          cells: cellsOf(access, tuple),
          values: this.#merge.length > 0 ? valuesOf(access, cellsOfRow) : NONE,
          mapping: name,
          access,
          cellsOfRow,
          tuple,
          keyTuple: keyTupleOf(access, tuple),
        },
      ]
    })
  }

  /** The row that some records give, at least one; or why they give none: nobody chooses between them, or what they make does not fit. */
  async rowOf(contenders: readonly Contender[]): Promise<Outcome | 'contested' | Reject> {
    const [first] = contenders
    const compare = rankOf(this.#writers[0]!.table.columns)
    if (contenders.length === 1) return { ...given(first!), owner: first! }
    if (this.#merge.length === 0) {
      const owner = settle(contenders, compare)
      return owner === 'contested' ? owner : { ...given(owner), owner }
    }
    try {
      const columns = this.#writers[0]!.table.columns
      const merged = mergeRecords(contenders, { rules: this.#merge, columns, compare })
      if (merged === 'contested') return merged
      const access = await this.#accessTo([...merged.values.keys()])
      const cellsOfRow = access.columnNames.map((it) => merged.values.get(it)!)
      const tuple = access.tuple(cellsOfRow)
      return { owner: merged.owner, access, cellsOfRow, tuple, keyTuple: keyTupleOf(access, tuple) }
    } catch (error) {
      if (error instanceof RejectError) return { code: error.code, message: `Merged, ${error.message}` }
      throw error
    }
  }

  async #accessTo(names: readonly string[]): Promise<TableRows> {
    const wanted = names.toSorted()
    const id = JSON.stringify(wanted)
    const known = this.#access.get(id)
    if (known) return known
    const [{ table, columns, keyIndexes }] = this.#writers as [CompiledMapping]
    const all = wanted.map((name) => table.columns.find((it) => it.name === name)!)
    const key = keyIndexes.map((it) => columns[it]!.name)
    const made = await openTableRows(this.#tx, {
      name: table.name,
      columns: all,
      keyIndexes: key.map((name) => wanted.indexOf(name)),
    })
    this.#access.set(id, made)
    return made
  }

  /** Columns that some writer fills, and this row does not. */
  unfilled({ access }: GivenRow): readonly string[] {
    const filled = new Set(access.columnNames)
    const all = this.#writers.flatMap((it) => it.columns.map(({ name }) => name))
    return [...new Set(all)].filter((it) => !filled.has(it)).sort()
  }
}

const given = ({ access, cellsOfRow, tuple, keyTuple }: GivenRow): GivenRow => ({
  access,
  cellsOfRow,
  tuple,
  keyTuple,
})

const valuesOf = ({ columnNames }: TableRows, row: Row): ReadonlyMap<string, Cell> =>
  new Map(columnNames.map((name, place) => [name, row[place]!]))

const NONE: ReadonlyMap<string, Cell> = new Map()
