import { StepError } from '../errors.ts'
import type { SequenceStep } from '../plan/step.ts'
import { showTable } from '../plan/table.ts'
import { readCounter } from '../sources/read-counter.ts'
import { databaseClock } from '../target/clock.ts'
import { setSequence } from '../target/ddl.ts'
import type { Executor } from './executor.ts'
import { doNoted } from './transact.ts'

/** Without this the application's first insert after the cutover fails with a duplicate key (H40). */
export const sequence: Executor<SequenceStep> = {
  kind: 'sequence',
  describe: ({ table, column, counter }) => ({
    symbol: '~',
    verb: 'sequence',
    subject: `${showTable(table)}.${column}`,
    detail: `past the largest value copied${counter ? `, and past ${shown(counter)}` : ''}`,
  }),
  run: async (step, context) => {
    const { table, column, counter } = step
    const clock = counter && (await databaseClock(context))
    const count = counter && (await readCounter(await context.source(counter.source), counter, clock!()))
    return doNoted(context, step, async (tx) => {
      const [beyond] = await tx.query(setSequence(table, column, count))
      if (beyond?.fits === 'f')
        throw new StepError(
          'COUNTER',
          `${shown(counter!)} counts beyond what the sequence of ${showTable(table)}.${column} can give.`,
          { hint: 'Make the column and its sequence bigint, or name another key under sequences:.' },
        )
      const isMissing = counter && count === undefined
      return {
        counts: {},
        ...(isMissing && { note: `${shown(counter)} is not there: past the largest value only` }),
      }
    })
  },
}

const shown = ({ key, field }: NonNullable<SequenceStep['counter']>): string =>
  field === undefined ? key : `${key} ${field}`
