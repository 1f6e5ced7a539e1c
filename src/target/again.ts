import { setTimeout as pause } from 'node:timers/promises'
import { DatabaseError } from './error.ts'

/**
 * Does it again, after a growing pause, while it fails for reasons that may pass and that certainly left nothing behind: a server that
 * starts, a connection that was cut, transactions in each other's way. Throws the signal's reason when that aborts.
 */
export async function again<T>(attempt: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (let millis = FIRST_PAUSE_MILLIS; ; millis *= 2) {
    try {
      return await attempt()
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      if (millis > LAST_PAUSE_MILLIS || !mayPass(error)) throw error
    }
    await rest(millis, signal)
  }
}

/** What waiting for a server is bounded by, and who hears of it. */
export interface Patience {
  /** How long a server that is waking up is waited for, all tries together. */
  readonly millis: number
  /** Servers that sleep say so in many ways: a refusal may mean that one of them is not up yet. */
  readonly sleeps: boolean
  /** Whoever asks tries again after other faults that pass: only a server that is waking up is waited for. */
  readonly onlyWaking?: boolean
  /** Told once, when it begins to take longer than a hiccup. */
  readonly waiting: (error: DatabaseError) => void
}

/** The same for a connection: a server that says that it is starting, or that is known to sleep, gets more time. */
export async function awake<T>(
  attempt: () => Promise<T>,
  signal: AbortSignal | undefined,
  { millis: patience, sleeps, onlyWaking = false, waiting }: Patience,
): Promise<T> {
  const until = performance.now() + patience
  for (let millis = FIRST_PAUSE_MILLIS; ; millis *= 2) {
    try {
      return await attempt()
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      if (!mayPass(error)) throw error
      const hiccup = millis <= LAST_PAUSE_MILLIS && !onlyWaking
      const wakes = error.code === 'STARTING' || sleeps
      if (!(hiccup || wakes) || performance.now() >= until) throw error
      if (wakes && millis === TOLD_AT_MILLIS) waiting(error)
    }
    await rest(Math.min(millis, LONGEST_PAUSE_MILLIS, Math.max(until - performance.now(), 1)), signal)
  }
}

// Jitter: those who were in each other's way shall not meet again.
async function rest(millis: number, signal: AbortSignal | undefined): Promise<void> {
  await pause(millis * (0.5 + Math.random()), undefined, signal ? { signal } : {}).catch(() => {
    throw signal?.reason
  })
}

const FIRST_PAUSE_MILLIS = 50
const TOLD_AT_MILLIS = 200
const LAST_PAUSE_MILLIS = 800
const LONGEST_PAUSE_MILLIS = 2000

// A statement that took too long will take as long again.
const mayPass = (error: unknown): error is DatabaseError =>
  error instanceof DatabaseError &&
  (error.class === 'retry' || error.class === 'resolve') &&
  error.code !== 'TIMEOUT'
