import type { SweepStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import { createExtension } from '../target/ddl.ts'
import { tryStatement, wayToExtension } from '../target/extensions.ts'
import { jobName, sweepExpired } from '../target/sweep.ts'
import type { Counts, Executor } from './executor.ts'
import { doNoted } from './transact.ts'

/** A job of pg_cron that deletes expired rows; where the server has no pg_cron, the sentence that says what to do instead. */
export const sweep: Executor<SweepStep> = {
  kind: 'sweep',
  describe: ({ table, column }) => ({
    symbol: '+',
    verb: 'sweep',
    subject: showTable(table),
    detail: `pg_cron, every ${MINUTES} minutes: rows expired by ${column}; kvmig sweep where the server has no pg_cron`,
  }),
  run: (step, context) =>
    doNoted(context, step, async (tx) => {
      const created = await tryStatement(tx, createExtension('pg_cron', { optional: true }))
      if (created.refused !== undefined)
        return without(
          `no pg_cron here (${created.refused})`,
          wayToExtension('pg_cron', context.target.place.provider),
        )
      const scheduled = await tryStatement(tx, 'SELECT cron.schedule($1, $2, $3)', [
        jobName(step.table),
        `*/${MINUTES} * * * *`,
        sweepExpired(step.table, step.column, ROWS),
      ])
      if (scheduled.refused !== undefined)
        return without(
          `pg_cron took no job (${scheduled.refused})`,
          'The role needs GRANT USAGE ON SCHEMA cron; apply tries again after an edit of the plan, or after rollback.',
        )
      return { counts: { jobs: 1 } }
    }),
  revert: async (tx, { table }) => {
    const [there] = await tx.query("SELECT to_regclass('cron.job') IS NOT NULL AS it")
    if (there!.it !== 't') return
    await tx.query('SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname = $1', [jobName(table)])
  },
}

const without = (why: string, way: string): { readonly counts: Counts; readonly note: string } => ({
  counts: {},
  note: `${why}: call kvmig sweep from a scheduler of yours, say every ${MINUTES} minutes. ${way}`,
})

const MINUTES = 5
/** Rows that one run of the job deletes, at most: it must not hold locks for long. */
const ROWS = 10_000
