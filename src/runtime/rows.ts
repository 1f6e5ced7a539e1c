import { KvmigError } from '../errors.ts'
import type { CompiledProject } from '../mapping/compiled-project.ts'
import type { CompiledMapping } from '../mapping/mapping.ts'
import type { Phase } from '../plan/plan.ts'
import { showTable, type TableName } from '../plan/table.ts'
import { type Change, decodeChange } from '../sources/change.ts'
import type { LiveStore } from '../sources/live-store.ts'
import type { Entry } from '../sources/source.ts'
import type { Ledger } from '../state/ledger.ts'
import { pendingOf, pendingOfKey, pendingParts } from '../state/outbox.ts'
import { findTouches, type Place, touchStamps, unitOf } from '../state/touches.ts'
import { writerName } from '../state/trace.ts'
import { decodeTuple } from '../target/decode-tuple.ts'
import { deleteRow, deleteStatement, upsertRow, upsertStatement } from '../target/row-write.ts'
import { openTableRows, readTuples, type TableRows, typesAreNear } from '../target/table-rows.ts'
import type { Statement, Target, Transaction } from '../target/target.ts'
import type { Cell, Row } from '../value.ts'
import { elementsOf } from './elements.ts'
import { type EntryKind, entryOneWay, type MappedRow } from './entry-kind.ts'
import { EntryRows } from './entry-rows.ts'
import type { Found } from './read-cache.ts'
import { oneWay, type RecordKind } from './record-kind.ts'
import type { Base, EntryWrite, Modification, PlaceWrite, RecordWrite } from './record-write.ts'
import { Complaint } from './write-error.ts'

export interface RowsParts {
  readonly target: Target
  /** For what goes on in the background: never in the way of the application's own operations. */
  readonly background: Target
  readonly ledger: Ledger
  readonly compiled: CompiledProject
  readonly sourceOf: (plan: string) => string
  readonly live: (source: string) => Promise<LiveStore>
  /** Are origins kept for a kind's table? */
  readonly isTracked: (kind: RecordKind) => boolean
  /** Is the budget of a source's commands used up? Then it is not asked what Postgres knows. */
  readonly isUsedUp?: (source: string) => boolean
  /** How long a statement, or a lock it waits for, may take. */
  readonly timeoutMillis: number
}

/** The rows of records: reading them, writing them, and what a record was before a write. */
export class Rows {
  readonly #parts: RowsParts
  readonly #tables = new Map<CompiledMapping, TableRows>()
  readonly entries: EntryRows

  constructor(parts: RowsParts) {
    this.#parts = parts
    this.entries = new EntryRows({
      compiled: parts.compiled,
      ledger: parts.ledger,
      table: (tx, mapping) => this.#table(tx, mapping),
      others: (tx, plan, places) => this.#asCommitted(tx, plan, places),
    })
  }

  /** The row with this key as Postgres has it; undefined where there is none, or where it has expired by the database's clock. */
  async read(kind: RecordKind, key: Row): Promise<Row | undefined> {
    const { target, timeoutMillis } = this.#parts
    return target.transaction(
      async (tx) => {
        const found = await this.#tuple(tx, kind, key)
        return (
          found &&
          decodeTuple(
            found.table.wires.map((it) => it.wire),
            found.tuple,
          )
        )
      },
      { readOnly: true, statementMillis: timeoutMillis, lockMillis: timeoutMillis },
    )
  }

  /** The same to be kept for a while: with where the record stood before it was read, and for how long the row lasts. */
  async readStamped(kind: RecordKind, key: Row, place: Place): Promise<Found<Row> | undefined> {
    const { target, timeoutMillis } = this.#parts
    return target.transaction(
      async (tx) => {
        const unit = unitOf(place).toString('hex')
        const { version, at } = (await touchStamps(tx, kind.plan, [unit])).get(unit) ?? { version: 0, at: '' }
        const found = await this.#tuple(tx, kind, key)
        if (!found) return undefined
        const { table, tuple, lastsMillis } = found
        const value = decodeTuple(
          table.wires.map((it) => it.wire),
          tuple,
        )
        return { value, stamp: { version, at }, ...(lastsMillis !== undefined && { lastsMillis }) }
      },
      { readOnly: true, statementMillis: timeoutMillis, lockMillis: timeoutMillis },
    )
  }

  /** What a place has in the target, for a comparison, in the background. */
  async look(kind: RecordKind | EntryKind, place: Place): Promise<Looked> {
    return this.#parts.background.transaction(
      (tx) => ('mappings' in kind ? this.#lookAtEntry(tx, kind, place) : this.#lookAtRecord(tx, kind, place)),
      { readOnly: true },
    )
  }

  async #lookAtRecord(tx: Transaction, kind: RecordKind, place: Place): Promise<Looked> {
    const [touch] = await findTouches(tx, kind.plan, [place])
    const found = await this.#tuple(tx, kind, kind.keyOf(place))
    const table = await this.#table(tx, kind.compiled)
    return {
      bytes: found?.tuple,
      isCarried: (version) => version === (touch?.version ?? 0),
      encode: (entry) => {
        // What the mapping does not take has no row on the other side, either.
        const made = entry && kind.forward(place, entry)
        return made?.fate === 'row' ? table.tuple(made.row) : undefined
      },
    }
  }

  async #lookAtEntry(tx: Transaction, kind: EntryKind, place: Place): Promise<Looked> {
    const isWhole = kind.element === 'key' || place.part !== ''
    const [touch] = isWhole ? await findTouches(tx, kind.plan, [place]) : []
    const waiting = isWhole ? [] : await pendingOfKey(tx, kind.plan, place.key)
    const tables = new Map<CompiledMapping, TableRows>()
    for (const it of kind.mappings) tables.set(it, await this.#table(tx, it))
    const bytesOf = (rows: readonly MappedRow[]): Buffer | undefined => {
      if (rows.length === 0) return undefined
      const each = rows.map(({ mapping, row }) =>
        Buffer.concat([Buffer.from(`${kind.mappings.indexOf(mapping)} `), tables.get(mapping)!.tuple(row)]),
      )
      return Buffer.concat(each.sort(Buffer.compare))
    }
    return {
      bytes: bytesOf(await this.entries.read(tx, kind, place)),
      isCarried: (version) => (isWhole ? version === (touch?.version ?? 0) : waiting.length === 0),
      encode: (entry) => entry && bytesOf(kind.forward(entry).rows),
    }
  }

  async #tuple(
    tx: Transaction,
    kind: RecordKind,
    key: Row,
  ): Promise<
    { readonly table: TableRows; readonly tuple: Buffer; readonly lastsMillis?: number } | undefined
  > {
    const table = await this.#table(tx, kind.compiled)
    const [tuple] = await readTuples(tx, table, [rowOfKey(kind, key)])
    if (!tuple) return undefined
    if (kind.expiryIndex >= 0) {
      const expiry = decodeTuple(
        table.wires.map((it) => it.wire),
        tuple,
      )[kind.expiryIndex]
      if (expiry !== null) {
        const [row] = await tx.query(
          'SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now',
        )
        // A cell of a timestamptz is in microseconds.
        const left = (expiry as bigint) - BigInt(row!.now!)
        return left <= 0n ? undefined : { table, tuple, lastsMillis: Number(left) / 1000 }
      }
    }
    return { table, tuple }
  }

  async #table(tx: Transaction, mapping: CompiledMapping): Promise<TableRows> {
    const known = this.#tables.get(mapping)
    if (known) return known
    const { table, columns, keyIndexes } = mapping
    const opened = await openTableRows(tx, { name: table.name, columns, keyIndexes })
    this.#tables.set(mapping, opened)
    return opened
  }

  /** What the columns of a row that a foreign key refused refer to; undefined where the row refers to nothing. */
  async parentOf(
    { mapping, row }: Pick<MappedRow, 'mapping' | 'row'>,
    constraint: string,
  ): Promise<{ readonly table: TableName; readonly cells: ReadonlyMap<string, Cell> } | undefined> {
    const table = await this.#parts.background.transaction((tx) => this.#table(tx, mapping), {
      readOnly: true,
    })
    const reference = table.references.find((it) => it.name === constraint)
    if (!reference) return undefined
    const cells = reference.columns.map((name) => row[table.columnNames.indexOf(name)] ?? null)
    if (cells.includes(null)) return undefined
    return { table: reference.to, cells: new Map(reference.toColumns.map((name, at) => [name, cells[at]!])) }
  }

  /** The rows of a place. */
  write(tx: Transaction, write: WrittenRows): Promise<void> {
    return 'rows' in write ? this.entries.write(tx, write) : this.#writeRow(tx, write)
  }

  /** The row of a record, or none, with its origin where origins are kept. */
  async #writeRow(
    tx: Transaction,
    { kind, place, row }: Pick<RecordWrite, 'kind' | 'place' | 'row'>,
  ): Promise<void> {
    const table = await this.#table(tx, kind.compiled)
    const { ledger, isTracked } = this.#parts
    const name = showTable(table.name)
    const key = row ? table.keyIndexes.map((it) => row[it]!) : kind.keyOf(place)
    const keyRow = rowOfKey(kind, key)
    if (!row) {
      await deleteRow(tx, table, table.keyTuple(keyRow))
      if (isTracked(kind)) await ledger.origins.remove(tx, name, [table.rowKey(keyRow)])
      return
    }
    if (isTracked(kind)) {
      const rowKey = table.rowKey(row)
      const [origin] = await ledger.origins.find(tx, name, [rowKey])
      const [there] = origin ? [] : await readTuples(tx, table, [row])
      if (there && kind.compiled.mapping.existing !== 'update')
        throw new KvmigError(
          'EXISTING_ROW',
          `${name} has a row with this key that was there before the migration, and ${kind.plan} does not say existing: update.`,
        )
      await ledger.origins.save(tx, name, [
        {
          row: rowKey,
          writer: writerName(kind.compiled),
          key: place.key,
          part: place.part,
          state: 'stands',
          existed: origin?.existed ?? there !== undefined,
        },
      ])
    }
    await upsertRow(tx, table, table.tuple(row))
  }

  /**
   * What `write` would send, where that is one statement that asks nothing before: so it can go together with others. Undefined where it is
   * more, or where the table was not looked at yet.
   */
  statement(write: PlaceWrite): Statement | undefined {
    if ('rows' in write) return undefined
    const { kind, place, row } = write
    const table = this.#tables.get(kind.compiled)
    if (!table || this.#parts.isTracked(kind) || !typesAreNear(table)) return undefined
    if (row) return upsertStatement(table, [table.tuple(row)])
    return deleteStatement(table, table.keyTuple(rowOfKey(kind, kind.keyOf(place))))
  }

  /**
   * Records as they are before a write that holds their locks and gave them these versions: as the source has them, if it is as far as the
   * version before; else what is on its way there; else what the row gives back.
   */
  async bases(
    tx: Transaction,
    records: Modification['records'],
    versions: readonly number[],
    phase: Phase,
  ): Promise<readonly Base[]> {
    const { live, isUsedUp } = this.#parts
    const places = records.map((it) => it.place)
    const { source } = records[0]!.kind
    const isSilent = phase === 'D' || isUsedUp?.(source)
    const store = isSilent ? undefined : await live(source).catch(() => undefined)
    const there = (await store?.read(places).catch(() => [])) ?? []
    const pending = phase === 'D' ? [] : await pendingOf(tx, records[0]!.kind.plan, places)
    const bases: Base[] = []
    for (const [index, { kind, place }] of records.entries()) {
      const before = versions[index]! - 1
      const record = there[index]
      const waiting = pending.findLast((it) => it.key.equals(place.key) && it.part === place.part)
      // A key that only the source has lost, by eviction or a failover, is not gone: Postgres has its row.
      // A store that keeps no versions has what is not on its way any more.
      const isThere = store?.underLock ? !waiting : record?.version === before
      const keyExpiresAt = record?.keyExpiresAt ?? null
      if (isThere && record?.entry) bases.push({ entry: record.entry, keyExpiresAt })
      else if (waiting?.version === before)
        bases.push({ entry: entryOf(place, decodeChange(waiting.change)), keyExpiresAt })
      else bases.push({ entry: await this.#fromRow(tx, kind, place), keyExpiresAt })
    }
    return bases
  }

  /** The elements of a key that either side has, or that are on their way. */
  async partsOf(kind: EntryKind, key: Buffer, phase: Phase): Promise<readonly string[]> {
    const { target, live, timeoutMillis } = this.#parts
    const parts = new Set<string>()
    if (phase !== 'D') {
      const store = await live(kind.source)
      const [record] = await store.read([{ key, part: '' }])
      for (const it of elementsOf(record?.entry?.value && { value: record.entry.value, expiresAt: null }))
        parts.add(`${kind.element}:${it.toString()}`)
    }
    await target.transaction(
      async (tx) => {
        for (const { part } of await this.entries.read(tx, kind, { key, part: '' })) parts.add(part)
        for (const part of await pendingParts(tx, kind.plan, key)) parts.add(part)
      },
      { readOnly: true, statementMillis: timeoutMillis, lockMillis: timeoutMillis },
    )
    return [...parts]
  }

  /** What the rows of a place give back. Throws ONE_WAY where they give nothing back. */
  async entry(kind: RecordKind | EntryKind, place: Place): Promise<Entry | undefined> {
    const { target, timeoutMillis } = this.#parts
    if (!('mappings' in kind)) {
      if (!kind.changeOf) throw oneWay(kind)
      const row = await this.read(kind, kind.keyOf(place))
      return row && entryOf(place, kind.changeOf(row))
    }
    if (!kind.changeOf) throw entryOneWay(kind)
    return target.transaction((tx) => this.entryOf(tx, kind, place), {
      readOnly: true,
      statementMillis: timeoutMillis,
      lockMillis: timeoutMillis,
    })
  }

  /** What an entry's rows give back, its expiry by the database's clock. */
  async entryOf(tx: Transaction, kind: EntryKind, place: Place): Promise<Entry | undefined> {
    const rows = await this.entries.read(tx, kind, place)
    if (rows.length === 0) return undefined
    if (!kind.changeOf) throw new Complaint(entryOneWay(kind))
    const entry = entryOf(place, kind.changeOf(rows))
    if (entry?.expiresAt == null) return entry
    const [clock] = await tx.query('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now')
    return entry.expiresAt <= Number(clock!.now) ? undefined : entry
  }

  /** What records are that somebody else may be writing: as the last committed write left them; `lost`: the source has it no more. */
  async #asCommitted(
    tx: Transaction,
    plan: string,
    given: readonly Place[],
  ): Promise<readonly (Entry | 'lost' | undefined)[]> {
    const places = given.map(({ key, part }) => ({ key, part }))
    const pending = await pendingOf(tx, plan, places)
    const touches = await findTouches(tx, plan, places)
    const there = await this.#parts
      .live(this.#parts.sourceOf(plan))
      .then((store) => store.read(places))
      .catch(() => [])
    return places.map((place, index) => {
      const waiting = pending.findLast((it) => it.key.equals(place.key) && it.part === place.part)
      if (waiting) return entryOf(place, decodeChange(waiting.change))
      return there[index]?.entry ?? (touches[index]?.deleted ? undefined : 'lost')
    })
  }

  async #fromRow(tx: Transaction, kind: RecordKind | EntryKind, place: Place): Promise<Entry | undefined> {
    if ('mappings' in kind) return this.entryOf(tx, kind, place)
    const found = await this.#tuple(tx, kind, kind.keyOf(place))
    if (!found) return undefined
    if (!kind.changeOf) throw new Complaint(oneWay(kind))
    const wires = found.table.wires.map((it) => it.wire)
    return entryOf(place, kind.changeOf(decodeTuple(wires, found.tuple)))
  }
}

/** A row of nothing but its key. */
function rowOfKey({ compiled: { columns, keyIndexes } }: RecordKind, key: Row): Row {
  const row: Row[number][] = new Array(columns.length).fill(null)
  for (const [at, index] of keyIndexes.entries()) row[index] = key[at]!
  return row
}

function entryOf({ key }: Place, change: Change): Entry | undefined {
  if (change.do === 'delete') return undefined
  const { value, expiresAt } = change
  return { key, type: value.type, value, expiresAt, offset: 0, more: false }
}

/** One side of a comparison, and how the other one is brought into the same form. */
export interface Looked {
  /** Undefined: there is nothing. */
  readonly bytes: Buffer | undefined
  /** Has the source, which has this version, all that was committed? */
  isCarried(version: number): boolean
  encode(entry: Entry | undefined): Buffer | undefined
}

/** What `write` needs to know of a write. */
export type WrittenRows =
  | Pick<RecordWrite, 'kind' | 'place' | 'row'>
  | Pick<EntryWrite, 'kind' | 'place' | 'rows' | 'base'>
