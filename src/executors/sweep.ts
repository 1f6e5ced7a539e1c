import type { SweepStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import { createExtension } from '../target/ddl.ts'
import { tryExtension, wayToExtension } from '../target/extensions.ts'
import { jobName, sweepExpired } from '../target/sweep.ts'
import type { Executor } from './executor.ts'
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
      const { refused } = await tryExtension(tx, createExtension('pg_cron', { optional: true }))
      if (refused !== undefined) {
        const way = wayToExtension('pg_cron', context.target.place.provider)
        return {
          counts: {},
          note: `no pg_cron here (${refused}): call kvmig sweep from a scheduler of yours, say every ${MINUTES} minutes. ${way}`,
        }
      }
      await tx.query('SELECT cron.schedule($1, $2, $3)', [
        jobName(step.table),
        `*/${MINUTES} * * * *`,
        sweepExpired(step.table, step.column, ROWS),
      ])
      return { counts: { jobs: 1 } }
    }),
  revert: async (tx, { table }) => {
    const [there] = await tx.query("SELECT to_regclass('cron.job') IS NOT NULL AS it")
    if (there!.it !== 't') return
    await tx.query('SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname = $1', [jobName(table)])
  },
}

const MINUTES = 5
/** Rows that one run of the job deletes, at most: it must not hold locks for long. */
const ROWS = 10_000
