import type { Graph, Vertex } from './graph.ts'
import { ancestors } from './reach.ts'

export interface Walk<T> {
  /**
   * Does the work of one vertex, or of several that share a word. Resolves to what failed, by id; an empty map: all done. If it throws,
   * all of them failed.
   */
  run(batch: readonly Vertex<T>[]): Promise<ReadonlyMap<string, Error>>
  /** Calls of `run` that are under way at one time, at most. */
  readonly limit: number
  /** Vertices with the same word that need not wait for each other are handed to one call. */
  together?(data: T): string | undefined
  /** Once aborted, nothing more is started; what runs is waited for. */
  readonly signal?: AbortSignal
}

/** What became of a vertex. `because`: the ids of the failures it stands behind, or nothing if the walk was told to stop. */
export type Visit =
  | { readonly status: 'done' }
  | { readonly status: 'failed'; readonly error: Error }
  | { readonly status: 'skipped'; readonly because: readonly string[] }

/**
 * Runs every vertex after those it comes after, independent ones side by side, in the graph's order where there is a choice. Gives exactly
 * one visit for each vertex, in the graph's order, and never throws.
 */
export async function walk<T>(graph: Graph<T>, options: Walk<T>): Promise<ReadonlyMap<string, Visit>> {
  const { run, limit, together, signal } = options
  const words = new Map(graph.vertices.map(({ id, data }) => [id, together?.(data)]))
  const visits = new Map<string, Visit>()
  const started = new Set<string>()
  const running = new Set<Promise<void>>()
  const isHeldBack = holdBack(graph, words, visits)
  const isReady = (vertex: Vertex<T>) =>
    !started.has(vertex.id) &&
    vertex.after.every((id) => visits.get(id)?.status === 'done') &&
    !isHeldBack(vertex)

  const start = (batch: readonly Vertex<T>[]) => {
    for (const { id } of batch) started.add(id)
    const call = attempt(run, batch).then((failures) => {
      for (const { id } of batch) {
        const error = failures.get(id)
        visits.set(id, error ? { status: 'failed', error } : { status: 'done' })
      }
      running.delete(call)
    })
    running.add(call)
  }

  for (;;) {
    skipBehindFailures(graph, visits)
    while (running.size < Math.max(1, limit) && !signal?.aborted) {
      const ready = graph.vertices.filter(isReady)
      const first = ready[0]
      if (!first) break
      const word = words.get(first.id)
      start(word === undefined ? [first] : ready.filter(({ id }) => words.get(id) === word))
    }
    if (running.size === 0) break
    await Promise.race(running)
  }
  return new Map(graph.vertices.map(({ id }) => [id, visits.get(id) ?? { status: 'skipped', because: [] }]))
}

async function attempt<T>(
  run: Walk<T>['run'],
  batch: readonly Vertex<T>[],
): Promise<ReadonlyMap<string, Error>> {
  try {
    return await run(batch)
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(String(error))
    return new Map(batch.map(({ id }) => [id, failure]))
  }
}

function skipBehindFailures(graph: Graph<unknown>, visits: Map<string, Visit>): void {
  for (const { id, after } of graph.vertices) {
    if (visits.has(id)) continue
    const because = new Set<string>()
    for (const before of after) {
      const visit = visits.get(before)
      if (visit?.status === 'failed') because.add(before)
      if (visit?.status === 'skipped') for (const cause of visit.because) because.add(cause)
    }
    if (because.size > 0) visits.set(id, { status: 'skipped', because: [...because] })
  }
}

/**
 * A vertex with a word waits for others of its word that only wait for vertices without one. Otherwise the first of two tables to be
 * created would start a pass over the source for its backfill alone, and which mappings share a pass would depend on timing.
 */
function holdBack(
  graph: Graph<unknown>,
  words: ReadonlyMap<string, string | undefined>,
  visits: ReadonlyMap<string, Visit>,
): (vertex: Vertex<unknown>) => boolean {
  const before = ancestors(graph)
  const couldStillJoin = (id: string) => {
    const open = [...before.get(id)!].filter((it) => !visits.has(it))
    return !visits.has(id) && open.length > 0 && open.every((it) => words.get(it) === undefined)
  }
  return ({ id }) => {
    const word = words.get(id)
    return (
      word !== undefined && graph.vertices.some((it) => words.get(it.id) === word && couldStillJoin(it.id))
    )
  }
}
