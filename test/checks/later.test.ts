import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ask } from '../../src/checks/ask.ts'
import type { Scope } from '../../src/checks/check.ts'
import { CHECKS } from '../../src/checks/index.ts'
import { noteFlip, type Why } from '../../src/state/flips.ts'
import { bucketOf, emptyHistogram } from '../../src/state/histogram.ts'
import { addMetrics, type Counter } from '../../src/state/metrics.ts'
import { openLedger } from '../../src/state/postgres-ledger.ts'
import { flipRoute } from '../../src/state/route.ts'
import { reportBug } from '../../src/state/watching.ts'
import { openTarget } from '../../src/target/connect.ts'
import type { Target } from '../../src/target/target.ts'
import { type FreshDatabase, freshDatabase } from '../setup/postgres.ts'
import { scopeOf } from './scope.ts'

let database: FreshDatabase
let target: Target
let scope: Scope
let server: Server
let url: string
let root: string

beforeAll(async () => {
  database = await freshDatabase()
  target = await openTarget(database.url, { root: '.' })
  const ledger = openLedger(target)
  await ledger.install()
  root = mkdtempSync(join(tmpdir(), 'kvmig-checks-'))
  server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://x')
    if (pathname === '/json' && request.headers.authorization === 'Bearer t0ken')
      response.end(JSON.stringify({ data: { errors: [{ count: 7 }] } }))
    else if (pathname === '/api/v1/query') {
      const result = searchParams.get('query') === 'none' ? [] : [{ value: [1, '0.25'] }]
      response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }))
    } else {
      response.statusCode = 500
      response.end('no')
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  const made = scopeOf({ target, ledger })
  scope = { ...made, project: { ...made.project, root }, resolve: (it) => it.replace('${TOKEN}', 't0ken') }
})
afterAll(async () => {
  await target?.close()
  await database?.drop()
  server?.close()
  rmSync(root, { recursive: true, force: true })
})

const answer = async (name: string, options: object = {}) =>
  (await ask(CHECKS.get(name)!, scope, { ...options })).status
const say = async (name: string, options: object = {}) => ask(CHECKS.get(name)!, scope, { ...options })

describe('evidence from elsewhere', () => {
  test.each([
    ['sql', { query: 'SELECT 5', above: 5 }, 'pass'],
    ['sql', { query: 'SELECT 5.01', above: 5 }, 'fail'],
    ['sql', { query: 'SELECT NULL', above: 5 }, 'unknown'],
    ['sql', { query: 'SELECT 1 WHERE false', above: 5 }, 'unknown'],
    ['sql', { query: 'SELECT 5' }, 'unknown'],
    ['sql', { query: 'DELETE FROM kvmig.route RETURNING 1', above: 5 }, 'error'],
    ['sql', { query: 'SELECT * FROM nothing', above: 5 }, 'error'],
    ['http', { url: '/json', path: 'data.errors[0].count', token: '${TOKEN}', below: 8 }, 'pass'],
    ['http', { url: '/json', path: '$.data.errors[0].count', token: '${TOKEN}', below: 7 }, 'fail'],
    ['http', { url: '/json', path: 'data.nothing', token: '${TOKEN}', below: 7 }, 'unknown'],
    ['http', { url: '/json', path: 'data', token: 'wrong', below: 7 }, 'error'],
    ['prometheus', { query: 'up', above: 0.25 }, 'pass'],
    ['prometheus', { query: 'up', above: 0.2 }, 'fail'],
    ['prometheus', { query: 'none', above: 0.2 }, 'unknown'],
    ['command', { run: 'exit 0' }, 'pass'],
    ['command', { run: 'exit 3' }, 'fail'],
    ['command', { run: 'echo 4', above: 4 }, 'pass'],
    ['command', { run: 'echo 5', above: 4 }, 'fail'],
    ['command', { run: 'echo four', above: 4 }, 'unknown'],
    ['command', { run: 'exit 1', above: 4 }, 'unknown'],
    ['command', { run: 'sleep 5', within: '50ms' }, 'unknown'],
  ] as const)('%s %o: %s', async (name, options, status) => {
    const given =
      'url' in options
        ? { ...options, url: url + options.url }
        : name === 'prometheus'
          ? { ...options, url }
          : options
    expect(await answer(name, given)).toBe(status)
  })

  test('an address is not repeated: it may hold a secret', async () => {
    const finding = await say('http', { url: `${url}/secret-path?key=s3cret`, path: 'x', below: 1 })
    expect(finding.status).toBe('error')
    expect(JSON.stringify(finding)).not.toMatch(/s3cret|secret-path/)
  })
})

describe('what the application measures', () => {
  const calls = (count: number, errors: number, millis: number) => {
    const histogram = emptyHistogram()
    histogram[bucketOf(millis)] = count - errors
    return addMetrics(target, 'web-1', {
      latencies: [{ plan: 'messages', side: 'call', operation: 'put', count, errors, histogram }],
      counters: [],
    })
  }
  const counters = (...list: [Counter['name'], number][]) =>
    addMetrics(target, 'web-1', {
      latencies: [],
      counters: list.map(([name, count]) => ({ plan: 'messages', name, count })),
    })
  const forget = () => database.query('TRUNCATE kvmig.latency, kvmig.counter')

  test('H66 no data is no pass', async () => {
    await forget()
    for (const name of ['write_errors', 'error_rate', 'latency', 'divergence'])
      expect(await answer(name, name === 'latency' ? { p95: '500ms' } : {})).toBe('unknown')
  })

  test.each([
    [10_000, 499, 'pass'],
    [10_000, 500, 'pass'],
    [10_000, 501, 'fail'],
    [99, 99, 'unknown'],
  ] as const)('%d calls of which %d fail: %s for a trigger above 5 %', async (count, errors, status) => {
    await forget()
    await calls(count, errors, 10)
    expect(await answer('error_rate', { above: '5%' })).toBe(status)
  })

  test.each([
    [100, 'pass'],
    [900, 'fail'],
  ] as const)('a p95 of about %d ms: %s', async (millis, status) => {
    await forget()
    await calls(1000, 0, millis)
    expect(await answer('latency', { p95: '500ms' })).toBe(status)
  })

  test('a few slow calls are a cold start, not a slow application', async () => {
    await forget()
    await calls(50, 0, 9000)
    expect(await answer('latency', { p95: '500ms' })).toBe('unknown')
  })

  test('one difference is one too many for the gate, and not for a trigger at 5 %', async () => {
    await forget()
    await counters(['shadow.match', 1999], ['shadow.mismatch', 1])
    expect(await answer('divergence')).toBe('fail')
    expect(await answer('divergence', { above: '5%' })).toBe('pass')
    expect(await answer('data_loss')).toBe('pass')
    await counters(['shadow.missing_in_target', 1])
    expect(await answer('data_loss')).toBe('fail')
  })

  test('bugs that people report', async () => {
    expect(await answer('reports')).toBe('pass')
    await target.transaction((tx) => reportBug(tx, 'messages', { severity: 'minor', note: 'slow' }))
    expect(await answer('reports')).toBe('fail')
    expect(await answer('reports', { above: 1 })).toBe('pass')
    expect(await answer('reports', { above: 0, severity: 'critical' })).toBe('pass')
  })
})

describe('outbox', () => {
  let version = 0
  const write = (age: string) =>
    database.query(
      `INSERT INTO kvmig.outbox (plan, unit, key, part, version, change, at)
        VALUES ('messages', 'u', 'k', '', $1, '', clock_timestamp() + $2::interval)`,
      [++version, age],
    )
  afterEach(() => database.query('TRUNCATE kvmig.outbox'))

  test('for whoever is in a hurry it looks once, and does not wait', async () => {
    await write('-1 second')
    let looks = 0
    const target: Target = Object.create(scope.target, {
      transaction: {
        value: (...args: Parameters<Target['transaction']>) => {
          looks += 1
          return scope.target.transaction(...args)
        },
      },
    })
    const finding = await ask(CHECKS.get('outbox')!, { ...scope, target, isHurried: true }, {})
    expect(finding).toMatchObject({ status: 'pending', data: { older: 1 } })
    // The clock, and the outbox.
    expect(looks).toBe(2)
  })

  test('nothing is waiting', async () => {
    expect(await say('outbox')).toMatchObject({ status: 'pass', measured: 'Nothing is waiting.' })
  })

  test('what is written after the moment of asking closes no gate: a crowd never rests', async () => {
    await write('-1 second')
    const asked = say('outbox')
    // It arrives, and others have come since.
    await write('1 hour')
    await write('1 hour')
    await database.query(`DELETE FROM kvmig.outbox WHERE at < clock_timestamp()`)
    expect(await asked).toMatchObject({
      status: 'pass',
      measured: 'Everything written until then has arrived. 2 writes since then are under way.',
    })
  })

  test.each([
    ['-1 second', 'pending'],
    ['-2 minutes', 'fail'],
  ])('what was written %s ago and does not arrive: %s', async (age, status) => {
    await write(age)
    expect(await say('outbox')).toMatchObject({ status, data: { entries: 1, older: 1 } })
  })
})

describe('soak', () => {
  const flip = async (phase: 'B' | 'C', why: Why) => {
    const [row] = (await database.query('SELECT epoch FROM kvmig.route')).rows
    await target.transaction(async (tx) =>
      noteFlip(
        tx,
        'messages',
        await flipRoute(tx, 'messages', { phase, rollout: false, from: Number(row.epoch) }),
        why,
      ),
    )
  }
  const age = (days: number) =>
    database.query(
      `UPDATE kvmig.flip SET at = at - interval '${days} days'; UPDATE kvmig.route SET since = since - interval '${days} days'`,
    )

  test('H72 counts by the clock of the database; a rehearsal does not set it back, a rollback does', async () => {
    expect(await answer('soak', { value: '14d' })).toBe('pending')
    await target.transaction((tx) => openLedger(target).saveRoute(tx, 'messages', 'A'))
    await flip('B', 'catch-up')
    await age(6)
    const finding = await say('soak', { value: '14d' })
    expect(finding).toMatchObject({ status: 'pending' })
    expect(finding.measured).toContain('6 days')
    expect(finding.hint).toContain('7 days 23 hours')
    await age(8)
    expect(await answer('soak', { value: '14d' })).toBe('pass')
    await flip('C', 'drill')
    await flip('B', 'drill')
    expect(await answer('soak', { value: '14d' })).toBe('pass')
    await flip('C', 'phase')
    await flip('B', 'rollback')
    expect(await answer('soak', { value: '14d' })).toBe('pending')
  })
})

describe('a rehearsal of the way back', () => {
  const rehearsed = (plan: string, left: number) =>
    target.transaction((tx) =>
      openLedger(target).saveStep(tx, {
        id: `${plan}/B/drill`,
        plan,
        phase: 'B',
        kind: 'drill',
        fingerprint: '',
        state: 'done',
        definition: {},
        outcome: { backMillis: 900, left },
      }),
    )

  test('that of a canary counts for whoever names it, lately, and only if both stores agreed', async () => {
    const byCanary = { plan: 'canary' }
    expect(await answer('rollback_drill', byCanary)).toBe('pending')
    await rehearsed('canary', 0)
    expect(await answer('rollback_drill', byCanary)).toBe('pass')
    expect(await answer('rollback_drill')).toBe('pending')
    expect((await say('rollback_drill', byCanary)).measured).toContain('Plan canary rehearsed it')
    await rehearsed('canary', 2)
    expect(await answer('rollback_drill', byCanary)).toBe('fail')
    await rehearsed('canary', 0)
    await database.query(`UPDATE kvmig.step SET at = at - interval '25 hours' WHERE id = 'canary/B/drill'`)
    expect(await answer('rollback_drill', byCanary)).toBe('pending')
    expect(await answer('rollback_drill', { ...byCanary, within: '2d' })).toBe('pass')
  })
})

describe('load', () => {
  const artillery = {
    aggregate: {
      counters: { 'http.requests': 1000, 'http.codes.200': 998, 'http.codes.500': 1, 'errors.ETIMEDOUT': 1 },
      summaries: { 'http.response_time': { p95: 180 } },
      firstMetricAt: 0,
      lastMetricAt: 30_000,
    },
  }
  const k6 = {
    metrics: {
      http_reqs: { count: 1000, rate: 33.3 },
      http_req_failed: { value: 0.002 },
      http_req_duration: { 'p(95)': 180 },
    },
  }
  test.each([
    ['artillery', artillery, { p95: '200ms', errors: '0.2%', per_minute: 1900 }, 'pass'],
    ['k6', k6, { p95: '200ms', errors: '0.2%', per_minute: 1900 }, 'pass'],
    ['artillery', artillery, { p95: '150ms', errors: '1%' }, 'fail'],
    ['artillery', artillery, {}, 'fail'],
    ['k6', k6, { errors: '1%', per_minute: 2000 }, 'fail'],
    ['k6', { metrics: { http_reqs: { count: 1000 } } }, { p95: '200ms' }, 'unknown'],
    ['neither', { hello: 1 }, {}, 'error'],
  ] as const)('a report of %s', async (_, report, options, status) => {
    writeFileSync(join(root, 'report.json'), JSON.stringify(report))
    expect(await answer('load', { report: './report.json', ...options })).toBe(status)
  })

  const opened = async (gate: 'B' | 'C', findings: object[]) => {
    const ledger = openLedger(target)
    const run = await ledger.beginRun({
      ...{ command: 'apply', phase: gate, plans: ['messages'], planHash: '', who: 'me', host: 'here' },
      ...{ commit: undefined, version: '0' },
    })
    await target.transaction((tx) => ledger.saveFindings(tx, run, 'messages', gate, findings))
  }
  const loaded = (data: object) => ({ check: 'load', status: 'pass', data })

  test('what it was before phase B is what the cutover is compared with', async () => {
    writeFileSync(join(root, 'report.json'), JSON.stringify(k6))
    const compared = { report: './report.json', errors: '1%', p95: '+20% of baseline', per_minute: '-10%' }
    // Nothing was measured, so nothing is proved.
    expect(await say('load', compared)).toMatchObject({
      status: 'unknown',
      hint: expect.stringContaining('gate B'),
    })
    await opened('B', [loaded({ p95Millis: 160, perMinute: 2000 })])
    expect(await say('load', compared)).toMatchObject({
      status: 'pass',
      expected:
        '1% fail at most, p95 is 192 ms at most (+20% of baseline), 1,800 requests a minute at least (-10%).',
    })
    await opened('B', [loaded({ p95Millis: 149, perMinute: 2000 })])
    expect(await answer('load', compared)).toBe('fail')
    await opened('B', [loaded({ p95Millis: 150, perMinute: 2221 })])
    expect(await answer('load', compared)).toBe('fail')
    await opened('B', [loaded({ p95Millis: 150, perMinute: 2219 })])
    expect(await answer('load', compared)).toBe('pass')
    // What did not pass is no baseline.
    await opened('B', [{ ...loaded({ p95Millis: 1, perMinute: 9999 }), status: 'fail' }])
    expect(await answer('load', compared)).toBe('pass')
    // Of several, the same address or file.
    await opened('B', [
      loaded({ of: './report.json', p95Millis: 10 }),
      loaded({ of: 'else', p95Millis: 900 }),
    ])
    expect(await answer('load', { ...compared, per_minute: 1 })).toBe('fail')
  })

  test('latency is compared in the same way', async () => {
    const histogram = emptyHistogram()
    histogram[bucketOf(100)] = 1000
    await database.query('TRUNCATE kvmig.latency')
    await addMetrics(target, 'web-1', {
      latencies: [{ plan: 'messages', side: 'call', operation: 'get', count: 1000, errors: 0, histogram }],
      counters: [],
    })
    expect(await answer('latency', { p95: '+20% of baseline' })).toBe('unknown')
    await opened('C', [{ check: 'latency', status: 'pass', data: { p95: 100 } }])
    expect(await answer('latency', { p95: '+20% of baseline' })).toBe('pass')
    await opened('B', [{ check: 'latency', status: 'pass', data: { p95: 50 } }])
    expect(await answer('latency', { p95: '+20% of baseline' })).toBe('fail')
  })

  test('asks an address from many connections', async () => {
    const finding = await say('load', {
      url: `${url}/api/v1/query?query=up`,
      connections: 4,
      for: '1s',
      p95: '5s',
    })
    expect(finding.status).toBe('pass')
    expect(finding.data).toMatchObject({ errors: 0 })
    expect(await answer('load', { url: `${url}/broken`, connections: 2, for: '1s' })).toBe('fail')
  })
})
