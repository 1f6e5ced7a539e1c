import { type Contender, Contenders, type GivenRow, type Outcome } from '../checks/contenders.ts'
import type { FoundRecord } from '../checks/read-records.ts'
import { compareRecords } from '../mapping/resolve.ts'
import type { Ledger, Origin, Rival } from '../state/ledger.ts'
import { tracedTo, writerName } from '../state/trace.ts'
import { qualified } from '../target/ddl.ts'
import { rowKeyOf } from '../target/row-key.ts'
import { readTuples } from '../target/table-rows.ts'
import type { Transaction } from '../target/target.ts'
import type { Reject } from '../value.ts'
import { fingerprint, type LoadCounts } from './batch.ts'
import { requireUnreferenced } from './referenced.ts'
import { conflict, existingRow } from './refusal.ts'
import { Stage } from './stage.ts'
import { writeWhatFits } from './write.ts'
import type { Writers } from './writers.ts'

/** A record of a writer was counted as one thing, and is another. */
export interface Shift {
  readonly writer: string
  readonly from: keyof LoadCounts
  readonly to: keyof LoadCounts
  /** Nothing is counted differently where no record is counted as `from`. */
  readonly onlyIfCounted?: true
}

interface Scope {
  /** The table's, as the ledger has it. */
  readonly name: string
  readonly writers: Writers
  readonly ledger: Ledger
}

/** An open row that is there or not, and the records that may have it. */
interface Contest {
  readonly origin: Origin
  readonly contenders: readonly Contender[]
  readonly isThere: boolean
  /** Records that the ledger knows of, and the source does not give any more: what they filled is to be emptied. */
  readonly lostSome: boolean
}

/** A contest, and the row that its records give. */
interface Decided {
  readonly contest: Contest
  readonly outcome: Outcome
  /** Columns that records which are gone may have filled. */
  readonly resets: readonly string[]
}

/** A contest in which nobody has the row, and why. */
interface Lost {
  readonly contest: Contest
  readonly reject: Reject
}

/** Settles some of the open rows of a table, in one transaction. */
export class Settling {
  readonly #tx: Transaction
  readonly #scope: Scope
  readonly #made: Contenders
  readonly #origins: Origin[] = []
  readonly #rivals: Rival[] = []
  /** Records that are quarantined, and why; undefined: not any more. */
  readonly #verdicts: { contender: Contender; reject: Reject | undefined }[] = []
  readonly shifts: Shift[] = []
  /** Records that were settled before, and are counted as rejected since. */
  #rejected: ReadonlySet<string> = new Set()

  static async begin(tx: Transaction, scope: Scope): Promise<Settling> {
    await tx.query('SET CONSTRAINTS ALL IMMEDIATE')
    return new Settling(tx, scope, await Contenders.open(tx, scope.writers.mappings, scope.writers.merges))
  }

  private constructor(tx: Transaction, scope: Scope, made: Contenders) {
    this.#tx = tx
    this.#scope = scope
    this.#made = made
  }

  async run(
    open: readonly Origin[],
    rivals: readonly Rival[],
    records: readonly FoundRecord[],
  ): Promise<void> {
    let contests = await this.#contests(open, rivals, records)
    this.#rejected = await this.#settledBefore(contests)
    const lost: Lost[] = []
    while (contests.length > 0) {
      const decided: Decided[] = []
      for (const contest of contests) {
        const { contenders, origin } = contest
        // Nobody gives this row any more. If it is there, the gate will find it.
        if (contenders.length === 0) {
          this.#origins.push({ ...origin, state: 'stands' })
          continue
        }
        const outcome = await this.#made.rowOf(contenders)
        if (outcome === 'contested') lost.push({ contest, reject: conflict(contenders[0]!.access) })
        else if ('code' in outcome) lost.push({ contest, reject: outcome })
        else
          decided.push({
            contest,
            outcome,
            resets: contest.lostSome && this.#merges ? this.#made.unfilled(outcome) : [],
          })
      }
      contests = await this.#give(decided, lost)
    }
    await this.#takeOut(lost.map((it) => it.contest))
    for (const it of lost) this.#withhold(it)
    await this.#save(open)
  }

  get #merges(): boolean {
    return this.#scope.writers.merges.length > 0
  }

  async #contests(
    open: readonly Origin[],
    rivals: readonly Rival[],
    records: readonly FoundRecord[],
  ): Promise<readonly Contest[]> {
    const known = new Map<string, string>()
    for (const it of [...open, ...rivals]) known.set(`${it.row.toString('latin1')}${nameOf(it)}`, rowOf(it))
    const byRow = new Map<string, Contender[]>(open.map((it) => [rowOf(it), []]))
    for (const contender of await this.#made.of(records)) {
      const row = rowKeyOf(contender.keyTuple).toString('latin1')
      if (known.has(`${row}${nameOf({ ...contender, writer: contender.mapping })}`))
        byRow.get(row)?.push(contender)
    }
    const expected = new Map<string, number>()
    for (const row of known.values()) expected.set(row, (expected.get(row) ?? 0) + 1)
    const contests = open.map((origin) => {
      const contenders = byRow.get(rowOf(origin))!.sort(compareRecords)
      return { origin, contenders, lostSome: contenders.length < expected.get(rowOf(origin))! }
    })
    const there = await this.#there(contests.flatMap(({ contenders: [first] }) => first ?? []))
    return contests.map((it) => ({
      ...it,
      isThere: it.contenders[0] !== undefined && there.get(it.contenders[0]) !== undefined,
    }))
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

  /** The rows that are there for these, by the columns that they fill. */
  async #there<R extends GivenRow>(rows: readonly R[]): Promise<ReadonlyMap<R, Buffer>> {
    const found = new Map<R, Buffer>()
    for (const own of grouped(rows, (it) => it.access)) {
      const tuples = await readTuples(
        this.#tx,
        own[0]!.access,
        own.map((it) => it.cellsOfRow),
      )
      for (const [place, row] of own.entries()) if (tuples[place]) found.set(row, tuples[place])
    }
    return found
  }

  /** Gives each row what was decided. Where the table refuses that, the records that did not make it are left to fight on. */
  async #give(decided: readonly Decided[], lost: Lost[]): Promise<readonly Contest[]> {
    const there = await this.#there(decided.map((it) => it.outcome))
    const left: Contest[] = []
    const emptied: Contest[] = []
    const writing = grouped(decided, ({ outcome, resets }) =>
      JSON.stringify([outcome.access.columnNames, resets]),
    )
    for (const some of writing) {
      const refused = await this.#write(some, there)
      for (const it of some) {
        const { contest, outcome } = it
        const reject = refused.get(it)
        if (!reject) {
          this.#settled(it, there.get(outcome)?.equals(outcome.tuple) ?? false)
        } else if (this.#merges) {
          lost.push({ contest, reject })
        } else {
          this.#verdicts.push({ contender: outcome.owner, reject })
          this.#shift(contest, outcome.owner, 'rejected')
          const contenders = contest.contenders.filter((one) => one !== outcome.owner)
          if (contenders.length > 0) left.push({ ...contest, contenders })
          else emptied.push(contest)
        }
      }
    }
    await this.#takeOut(emptied)
    return left
  }

  async #write(
    decided: readonly Decided[],
    there: ReadonlyMap<Outcome, Buffer>,
  ): Promise<ReadonlyMap<Decided, Reject>> {
    const { writers, ledger } = this.#scope
    const [{ outcome: first, resets }] = decided as [Decided]
    const table = first.access
    const refused = new Map<Decided, Reject>()
    const changed = decided
      .filter((it) => it.resets.length > 0 || !there.get(it.outcome)?.equals(it.outcome.tuple))
      .sort((a, b) => compareRecords(a.outcome.owner, b.outcome.owner))
    for (const it of changed) {
      const updates = writers.mappings[it.outcome.owner.writer]!.mapping.existing === 'update'
      if (it.contest.origin.existed && there.has(it.outcome) && !updates) refused.set(it, existingRow(table))
    }
    const stage = await Stage.create(
      this.#tx,
      table,
      changed.map((it) => it.outcome.tuple),
      resets,
    )
    const writing = {
      tx: this.#tx,
      stage,
      table,
      writers,
      ledger,
      record: (number: number) => changed[number]!.outcome.owner,
      key: (number: number) => changed[number]!.outcome.keyTuple,
      refuse: (number: number, reject: Reject) => {
        refused.set(changed[number]!, reject)
      },
    }
    for (const how of ['insert', 'update'] as const) {
      const numbers = [...changed.keys()].filter(
        (it) => !refused.has(changed[it]!) && there.has(changed[it]!.outcome) === (how === 'update'),
      )
      await writeWhatFits(writing, numbers, how)
    }
    return refused
  }

  #settled({ contest, outcome: { owner } }: Decided, isSame: boolean): void {
    const { origin, contenders, isThere } = contest
    this.#origins.push({ ...recordOf(owner, origin), state: 'stands', existed: origin.existed && isThere })
    for (const contender of contenders) {
      this.#verdicts.push({ contender, reject: undefined })
      if (contender !== owner) {
        this.#rivals.push(recordOf(contender, origin))
        this.#shift(contest, contender, 'duplicate')
      } else if (this.#merges && isThere) {
        // It was counted as unchanged if it was there before this run.
        if (!isSame)
          this.shifts.push({ writer: owner.mapping, from: 'unchanged', to: 'updated', onlyIfCounted: true })
      } else this.#shift(contest, owner, isThere ? 'updated' : 'inserted')
    }
  }

  #withhold({ contest, reject }: Lost): void {
    const { origin, contenders } = contest
    const [first, ...others] = contenders
    this.#origins.push({ ...recordOf(first!, origin), state: 'contested', existed: origin.existed })
    for (const it of others) this.#rivals.push(recordOf(it, origin))
    for (const contender of contenders) {
      this.#verdicts.push({ contender, reject })
      this.#shift(contest, contender, 'rejected')
    }
  }

  /** Takes rows that nobody has out of the table, unless they were there before. */
  async #takeOut(contests: readonly Contest[]): Promise<void> {
    const contenders = contests.flatMap((it) => (it.isThere && !it.origin.existed ? it.contenders[0]! : []))
    for (const own of grouped(contenders, (it) => it.access)) {
      const table = own[0]!.access
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

const rowOf = ({ row }: Pick<Rival, 'row'>): string => row.toString('latin1')

/** Those with the same answer together. */
function grouped<T>(all: readonly T[], by: (it: T) => unknown): readonly (readonly T[])[] {
  const found = new Map<unknown, T[]>()
  for (const it of all) {
    const known = found.get(by(it))
    if (known) known.push(it)
    else found.set(by(it), [it])
  }
  return [...found.values()]
}
