import { KvmigError } from '../errors.ts'

/** What a load test measured, whoever made it. */
export interface LoadResult {
  readonly requests: number
  readonly errors: number
  readonly p95Millis: number | undefined
  readonly perMinute: number | undefined
}

/** Reads the JSON report of artillery (`artillery run -o`) or k6 (`--summary-export`, or `data` of handleSummary). Throws LOAD_REPORT. */
export function readLoadReport(text: string, file: string): LoadResult {
  let report: unknown
  try {
    report = JSON.parse(text)
  } catch {
    throw unreadable(file, 'it is no JSON')
  }
  const found = readArtillery(report) ?? readK6(report)
  if (!found) throw unreadable(file, 'it is neither a report of artillery nor of k6')
  return found
}

function readArtillery(report: unknown): LoadResult | undefined {
  const aggregate = at(report, 'aggregate')
  const counters = at(aggregate, 'counters')
  const requests = number(at(counters, 'http.requests'))
  if (requests === undefined) return undefined
  const failed = Object.entries((counters ?? {}) as Record<string, unknown>).reduce(
    (sum, [name, count]) => (/^(errors\.|http\.codes\.[45])/.test(name) ? sum + (number(count) ?? 0) : sum),
    0,
  )
  const first = number(at(aggregate, 'firstMetricAt'))
  const last = number(at(aggregate, 'lastMetricAt'))
  const millis = first === undefined || last === undefined ? undefined : last - first
  return {
    requests,
    errors: failed,
    p95Millis: number(at(at(at(aggregate, 'summaries'), 'http.response_time'), 'p95')),
    perMinute: millis ? (60_000 * requests) / millis : undefined,
  }
}

function readK6(report: unknown): LoadResult | undefined {
  const metric = (name: string): unknown => {
    const found = at(at(report, 'metrics'), name)
    return at(found, 'values') ?? found
  }
  const requests = number(at(metric('http_reqs'), 'count'))
  if (requests === undefined) return undefined
  const failed = metric('http_req_failed')
  const rate = number(at(failed, 'rate')) ?? number(at(failed, 'value'))
  const perSecond = number(at(metric('http_reqs'), 'rate'))
  return {
    requests,
    errors: Math.round((rate ?? 0) * requests),
    p95Millis: number(at(metric('http_req_duration'), 'p(95)')),
    perMinute: perSecond === undefined ? undefined : 60 * perSecond,
  }
}

const at = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined

const number = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined

const unreadable = (file: string, why: string): KvmigError =>
  new KvmigError('LOAD_REPORT', `The load report ${file} cannot be read: ${why}.`, {
    hint: 'artillery run -o report.json, or k6 run --summary-export=report.json.',
  })
