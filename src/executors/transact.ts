import type { Step } from '../plan/step.ts'
import type { Transaction } from '../target/target.ts'
import type { Context, Counts, Outcome } from './executor.ts'

/**
 * Does a step in one transaction, under the lease, together with its line in the ledger: either both are there or neither, so that a step
 * which is not recorded has not happened. The target's schema is in reach, because users wrote parts of the SQL.
 */
export async function doStep(context: Context, step: Step, work: (tx: Transaction) => Promise<Counts>): Promise<Outcome> {
  return context.target.transaction(
    async (tx) => {
      await context.lease.fence(tx)
      const outcome: Outcome = { status: 'done', counts: await work(tx) }
      await context.record(tx, step, outcome)
      return outcome
    },
    { searchPath: [context.project.targetSchema], statementMillis: 0 },
  )
}

/** Takes a step back in one transaction, under the lease; the ledger forgets it in the same one. */
export async function undoStep(context: Context, step: Step, work: (tx: Transaction) => Promise<Counts>): Promise<Outcome> {
  return context.target.transaction(
    async (tx) => {
      await context.lease.fence(tx)
      const counts = await work(tx)
      await context.ledger.forgetSteps(tx, [step.id])
      return { status: 'done', counts }
    },
    { searchPath: [context.project.targetSchema], statementMillis: 0 },
  )
}

/** One statement, and nothing to count. */
export const statement =
  (sql: string) =>
  async (tx: Transaction): Promise<Counts> => {
    await tx.query(sql)
    return {}
  }
