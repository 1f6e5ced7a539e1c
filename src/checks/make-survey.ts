import { forwardClaims } from '../mapping/claim.ts'
import type { CompiledProject } from '../mapping/compiled-project.ts'
import type { Claim, CompiledMapping, Part } from '../mapping/mapping.ts'
import { mappingsOf, type Plan } from '../plan/plan.ts'
import { showTable } from '../plan/table.ts'
import type { Entry, Page, Source } from '../sources/source.ts'
import type { Reject, Row } from '../value.ts'
import { Compared, type Comparison, type Expected } from './compared.ts'
import { KeySet } from './key-set.ts'
import { KeyShapes } from './key-shapes.ts'
import { MappingTally } from './mapping-tally.ts'
import { inSample } from './sample-records.ts'
import { FATES, type Fate, type Survey } from './survey.ts'

/** Records that are compared by one query. */
const COMPARE_AT = 10_000

export interface SurveyOptions {
  readonly sourceName: string
  readonly source: Source
  readonly compiled: CompiledProject
  /** The plans to look at; other plans' keys are only counted. */
  readonly plans: readonly Plan[]
  /** What to compare with; without it only the source is looked at. */
  readonly comparison?: Comparison
  /** Milliseconds since 1970 by the database's clock: what expires before is expired. */
  readonly now: number
  readonly signal: AbortSignal
  /** Compare only this share of the records (0 to 1), and look for no extra rows. */
  readonly share?: number
  /** Stop after so many keys: for a first look at a large store. */
  readonly atMost?: number
  /** Told every key and its fate. */
  readonly onFate?: (key: Buffer, fate: Fate, plan: string | undefined) => void
  /** Told after every page. */
  readonly progress?: (keys: number) => void
}

/**
 * Reads a source once and says what becomes of every key; with a target, compares every row that the plans make of it with the row that
 * is there, and finds rows that nothing in the source gives. Memory does not grow with the number of keys (up to a set of key hashes of
 * a fixed size that tells keys a scan gives twice).
 */
export async function makeSurvey(options: SurveyOptions): Promise<Survey> {
  const pass = new SurveyPass(options)
  await pass.read()
  if (options.share === undefined) await pass.findExtra()
  return pass.result()
}

class SurveyPass {
  readonly #options: SurveyOptions
  readonly #tallies = new Map<CompiledMapping, MappingTally>()
  readonly #tables = new Map<string, Compared>()
  readonly #seen = new KeySet()
  readonly #fates = new Map<string, Record<Fate, number>>()
  readonly #uncovered = new KeyShapes()
  #keys = 0
  #pending: Pending[] = []
  #pendingKeys: KeyAccount[] = []
  #comparing: Promise<void> = Promise.resolve()
  /** The key whose parts are arriving. */
  #current: KeyAccount | undefined

  constructor(options: SurveyOptions) {
    this.#options = options
    const { compiled, plans, comparison } = options
    for (const plan of plans) {
      for (const mapping of mappingsOf(plan)) {
        const made = compiled.mapping(plan.name, mapping.name)
        this.#tallies.set(made, new MappingTally(made))
        const name = showTable(mapping.into)
        if (!this.#tables.has(name)) {
          const writers = compiled.writers(mapping.into)
          const own = writers.filter((it) => plans.some((plan) => plan.name === it.plan))
          const tracked = compiled.tracked(mapping.into)
          this.#tables.set(name, new Compared({ writers, own, tracked, comparison, now: options.now }))
        }
      }
    }
  }

  async read(): Promise<void> {
    for (const table of this.#tables.values()) await table.open()
    for await (const page of this.#pages()) {
      this.#options.signal.throwIfAborted()
      this.#count(undefined, 'expired', page.expired)
      this.#keys += page.expired
      for (const entry of page.entries) this.#take(entry)
      if (this.#pending.length >= COMPARE_AT || this.#pendingKeys.length >= 10 * COMPARE_AT)
        await this.#flush()
      this.#options.progress?.(this.#keys)
      if (this.#keys >= (this.#options.atMost ?? Number.POSITIVE_INFINITY)) break
    }
    this.#forget()
    await this.#flush()
    await this.#comparing
  }

  /** Rows that nothing in the source gives. A second look at the source is taken only where the tallies of both sides differ. */
  async findExtra(): Promise<void> {
    const suspects = new Map<string, Compared>()
    for (const [name, table] of this.#tables) if (await table.mayHaveExtra()) suspects.set(name, table)
    if (suspects.size === 0) return
    for await (const page of this.#pages()) {
      this.#options.signal.throwIfAborted()
      const given = new Map<CompiledMapping, Row[]>()
      for (const entry of page.entries) {
        if (this.#isExpired(entry)) continue
        this.#forward(entry, {
          row: (compiled, row) => {
            const rows = given.get(compiled)
            if (rows) rows.push(row)
            else given.set(compiled, [row])
          },
        })
      }
      for (const [compiled, rows] of given)
        await suspects.get(showTable(compiled.table.name))?.explain(compiled, rows)
    }
    for (const table of suspects.values()) await table.settleExtra()
  }

  result(): Survey {
    const { plans, compiled, sourceName } = this.#options
    const total = emptyFates()
    for (const fates of this.#fates.values()) for (const fate of FATES) total[fate] += fates[fate]
    return {
      source: sourceName,
      keys: this.#keys,
      fates: total,
      uncovered: this.#uncovered.list(),
      plans: new Map(
        plans.map((plan) => {
          const mappings = mappingsOf(plan).map((it) => compiled.mapping(plan.name, it.name))
          const tables = [...new Set(mappings.map((it) => showTable(it.table.name)))]
          return [
            plan.name,
            {
              plan: plan.name,
              fates: this.#fates.get(plan.name) ?? emptyFates(),
              mappings: mappings.map((it) => this.#tallies.get(it)!.result()),
              tables: tables.map((it) => this.#tables.get(it)!.result()),
            },
          ]
        }),
      ),
    }
  }

  #pages(): AsyncIterable<Page> {
    const { source, compiled, sourceName } = this.#options
    const router = compiled.router(sourceName)
    const wanted = new Set(this.#tallies.keys())
    // Keys that no wanted mapping may have are still listed, with their type: coverage is about all of them.
    return source.scan({
      prefix: Buffer.alloc(0),
      want: (key) => (router.mayClaim(key, wanted) === 'entry' ? 'entry' : 'key'),
    })
  }

  #take(entry: Entry): void {
    if (entry.offset === 0) {
      const isAnew = this.#current?.key.equals(entry.key) ?? false
      this.#forget()
      // SCAN may give a key twice: it is one key.
      if (!isAnew && !this.#seen.add(entry.key)) return
      this.#keys += 1
      // The entry's buffer may be a view of all that was received with it.
      this.#current = { key: Buffer.from(entry.key), plan: undefined, fate: 'uncovered', rows: 0, rejects: 0 }
    }
    const account = this.#current
    if (!account) return
    const expired = this.#isExpired(entry)
    const claim = this.#forward(entry, {
      row: (compiled, row, part) => {
        if (expired) return
        account.rows += 1
        this.#tallies.get(compiled)?.record()
        const table = this.#tables.get(showTable(compiled.table.name))
        if (!table || !this.#tallies.has(compiled)) return
        const { share } = this.#options
        if (share !== undefined && !inSample(entry.key, part(), share)) return
        const quarantined = () => {
          account.rows -= 1
          account.rejects += 1
        }
        this.#pending.push({
          table,
          account,
          expected: { compiled, row, key: account.key, part, quarantined },
        })
      },
      reject: (compiled, reject) => {
        if (expired) return
        account.rejects += 1
        this.#tallies.get(compiled)?.reject(reject, entry.key)
      },
      filtered: (compiled) => this.#tallies.get(compiled)?.filter(),
      unmapped: (compiled, field) => this.#tallies.get(compiled)?.unmapped(field, entry.key),
      entry: (compiled) => {
        if (entry.offset === 0 && !expired) this.#tallies.get(compiled)?.key(entry)
      },
    })
    if (claim === undefined) account.fate = 'uncovered'
    else if (claim.kind === 'skip') Object.assign(account, { plan: claim.plan, fate: claim.skip.fate })
    else if (claim.kind === 'lookup') Object.assign(account, { plan: claim.plan, fate: 'migrated' })
    else Object.assign(account, { plan: claim.plan, fate: expired ? 'expired' : 'migrated' })
    if (!entry.more) this.#finishKey()
  }

  /** A collection of which more was to come begins anew, or is gone: what came of it is void. */
  #forget(): void {
    const gone = this.#current
    if (!gone) return
    this.#keys -= 1
    this.#pending = this.#pending.filter((it) => it.account !== gone)
    this.#current = undefined
  }

  #finishKey(): void {
    if (this.#current) this.#pendingKeys.push(this.#current)
    this.#current = undefined
  }

  /** Hands records over to be compared while the next ones are read; waits for those before. */
  async #flush(): Promise<void> {
    await this.#comparing
    const [pending, keys] = [this.#pending, this.#pendingKeys]
    this.#pending = []
    this.#pendingKeys = []
    this.#comparing = this.#compare(pending, keys)
    // It is awaited later: a failure until then is nobody's unhandled rejection.
    this.#comparing.catch(() => {})
  }

  async #compare(pending: readonly Pending[], keys: readonly KeyAccount[]): Promise<void> {
    const byTable = new Map<Compared, Expected[]>()
    for (const { table, expected } of pending) {
      const list = byTable.get(table)
      if (list) list.push(expected)
      else byTable.set(table, [expected])
    }
    for (const [table, expected] of byTable) await table.compare(expected)
    // Fates are settled after the comparison: a row may have been quarantined while it was loaded.
    for (const account of keys) this.#settle(account)
  }

  #settle(account: KeyAccount): void {
    const fate =
      account.fate !== 'migrated' || account.rejects === 0
        ? account.fate
        : account.rows > 0
          ? 'partial'
          : 'quarantined'
    this.#count(account.plan, fate, 1)
    this.#options.onFate?.(account.key, fate, account.plan)
    if (fate === 'uncovered') this.#uncovered.add(account.key)
  }

  #count(plan: string | undefined, fate: Fate, keys: number): void {
    const name = plan ?? ''
    const fates = this.#fates.get(name) ?? emptyFates()
    fates[fate] += keys
    this.#fates.set(name, fates)
  }

  #isExpired({ expiresAt }: Entry): boolean {
    return expiresAt !== null && expiresAt <= this.#options.now
  }

  #forward(entry: Entry, visitor: Visitor): Claim | undefined {
    const { compiled, sourceName } = this.#options
    return forwardClaims(compiled.router(sourceName).route(entry.key, entry.type), entry, (mapping) => {
      visitor.entry?.(mapping)
      return {
        row: (row, part) => visitor.row?.(mapping, row, part),
        reject: (reject) => visitor.reject?.(mapping, reject),
        filtered: () => visitor.filtered?.(mapping),
        unmapped: (field) => visitor.unmapped?.(mapping, field),
      }
    })
  }
}

/** A record on its way to be compared. */
interface Pending {
  readonly table: Compared
  readonly account: KeyAccount
  readonly expected: Expected
}

/** What is known of a key until its fate is settled. */
interface KeyAccount {
  readonly key: Buffer
  plan: string | undefined
  fate: Fate
  rows: number
  rejects: number
}

interface Visitor {
  readonly entry?: (compiled: CompiledMapping) => void
  readonly row?: (compiled: CompiledMapping, row: Row, part: () => Part) => void
  readonly reject?: (compiled: CompiledMapping, reject: Reject) => void
  readonly filtered?: (compiled: CompiledMapping) => void
  readonly unmapped?: (compiled: CompiledMapping, field: string) => void
}

const emptyFates = (): Record<Fate, number> =>
  Object.fromEntries(FATES.map((fate) => [fate, 0])) as Record<Fate, number>
