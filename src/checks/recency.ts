import { KvmigError } from '../errors.ts'
import { parseDuration } from '../plan/duration.ts'
import { duration, object, text } from '../plan/schema-parts.ts'
import { showTable, type TableDefinition } from '../plan/table.ts'
import { qualified, quote } from '../target/ddl.ts'
import type { Transaction } from '../target/target.ts'
import type { Check } from './check.ts'
import { counted, listed } from './counted.ts'
import { fail, pass, unknown } from './finding.ts'
import { filledTables } from './plan-survey.ts'
import { requireReadable } from './readable.ts'

interface Options {
  readonly column: string
  readonly within?: string
  readonly table?: string
}

export const recency: Check<Options> = {
  name: 'recency',
  code: 'KV306',
  summary:
    'The newest rows have come over too: each table has rows whose time lies in the last period, by the clock of the database.',
  options: object(
    {
      column: {
        ...text('the name of a column'),
        description: 'A timestamptz, timestamp (taken as UTC) or date column.',
      },
      within: { ...duration, description: 'The period. Default 24h.' },
      table: {
        ...text('the name of a table'),
        description: 'Only this table. Default: every table that the plan fills and that has the column.',
      },
    },
    { required: ['column'], title: 'a map with column, within, table' },
  ),
  run: async (scope, { column, within = '24h', table }) => {
    const millis = parseDuration(within) ?? 0
    const tables = filledTables(scope).filter(
      ({ name, columns }) =>
        (table === undefined || table === name.table || table === showTable(name)) &&
        columns.some((it) => it.name === column),
    )
    if (tables.length === 0) throw noColumn(scope.plan.name, column, table)
    const ages = await scope.target.transaction(
      async (tx) => {
        await requireReadable(
          tx,
          tables.map((it) => it.name),
        )
        const ages: Age[] = []
        for (const it of tables) ages.push(await ageOf(tx, it, column, millis))
        return ages
      },
      { readOnly: true },
    )
    const empty = ages.filter((it) => it.newest === undefined)
    const old = ages.filter((it) => it.newest !== undefined && it.recent === 0)
    const facts = {
      measured: `${listed(ages.map((it) => showAge(it, within)))}.`,
      expected: `Rows of the last ${within} by ${column}.`,
      samples: [...old, ...empty].map((it) => `${it.table}.${column}`),
      data: { column, within, tables: ages },
    }
    if (old.length > 0) {
      return fail(recency, {
        ...facts,
        hint: 'Did the source stop, is it an old backup, or does the application write elsewhere by now? If it is just quiet, allow more time with within.',
      })
    }
    return empty.length > 0
      ? unknown(recency, {
          ...facts,
          hint: 'A table without a time to look at tells nothing: leave it out with table, or wait for data.',
        })
      : pass(recency, facts)
  },
}

interface Age {
  readonly table: string
  /** Rows of the period. */
  readonly recent: number
  /** Age of the newest row that is not of the future, in milliseconds. */
  readonly newest: number | undefined
}

async function ageOf(tx: Transaction, table: TableDefinition, column: string, millis: number): Promise<Age> {
  const { base, array, sql } = table.columns.find((it) => it.name === column)!.type
  const clock = array ? undefined : CLOCKS[base]
  const name = showTable(table.name)
  if (!clock) {
    throw new KvmigError('NOT_A_TIME', `${name}.${column} is ${sql}, which is not a time.`, {
      hint: 'Name a column of type timestamptz, timestamp or date.',
    })
  }
  const at = quote(column)
  const from = qualified(table.name)
  const began = clock('now() - make_interval(secs => $1)')
  const [found] = await tx.query(
    `SELECT (SELECT count(*) FROM ${from} WHERE ${at} >= ${began} AND ${at} <= ${clock('now()')}) AS recent,
       (SELECT extract(epoch FROM ${clock('now()')}::timestamp - max(${at})::timestamp)::int8 FROM ${from} WHERE ${at} <= ${clock('now()')} AND isfinite(${at})) AS age`,
    [millis / 1000],
  )
  const age = found?.age
  return { table: name, recent: Number(found?.recent), newest: age == null ? undefined : Number(age) * 1000 }
}

// The transaction's time zone is UTC.
const CLOCKS: { readonly [type: string]: ((moment: string) => string) | undefined } = {
  timestamptz: (moment) => `(${moment})`,
  timestamp: (moment) => `(${moment})::timestamp`,
  date: (moment) => `(${moment})::date`,
}

function showAge({ table, recent, newest }: Age, within: string): string {
  if (newest === undefined) return `${table} holds no time up to now`
  if (recent > 0) return `${table} has ${counted(recent, 'row')} of the last ${within}`
  return `the newest row of ${table} is ${showSpan(newest)} old`
}

function showSpan(millis: number): string {
  const hours = Math.floor(millis / 3_600_000)
  if (hours >= 48) return counted(Math.floor(hours / 24), 'day')
  return hours >= 1 ? counted(hours, 'hour') : counted(Math.floor(millis / 60_000), 'minute')
}

const noColumn = (plan: string, column: string, table: string | undefined): KvmigError =>
  new KvmigError(
    'COLUMN_MISSING',
    `Plan ${plan} fills no table ${table === undefined ? '' : `${table} `}with a column ${column}.`,
    {
      hint: 'Correct column or table of the check recency.',
    },
  )
