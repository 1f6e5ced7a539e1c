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
import { rowKeyOf } from '../target/row-key.ts'
import { cellsOf, keyTupleOf, readTuples, type TableRows } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import type { Row } from '../value.ts'
import { type EntryKind, isWithin, type MappedRow } from './entry-kind.ts'
import { Complaint } from './write-error.ts'

/** What rows are made and judged with: of an entry alone, and of those that it shares. */
export interface SharedRowsParts {
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

/** Rows of tables where origins are kept: several records may give one of them. */
export class SharedRows {
  readonly #parts: SharedRowsParts

  constructor(parts: SharedRowsParts) {
    this.#parts = parts
  }

  /**
   * A table where origins are kept: several records may give one row, and which of them has it is decided by what they all are now, under
   * a lock of the row. Whoever writes another of them at the same time has committed, and is seen, or waits, and sees this.
   */
  async settle(
    tx: Transaction,
    {
      kind,
      place,
      name,
      own,
      before,
      tuplesOf,
    }: {
      readonly kind: EntryKind
      readonly place: Place
      readonly name: string
      readonly own: readonly MappedRow[]
      readonly before: readonly MappedRow[]
      /** The rows that the place has now in the table of a mapping. */
      readonly tuplesOf: (mapping: CompiledMapping) => Promise<readonly { readonly tuple: Buffer }[]>
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
        for (const { tuple } of await tuplesOf(mapping)) {
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
export interface Work {
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
