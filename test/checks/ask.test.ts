import { expect, test } from 'vitest'
import { askChecks } from '../../src/checks/ask.ts'
import type { Check } from '../../src/checks/check.ts'
import { pass } from '../../src/checks/finding.ts'
import { CHECKS, checkSignatures } from '../../src/checks/index.ts'
import { KvmigError } from '../../src/errors.ts'
import type { CheckRequest } from '../../src/plan/plan.ts'
import { scopeOf } from './scope.ts'

const at = { file: 'plans/messages.yaml', line: 1, column: 1 }
const request = (check: string, options: CheckRequest['options'] = {}): CheckRequest => ({
  check,
  options,
  at,
})

// Tells what it was asked with.
const made = (name: string, more: Partial<Check> = {}): Check => {
  const check: Check = {
    name,
    code: 'KV399',
    summary: `${name} is right.`,
    options: {},
    run: async (_, options) => pass(check, { measured: JSON.stringify(options), expected: check.summary }),
    ...more,
  }
  return check
}
const checksOf = (...checks: Check[]) => new Map(checks.map((it) => [it.name, it]))
const throwing = (error: unknown) =>
  made('a', {
    run: async () => {
      throw error
    },
  })

test('asks what is mandatory and what the plan lists, in an order that does not depend on the plan', async () => {
  const checks = checksOf(
    made('a', { mandatory: true }),
    made('b'),
    made('c', { mandatory: true }),
    made('d'),
  )
  const findings = await askChecks([request('d'), request('b')], checks, scopeOf({}))
  expect(findings.map((it) => it.check)).toEqual(['a', 'b', 'c', 'd'])
})

test('asks a mandatory check once, with the options of the plan', async () => {
  const checks = checksOf(made('a', { mandatory: true }))
  const findings = await askChecks([request('a', { drift: '1%' })], checks, scopeOf({}))
  expect(findings.map((it) => it.measured)).toEqual(['{"drift":"1%"}'])
})

test('asks a check as often as the plan lists it', async () => {
  const requests = [request('a', { column: 'x' }), request('a', { column: 'y' })]
  const findings = await askChecks(requests, checksOf(made('a')), scopeOf({}))
  expect(findings.map((it) => it.measured)).toEqual(['{"column":"x"}', '{"column":"y"}'])
})

test('makes a finding of what goes wrong, and asks on', async () => {
  const error = new KvmigError('PERMISSION', 'r may not read table t.', { hint: 'GRANT it.' })
  const findings = await askChecks(
    [request('a'), request('b')],
    checksOf(throwing(error), made('b')),
    scopeOf({}),
  )
  expect(findings).toMatchObject([
    {
      check: 'a',
      code: 'KV399',
      status: 'error',
      measured: 'It could not be measured: r may not read table t.',
      hint: 'GRANT it.',
    },
    { check: 'b', status: 'pass' },
  ])
})

test('does not quote an error that kvmig did not word', async () => {
  const findings = await askChecks(
    [request('a')],
    checksOf(throwing(new SyntaxError('Unexpected token in "hunter2"'))),
    scopeOf({}),
  )
  expect(findings[0]).toMatchObject({ status: 'error', data: { error: 'UNEXPECTED' } })
  expect(findings[0]?.measured).toContain('SyntaxError')
  expect(JSON.stringify(findings)).not.toContain('hunter2')
})

test('throws when it was told to stop, before a check and inside one', async () => {
  const stop = new Error('interrupted')
  const before = scopeOf({ signal: AbortSignal.abort(stop) })
  await expect(askChecks([request('a')], checksOf(made('a')), before)).rejects.toBe(stop)

  const controller = new AbortController()
  const during = made('a', {
    run: async () => {
      controller.abort(stop)
      throw new Error('connection cut')
    },
  })
  const scope = scopeOf({ signal: controller.signal })
  await expect(askChecks([request('a')], checksOf(during), scope)).rejects.toBe(stop)
})

test('does not let a check that it does not know count as passed', async () => {
  const findings = await askChecks([request('soak')], new Map(), scopeOf({}))
  expect(findings).toMatchObject([{ check: 'soak', code: 'KV300', status: 'error' }])
})

test('knows these checks, each with a code of its own and strict options', () => {
  expect(
    [...CHECKS.values()].map(
      (it) =>
        `${it.code} ${it.name}${it.mandatory ? ' mandatory' : ''}${it.always ? ` always ${it.always}` : ''}`,
    ),
  ).toEqual([
    'KV301 coverage mandatory',
    'KV302 unmapped mandatory',
    'KV303 row_count',
    'KV304 full mandatory',
    'KV305 sample',
    'KV306 recency',
    'KV307 orphans mandatory',
    'KV308 index_use',
    'KV312 neighbours',
    'KV309 unique_keys mandatory',
    'KV310 sequences mandatory',
    'KV311 quarantine mandatory',
    'KV320 soak',
    'KV321 fleet always C,D',
    'KV322 outbox always C,D',
    'KV323 reconciled always C,D',
    'KV324 divergence',
    'KV325 write_errors',
    'KV326 error_rate',
    'KV327 latency',
    'KV328 data_loss',
    'KV329 reports',
    'KV330 rollback_drill',
    'KV331 watched always C',
    'KV332 one_way always C',
    'KV340 clocks always C',
    'KV337 idle',
    'KV338 load',
    'KV339 slow_statements',
    'KV333 sql',
    'KV334 http',
    'KV335 prometheus',
    'KV336 command',
  ])
  for (const { options, summary } of checkSignatures.values()) {
    expect(options).toMatchObject({ additionalProperties: false })
    expect([options.type].flat()).toContain('object')
    expect(summary).toMatch(/^[A-Z].*\.$/)
  }
})
