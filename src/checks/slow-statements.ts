import { parseDuration } from '../plan/duration.ts'
import { mappingsOf } from '../plan/plan.ts'
import { duration, object } from '../plan/schema-parts.ts'
import { showTable } from '../plan/table.ts'
import { statementsAbout } from '../target/statements.ts'
import type { Check } from './check.ts'
import { counted } from './counted.ts'
import { fail, pass, unknown } from './finding.ts'

interface Options {
  readonly mean?: string
  readonly calls?: number
}

export const slowStatements: Check<Options> = {
  name: 'slow_statements',
  code: 'KV339',
  summary:
    'No statement about the tables of the plan is slow on average, by pg_stat_statements. Default 100 ms, of those called 20 times or more.',
  options: object(
    {
      mean: { ...duration, description: 'What a call may take on average. 100ms unless said.' },
      calls: {
        type: 'integer',
        minimum: 1,
        title: 'a whole number above 0',
        description: 'Statements that were called less often are left out. 20 unless said.',
      },
    },
    { title: 'a map with mean, calls' },
  ),
  run: async ({ plan, target }, { mean = '100ms', calls = 20 }) => {
    const limit = parseDuration(mean)!
    const tables = new Map(mappingsOf(plan).map((it) => [showTable(it.into), it.into]))
    const found = await statementsAbout(target, [...tables.values()])
    const expected = `Each takes ${limit} ms at most on average, of those called ${calls.toLocaleString('en-US')} times or more.`
    if ('without' in found)
      return unknown(slowStatements, { measured: found.without, expected, hint: LEAVE_OUT })
    const often = found.statements.filter((it) => it.calls >= calls)
    const slow = often.filter((it) => it.meanMillis > limit)
    const facts = {
      measured: `${counted(slow.length, 'statement')} of ${often.length.toLocaleString('en-US')} slow.`,
      expected,
      samples: slow.map(
        (it) =>
          `${it.verb} ${it.queryId}: ${it.meanMillis.toFixed(1)} ms on average, ${counted(it.calls, 'call')}`,
      ),
      data: {
        statements: often.length,
        slow: slow.map(({ queryId, calls, meanMillis }) => ({ queryId, calls, meanMillis })),
      },
    }
    if (often.length === 0)
      return unknown(slowStatements, {
        ...facts,
        measured: `No statement about ${[...tables.keys()].join(', ')} was called ${calls.toLocaleString('en-US')} times.`,
        hint: 'Ask again when the application reads from the tables.',
      })
    return slow.length === 0
      ? pass(slowStatements, facts)
      : fail(slowStatements, {
          ...facts,
          hint: 'SELECT query FROM pg_stat_statements WHERE queryid = … shows the text. After mending: SELECT pg_stat_statements_reset().',
        })
  },
}

const LEAVE_OUT = 'Leave the check out where the server cannot have it.'
