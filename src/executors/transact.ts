import type { Step } from '../plan/step.ts'
import type { Transaction } from '../target/target.ts'
import { certainly } from './certainly.ts'
import type { Context, Counts, Outcome } from './executor.ts'

/**
 * Does a step in one transaction, under the lease, together with its line in the ledger: either both are there or neither, so that a step
 * which is not recorded has not happened. The target's schema is in reach, because users wrote parts of the SQL.
 */
export const doStep = (
  context: Context,
  step: Step,
  work: (tx: Transaction) => Promise<Counts>,
): Promise<Outcome> => doNoted(context, step, async (tx) => ({ counts: await work(tx) }))

/** The same for work that has something to say about itself. */
export async function doNoted(
  context: Context,
  step: Step,
  work: (tx: Transaction) => Promise<{ readonly counts: Counts; readonly note?: string }>,
): Promise<Outcome> {
  const { target, ledger, lease, project } = context
  const workAndRecord = async (tx: Transaction): Promise<Outcome> => {
    await lease.fence(tx)
    const outcome: Outcome = { status: 'done', ...(await work(tx)) }
    await context.record(tx, step, outcome)
    return outcome
  }
  return certainly(
    () => target.transaction(workAndRecord, { searchPath: [project.targetSchema], statementMillis: 0 }),
    async (): Promise<Outcome | undefined> => {
      const record = (await ledger.steps()).get(step.id)
      return record?.state === 'done' ? { status: 'done', counts: record.outcome?.counts ?? {} } : undefined
    },
  )
}

/** One statement, and nothing to count. */
export const statement =
  (sql: string) =>
  async (tx: Transaction): Promise<Counts> => {
    await tx.query(sql)
    return {}
  }
