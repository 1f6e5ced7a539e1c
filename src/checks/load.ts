import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { KvmigError } from '../errors.ts'
import { parseDuration } from '../plan/duration.ts'
import { duration, object, percentage, text } from '../plan/schema-parts.ts'
import { baselineOf, countOrLess, durationOrMore, isShare, limitOf, NO_BASELINE } from './baseline.ts'
import type { Check } from './check.ts'
import { fail, pass, unknown } from './finding.ts'
import { share, withinLimits } from './limit.ts'
import { type LoadResult, readLoadReport } from './load-report.ts'
import { runLoad } from './run-load.ts'

interface Options {
  readonly url?: string
  readonly report?: string
  readonly token?: string
  readonly connections?: number
  readonly for?: string
  readonly p95?: string
  readonly errors?: string
  readonly per_minute?: number | string
}

const whole = { type: 'integer', minimum: 1, title: 'a whole number above 0' }

export const load: Check<Options> = {
  name: 'load',
  code: 'KV338',
  summary: 'The application stands a load: quick enough, few errors, enough requests a minute.',
  options: object(
    {
      url: { ...text('a URL'), description: 'Asked from many connections at once. May hold ${NAME}.' },
      report: { ...text('a file'), description: 'Instead of url: the JSON report of artillery or k6.' },
      token: { ...text('a token, as ${NAME}'), description: 'Sent as a bearer token.' },
      connections: { ...whole, description: 'Default 100.' },
      for: { ...duration, description: 'How long. Default 10s.' },
      p95: {
        ...durationOrMore,
        description: '95 % of the requests are answered within this; or so much more than it was in gate B.',
      },
      errors: { ...percentage, description: 'The share that may fail. Default 0.1%.' },
      per_minute: {
        ...countOrLess,
        description: 'So many requests a minute at least; or so much less than it was in gate B.',
      },
    },
    { title: 'a map with url or report, and p95, errors, per_minute' },
  ),
  run: async (scope, options) => {
    const { p95, errors = '0.1%', per_minute: perMinute } = options
    const of = options.url ?? options.report ?? ''
    const isCompared = isShare(p95) || isShare(perMinute)
    const baseline = isCompared
      ? await baselineOf(scope.ledger, scope.plan.name, { check: 'load', of })
      : undefined
    if (isCompared && !baseline)
      return unknown(load, { measured: 'There is no baseline.', expected: load.summary, hint: NO_BASELINE })
    const result = await measure(scope, options)
    const limits = [
      atMost(p95, result.p95Millis, number(baseline?.p95Millis)),
      atLeast(perMinute, result.perMinute, number(baseline?.perMinute)),
    ].filter((it) => it !== undefined)
    const facts = {
      measured: `${share(result.errors, result.requests, 'requests')} failed; p95 is ${shown(result.p95Millis, 'ms')}, ${shown(result.perMinute, 'requests a minute')}.`,
      expected: `${[`${errors} fail at most`, ...limits.map((it) => it.expected)].join(', ')}.`,
      data: { of, ...result, ...(baseline ? { baseline } : {}) },
    }
    if (result.requests === 0)
      return unknown(load, { ...facts, hint: 'No request was made: is the address right?' })
    if (limits.some((it) => it.isRight === undefined))
      return unknown(load, { ...facts, hint: 'The report does not say all that is asked for.' })
    return withinLimits({ above: errors }, result.errors, result.requests) && limits.every((it) => it.isRight)
      ? pass(load, facts)
      : fail(load, { ...facts, hint: 'Look at the slow queries; index_use says which indexes are not used.' })
  },
}

/** One limit, and whether it is kept; undefined: it cannot be told. */
interface Limit {
  readonly expected: string
  readonly isRight: boolean | undefined
}

function atMost(
  limit: string | undefined,
  value: number | undefined,
  baseline: number | undefined,
): Limit | undefined {
  if (limit === undefined) return undefined
  const most = limitOf(limit, baseline)
  return {
    expected: isShare(limit) ? `p95 is ${shown(most, 'ms')} at most (${limit})` : `p95 is ${limit} at most`,
    isRight: most === undefined || value === undefined ? undefined : value <= most,
  }
}

function atLeast(
  limit: string | number | undefined,
  value: number | undefined,
  baseline: number | undefined,
): Limit | undefined {
  if (limit === undefined) return undefined
  const least = limitOf(limit, baseline)
  return {
    expected: `${shown(least, 'requests a minute')} at least${isShare(limit) ? ` (${limit})` : ''}`,
    isRight: least === undefined || value === undefined ? undefined : value >= least,
  }
}

const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)

async function measure(
  { project, signal, resolve: expand = (it) => it }: Parameters<typeof load.run>[0],
  { url, report, token, connections = 100, for: seconds = '10s' }: Options,
): Promise<LoadResult> {
  if (report !== undefined) {
    const file = resolve(project.root, report)
    const read = await readFile(file, 'utf8').catch(() => {
      throw new KvmigError('LOAD_REPORT', `There is no load report ${report}.`, {
        hint: 'artillery run -o report.json, or k6 run --summary-export=report.json.',
      })
    })
    return readLoadReport(read, report)
  }
  if (url === undefined)
    throw new KvmigError('LOAD', 'The check load wants an address or a report.', {
      hint: 'Write url: or report:.',
    })
  return runLoad(
    {
      url: expand(url),
      connections,
      seconds: Math.max(1, Math.round((parseDuration(seconds) ?? 10_000) / 1000)),
      headers: token === undefined ? {} : { authorization: `Bearer ${expand(token)}` },
    },
    signal,
  )
}

const shown = (value: number | undefined, unit: string): string =>
  value === undefined ? 'unknown' : `${Number(value.toFixed(1)).toLocaleString('en-US')} ${unit}`
