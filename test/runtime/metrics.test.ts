import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { prometheusText } from '../../src/runtime/prometheus.ts'
import { Recorder } from '../../src/runtime/recorder.ts'
import { readPrometheus } from './prometheus-text.ts'
import { startWorld } from './world.ts'

const world = await startWorld()
await world.applyA()
await world.flip('users', 'B')
const kvmig = await world.connect({ shadow: 0 }, { drainMillis: 0 })
await kvmig.store('users').put({ id: 'ann', name: 'Ann' })
await kvmig.store('users').get({ id: 'ann' })
await world.rows(
  `INSERT INTO kvmig.outbox (plan, unit, version, key, part, change) VALUES ('scores', '\\x01', 1, '\\x01', '', '\\x01')`,
)

describe('a scrape', () => {
  test('has percentiles by plan, side and operation, errors, events, and what waits in the outbox', async () => {
    const samples = readPrometheus(await kvmig.metrics())
    const find = (name: string, labels: object) =>
      samples.find((it) => it.name === name && Object.entries(labels).every(([k, v]) => it.labels[k] === v))
    for (const quantile of ['0.5', '0.95', '0.99']) {
      const labels = { plan: 'users', side: 'target', operation: 'put', quantile }
      expect(find('kvmig_latency_quantile_seconds', labels)!.value).toBeGreaterThan(0)
    }
    expect(find('kvmig_latency_seconds_count', { side: 'call', operation: 'get' })!.value).toBe(1)
    expect(find('kvmig_errors_total', { side: 'source', operation: 'put' })!.value).toBe(0)
    expect(find('kvmig_events_total', { event: 'source.write' })!.value).toBe(1)
    expect(find('kvmig_outbox_entries', { plan: 'scores' })!.value).toBe(1)
    expect(find('kvmig_outbox_oldest_seconds', { plan: 'scores' })!.value).toBeGreaterThanOrEqual(0)
  })

  test('is the format that Prometheus reads, whatever a plan is called and nothing was measured', () => {
    expect(readPrometheus(prometheusText({ latencies: [], counters: [] }, []))).toEqual([])
    const recorder = new Recorder()
    recorder.count('a"b\\c\nd', 'fenced')
    const [sample] = readPrometheus(prometheusText(recorder.totals(), []))
    expect(sample!.labels.plan).toBe('a"b\\c\nd')
  })

  test('is answered to node:http', async () => {
    const server = createServer(kvmig.metricsHandler())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`
    const got = await fetch(url)
    expect([got.status, got.headers.get('content-type')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ])
    expect(readPrometheus(await got.text()).length).toBeGreaterThan(0)
    expect(await (await fetch(url, { method: 'HEAD' })).text()).toBe('')
    expect((await fetch(url, { method: 'POST' })).status).toBe(405)
    server.close()
  })

  test('is answered to servers in the way of fetch', async () => {
    const handler = kvmig.metricsHandler()
    const got = await handler(new Request('http://app.example/metrics'))
    expect(got.headers.get('content-type')).toContain('version=0.0.4')
    expect(readPrometheus(await got.text()).length).toBeGreaterThan(0)
    expect((await handler(new Request('http://app.example/metrics', { method: 'POST' }))).status).toBe(405)
  })
})

test.each(['A', 'B', 'C'] as const)(
  'what a wrapped client calls is counted as what a store does, in %s',
  async (phase) => {
    const own = await startWorld()
    await own.applyA()
    await own.flip('users', phase)
    await own.flip('scores', phase)
    const counted = await own.connect({ shadow: 0 })
    const redis = counted.wrap(new Redis(own.redis.url))
    try {
      await redis.set('user:ann', '{"name":"Ann"}')
      await redis.get('user:ann')
      await redis.del('user:ann')
      await redis.set('nobodys', '1')
      await redis.multi().set('user:bo', '{"name":"Bo"}').hincrby('scores:go', 'bo', 1).exec()
      await redis.pipeline().get('user:bo').hget('scores:go', 'bo').exec()
      const samples = readPrometheus(await counted.metrics())
      const calls = samples.flatMap(({ name, labels, value }) =>
        name === 'kvmig_latency_seconds_count' && labels.side === 'call'
          ? [`${labels.plan} ${labels.operation} ${value}`]
          : [],
      )
      expect(calls.sort()).toEqual([
        'scores get 1',
        'scores put 1',
        'users delete 1',
        'users get 2',
        'users put 2',
      ])
    } finally {
      redis.disconnect()
    }
  },
)
