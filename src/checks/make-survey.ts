import { KeySet } from '../key-set.ts'
import { forwardClaims } from '../mapping/claim.ts'
import type { CompiledProject } from '../mapping/compiled-project.ts'
import { groupOf } from '../mapping/group.ts'
import type { Claim, CompiledMapping, Part, RecordSink, Router } from '../mapping/mapping.ts'
import { mappingsOf, type Plan } from '../plan/plan.ts'
import { showTable } from '../plan/table.ts'
import { withoutExpiredFields } from '../sources/part.ts'
import type { Entry, Page, Source } from '../sources/source.ts'
import { Compared, type Comparison } from './compared.ts'
import { fateOf, type KeyAccount, newAccount } from './key-account.ts'
import { KeyShapes } from './key-shapes.ts'
import { type Handed, Reading } from './reading.ts'
import { inSample } from './sample-records.ts'
import { FATES, type Fate, type Survey } from './survey.ts'

/** Records that are compared at once, and their bytes. */
const COMPARE_AT = 10_000
const COMPARE_BYTES = 4 << 20

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
  /** Told every key and its fate, at the end. */
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
  const givenUp = new AbortController()
  const pass = new SurveyPass(options, givenUp.signal)
  try {
    await pass.read()
    if (options.share === undefined) await pass.findDifferences()
    return pass.result()
  } catch (error) {
    // Postgres may still be summing up a table.
    givenUp.abort(error)
    throw error
  }
}

class SurveyPass {
  readonly #options: SurveyOptions
  readonly #router: Router
  readonly #readings = new Map<CompiledMapping, Reading>()
  readonly #tables = new Map<string, Compared>()
  readonly #fates = new Map<string, Record<Fate, number>>()
  readonly #uncovered = new KeyShapes()
  readonly #told = new Map<string, readonly [key: Buffer, fate: Fate, plan: string | undefined]>()
  #seen = new KeySet()
  #keys = 0
  /** When the source is read again: tables with sums that differ. */
  #suspects: ReadonlySet<Compared> | undefined
  #pendingKeys: KeyAccount[] = []
  #comparing: Promise<void> = Promise.resolve()
  /** The key whose parts are arriving. */
  #current: KeyAccount | undefined

  constructor(options: SurveyOptions, givenUp: AbortSignal) {
    this.#options = options
    const { compiled, plans, comparison, sourceName } = options
    this.#router = compiled.router(sourceName)
    for (const plan of plans) {
      for (const { into } of mappingsOf(plan)) {
        if (this.#tables.has(showTable(into))) continue
        const writers = compiled.writers(into)
        const own = writers.filter((it) => plans.some((plan) => plan.name === it.plan))
        const tracked = compiled.tracked(into)
        this.#tables.set(
          showTable(into),
          new Compared({
            writers,
            own,
            tracked,
            comparison,
            now: options.now,
            merges: compiled.merges(into),
            sampled: options.share !== undefined,
            signal: givenUp,
          }),
        )
      }
    }
  }

  async read(): Promise<void> {
    const { compiled, plans, share } = this.#options
    for (const table of this.#tables.values()) await table.open()
    this.#agree()
    if (share === undefined) {
      let before = Promise.resolve()
      for (const table of this.#tables.values()) before = table.sumAhead(before)
    }
    for (const plan of plans) {
      for (const { name, into } of mappingsOf(plan)) {
        const made = compiled.mapping(plan.name, name)
        const table = this.#tables.get(showTable(into))!
        this.#readings.set(made, new Reading(made, table, (reading, part) => this.#row(reading, part)))
      }
    }
    for await (const page of this.#pages()) {
      this.#options.signal.throwIfAborted()
      this.#count(undefined, 'expired', page.expired)
      this.#keys += page.expired
      await this.#takeAll(page)
      this.#options.progress?.(this.#keys)
      if (this.#keys >= (this.#options.atMost ?? Number.POSITIVE_INFINITY)) break
    }
    await this.#finish()
  }

  /** What is not as it should be, and rows that nothing in the source gives. The source is read again only where the sums of both sides differ. */
  async findDifferences(): Promise<void> {
    for (const table of this.#tables.values()) await table.compareMerged()
    const suspects = new Set<Compared>()
    for (const table of this.#tables.values()) if (await table.mayDiffer()) suspects.add(table)
    if (suspects.size === 0) return
    this.#suspects = suspects
    this.#seen = new KeySet()
    for await (const page of this.#pages()) {
      this.#options.signal.throwIfAborted()
      await this.#takeAll(page)
    }
    await this.#finish()
    for (const table of suspects) await table.settleExtra()
  }

  /** A key may have rows in several tables, and one fate: rows of mappings that read the same keys are looked at in the same way. */
  #agree(): void {
    const { plans, share } = this.#options
    for (const plan of plans) {
      for (const mapping of mappingsOf(plan)) {
        const tables = groupOf(plan, mapping).map((it) => this.#tables.get(showTable(it.into))!)
        if (share !== undefined || tables.some((it) => !it.isSummed)) for (const it of tables) it.lookUp()
      }
    }
  }

  result(): Survey {
    const { plans, compiled, sourceName, onFate } = this.#options
    for (const told of this.#told.values()) onFate?.(...told)
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
              mappings: mappings.map((it) => this.#readings.get(it)!.tally.result()),
              tables: tables.map((it) => this.#tables.get(it)!.result()),
            },
          ]
        }),
      ),
    }
  }

  #pages(): AsyncIterable<Page> {
    const { source } = this.#options
    const wanted = new Set(this.#readings.keys())
    // Keys that no wanted mapping may have are still listed, with their type: coverage is about all of them.
    return source.scan({
      prefix: Buffer.alloc(0),
      want: (key) => (this.#router.mayClaim(key, wanted) === 'entry' ? 'entry' : 'key'),
    })
  }

  async #takeAll(page: Page): Promise<void> {
    for (const entry of page.entries) this.#take(entry)
    let [rows, bytes] = [0, 0]
    for (const { batch } of this.#readings.values()) {
      rows += batch.count
      bytes += batch.tuples.bytes
    }
    if (rows >= COMPARE_AT || bytes >= COMPARE_BYTES) await this.#flush()
  }

  async #finish(): Promise<void> {
    this.#forget()
    await this.#flush()
    await this.#comparing
  }

  #take(entry: Entry): void {
    if (entry.offset === 0) {
      const isAnew = this.#current?.key.equals(entry.key) ?? false
      this.#forget()
      // SCAN may give a key twice: it is one key.
      if (!isAnew && !this.#seen.add(entry.key)) return
      if (!this.#suspects) this.#keys += 1
      this.#current = newAccount(entry)
      // Its place among the others.
      if (!this.#suspects) this.#tell(entry.key, 'uncovered', undefined)
    }
    const account = this.#current
    if (!account) return
    const expired = this.#isExpired(entry)
    const claim = this.#forward(entry, (compiled) => {
      const reading = this.#readings.get(compiled)
      if (!reading) return expired ? IGNORED : rejectsOf(account)
      const { table } = reading
      if (this.#suspects && !table.isSummed && !this.#suspects.has(table)) return IGNORED
      return reading.of(entry, account, { expired, again: this.#suspects !== undefined })
    })
    if (claim === undefined) account.fate = 'uncovered'
    else {
      account.plan = claim.plan
      account.fate =
        claim.kind === 'skip' ? claim.skip.fate : expired && claim.kind !== 'lookup' ? 'expired' : 'migrated'
    }
    if (!entry.more) this.#finishKey(account)
  }

  /** The last row of a reading: is it kept, to be compared later? */
  #row(reading: Reading, part: () => Part): boolean {
    const { table, batch, account } = reading
    const { comparison, share } = this.#options
    if (!comparison) {
      table.expect()
      return false
    }
    if (!table.isSummed) return share === undefined || inSample(account.key, part(), share)
    if (this.#suspects) return table.isSuspect(batch.tuples)
    table.sum(batch.tuples)
    return false
  }

  /** A collection of which more was to come begins anew, or is gone: what came of it is void. Sums are compared again where it is in them twice. */
  #forget(): void {
    const gone = this.#current
    if (!gone) return
    if (!this.#suspects) {
      this.#keys -= 1
      this.#told.delete(gone.key.toString('latin1'))
    }
    for (const reading of this.#readings.values()) reading.forget(gone)
    this.#current = undefined
  }

  #finishKey(account: KeyAccount): void {
    this.#current = undefined
    if (!account.isCompared) {
      this.#settle(account)
      return
    }
    // What waits holds on to nothing that was received.
    account.key = this.#options.onFate ? Buffer.from(account.key) : NO_KEY
    this.#pendingKeys.push(account)
  }

  /** Hands records over to be compared while the next ones are read; waits for those before. */
  async #flush(): Promise<void> {
    await this.#comparing
    const expected = [...this.#readings.values()].flatMap((it) => (it.batch.count > 0 ? it.handOver() : []))
    const keys = this.#pendingKeys
    this.#pendingKeys = []
    this.#comparing = this.#compare(expected, keys)
    // It is awaited later: a failure until then is nobody's unhandled rejection.
    this.#comparing.catch(() => {})
  }

  async #compare(expected: readonly Handed[], keys: readonly KeyAccount[]): Promise<void> {
    for (const { reading, rows, accounts } of expected) {
      const { table, compiled } = reading
      const quarantined = (row: number) => {
        accounts[row]!.quarantined += 1
      }
      // What was looked up the first time is only looked for among rows that nothing seemed to give.
      if (this.#suspects && !table.isSummed) await table.explain({ compiled, rows })
      else await table.compare({ compiled, rows, quarantined })
      reading.takeBack(rows)
    }
    // Fates are settled after the comparison: a row may have been quarantined while it was loaded.
    for (const account of keys) this.#settle(account)
  }

  #settle(account: KeyAccount): void {
    const { plan, quarantined, key } = account
    const fate = fateOf(account, quarantined)
    if (this.#suspects) {
      if (quarantined === 0) return
      this.#count(plan, fateOf(account, 0), -1)
    } else if (fate === 'uncovered') {
      this.#uncovered.add(key)
    }
    this.#count(plan, fate, 1)
    this.#tell(key, fate, plan)
  }

  #tell(key: Buffer, fate: Fate, plan: string | undefined): void {
    if (this.#options.onFate) this.#told.set(key.toString('latin1'), [Buffer.from(key), fate, plan])
  }

  #count(plan: string | undefined, fate: Fate, keys: number): void {
    const name = plan ?? ''
    const fates = this.#fates.get(name)
    if (fates) fates[fate] += keys
    else this.#fates.set(name, { ...emptyFates(), [fate]: keys })
  }

  #isExpired({ expiresAt }: Entry): boolean {
    return expiresAt !== null && expiresAt <= this.#options.now
  }

  #forward(entry: Entry, sinkOf: (compiled: CompiledMapping) => RecordSink | undefined): Claim | undefined {
    const living = withoutExpiredFields(entry, this.#options.now)
    return forwardClaims(this.#router.route(entry.key, entry.type), living, sinkOf)
  }
}

const NO_KEY = Buffer.alloc(0)

/** Of a plan that was not asked about, only the fates of its keys are counted. */
const rejectsOf = (account: KeyAccount): RecordSink => ({
  ...IGNORED,
  reject: () => {
    account.rejects += 1
  },
})

const IGNORED: RecordSink = { row: () => {}, reject: () => {}, filtered: () => {}, unmapped: () => {} }

const emptyFates = (): Record<Fate, number> =>
  Object.fromEntries(FATES.map((fate) => [fate, 0])) as Record<Fate, number>
