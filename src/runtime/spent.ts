import type { Allowance } from '../sources/source.ts'
import type { Spending } from '../state/ledger.ts'

/**
 * Counts what this instance asks of stores that bill for commands, and puts it down in the ledger now and then. The application's own
 * commands are counted and never refused: without kvmig they would be sent, too. What kvmig adds to them of its own accord (comparing
 * reads) stops when the budget of the month is used up, no later than one batch after that.
 */
export class Spent implements Allowance {
  readonly isLimited = false
  readonly #spending: Spending
  readonly #perMonth: number | undefined
  #untold = 0
  #isUsedUp = false

  constructor(spending: Spending, perMonth: number | undefined) {
    this.#spending = spending
    this.#perMonth = perMonth
  }

  async take(commands: number): Promise<void> {
    this.#untold += commands
  }

  /** Is the budget of the month used up, as far as is known? */
  get isUsedUp(): boolean {
    return this.#isUsedUp
  }

  /** Puts down in the ledger what was sent since the last time. */
  async tell(): Promise<void> {
    const untold = this.#untold
    if (untold === 0) return
    this.#untold -= untold
    try {
      const { commands } = await this.#spending.spend(untold, undefined)
      this.#isUsedUp = this.#perMonth !== undefined && commands >= this.#perMonth
    } catch (error) {
      this.#untold += untold
      throw error
    }
  }
}
