import type { Transaction } from './target.ts'

/** Does what may fail: if it throws, the transaction is as it was before, and can go on. One inside another is fine. */
export async function inSavepoint<T>(tx: Transaction, work: () => Promise<T>): Promise<T> {
  // The same name again hides the one before until it is released.
  await tx.query('SAVEPOINT kvmig')
  try {
    const result = await work()
    await tx.query('RELEASE SAVEPOINT kvmig')
    return result
  } catch (error) {
    // A connection that is gone has no savepoints: what matters then is why.
    await tx.query('ROLLBACK TO SAVEPOINT kvmig; RELEASE SAVEPOINT kvmig').catch(() => {})
    throw error
  }
}
