import { rankOf } from '../mapping/rank.ts'
import { type CompareRank, compareRecords, type Member, settle } from '../mapping/resolve.ts'
import type { Ledger, Origin, Rival } from '../state/ledger.ts'
import { tracedTo, writerName } from '../state/trace.ts'
import { canonicalRows } from '../target/canonical-rows.ts'
import { qualified } from '../target/ddl.ts'
import { rowKeyOf } from '../target/row-key.ts'
import {
  cellsOf,
  keyTupleOf,
  openTableRows,
  reachTypes,
  readTuples,
  type TableRows,
} from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import type { Reject, Row } from '../value.ts'
import { fingerprint, type LoadCounts } from './batch.ts'
import type { FoundRecord } from './read-records.ts'
import { requireUnreferenced } from './referenced.ts'
import { conflict, existingRow } from './refusal.ts'
import { Stage } from './stage.ts'
import { writeWhatFits } from './write.ts'
import { placeIn, type Writers } from './writers.ts'

/** A record of a writer was counted as one thing, and is another. */
export interface Shift {
  readonly writer: string
  readonly from: keyof LoadCounts
  readonly to: keyof LoadCounts
}

interface Scope {
  /** The table's, as the ledger has it. */
  readonly name: string
  readonly writers: Writers
  readonly ledger: Ledger
}

/** A record that gives a row which is open. */
interface Contender extends Member {
  readonly mapping: string
  readonly access: TableRows
  readonly cellsOfRow: Row
  readonly tuple: Buffer
  readonly keyTuple: Buffer
}

/** An open row that is there or not, and the records that may have it. */
interface Contest {
  readonly origin: Origin
  readonly contenders: readonly Contender[]
  readonly isThere: boolean
}

/** Settles some of the open rows of a table, in one transaction. */
export class Settling {
  readonly #tx: Transaction
  readonly #scope: Scope
  /** Access to the table with the columns of each writer. */
  readonly #access: ReadonlyMap<string, TableRows>
  readonly #rank: CompareRank
  readonly #origins: Origin[] = []
  readonly #rivals: Rival[] = []
  /** Records that are quarantined, and why; undefined: not any more. */
  readonly #verdicts: { contender: Contender; reject: Reject | undefined }[] = []
  readonly shifts: Shift[] = []
  /** Records that were settled before, and are counted as rejected since. */
  #rejected: ReadonlySet<string> = new Set()

  static async begin(tx: Transaction, scope: Scope): Promise<Settling> {
    await tx.query('SET CONSTRAINTS ALL IMMEDIATE')
    const access = new Map<string, TableRows>()
    for (const mapping of scope.writers.mappings) {
      const { columns, keyIndexes, table } = mapping
      const rows = await openTableRows(tx, { name: table.name, columns, keyIndexes })
      await reachTypes(tx, rows)
      access.set(writerName(mapping), rows)
    }
    return new Settling(tx, scope, access)
  }

  private constructor(tx: Transaction, scope: Scope, access: ReadonlyMap<string, TableRows>) {
    this.#tx = tx
    this.#scope = scope
    this.#access = access
    this.#rank = rankOf(scope.writers.mappings[0]!.table.columns)
  }

  async run(
    open: readonly Origin[],
    rivals: readonly Rival[],
    records: readonly FoundRecord[],
  ): Promise<void> {
    let contests = await this.#contests(open, rivals, records)
    this.#rejected = await this.#settledBefore(contests)
    const lost: Contest[] = []
    while (contests.length > 0) {
      const won: Contest[] = []
      for (const contest of contests) {
        const [first] = contest.contenders
        // Nobody gives this row any more. If it is there, the gate will find it.
        if (!first) this.#origins.push({ ...contest.origin, state: 'stands' })
        else if (this.#winner(contest) === undefined) lost.push(contest)
        else won.push(contest)
      }
      contests = await this.#give(won)
    }
    await this.#takeOut(lost)
    for (const contest of lost) this.#withhold(contest)
    await this.#save(open)
  }

  async #contests(
    open: readonly Origin[],
    rivals: readonly Rival[],
    records: readonly FoundRecord[],
  ): Promise<readonly Contest[]> {
    const gives = new Set([...open, ...rivals].map((it) => `${it.row.toString('latin1')}${nameOf(it)}`))
    const byRow = new Map<string, Contender[]>(open.map((it) => [it.row.toString('latin1'), []]))
    for (const mapping of this.#scope.writers.mappings) {
      const own = records.filter((it) => it.compiled === mapping)
      for (const contender of await this.#contenders(own, writerName(mapping))) {
        const row = rowKeyOf(contender.keyTuple).toString('latin1')
        if (gives.has(`${row}${nameOf({ ...contender, writer: contender.mapping })}`))
          byRow.get(row)?.push(contender)
      }
    }
    const contests = open.map((origin) => ({
      origin,
      contenders: byRow.get(origin.row.toString('latin1'))!.sort(compareRecords),
    }))
    const there = await this.#there(contests.flatMap(({ contenders: [first] }) => first ?? []))
    return contests.map((it) => ({
      ...it,
      isThere: it.contenders[0] !== undefined && there.get(it.contenders[0]) !== undefined,
    }))
  }

  async #contenders(records: readonly FoundRecord[], mapping: string): Promise<readonly Contender[]> {
    const access = this.#access.get(mapping)!
    const { rows, refused } = await canonicalRows(
      this.#tx,
      access.wires,
      records.map((it) => it.row),
    )
    return records.flatMap(({ compiled, key, part }, index) => {
      if (refused.has(index)) return []
      const cellsOfRow = rows[index]!
      const tuple = access.tuple(cellsOfRow)
      const member = {
        writer: placeIn(this.#scope.writers, compiled),
        policy: compiled.mapping.conflict,
        key,
        part,
      }
      return [
        {
          ...member,
          cells: cellsOf(access, tuple),
          mapping,
          access,
          cellsOfRow,
          tuple,
          keyTuple: keyTupleOf(access, tuple),
        },
      ]
    })
  }

  async #settledBefore(contests: readonly Contest[]): Promise<ReadonlySet<string>> {
    const { ledger, writers } = this.#scope
    const found = new Set<string>()
    const all = contests.flatMap((it) => it.contenders)
    for (const plan of new Set(writers.mappings.map((it) => it.plan))) {
      const keys = all.filter((it) => it.mapping.startsWith(`${plan}/`)).map((it) => it.key)
      for (const { mapping, key, part, doubted } of await ledger.quarantine.find(this.#tx, plan, keys)) {
        if (!doubted)
          found.add(nameOf({ writer: writerName({ plan, mapping: { name: mapping } }), key, part }))
      }
    }
    return found
  }

  /** The rows that are there for these, as their writers see them. */
  async #there(contenders: readonly Contender[]): Promise<ReadonlyMap<Contender, Buffer>> {
    const found = new Map<Contender, Buffer>()
    for (const [mapping, own] of byMapping(contenders)) {
      const tuples = await readTuples(
        this.#tx,
        this.#access.get(mapping)!,
        own.map((it) => it.cellsOfRow),
      )
      for (const [place, contender] of own.entries()) if (tuples[place]) found.set(contender, tuples[place])
    }
    return found
  }

  #winner({ contenders }: Contest): Contender | undefined {
    const verdict = contenders.length === 1 ? contenders[0]! : settle(contenders, this.#rank)
    return verdict === 'contested' ? undefined : verdict
  }

  /** Gives each row to its winner. Where the table refuses that, the others are left to fight on. */
  async #give(contests: readonly Contest[]): Promise<readonly Contest[]> {
    const byWinner = new Map(contests.map((it) => [this.#winner(it)!, it]))
    const there = await this.#there([...byWinner.keys()])
    const left: Contest[] = []
    const emptied: Contest[] = []
    for (const [mapping, winners] of byMapping([...byWinner.keys()])) {
      const refused = await this.#write(winners, mapping, { there, byWinner })
      for (const winner of winners) {
        const contest = byWinner.get(winner)!
        if (!refused.has(winner)) {
          this.#settled(contest, winner)
          continue
        }
        this.#shift(contest, winner, 'rejected')
        const contenders = contest.contenders.filter((it) => it !== winner)
        if (contenders.length > 0) left.push({ ...contest, contenders })
        else emptied.push(contest)
      }
    }
    await this.#takeOut(emptied)
    return left
  }

  async #write(
    winners: readonly Contender[],
    mapping: string,
    {
      there,
      byWinner,
    }: { readonly there: ReadonlyMap<Contender, Buffer>; readonly byWinner: ReadonlyMap<Contender, Contest> },
  ): Promise<ReadonlySet<Contender>> {
    const { writers, ledger } = this.#scope
    const table = this.#access.get(mapping)!
    const updates = writers.mappings[winners[0]!.writer]!.mapping.existing === 'update'
    const refused = new Set<Contender>()
    const refuse = (contender: Contender, reject: Reject) => {
      refused.add(contender)
      this.#verdicts.push({ contender, reject })
    }
    const changed = winners.filter((it) => !there.get(it)?.equals(it.tuple)).sort(compareRecords)
    for (const it of changed)
      if (byWinner.get(it)!.origin.existed && there.has(it) && !updates) refuse(it, existingRow(table))
    const stage = await Stage.create(
      this.#tx,
      table,
      changed.map((it) => it.tuple),
    )
    const writing = {
      tx: this.#tx,
      stage,
      table,
      writers,
      ledger,
      record: (number: number) => changed[number]!,
      key: (number: number) => changed[number]!.keyTuple,
      refuse: (number: number, reject: Reject) => refuse(changed[number]!, reject),
    }
    for (const how of ['insert', 'update'] as const) {
      const numbers = [...changed.keys()].filter(
        (it) => !refused.has(changed[it]!) && there.has(changed[it]!) === (how === 'update'),
      )
      await writeWhatFits(writing, numbers, how)
    }
    return refused
  }

  #settled(contest: Contest, winner: Contender): void {
    const { origin, contenders, isThere } = contest
    this.#origins.push({ ...recordOf(winner, origin), state: 'stands', existed: origin.existed && isThere })
    for (const contender of contenders) {
      this.#verdicts.push({ contender, reject: undefined })
      if (contender === winner) this.#shift(contest, winner, isThere ? 'updated' : 'inserted')
      else {
        this.#rivals.push(recordOf(contender, origin))
        this.#shift(contest, contender, 'duplicate')
      }
    }
  }

  #withhold(contest: Contest): void {
    const { origin, contenders } = contest
    const [first, ...others] = contenders
    this.#origins.push({ ...recordOf(first!, origin), state: 'contested', existed: origin.existed })
    for (const it of others) this.#rivals.push(recordOf(it, origin))
    for (const contender of contenders) {
      this.#verdicts.push({ contender, reject: conflict(contender.access) })
      this.#shift(contest, contender, 'rejected')
    }
  }

  /** Takes rows that nobody has out of the table, unless they were there before. */
  async #takeOut(contests: readonly Contest[]): Promise<void> {
    const contenders = contests.flatMap((it) => (it.isThere && !it.origin.existed ? it.contenders[0]! : []))
    for (const [mapping, own] of byMapping(contenders)) {
      const table = this.#access.get(mapping)!
      const stage = await Stage.create(
        this.#tx,
        table,
        own.map((it) => it.tuple),
      )
      const doomed = stage.hasKeyOf([...own.keys()])
      await requireUnreferenced(this.#tx, table.name, doomed)
      await this.#tx.query(`DELETE FROM ${qualified(table.name)} t WHERE ${doomed('t')}`)
    }
  }

  /** While a row was open, its records were counted as duplicates, but for the one that had put it there, and what was settled before. */
  #shift({ origin, isThere }: Contest, contender: Contender, to: Shift['to']): void {
    const name = nameOf({ ...contender, writer: contender.mapping })
    const hadIt = isThere && !origin.existed && nameOf(origin) === name
    const from = this.#rejected.has(name) ? 'rejected' : hadIt ? 'inserted' : 'duplicate'
    if (from !== to && !(hadIt && to === 'updated')) this.shifts.push({ writer: contender.mapping, from, to })
  }

  async #save(open: readonly Origin[]): Promise<void> {
    const { ledger, name, writers } = this.#scope
    await ledger.origins.remove(
      this.#tx,
      name,
      open.map((it) => it.row),
    )
    await ledger.origins.save(this.#tx, name, this.#origins)
    await ledger.origins.rivals.add(this.#tx, name, this.#rivals)
    const records = this.#verdicts.map(({ contender, reject }) => {
      const { plan, mapping, key, part } = tracedTo(
        { ...contender, writer: contender.mapping },
        writers.mappings,
      )!
      return { plan, mapping, key, part, reject, tuple: contender.tuple }
    })
    await ledger.quarantine.remove(
      this.#tx,
      records.filter((it) => it.reject === undefined),
    )
    await ledger.quarantine.add(
      this.#tx,
      records.flatMap(({ reject, tuple, ...record }) =>
        reject
          ? [
              {
                ...record,
                ...reject,
                column: reject.column,
                bytes: undefined,
                digest: undefined,
                ...fingerprint(reject, tuple),
              },
            ]
          : [],
      ),
    )
  }
}

const recordOf = ({ mapping, key, part }: Contender, { row }: Origin): Rival => ({
  row,
  writer: mapping,
  key,
  part,
})

const nameOf = ({ writer, key, part }: Omit<Rival, 'row'>): string =>
  `${writer}\0${key.toString('latin1')}\0${part}`

function byMapping(contenders: readonly Contender[]): ReadonlyMap<string, Contender[]> {
  const found = new Map<string, Contender[]>()
  for (const it of contenders) {
    const known = found.get(it.mapping)
    if (known) known.push(it)
    else found.set(it.mapping, [it])
  }
  return found
}
