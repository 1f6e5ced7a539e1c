import { KvmigError } from '../errors.ts'
import { writersOf } from '../executors/writers.ts'
import type { CompiledProject } from '../mapping/compiled-project.ts'
import { partOfGrain } from '../mapping/grain.ts'
import type { CompiledMapping } from '../mapping/mapping.ts'
import { rankOf } from '../mapping/rank.ts'
import { type Member, sameRecord, settle } from '../mapping/resolve.ts'
import { showTable } from '../plan/table.ts'
import type { Entry } from '../sources/source.ts'
import type { Ledger, Origin, Rival } from '../state/ledger.ts'
import { lockRows } from '../state/row-locks.ts'
import type { Place } from '../state/touches.ts'
import { writerName } from '../state/trace.ts'
import { decodeTuple } from '../target/decode-tuple.ts'
import { deleteRows } from '../target/delete-rows.ts'
import { byteaArray } from '../target/parameters.ts'
import { rowKeyOf, rowKeySql } from '../target/row-key.ts'
import { upsertRows } from '../target/row-write.ts'
import { rowsByRowKey, rowsWhere } from '../target/rows-where.ts'
import { cellsOf, keyTupleOf, readTuples, type TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import type { Row } from '../value.ts'
import { type EntryKind, isWithin, type MappedRow } from './entry-kind.ts'
import { Complaint } from './write-error.ts'

export interface EntryRowsParts {
  readonly compiled: CompiledProject
  readonly ledger: Ledger
  /** What the other records that give a row of ours are now, under no lock of theirs but as the last committed write left them. */
  readonly others: (
    tx: Transaction,
    plan: string,
    places: readonly Place[],
  ) => Promise<readonly (Entry | 'lost' | undefined)[]>
  readonly table: (tx: Transaction, mapping: CompiledMapping) => Promise<TableRows>
}

/** An entry's rows in all tables: what they are, and what they become. */
export class EntryRows {
  readonly #parts: EntryRowsParts

  constructor(parts: EntryRowsParts) {
    this.#parts = parts
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
        ...(await this.#settled(tx, {
          kind,
          place,
          name,
          own: rows.filter(isInto),
          before: before.filter(isInto),
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

  /**
   * A table where origins are kept: several records may give one row, and which of them has it is decided by what they all are now, under
   * a lock of the row. Whoever writes another of them at the same time has committed, and is seen, or waits, and sees this.
   */
  async #settled(
    tx: Transaction,
    {
      kind,
      place,
      name,
      own,
      before,
    }: {
      readonly kind: EntryKind
      readonly place: Place
      readonly name: string
      readonly own: readonly MappedRow[]
      readonly before: readonly MappedRow[]
    },
  ): Promise<readonly Work[]> {
    const { ledger, compiled } = this.#parts
    const mappings = kind.mappings.filter((it) => showTable(it.table.name) === name)
    const writers = writersOf(compiled, mappings[0]!.table.name)
    const member = async ({ mapping, part, row }: MappedRow, key: Buffer): Promise<Contender> => {
      const table = await this.#parts.table(tx, mapping)
      const tuple = table.tuple(row)
      return {
        writer: writers.placeOf(writerName(mapping)),
        key,
        part,
        policy: mapping.mapping.conflict,
        cells: cellsOf(table, tuple),
        mapping,
        table,
        tuple,
        keyTuple: keyTupleOf(table, tuple),
      }
    }
    const mine = await Promise.all(own.map((it) => member(it, place.key)))
    const past = await Promise.all(before.map((it) => member(it, place.key)))
    const keys = new Map([...past, ...mine].map((it) => [nameOf(it.keyTuple), it.keyTuple]))
    await lockRows(tx, name, [...keys.values()].map(rowKeyOf))
    if (past.length === 0) {
      // Nobody knows what the entry was, or it was not there: then the ledger knows which rows are its.
      for (const mapping of mappings)
        for (const { tuple } of await this.#tuplesOf(tx, kind, mapping, place)) {
          const keyTuple = keyTupleOf(await this.#parts.table(tx, mapping), tuple)
          keys.set(nameOf(keyTuple), keyTuple)
        }
      await lockRows(tx, name, [...keys.values()].map(rowKeyOf))
    }
    const rowKeys = [...keys.values()].map(rowKeyOf)
    const origins = await ledger.origins.find(tx, name, rowKeys)
    const rivals = await ledger.origins.rivals.of(tx, name, rowKeys)
    const works: Work[] = []
    for (const [index, keyTuple] of [...keys.values()].entries()) {
      const row = rowKeys[index]!
      const origin = origins[index]
      const known = [...(origin ? [origin] : []), ...rivals.filter((it) => it.row.equals(row))]
      const isMine = (it: Rival): boolean =>
        it.key.equals(place.key) &&
        kind.mappings.some((mapping) => writerName(mapping) === it.writer) &&
        isWithin(kind.element, place, it.part)
      const others = await this.#contenders(tx, {
        rivals: unique(known.filter((it) => !isMine(it))),
        origin,
        keyTuple,
        member,
      })
      const members = [...mine.filter((it) => it.keyTuple.equals(keyTuple)), ...others]
      works.push(await this.#verdict(tx, { name, row, keyTuple, origin, known, members, kind }))
    }
    return works
  }

  async #contenders(
    tx: Transaction,
    {
      rivals,
      origin,
      keyTuple,
      member,
    }: {
      readonly rivals: readonly Rival[]
      readonly origin: Origin | undefined
      readonly keyTuple: Buffer
      readonly member: (row: MappedRow, key: Buffer) => Promise<Contender>
    },
  ): Promise<readonly Contender[]> {
    const { compiled } = this.#parts
    const found: Contender[] = []
    for (const rival of rivals) {
      const [plan = '', mapping = ''] = rival.writer.split(/\/(.*)/s)
      const writer = compiled.mapping(plan, mapping)
      const [entry] = await this.#parts.others(tx, plan, [
        { key: rival.key, part: partOfGrain(writer.grain, rival.part) },
      ])
      if (entry === undefined) continue
      if (entry === 'lost') {
        // The source has lost it, and Postgres has not.
        if (rival !== origin) continue
        const table = await this.#parts.table(tx, writer)
        const wires = table.keyWires.map((it) => it.wire)
        const cells: Row[number][] = new Array(table.columns.length).fill(null)
        for (const [at, cell] of decodeTuple(wires, keyTuple).entries()) cells[table.keyIndexes[at]!] = cell
        const [tuple] = await readTuples(tx, table, [cells])
        if (!tuple) continue
        const row = decodeTuple(
          table.wires.map((it) => it.wire),
          tuple,
        )
        found.push(await member({ mapping: writer, part: rival.part, row }, rival.key))
        continue
      }
      const rows: MappedRow[] = []
      writer.forward(entry, {
        row: (row, part) => rows.push({ mapping: writer, part: part(), row }),
        reject: () => {},
        filtered: () => {},
        unmapped: () => {},
      })
      for (const row of rows.filter((it) => it.part === rival.part)) {
        const made = await member(row, rival.key)
        if (made.keyTuple.equals(keyTuple)) found.push(made)
      }
    }
    return found
  }

  async #verdict(
    tx: Transaction,
    {
      name,
      row,
      keyTuple,
      origin,
      known,
      members,
      kind,
    }: {
      readonly name: string
      readonly row: Buffer
      readonly keyTuple: Buffer
      readonly origin: Origin | undefined
      readonly known: readonly Rival[]
      readonly members: readonly Contender[]
      readonly kind: EntryKind
    },
  ): Promise<Work> {
    const { ledger } = this.#parts
    const table =
      members[0]?.table ??
      (await this.#parts.table(tx, kind.mappings.find((it) => showTable(it.table.name) === name)!))
    if (members.length === 0)
      return {
        table,
        deleted: origin && !origin.existed ? [keyTuple] : [],
        written: [],
        remember: () => ledger.origins.remove(tx, name, [row]),
      }
    const winner = settle(members, rankOf(table.columns))
    if (winner === 'contested') throw new Complaint(contested(kind, name))
    const wires = winner.table.wires.map((it) => it.wire)
    const [there] = await readTuples(tx, winner.table, [decodeTuple(wires, winner.tuple)])
    if (there && !origin && winner.mapping.mapping.existing !== 'update')
      throw new KvmigError(
        'EXISTING_ROW',
        `${name} has a row with this key that was there before the migration, and ${kind.plan} does not say existing: update.`,
      )
    const losers = members.filter((it) => it !== winner)
    const rivalOf = ({ mapping, key, part }: Contender): Rival => ({
      row,
      writer: writerName(mapping),
      key,
      part,
    })
    return {
      table: winner.table,
      deleted: [],
      written: there?.equals(winner.tuple) ? [] : [winner.tuple],
      remember: async () => {
        await ledger.origins.rivals.remove(tx, name, known)
        await ledger.origins.save(tx, name, [
          { ...rivalOf(winner), state: 'stands', existed: origin?.existed ?? there !== undefined },
        ])
        await ledger.origins.rivals.add(tx, name, losers.map(rivalOf))
      },
    }
  }
}

/** What is to be done to one table. */
interface Work {
  readonly table: TableRows
  /** Tuples of keys. */
  readonly deleted: readonly Buffer[]
  readonly written: readonly Buffer[]
  readonly remember?: () => Promise<void>
}

/** A record that gives a row. */
interface Contender extends Member {
  readonly mapping: CompiledMapping
  readonly table: TableRows
  readonly tuple: Buffer
  readonly keyTuple: Buffer
}

const nameOf = (tuple: Buffer): string => tuple.toString('latin1')
const keyOf = (table: TableRows, tuple: Buffer): string =>
  rowKeyOf(keyTupleOf(table, tuple)).toString('latin1')

const unique = (rivals: readonly Rival[]): readonly Rival[] =>
  rivals.filter(
    (it, at) =>
      rivals.findIndex(
        (other) => other.writer === it.writer && sameRecord({ ...other, writer: 0 }, { ...it, writer: 0 }),
      ) === at,
  )

const contested = (kind: EntryKind, table: string): KvmigError =>
  new KvmigError(
    'REJECTED',
    `${kind.plan}: several records would give one row of ${table} with different content, and the mapping lets none of them have it. (CONFLICT)`,
  )
