import { describe, expect, test } from 'vitest'
import { fleet, heartbeat, laggards, leave } from '../../src/state/instances.ts'
import { addMetrics, readCounters, readLatencies } from '../../src/state/metrics.ts'
import { outboxDepth, pendingOf, settle, takeOutbox } from '../../src/state/outbox.ts'
import { openLedger } from '../../src/state/postgres-ledger.ts'
import { flipRoute, holdEpoch, readRoutes } from '../../src/state/route.ts'
import {
  type Advance,
  advance,
  claim,
  findTouches,
  isFenced,
  outcomeOf,
  releaseTouches,
} from '../../src/state/touches.ts'
import { freshTarget, TARGETS } from '../target/targets.ts'

const at = (key: string, part = '') => ({ key: Buffer.from(key), part })
const change = Buffer.from('change')

describe.each(TARGETS)('what live writes leave in the ledger on %s', async (kind) => {
  const target = await freshTarget(kind)
  const ledger = openLedger(target)
  await ledger.install()
  await target.transaction((tx) => ledger.saveRoute(tx, 'p', 'A'))
  const write = (places: readonly Advance[], epoch = 1) =>
    target.transaction((tx) => advance(tx, { plan: 'p', epoch }, places))
  const put = (key: string, epoch = 1) => write([{ ...at(key), deleted: false, change }], epoch)
  const touch = async (key: string) => (await target.transaction((tx) => findTouches(tx, 'p', [at(key)])))[0]

  test('counts the versions of each record, in the order that they were given', async () => {
    await put('b')
    const both = await write([
      { ...at('b'), deleted: true, change },
      { ...at('a', 'field:x'), deleted: false },
    ])
    expect(both.versions).toEqual([2, 1])
    expect(await touch('b')).toMatchObject({ version: 2, origin: 'live', deleted: true })
    expect(await target.transaction((tx) => outcomeOf(tx, both.transaction))).toBe('committed')
  })

  test('keeps what is on its way to the source until it is settled, older versions with it', async () => {
    const waiting = () => target.transaction((tx) => pendingOf(tx, 'p', [at('b')]))
    expect((await waiting()).map((it) => it.version)).toEqual([1, 2])
    expect(await target.transaction(outboxDepth)).toMatchObject([{ plan: 'p', entries: 2 }])
    const taken = await takeOutbox(target, { limit: 10 })
    expect(taken.map((it) => it.version)).toEqual([1, 2])
    expect(await takeOutbox(target, { limit: 10 })).toEqual([])
    expect(await takeOutbox(target, { limit: 10, leaseMillis: 0 })).toHaveLength(2)
    await target.transaction((tx) => settle(tx, 'p', [taken[1]!]))
    expect(await waiting()).toEqual([])
  })

  test('gives a pass what nobody wrote, and nothing else; tombstones count as written', async () => {
    await put('written')
    const claimed = await target.transaction((tx) => claim(tx, 'p', [at('written'), at('b'), at('new')]))
    expect(claimed).toEqual([false, false, true])
    expect(await touch('new')).toMatchObject({ version: 0, origin: 'copy', deleted: false })
    expect(await target.transaction((tx) => claim(tx, 'p', [at('new')], { deleted: true }))).toEqual([true])
    await put('new')
    expect(await target.transaction((tx) => claim(tx, 'p', [at('new')]))).toEqual([false])
    expect(await touch('new')).toMatchObject({ version: 1, origin: 'live', deleted: false })
  })

  test('refuses an epoch that is over, and does nothing then', async () => {
    const flip = (from: number) =>
      target.transaction((tx) => flipRoute(tx, 'p', { phase: 'B', rollout: true, from }))
    expect(await flip(1)).toMatchObject({ phase: 'B', epoch: 2, rollout: true })
    expect(await flip(2)).toMatchObject({ epoch: 2 })
    await expect(flip(1)).rejects.toMatchObject({ code: 'ROUTE_CHANGED' })
    const fenced = await put('b', 1).catch((it) => it)
    expect(isFenced(fenced)).toBe(true)
    expect(await touch('b')).toMatchObject({ version: 2 })
    expect((await put('b', 2)).versions).toEqual([3])
    expect(await target.transaction((tx) => holdEpoch(tx, 'p', 1))).toBe(false)
    expect((await readRoutes(target)).get('p')).toMatchObject({ phase: 'B', epoch: 2, rollout: true })
  })

  test('never uses an epoch again, also after the route was forgotten', async () => {
    await target.transaction((tx) => ledger.forgetRoute(tx, 'p'))
    await target.transaction((tx) => ledger.saveRoute(tx, 'p', 'A'))
    expect((await readRoutes(target)).get('p')).toMatchObject({ phase: 'A', epoch: 3, rollout: false })
  })

  test('hands records back to the copy with their versions', async () => {
    await target.transaction((tx) => releaseTouches(tx, 'p'))
    expect(await target.transaction((tx) => claim(tx, 'p', [at('b')]))).toEqual([true])
    expect((await put('b', 3)).versions).toEqual([4])
  })

  test('knows the instances and who lags behind', async () => {
    const instance = (id: string, epoch: number) => ({
      id,
      version: '1',
      host: 'h',
      epochs: new Map([['p', epoch]]),
    })
    await heartbeat(target, instance('one', 2))
    const routes = await heartbeat(target, instance('two', 3))
    expect(routes.get('p')).toMatchObject({ phase: 'A', epoch: 3 })
    const seen = await fleet(target)
    expect(seen.map((it) => it.id)).toEqual(['one', 'two'])
    expect(laggards(seen, 'p', 3).map((it) => it.id)).toEqual(['one'])
    await leave(target, 'one')
    expect((await fleet(target)).map((it) => it.id)).toEqual(['two'])
  })

  test('adds up what instances measured', async () => {
    const latency = (histogram: readonly number[]) => ({
      plan: 'p',
      side: 'target' as const,
      operation: 'get' as const,
      count: 3,
      errors: 1,
      histogram,
    })
    await addMetrics(target, 'one', { latencies: [latency([1, 2])], counters: [] })
    await addMetrics(target, 'one', { latencies: [latency([1, 0])], counters: [] })
    const counters = [{ plan: 'p', name: 'shadow.match' as const, count: 5 }]
    await addMetrics(target, 'two', { latencies: [latency([0, 7])], counters })
    await addMetrics(target, 'one', { latencies: [], counters })
    expect(await readLatencies(target, 'p', { fromMillis: 60_000 })).toEqual([
      { plan: 'p', side: 'target', operation: 'get', count: 9, errors: 3, histogram: [2, 9] },
    ])
    expect(await readCounters(target, 'p', { fromMillis: 60_000 })).toEqual(new Map([['shadow.match', 10]]))
    expect(await readLatencies(target, 'q', { fromMillis: 60_000 })).toEqual([])
  })
})
