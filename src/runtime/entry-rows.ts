import type { CompiledMapping } from '../mapping/mapping.ts'
import { showTable } from '../plan/table.ts'
import type { Entry } from '../sources/source.ts'
import type { Rival } from '../state/ledger.ts'
import type { Place } from '../state/touches.ts'
import { writerName } from '../state/trace.ts'
import { decodeTuple } from '../target/decode-tuple.ts'
import { deleteRows } from '../target/delete-rows.ts'
import { byteaArray } from '../target/parameters.ts'
import { rowKeyOf, rowKeySql } from '../target/row-key.ts'
import { upsertRows } from '../target/row-write.ts'
import { rowsByRowKey, rowsWhere } from '../target/rows-where.ts'
import { keyTupleOf, type TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import { type EntryKind, isWithin, type MappedRow } from './entry-kind.ts'
import { SharedRows, type SharedRowsParts, type Work } from './shared-rows.ts'

/** An entry's rows in all tables: what they are, and what they become. */
export class EntryRows {
  readonly #parts: SharedRowsParts
  readonly #shared: SharedRows

  constructor(parts: SharedRowsParts) {
    this.#parts = parts
    this.#shared = new SharedRows(parts)
  }

  /** The rows that a place has now, by mapping. Where origins are kept, those are asked; else the columns of the rows' keys tell. */
  async read(tx: Transaction, kind: EntryKind, place: Place): Promise<readonly MappedRow[]> {
    const found: MappedRow[] = []
    for (const mapping of kind.mappings) {
      const table = await this.#parts.table(tx, mapping)
      const wires = table.wires.map((it) => it.wire)
      for (const { tuple, part } of await this.#tuplesOf(tx, kind, mapping, place))
        found.push({ mapping, part, row: decodeTuple(wires, tuple) })
    }
    return found
  }

  /**
   * Makes the rows of a place what its entry gives. `base` is the entry before, as far as that is known. Deletes come before what is written,
   * those of later mappings first: children go before their parents, and come after them. For whoever holds the lock of the place.
   */
  async write(
    tx: Transaction,
    {
      kind,
      place,
      rows,
      base,
    }: {
      readonly kind: EntryKind
      readonly place: Place
      readonly rows: readonly MappedRow[]
      readonly base: Entry | undefined
    },
  ): Promise<void> {
    const before = base ? kind.forward(base).rows : []
    const works: Work[] = []
    const done = new Set<string>()
    for (const mapping of kind.mappings) {
      const name = showTable(mapping.table.name)
      const own = rows.filter((it) => it.mapping === mapping)
      if (!this.#parts.compiled.tracked(mapping.table.name)) {
        works.push(await this.#difference(tx, { kind, mapping, place, own }))
        continue
      }
      if (done.has(name)) continue
      done.add(name)
      const isInto = (it: MappedRow): boolean => showTable(it.mapping.table.name) === name
      works.push(
        ...(await this.#shared.settle(tx, {
          kind,
          place,
          name,
          own: rows.filter(isInto),
          before: before.filter(isInto),
          tuplesOf: (it) => this.#tuplesOf(tx, kind, it, place),
        })),
      )
    }
    for (const { table, deleted } of works.toReversed())
      if (deleted.length > 0) await deleteRows(tx, table, deleted)
    for (const { table, written } of works) if (written.length > 0) await upsertRows(tx, table, written)
    for (const { remember } of works) await remember?.()
  }

  /** A table that only one mapping fills, whose records never share a row. */
  async #difference(
    tx: Transaction,
    {
      kind,
      mapping,
      place,
      own,
    }: {
      readonly kind: EntryKind
      readonly mapping: CompiledMapping
      readonly place: Place
      readonly own: readonly MappedRow[]
    },
  ): Promise<Work> {
    const table = await this.#parts.table(tx, mapping)
    const there = new Map(
      (await this.#tuplesOf(tx, kind, mapping, place)).map(({ tuple }) => [keyOf(table, tuple), tuple]),
    )
    const wanted = new Map(own.map(({ row }) => [keyOf(table, table.tuple(row)), table.tuple(row)]))
    return {
      table,
      deleted: [...there].flatMap(([key, tuple]) => (wanted.has(key) ? [] : [keyTupleOf(table, tuple)])),
      written: [...wanted].flatMap(([key, tuple]) => (there.get(key)?.equals(tuple) ? [] : [tuple])),
    }
  }

  async #tuplesOf(
    tx: Transaction,
    kind: EntryKind,
    mapping: CompiledMapping,
    place: Place,
  ): Promise<readonly { readonly tuple: Buffer; readonly part: string }[]> {
    const table = await this.#parts.table(tx, mapping)
    const { compiled } = this.#parts
    if (compiled.tracked(table.name)) {
      const origins = await this.#originsOf(tx, kind, mapping, place)
      if (origins.length === 0) return []
      const rowKey = await rowKeySql(
        tx,
        table.name,
        table.key.map((it) => it.name),
        't',
      )
      const tuples = await rowsByRowKey(tx, table, rowKey, byteaArray(origins.map((it) => it.row)))
      const parts = new Map(origins.map((it) => [it.row.toString('latin1'), it.part]))
      return tuples.flatMap((tuple) => {
        const part = parts.get(keyOf(table, tuple))
        return part === undefined ? [] : [{ tuple, part }]
      })
    }
    const columns = kind.keyed(mapping, place)
    const tuples = await rowsWhere(
      tx,
      table,
      columns.map(([name]) => name),
      columns.map(([, cell]) => cell),
    )
    const wires = table.wires.map((it) => it.wire)
    return tuples.flatMap((tuple) => {
      const cells = decodeTuple(wires, tuple)
      const from = mapping.sourceOf!(mapping.keyIndexes.map((it) => cells[it]!))
      const isOurs = from.key.equals(place.key) && isWithin(kind.element, place, from.part)
      return isOurs ? [{ tuple, part: from.part }] : []
    })
  }

  async #originsOf(
    tx: Transaction,
    kind: EntryKind,
    mapping: CompiledMapping,
    place: Place,
  ): Promise<readonly Rival[]> {
    const name = showTable(mapping.table.name)
    const found = await this.#parts.ledger.origins.ofKey(tx, name, place.key)
    return found.filter(
      (it) => it.writer === writerName(mapping) && !it.existed && isWithin(kind.element, place, it.part),
    )
  }
}

const keyOf = (table: TableRows, tuple: Buffer): string =>
  rowKeyOf(keyTupleOf(table, tuple)).toString('latin1')
