import { describe, expect, test } from 'vitest'
import { quarantine } from '../../src/checks/quarantine.ts'
import type { QuarantineRecord } from '../../src/state/ledger.ts'
import { openLedger } from '../../src/state/postgres-ledger.ts'
import { freshTarget } from '../target/targets.ts'
import { SERVERS } from './database.ts'
import { pattern, scopeOf } from './scope.ts'

const record = (key: string | Buffer, more: Partial<QuarantineRecord> = {}): QuarantineRecord => ({
  plan: 'messages',
  mapping: 'messages',
  key: Buffer.from(key as string),
  part: '',
  column: 'from_user',
  code: 'ORPHAN',
  message: 'There is no row of handles.',
  bytes: undefined,
  digest: undefined,
  ...more,
})
const accept = (code: string, match: string, atMost?: number) => ({
  code,
  match: pattern(match),
  ...(atMost !== undefined && { atMost }),
  because: 'they left',
})
describe.each(SERVERS)('quarantine on %s', async (kind) => {
  const target = await freshTarget(kind)
  const ledger = openLedger(target)
  await ledger.install()

  const fill = (records: readonly QuarantineRecord[]) =>
    target.transaction(async (tx) => {
      for (const plan of ['messages', 'users']) await ledger.quarantine.clear(tx, plan)
      await ledger.quarantine.add(tx, records)
    })
  const run = async (records: readonly QuarantineRecord[], ...accepted: ReturnType<typeof accept>[]) => {
    await fill(records)
    return quarantine.run(scopeOf({ ledger, accept: accepted }), {})
  }

  test('passes when nothing is in it', async () => {
    expect(await run([])).toMatchObject({ status: 'pass', measured: '0 open records, 0 accepted.' })
  })

  test('fails for open records, with the reasons and the keys', async () => {
    const finding = await run([
      record('message:m1'),
      record('message:m2', { code: 'INVALID_JSON', column: undefined, part: 'field:a' }),
      record(Buffer.from([0x6d, 0xff, 0x0a])),
    ])
    expect(finding).toMatchObject({
      status: 'fail',
      measured: '3 open records (2 ORPHAN, 1 INVALID_JSON), 0 accepted.',
      data: { reasons: { ORPHAN: 2, INVALID_JSON: 1 } },
    })
    expect(finding.samples).toEqual([
      'ORPHAN message:m1 (messages.from_user)',
      'INVALID_JSON message:m2 field:a (messages)',
      'ORPHAN m\\xff\\x0a (messages.from_user)',
    ])
    expect(finding.hint).toContain('kvmig retry messages')
  })

  test('does not mind the records of other plans', async () => {
    expect((await run([record('user:1', { plan: 'users' })])).status).toBe('pass')
  })

  test('passes when all were accepted by hand or by the plan', async () => {
    await fill([record('message:m1', { code: 'CONFLICT' }), record('message:m2')])
    const scope = scopeOf({ ledger, accept: [accept('ORPHAN', 'message:{id}')] })
    expect((await quarantine.run(scope, {})).status).toBe('fail')
    const filter = { plan: 'messages', key: Buffer.from('message:m1') }
    await target.transaction((tx) => ledger.quarantine.accept(tx, filter, 'looked at it'))
    expect(await quarantine.run(scope, {})).toMatchObject({
      status: 'pass',
      measured: '0 open records, 2 accepted.',
    })
  })

  test.each([
    ['another reason', 'INVALID_JSON', 'message:{id}', 'ORPHAN', 'message:m1', 'fail'],
    ['another key', 'ORPHAN', 'message:m2', 'ORPHAN', 'message:m1', 'fail'],
    ['only the beginning of the key', 'ORPHAN', 'message:{id}', 'ORPHAN', 'message:m1:x', 'fail'],
    ['a key of another type', 'ORPHAN', 'user:{id:int}', 'ORPHAN', 'user:x', 'fail'],
    [
      'the pattern that the key did not quite fit',
      'CAPTURE_TYPE',
      'user:{id:int}',
      'CAPTURE_TYPE',
      'user:x',
      'pass',
    ],
    ['exactly this key', 'CAPTURE_TYPE', 'user:undefined', 'CAPTURE_TYPE', 'user:undefined', 'pass'],
  ])('an acceptance of %s', async (_, code, match, found, key, status) => {
    const records = [record(key, { code: found as QuarantineRecord['code'] })]
    expect((await run(records, accept(code, match))).status).toBe(status)
  })

  test.each([
    ['as many as were looked at', 2, 'pass', '0 open records, 2 accepted.'],
    ['more than were looked at', 1, 'fail', '2 open records (2 ORPHAN), 0 accepted.'],
  ])('an acceptance of %s', async (_, atMost, status, measured) => {
    const finding = await run(
      [record('message:m1'), record('message:m2')],
      accept('ORPHAN', 'message:{id}', atMost),
    )
    expect(finding).toMatchObject({ status, measured })
    if (status === 'fail')
      expect(finding.hint).toContain(
        'The plan accepts at most 1 ORPHAN of message:{id}, and there are 2. Mend',
      )
  })

  test('a record that two acceptances cover needs only one that holds', async () => {
    const acceptances = [accept('ORPHAN', 'message:{id}', 1), accept('ORPHAN', 'message:m1')]
    const finding = await run([record('message:m1'), record('message:m2')], ...acceptances)
    expect(finding).toMatchObject({ measured: '1 open record (1 ORPHAN), 1 accepted.' })
  })

  test('shows ten keys at most, and counts them all', async () => {
    const finding = await run(Array.from({ length: 1200 }, (_, index) => record(`message:${index}`)))
    expect(finding.samples).toHaveLength(10)
    expect(finding.measured).toContain('1,200 open records (1,200 ORPHAN)')
  })

  test('finds the one record that nobody accepted behind a thousand that somebody did', async () => {
    const many = Array.from({ length: 1000 }, (_, index) => record(`message:${index}`))
    const finding = await run([...many, record('zebra')], accept('ORPHAN', 'message:{id}'))
    expect(finding).toMatchObject({
      status: 'fail',
      measured: '1 open record (1 ORPHAN), 1,000 accepted.',
      samples: ['ORPHAN zebra (messages.from_user)'],
    })

    const filter = { plan: 'messages', code: 'ORPHAN' } as const
    await target.transaction((tx) => ledger.quarantine.accept(tx, filter, 'all of them'))
    await target.transaction((tx) => ledger.quarantine.add(tx, [record('zoo', { code: 'CONFLICT' })]))
    expect(await quarantine.run(scopeOf({ ledger }), {})).toMatchObject({
      status: 'fail',
      measured: '1 open record (1 CONFLICT), 1,001 accepted.',
      samples: ['CONFLICT zoo (messages.from_user)'],
    })
  })
})

test('has nothing to say against a ledger that was never installed', async () => {
  const ledger = openLedger(await freshTarget('postgres'))
  expect((await quarantine.run(scopeOf({ ledger }), {})).status).toBe('pass')
})
