import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Graph } from '../../src/graph/graph.ts'
import { ancestors } from '../../src/graph/reach.ts'
import { walk } from '../../src/graph/walk.ts'
import { graphOf, randomGraph } from './random-graph.ts'

const nothingFailed: ReadonlyMap<string, Error> = new Map()
const failed = (ids: Iterable<string>) => new Map([...ids].map((id) => [id, new Error(`${id} broke`)]))

/** Walks with work that ends in an order chosen by fast-check, and writes down what was started and when. */
async function watch(
  scheduler: fc.Scheduler,
  graph: Graph<string>,
  options: { limit: number; failing?: ReadonlySet<string>; word?: (id: string) => string | undefined },
) {
  const batches: string[][] = []
  const done = new Set<string>()
  let underWay = 0
  let peak = 0
  const before = ancestors(graph)
  const visits = await scheduler.waitFor(
    walk(graph, {
      limit: options.limit,
      ...(options.word && { together: options.word }),
      run: async (batch) => {
        for (const { id } of batch) expect([...before.get(id)!].every((it) => done.has(it))).toBe(true)
        batches.push(batch.map(({ id }) => id))
        peak = Math.max(peak, ++underWay)
        await scheduler.schedule(Promise.resolve())
        underWay -= 1
        for (const { id } of batch) done.add(id)
        return failed(batch.map(({ id }) => id).filter((id) => options.failing?.has(id)))
      },
    }),
  )
  return { batches, peak, visits }
}

const statuses = (visits: ReadonlyMap<string, { status: string }>) =>
  Object.fromEntries([...visits].map(([id, { status }]) => [id, status]))

describe('walk', () => {
  test('runs each vertex once, after those it comes after, never more than the limit at a time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        randomGraph,
        fc.integer({ min: 1, max: 5 }),
        async (scheduler, graph, limit) => {
          const { batches, peak, visits } = await watch(scheduler, graph, { limit })
          expect(batches.flat().sort()).toEqual(graph.vertices.map(({ id }) => id).sort())
          expect([...visits.keys()]).toEqual(graph.vertices.map(({ id }) => id))
          expect([...visits.values()].every(({ status }) => status === 'done')).toBe(true)
          expect(peak).toBeLessThanOrEqual(limit)
        },
      ),
    )
  })

  test('skips exactly what stands behind a failure, and names the failures', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        randomGraph,
        fc.array(fc.nat(19), { maxLength: 4 }),
        fc.integer({ min: 1, max: 5 }),
        async (scheduler, graph, numbers, limit) => {
          const failing = new Set(numbers.map((it) => `v${it}`))
          const { visits } = await watch(scheduler, graph, { limit, failing })
          const before = ancestors(graph)
          for (const { id } of graph.vertices) {
            const visit = visits.get(id)!
            const causes = [...before.get(id)!].filter((it) => visits.get(it)!.status === 'failed')
            const expected = causes.length > 0 ? 'skipped' : failing.has(id) ? 'failed' : 'done'
            expect(visit.status).toBe(expected)
            if (visit.status === 'skipped') {
              expect(visit.because.length).toBeGreaterThan(0)
              expect(causes).toEqual(expect.arrayContaining([...visit.because]))
            }
          }
        },
      ),
    )
  })

  test('starts in the graph’s order where there is a choice', async () => {
    const started: string[] = []
    await walk(graphOf({ c: [], a: ['c'], b: [], d: ['b'] }), {
      limit: 1,
      run: async ([vertex]) => {
        started.push(vertex!.id)
        return nothingFailed
      },
    })
    expect(started).toEqual(['c', 'a', 'b', 'd'])
  })

  test('fills the limit with independent work', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const { peak } = await watch(scheduler, graphOf({ a: [], b: [], c: [], d: [] }), { limit: 3 })
        expect(peak).toBe(3)
      }),
    )
  })

  test('hands vertices of one word over in one call, whichever of their tables is ready first', async () => {
    const graph = graphOf({
      't-users': [],
      't-handles': [],
      't-posts': [],
      'kv:users': ['t-users'],
      'kv:handles': ['t-handles'],
      'other:logs': [],
      'kv:posts': ['t-posts', 'kv:users'],
    })
    const word = (id: string) => (id.includes(':') ? id.split(':')[0] : undefined)
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 4 }), async (scheduler, limit) => {
        const { batches } = await watch(scheduler, graph, { limit, word })
        const passes = batches.filter(([id]) => id!.includes(':'))
        expect(passes).toContainEqual(['kv:users', 'kv:handles'])
        expect(passes).toContainEqual(['kv:posts'])
        expect(passes).toContainEqual(['other:logs'])
      }),
    )
  })

  test('shares passes in the same way whatever finishes first, and loses no vertex', async () => {
    const word = (id: string) => (Number(id.slice(1)) % 3 === 0 ? 'kv' : undefined)
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.scheduler(), randomGraph, async (one, other, graph) => {
        const shared = async (scheduler: fc.Scheduler, limit: number) => {
          const { batches } = await watch(scheduler, graph, { limit, word })
          expect(batches.flat().sort()).toEqual(graph.vertices.map(({ id }) => id).sort())
          return batches.filter(([id]) => word(id!) === 'kv')
        }
        expect(await shared(one, 1)).toEqual(await shared(other, 4))
      }),
    )
  })

  test('keeps the rest of a shared call when one of it fails', async () => {
    const visits = await walk(graphOf({ a: [], b: [], 'behind a': ['a'], 'behind b': ['b'] }), {
      limit: 2,
      together: (id) => (id.startsWith('behind') ? undefined : 'kv'),
      run: async (batch) => failed(batch.map(({ id }) => id).filter((id) => id === 'a')),
    })
    expect(statuses(visits)).toEqual({ a: 'failed', b: 'done', 'behind a': 'skipped', 'behind b': 'done' })
    expect(visits.get('behind a')).toEqual({ status: 'skipped', because: ['a'] })
  })

  test('takes what is thrown for a failure of the whole call', async () => {
    const visits = await walk(graphOf({ a: [], b: ['a'], c: [] }), {
      limit: 1,
      run: async ([vertex]) => {
        if (vertex!.id === 'a') throw new Error('no connection')
        return nothingFailed
      },
    })
    expect(visits.get('a')).toEqual({ status: 'failed', error: new Error('no connection') })
    expect(statuses(visits)).toEqual({ a: 'failed', b: 'skipped', c: 'done' })
  })

  test('starts nothing more once it is told to stop, and waits for what runs', async () => {
    const stop = new AbortController()
    const finished: string[] = []
    const visits = await walk(graphOf({ a: [], b: [], c: ['a'], d: [] }), {
      limit: 2,
      signal: stop.signal,
      run: async ([vertex]) => {
        stop.abort()
        await Promise.resolve()
        finished.push(vertex!.id)
        return nothingFailed
      },
    })
    expect(finished).toEqual(['a'])
    expect(statuses(visits)).toEqual({ a: 'done', b: 'skipped', c: 'skipped', d: 'skipped' })
    expect(visits.get('c')).toEqual({ status: 'skipped', because: [] })
  })
})
