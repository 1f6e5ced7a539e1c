import { SourceError } from '../errors.ts'
import { explainFault, faultMayPass } from './http-fault.ts'
import { MONOTONIC, type Pace } from './redis/pace.ts'
import type { Allowance } from './source.ts'

/** How long one answer may take, and how often the same is asked again after a fault that may pass, with longer and longer waits. */
export interface HttpLimits {
  readonly answerMillis: number
  readonly attempts: number
  readonly firstWaitMillis: number
  readonly longestWaitMillis: number
}

export const HTTP_LIMITS: HttpLimits = {
  answerMillis: 60_000,
  attempts: 8,
  firstWaitMillis: 100,
  longestWaitMillis: 15_000,
}

/** What whoever asks a store by HTTP keeps to. */
export interface HttpLine {
  readonly signal: AbortSignal
  readonly pace: Pace | undefined
  readonly allowance: Allowance | undefined
  readonly limits: HttpLimits
}

/** Whatever a server may say to keep somebody waiting, it is not waited for longer. */
const LONGEST_ASKED_MILLIS = 60_000

/** A refusal with what follows from it: when to come back, or that it is worth asking again although nothing passes by itself. */
export class Refusal extends Error {
  readonly reason: SourceError
  readonly waitMillis: number
  readonly again: boolean

  constructor(reason: SourceError, { retryAfter, again = false }: { retryAfter?: unknown; again?: boolean }) {
    super(reason.message)
    const seconds = Number(retryAfter ?? 0)
    this.reason = reason
    this.waitMillis = Number.isFinite(seconds) ? Math.min(seconds * 1000, LONGEST_ASKED_MILLIS) : 0
    this.again = again
  }
}

/**
 * Asks, and asks again after faults that may pass. Each time counts `cost` commands (0: it is free), which `count` is told before they are
 * sent. `explain` makes a SourceError of what `exchange` rejects with. Rejects with that, or with the signal's reason.
 */
export async function askPatiently<T>(
  { signal, pace, allowance, limits }: HttpLine,
  {
    label,
    cost = 1,
    count,
    exchange,
    explain = explainFault,
  }: {
    readonly label: string
    readonly cost?: number
    readonly count: (commands: number) => void
    readonly exchange: () => Promise<T>
    readonly explain?: (label: string, error: unknown) => SourceError
  },
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    if (cost > 0) await pace?.take(cost, signal)
    if (cost > 0) await allowance?.take(cost)
    count(cost)
    try {
      return await exchange()
    } catch (error) {
      signal.throwIfAborted()
      const refusal = error instanceof Refusal ? error : new Refusal(explain(label, error), {})
      const { reason, waitMillis, again } = refusal
      if ((!again && !faultMayPass(reason)) || attempt > limits.attempts) throw reason
      const wait = Math.min(limits.firstWaitMillis * 2 ** (attempt - 1), limits.longestWaitMillis)
      await MONOTONIC.sleep(again ? waitMillis : Math.max(wait, waitMillis), signal)
    }
  }
}

/** What every server means by these; undefined for any other status. */
export function explainStatus(label: string, status: number): SourceError | undefined {
  if (status === 429)
    return new SourceError('SOURCE_THROTTLED', `${label} says that it is asked too much (429).`, {
      hint: 'Give it fewer requests a second: budget: { per_second: 20 }, or --rate 20. Then run the same again: it goes on.',
    })
  if (status >= 500)
    return new SourceError('SOURCE_SERVER', `${label} fails within itself (${status}).`, {
      hint: 'Run the same again later: it goes on.',
    })
  return undefined
}
