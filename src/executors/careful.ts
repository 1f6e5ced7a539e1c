import { failpoint } from '../failpoint.ts'
import { canonicalTuples } from '../mapping/canonical-tuples.ts'
import { rankOf } from '../mapping/rank.ts'
import { compareRecords, decide, type Member, sameRecord, settle } from '../mapping/resolve.ts'
import { showTable } from '../plan/table.ts'
import type { Origin, Rival } from '../state/ledger.ts'
import { type Traced, writerName } from '../state/trace.ts'
import { readRowsAt } from '../target/read-rows.ts'
import { rowKeyOf } from '../target/row-key.ts'
import { cellsOf, keyTupleOf, reachTypes } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import type { Reject } from '../value.ts'
import { type Batch, fingerprint, noLoadCounts, type Rejected } from './batch.ts'
import type { Loaded, Loading } from './load.ts'
import { existingRow, refusal } from './refusal.ts'
import { Stage } from './stage.ts'
import { writeWhatFits } from './write.ts'
import { placeIn } from './writers.ts'

/**
 * Writes a batch row by row as far as it must: compares with what is there, decides between records that give the same row as far as two
 * of them tell enough (the rest stays open, see `settleContests`), and rejects exactly the rows that the table refuses.
 */
export const loadCarefully = (
  tx: Transaction,
  batch: Batch,
  loading: Loading,
  isOurs?: (row: number) => boolean,
): Promise<Loaded> => new CarefulLoad(tx, batch, loading, isOurs).run()

/** Rows that are looked up and compared at once, and their bytes. */
const LOOKED_UP = 5_000
const LOOKED_UP_BYTES = 2 << 20

/** A record of the batch, and the row it gives. */
interface Incoming extends Member {
  readonly tuple: Buffer
  readonly keyTuple: Buffer
  readonly row: Buffer
}

/** The records of the batch that give one row, in the order of `compareRecords`, and what is there already. */
interface Group {
  readonly row: Buffer
  readonly records: readonly Incoming[]
  readonly there: Buffer | undefined
  readonly origin: Origin | undefined
}

/** A row to write, for the first of its records that is not behind another. */
interface Write {
  readonly group: Group
  readonly record: Incoming
  readonly how: 'insert' | 'update'
  /** It was there before the migration. */
  readonly existed: boolean
}

class CarefulLoad {
  readonly #tx: Transaction
  readonly #batch: Batch
  readonly #loading: Loading
  /** Which rows of the batch may be written; all, where nobody says. */
  readonly #isOurs: ((row: number) => boolean) | undefined
  readonly #place: number
  readonly #counts = noLoadCounts()
  readonly #rejects: Rejected[]
  readonly #origins: Origin[] = []
  readonly #rivals: Rival[] = []
  readonly #winners: Rival[] = []
  /** Rows of ours that changed in the source (in a table that merges: all of ours), and that other records had given way to. */
  #challenged: ReadonlySet<string> = new Set()

  constructor(
    tx: Transaction,
    batch: Batch,
    loading: Loading,
    isOurs: ((row: number) => boolean) | undefined,
  ) {
    this.#tx = tx
    this.#isOurs = isOurs
    this.#batch = batch
    this.#loading = loading
    this.#place = placeIn(loading.writers, batch.compiled)
    this.#rejects = [...batch.rejects]
  }

  async run(): Promise<Loaded> {
    // A deferred constraint would refuse the whole batch at COMMIT, when nobody can tell the rows at fault any more.
    await this.#tx.query('SET CONSTRAINTS ALL IMMEDIATE')
    await reachTypes(this.#tx, this.#loading.table)
    const isPlain = !this.#loading.writers.tracked && this.#batch.cells === undefined
    let groups = await (isPlain ? this.#changed() : this.#groups())
    while (groups.length > 0) {
      const writes = groups.flatMap((it) => this.#decide(it) ?? [])
      groups = await this.#write(writes)
    }
    const { ledger, writers, table } = this.#loading
    if (writers.tracked) {
      const name = showTable(table.name)
      await ledger.origins.save(this.#tx, name, this.#origins)
      await ledger.origins.rivals.add(this.#tx, name, this.#rivals)
      await ledger.origins.rivals.remove(this.#tx, name, this.#winners)
    }
    const rejected = this.#counts.rejected + this.#rejects.length
    return { counts: { ...this.#counts, rejected }, rejects: this.#rejects }
  }

  /**
   * Where every row has one record, which its key tells: those that are not there as they should be. All others are only counted, and
   * nothing is kept of them: in a second run that is nearly all.
   */
  async #changed(): Promise<readonly Group[]> {
    const { table } = this.#loading
    const { tuples, count } = this.#batch
    const keyTuples = Array.from({ length: count }, (_, index) => keyTupleOf(table, tuples.tuple(index)))
    // One that was read twice counts as its later reading.
    const last = new Map(keyTuples.map((it, index) => [it.toString('latin1'), index]))
    const indexes = [...last.values()].filter((it) => this.#isOurs?.(it) !== false)
    const groups: Group[] = []
    const step = Math.ceil(Math.min(LOOKED_UP, (LOOKED_UP_BYTES * count) / tuples.bytes))
    for (let from = 0; from < indexes.length; from += step) {
      const some = indexes.slice(from, from + step)
      const there = await readRowsAt(
        this.#tx,
        table,
        some.map((it) => keyTuples[it]!),
      )
      for (const [place, index] of some.entries()) {
        if (there[place]?.equals(tuples.tuple(index))) {
          this.#unchanged(1)
          continue
        }
        const record = this.#incoming(index, tuples.tuple(index), keyTuples[index]!)
        groups.push({ row: record.row, records: [record], there: there[place], origin: undefined })
      }
    }
    return groups
  }

  async #groups(): Promise<readonly Group[]> {
    const { table, writers, ledger } = this.#loading
    const records = await this.#records()
    const byRow = new Map<string, Incoming[]>()
    for (const it of records) {
      const name = it.row.toString('latin1')
      const known = byRow.get(name)
      if (known) known.push(it)
      else byRow.set(name, [it])
    }
    const all = [...byRow.values()].map((it) => it.sort(compareRecords))
    const there = await readRowsAt(
      this.#tx,
      table,
      all.map((it) => it[0]!.keyTuple),
    )
    const rows = all.map((it) => it[0]!.row)
    const origins = writers.tracked ? await ledger.origins.find(this.#tx, showTable(table.name), rows) : []
    const groups = all.map(
      (records, place): Group => ({
        row: rows[place]!,
        records,
        there: there[place],
        origin: origins[place],
      }),
    )
    const changed = this.#merges
      ? groups.filter((it) => it.origin)
      : writers.collide
        ? groups.filter((it) => it.there && this.#owned(it)?.tuple.equals(it.there) === false)
        : []
    const rivals = await ledger.origins.rivals.of(
      this.#tx,
      showTable(table.name),
      changed.map((it) => it.row),
    )
    this.#challenged = new Set(rivals.map((it) => it.row.toString('latin1')))
    return groups
  }

  /** The records of the batch with rows as Postgres would have them; one that was read twice counts as its later reading. */
  async #records(): Promise<readonly Incoming[]> {
    const { table } = this.#loading
    const batch = this.#batch
    const { tuples, refused } = await canonicalTuples(this.#tx, table, batch)
    const records = new Map<string, Incoming>()
    for (let index = 0; index < batch.count; index++) {
      if (this.#isOurs?.(index) === false) continue
      const key = batch.key(index)
      const part = batch.part(index)
      const bad = refused.get(index)
      if (bad) {
        this.#rejects.push({ key, part, reject: { ...refusal(bad.error, table), column: bad.column } })
        continue
      }
      const tuple = tuples.tuple(index)
      const record = this.#incoming(index, tuple, keyTupleOf(table, tuple))
      records.set(`${key.toString('latin1')}\0${part}`, record)
    }
    return [...records.values()]
  }

  #incoming(index: number, tuple: Buffer, keyTuple: Buffer): Incoming {
    const { table } = this.#loading
    return {
      writer: this.#place,
      policy: this.#batch.compiled.mapping.conflict,
      key: this.#batch.key(index),
      part: this.#batch.part(index),
      tuple,
      keyTuple,
      row: rowKeyOf(keyTuple),
      get cells() {
        return cellsOf(table, tuple)
      },
    }
  }

  /** What has to be written for a group; nothing where that is settled, or open. */
  #decide(group: Group): Write | undefined {
    const { there, origin } = group
    if (!this.#loading.writers.tracked) {
      const record = group.records[0]!
      if (there?.equals(record.tuple)) return this.#unchanged(1)
      return { group, record, how: there ? 'update' : 'insert', existed: false }
    }
    if (this.#merges && (origin || !there)) return this.#contribute(group)
    if (origin) return origin.state === 'stands' ? this.#meet(group, origin) : this.#open(group)
    if (there) return this.#meetExisting(group, there)
    const record = this.#first(group)
    return record ? { group, record, how: 'insert', existed: false } : this.#open(group)
  }

  get #merges(): boolean {
    return this.#loading.writers.merges.length > 0
  }

  /** A row of a table that merges. That of one record is written at once; what several make of it is settled when all are known. */
  #contribute(group: Group): Write | undefined {
    const { there, origin, records, row } = group
    const [record] = records
    const isAlone =
      records.length === 1 &&
      (!origin ||
        (origin.state === 'stands' &&
          this.#isOf(origin, record!) &&
          !this.#challenged.has(row.toString('latin1'))))
    if (!isAlone) return this.#open(group)
    if (there?.equals(record!.tuple)) return this.#unchanged(1)
    return { group, record: record!, how: there ? 'update' : 'insert', existed: origin?.existed ?? false }
  }

  /** A row that kvmig did not write. */
  #meetExisting(group: Group, there: Buffer): Write | undefined {
    const { writers, table } = this.#loading
    const [record] = group.records
    if (this.#batch.compiled.mapping.existing === 'update') {
      // Who may have it is known when all records of the row are: until then it stays as it was.
      if (writers.collide) return this.#open(group)
      return there.equals(record!.tuple)
        ? this.#unchanged(1)
        : { group, record: record!, how: 'update', existed: true }
    }
    for (const it of group.records) {
      if (there.equals(it.tuple)) this.#unchanged(1)
      else this.#refuse(it, existingRow(table))
    }
    return undefined
  }

  /** A row that kvmig wrote. */
  #meet(group: Group, origin: Origin): Write | undefined {
    const { there, records } = group
    const own = this.#owned(group)
    if (own) {
      const isSame = there?.equals(own.tuple) ?? false
      const others = records.filter((it) => it !== own)
      if (others.length === 0) {
        if (isSame) return this.#unchanged(1)
        if (there && this.#challenged.has(group.row.toString('latin1'))) return this.#open(group)
        return { group, record: own, how: there ? 'update' : 'insert', existed: origin.existed }
      }
      if (!isSame || others.some((it) => this.#against(it, origin, there!) !== 'gives way'))
        return this.#open(group)
      this.#giveWay(others)
      return this.#unchanged(1)
    }
    const record = there ? this.#first(group) : undefined
    const decision = record ? this.#against(record, origin, there!) : 'open'
    if (decision === 'open') return this.#open(group)
    if (decision === 'takes over') return { group, record: record!, how: 'update', existed: origin.existed }
    this.#giveWay(records)
    return undefined
  }

  /** The record of the batch that has the row already. */
  #owned({ records, origin }: Group): Incoming | undefined {
    return origin && records.find((it) => this.#isOf(origin, it))
  }

  #isOf(origin: Rival, record: Incoming): boolean {
    const { key, part } = origin
    return sameRecord({ writer: this.#loading.writers.placeOf(origin.writer), key, part }, record)
  }

  #first({ records }: Group): Incoming | undefined {
    const verdict = records.length === 1 ? records[0]! : settle(records, rankOf(this.#loading.table.columns))
    return verdict === 'contested' ? undefined : verdict
  }

  #against(record: Incoming, { writer }: Origin, there: Buffer) {
    const { table, writers } = this.#loading
    const place = writers.placeOf(writer)
    const policy = writers.mappings[place]?.mapping.conflict ?? { policy: 'error' }
    return decide(record, { writer: place, policy }, cellsOf(table, there), rankOf(table.columns))
  }

  async #write(writes: readonly Write[]): Promise<readonly Group[]> {
    if (writes.length === 0) return []
    const { table, writers, ledger } = this.#loading
    const sorted = writes.toSorted((a, b) => compareRecords(a.record, b.record))
    const stage = await Stage.create(
      this.#tx,
      table,
      sorted.map((it) => it.record.tuple),
    )
    failpoint('backfill.conflict-staged')
    const writing = {
      tx: this.#tx,
      stage,
      table,
      writers,
      ledger,
      record: (number: number) => sorted[number]!.record,
      key: (number: number) => sorted[number]!.record.keyTuple,
      refuse: (number: number, reject: Reject) => {
        // In a table that merges another record may give what this one lacks: that is settled when all are known.
        if (!this.#merges) this.#refuse(sorted[number]!.record, reject)
      },
      displaced: (owners: readonly Traced[], others: readonly Traced[]) => {
        // They were counted by earlier batches, as what they were then.
        const isOwn = (it: Traced) =>
          writerName({ ...it, mapping: { name: it.mapping } }) === writerName(this.#batch.compiled)
        this.#counts.inserted -= owners.filter(isOwn).length
        this.#counts.duplicate -= others.filter(isOwn).length
        this.#counts.rejected += [...owners, ...others].filter(isOwn).length
      },
    }
    const written = new Set<number>()
    for (const how of ['insert', 'update'] as const) {
      const numbers = [...sorted.keys()].filter((it) => sorted[it]!.how === how)
      for (const it of await writeWhatFits(writing, numbers, how)) written.add(it)
    }
    return sorted.flatMap((write, number) =>
      written.has(number) ? this.#wrote(write) : this.#without(write),
    )
  }

  #wrote({ group, record, how, existed }: Write): [] {
    const { key, part, row } = record
    const { origin } = group
    const others = group.records.filter((it) => it !== record)
    this.#counts[how === 'insert' ? 'inserted' : 'updated'] += 1
    this.#giveWay(others)
    const writer = writerName(this.#batch.compiled)
    if (origin && !this.#isOf(origin, record)) {
      this.#rivals.push(origin)
      this.#winners.push({ row, writer, key, part })
    }
    this.#origins.push({ row, writer, key, part, state: 'stands', existed })
    return []
  }

  /** The table refused the record: those that had given way to it have their turn. */
  #without({ group, record }: Write): Group[] {
    if (this.#merges) {
      this.#open(group)
      return []
    }
    const alike = group.records.filter((it) => it !== record && it.tuple.equals(record.tuple))
    const { reject } = this.#rejects.findLast((it) => it.key === record.key && it.part === record.part)!
    for (const it of alike) this.#refuse(it, reject)
    const records = group.records.filter((it) => !it.tuple.equals(record.tuple))
    return records.length > 0 ? [{ ...group, records }] : []
  }

  #giveWay(records: readonly Incoming[]): void {
    for (const { row, key, part } of records)
      this.#rivals.push({ row, writer: writerName(this.#batch.compiled), key, part })
    this.#counts.duplicate += records.length
  }

  /** Nobody can say yet who has the row: the first of the records stands for it in the ledger. */
  #open({ row, records, origin, there }: Group): undefined {
    const { key, part } = records[0]!
    const known = origin ?? {
      row,
      writer: writerName(this.#batch.compiled),
      key,
      part,
      existed: there !== undefined,
    }
    this.#origins.push({ ...known, state: 'open' })
    this.#giveWay(records.filter((it) => !this.#isOf(known, it)))
    // It is counted as what it turns out to be when that is settled.
    if (!records.some((it) => this.#isOf(known, it))) return
    if (this.#merges && origin && there) this.#counts.unchanged += 1
    else this.#counts.duplicate += 1
  }

  #unchanged(records: number): undefined {
    this.#counts.unchanged += records
  }

  #refuse({ key, part, tuple }: Incoming, reject: Reject): void {
    this.#rejects.push({ key, part, reject, ...fingerprint(reject, tuple) })
  }
}
