import { EXIT, KvmigError, SourceError } from '../errors.ts'
import type { Budget as Limits } from '../plan/plan.ts'
import type { Allowance } from '../sources/source.ts'
import type { Ledger, Spent } from '../state/ledger.ts'

/** Commands that are put down in the ledger at a time, before they are sent. */
const CHUNK = 1000

/**
 * What all sources of a run may be asked together: so many commands a run, and so many a month, which the ledger counts for everything that
 * kvmig does. A batch that would pass a limit is not sent. Commands are put down in the ledger before they are sent, some at a time, and
 * `close` gives back what was not sent: what a crash leaves behind is counted rather too high. Where there is no ledger yet, or none that
 * this role may write to, only the run itself counts.
 */
export class Budget implements Allowance {
  readonly isLimited: boolean
  readonly #limits: Limits
  readonly #ledger: Pick<Ledger, 'installed' | 'spending'>
  #sent = 0
  /** May be sent in all, as far as is settled. */
  #granted = 0
  /** Put down in the ledger. */
  #written = 0
  #month = ''
  #isReadOnly = false
  #turn: Promise<void> = Promise.resolve()

  constructor(limits: Limits, ledger: Pick<Ledger, 'installed' | 'spending'>) {
    this.#limits = limits
    this.#ledger = ledger
    this.isLimited = limits.commands !== undefined || limits.perMonth !== undefined
  }

  /** One after the other, so that two sources do not take the same. */
  take(commands: number): Promise<void> {
    const turn = this.#turn.then(() => this.#take(commands))
    this.#turn = turn.catch(() => {})
    return turn
  }

  /** Commands of this month so far: without what was put down and not sent. */
  async used(): Promise<number> {
    const { commands } = await this.#ledger.spending.now()
    return Math.max(0, commands - Math.max(0, this.#written - this.#sent))
  }

  async close(): Promise<void> {
    await this.#turn
    const { spending } = this.#ledger
    if (this.#written > this.#sent) await spending.giveBack(this.#month, this.#written - this.#sent)
    if (this.#written < this.#sent && (await this.#isWritable()))
      await spending.spend(this.#sent - this.#written, undefined)
    this.#written = this.#sent
  }

  async #take(commands: number): Promise<void> {
    const { commands: perRun } = this.#limits
    if (perRun !== undefined && this.#sent + commands > perRun)
      throw usedUpByRun(perRun, this.#sent, commands)
    if (this.#sent + commands > this.#granted) await this.#grant(this.#sent + commands - this.#granted)
    this.#sent += commands
  }

  // A thousand at a time; at the end of the budget only what is needed.
  async #grant(missing: number): Promise<void> {
    for (const commands of [Math.max(missing, CHUNK), missing]) {
      if (!(await this.#isGranted(commands))) continue
      this.#granted += commands
      return
    }
    throw usedUpByMonth(this.#limits.perMonth!, await this.#ledger.spending.now(), missing)
  }

  async #isGranted(commands: number): Promise<boolean> {
    const { perMonth } = this.#limits
    const unwritten = this.#granted + commands - this.#written
    if (await this.#isWritable()) {
      const spent = await this.#spend(unwritten)
      if (spent?.granted) {
        this.#written += unwritten
        this.#month = spent.month
      }
      if (spent) return spent.granted
    }
    if (perMonth === undefined) return true
    return (await this.#ledger.spending.now()).commands + unwritten <= perMonth
  }

  async #isWritable(): Promise<boolean> {
    return !this.#isReadOnly && (await this.#ledger.installed())
  }

  async #spend(commands: number): Promise<(Spent & { readonly granted: boolean }) | undefined> {
    try {
      return await this.#ledger.spending.spend(commands, this.#limits.perMonth)
    } catch (error) {
      if (!(error instanceof KvmigError && MAY_NOT.has(error.code))) throw error
      this.#isReadOnly = true
      return undefined
    }
  }
}

/** A role that may only look, which is enough for `plan --live`. */
const MAY_NOT: ReadonlySet<string> = new Set(['PERMISSION', 'READ_ONLY'])

const number = (count: number): string => count.toLocaleString('en-US')

const usedUpByRun = (limit: number, sent: number, commands: number): SourceError =>
  new SourceError(
    'SOURCE_BUDGET',
    `The budget of ${number(limit)} source commands a run is used up: ${number(sent)} were sent, and ${number(commands)} more were about to be.`,
    {
      hint: 'Run the same again: a copy goes on where it stopped. Or raise budget: { commands: … } in migrations.yaml; kvmig plan --live says how many are needed.',
      exitCode: EXIT.notYet,
    },
  )

function usedUpByMonth(limit: number, { month, commands: sent }: Spent, commands: number): SourceError {
  const [year, index] = month.split('-').map(Number) as [number, number]
  const next = new Date(Date.UTC(year, index, 1)).toISOString().slice(0, 10)
  return new SourceError(
    'SOURCE_BUDGET',
    `The budget of ${number(limit)} source commands a month is used up: ${number(sent)} are counted since ${month}, and ${number(commands)} more were about to be sent. It begins anew on ${next} (UTC).`,
    {
      hint: 'Run the same again then: a copy goes on where it stopped. Or raise budget: { per_month: … } in migrations.yaml, or read a backup, which costs nothing: rdb:./backup.rdb.',
      exitCode: EXIT.notYet,
    },
  )
}
