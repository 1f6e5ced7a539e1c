import { TargetError } from '../errors.ts'

/**
 * Does work until it is certain that it was done, also if the answer to its COMMIT was lost: then `done` looks whether it is there, and
 * gives what it came to.
 */
export async function certainly<T>(work: () => Promise<T>, done: () => Promise<T | undefined>): Promise<T> {
  for (let left = 3; ; left--) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof TargetError) || error.code !== 'COMMIT_UNKNOWN') throw error
      const result = await done()
      if (result !== undefined) return result
      if (left === 0) throw error
    }
  }
}
