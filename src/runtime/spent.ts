import { SourceError } from '../errors.ts'
import type { Allowance } from '../sources/source.ts'
import type { Spending } from '../state/ledger.ts'

/**
 * Counts what this instance asks of stores that bill for commands, puts it down in the ledger every few seconds, where there is a budget also
 * every hundred commands, and knows how near the budget of the month is: several instances pass it by a hundred each at most. Nothing is stopped here: comparing reads asks `isTight`, dual-write asks `isUsedUp`. What an application sends while the source is
 * alone, and what it reads there, it would send without kvmig, too.
 */
export class Spent implements Allowance {
  readonly isLimited = false
  readonly #spending: Spending
  readonly #perMonth: number | undefined
  readonly #isBilled: (source: string) => boolean
  /** By everybody, when the ledger was last asked. */
  #known = 0
  #untold = 0
  /** On its way into the ledger. */
  #telling = 0

  constructor(
    spending: Spending,
    perMonth: number | undefined,
    /** Does somebody pay for the commands of this source? */
    isBilled: (source: string) => boolean,
  ) {
    this.#spending = spending
    this.#perMonth = perMonth
    this.#isBilled = isBilled
  }

  /** What a source is opened with; one that does not bill never asks. */
  async take(commands: number): Promise<void> {
    this.#untold += commands
    // Nobody waits for it: whoever sends may have a connection of the same pool.
    if (this.#perMonth !== undefined && this.#untold >= TOGETHER && this.#telling === 0)
      this.tell().catch(() => {})
  }

  /** Is the budget of the month used up, for a source that bills? */
  isUsedUp(source: string): boolean {
    return this.#isBeyond(1) && this.#isBilled(source)
  }

  /** Is so much of it gone that what is not needed had better not be sent? */
  isTight(source: string): boolean {
    return this.#isBeyond(TIGHT) && this.#isBilled(source)
  }

  /** Puts down in the ledger what was sent since the last time, and asks what the others sent. */
  async tell(): Promise<void> {
    const untold = this.#untold
    // A month begins anew, and a budget is raised, also while nothing is sent.
    if (untold === 0 && this.#perMonth === undefined) return
    this.#untold -= untold
    this.#telling += untold
    try {
      const { commands } = await (untold === 0
        ? this.#spending.now()
        : this.#spending.spend(untold, undefined))
      this.#known = commands
    } catch (error) {
      this.#untold += untold
      throw error
    } finally {
      this.#telling -= untold
    }
  }

  #isBeyond(share: number): boolean {
    if (this.#perMonth === undefined) return false
    return this.#known + this.#telling + this.#untold >= this.#perMonth * share
  }
}

/** Commands of which an instance tells the others at once. */
const TOGETHER = 100
const TIGHT = 0.9

/** What a write hears that would have to be sent beyond the budget. */
export const beyondBudget = (plan: string): SourceError =>
  new SourceError(
    'SOURCE_BUDGET',
    `The budget of source commands a month is used up, and a write of ${plan} would send more.`,
    {
      hint: 'Raise budget: { per_month: … } in migrations.yaml and deploy. With writes: { failure: available } writes go on, and the outbox keeps what the source has to get.',
    },
  )
