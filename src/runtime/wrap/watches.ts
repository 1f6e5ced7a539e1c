import { refuse } from '../command-refusal.ts'
import type { CommandRunner } from '../command-run.ts'
import type { Watching } from '../watching.ts'

/**
 * What one client watches. As long as no plan has any of the keys that is the client's own business; from the first on that one has, everything
 * that is watched is watched here.
 */
export class Watches {
  readonly #runner: CommandRunner
  #watching: Watching | undefined
  #hasNative = false

  constructor(runner: CommandRunner) {
    this.#runner = runner
  }

  async watch(keys: readonly Buffer[], native: () => Promise<unknown>): Promise<unknown> {
    if (!this.#watching && !this.#runner.isClaimed(keys)) {
      const reply = await native()
      this.#hasNative = true
      return reply
    }
    if (this.#hasNative)
      throw refuse(
        'watch',
        'a key that a plan claims, after others that none claims,',
        'Watch all of them with one WATCH.',
      )
    this.#watching ??= this.#runner.watching()
    await this.#watching.add(keys)
    return 'OK'
  }

  /** What is watched here, for the transaction that ends it; undefined: nothing is. */
  take(): Watching | undefined {
    const watching = this.#watching
    this.#watching = undefined
    return watching
  }

  /** Is something watched here? */
  get isOurs(): boolean {
    return this.#watching !== undefined
  }

  /** Is something watched by the client itself, which a transaction here would not see? */
  get hasNative(): boolean {
    return this.#hasNative
  }

  /** The client's own watching ended: its EXEC or UNWATCH. */
  end(): void {
    this.#hasNative = false
    this.take()?.close()
  }
}
