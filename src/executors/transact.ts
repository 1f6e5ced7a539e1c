import { TargetError } from '../errors.ts'
import type { Step } from '../plan/step.ts'
import type { Transaction } from '../target/target.ts'
import type { Context, Counts, Outcome } from './executor.ts'

/**
 * Does a step in one transaction, under the lease, together with its line in the ledger: either both are there or neither, so that a step
 * which is not recorded has not happened. The target's schema is in reach, because users wrote parts of the SQL.
 */
export async function doStep(
  context: Context,
  step: Step,
  work: (tx: Transaction) => Promise<Counts>,
): Promise<Outcome> {
  const { target, ledger, lease, project } = context
  for (;;) {
    try {
      return await target.transaction(
        async (tx) => {
          await lease.fence(tx)
          const outcome: Outcome = { status: 'done', counts: await work(tx) }
          await context.record(tx, step, outcome)
          return outcome
        },
        { searchPath: [project.targetSchema], statementMillis: 0 },
      )
    } catch (error) {
      if (!(error instanceof TargetError) || error.code !== 'COMMIT_UNKNOWN') throw error
      const record = (await ledger.steps()).get(step.id)
      if (record?.state === 'done') return { status: 'done', counts: record.outcome?.counts ?? {} }
    }
  }
}

/** One statement, and nothing to count. */
export const statement =
  (sql: string) =>
  async (tx: Transaction): Promise<Counts> => {
    await tx.query(sql)
    return {}
  }
