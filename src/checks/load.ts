import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { KvmigError } from '../errors.ts'
import { parseDuration } from '../plan/duration.ts'
import { duration, object, percentage, text } from '../plan/schema-parts.ts'
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
  readonly per_minute?: number
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
      p95: { ...duration, description: '95 % of the requests are answered within this.' },
      errors: { ...percentage, description: 'The share that may fail. Default 0.1%.' },
      per_minute: { ...whole, description: 'So many requests a minute at least.' },
    },
    { title: 'a map with url or report, and p95, errors, per_minute' },
  ),
  run: async (scope, options) => {
    const { p95, errors = '0.1%', per_minute: perMinute } = options
    const result = await measure(scope, options)
    const limitMillis = parseDuration(p95 ?? '')
    const facts = {
      measured: `${share(result.errors, result.requests, 'requests')} failed; p95 is ${shown(result.p95Millis, 'ms')}, ${shown(result.perMinute, 'requests a minute')}.`,
      expected: [
        `${errors} fail at most`,
        p95 && `p95 is ${p95} at most`,
        perMinute && `${perMinute} requests a minute at least`,
      ]
        .filter(Boolean)
        .join(', ')
        .concat('.'),
      data: { ...result },
    }
    if (result.requests === 0)
      return unknown(load, { ...facts, hint: 'No request was made: is the address right?' })
    const isKnown =
      (limitMillis === undefined || result.p95Millis !== undefined) &&
      (perMinute === undefined || result.perMinute !== undefined)
    if (!isKnown) return unknown(load, { ...facts, hint: 'The report does not say all that is asked for.' })
    const isRight =
      withinLimits({ above: errors }, result.errors, result.requests) &&
      (limitMillis === undefined || result.p95Millis! <= limitMillis) &&
      (perMinute === undefined || result.perMinute! >= perMinute)
    return isRight
      ? pass(load, facts)
      : fail(load, { ...facts, hint: 'Look at the slow queries; index_use says which indexes are not used.' })
  },
}

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
