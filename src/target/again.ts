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
    // Jitter: those who were in each other's way shall not meet again.
    await pause(millis * (0.5 + Math.random()), undefined, signal ? { signal } : {}).catch(() => {
      throw signal?.reason
    })
  }
}

const FIRST_PAUSE_MILLIS = 50
const LAST_PAUSE_MILLIS = 800

// A statement that took too long will take as long again.
const mayPass = (error: unknown): boolean =>
  error instanceof DatabaseError &&
  (error.class === 'retry' || error.class === 'resolve') &&
  error.code !== 'TIMEOUT'
