import { setTimeout as delay } from 'node:timers/promises'

/** What a pace needs of the world, so that a test can be the clock. */
export interface Clock {
  now(): number
  sleep(millis: number, signal: AbortSignal): Promise<void>
}

/**
 * Holds back what would exceed so many commands a second. A batch larger than what is left is let through and paid off before the next,
 * so over any span of time no more than `perSecond` × span plus one batch are sent.
 */
export class Pace {
  readonly #perSecond: number
  readonly #clock: Clock
  /** When everything sent so far is paid off. */
  #free: number

  constructor(perSecond: number, clock: Clock = MONOTONIC) {
    this.#perSecond = perSecond
    this.#clock = clock
    this.#free = clock.now()
  }

  /** Resolves when a batch of so many commands may be sent; rejects with the signal's reason. */
  async take(commands: number, signal: AbortSignal): Promise<void> {
    const now = this.#clock.now()
    const start = Math.max(this.#free, now)
    this.#free = start + (commands * 1000) / this.#perSecond
    if (start > now) await this.#clock.sleep(start - now, signal)
  }
}

/** Real time, unmoved by whoever sets the machine's clock. */
export const MONOTONIC: Clock = {
  now: () => performance.now(),
  sleep: async (millis, signal) => {
    await delay(millis, undefined, { signal }).catch((error: unknown) => {
      throw signal.aborted ? signal.reason : error
    })
  },
}
