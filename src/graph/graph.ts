/** A vertex has an id and says after which others it must happen. That is the only meaning of an edge. */
export interface Vertex<T> {
  readonly id: string
  readonly data: T
  readonly after: readonly string[]
}

/** An acyclic graph, in an order in which each vertex stands behind everything it comes after; equal ranks are in order of insertion. */
export interface Graph<T> {
  readonly vertices: readonly Vertex<T>[]
  get(id: string): Vertex<T> | undefined
}

/**
 * Puts vertices into topological order: of those that could come next, always the one inserted first, so that an order that is already
 * right stays as it is. `after` is freed of repeats and put into the same order. Throws `CycleError` if there is no such order.
 */
export function createGraph<T>(vertices: Iterable<Vertex<T>>): Graph<T> {
  const inserted = [...vertices]
  const byId = new Map(inserted.map((vertex) => [vertex.id, vertex]))
  if (byId.size < inserted.length)
    throw new Error(`The vertex ${repeated(inserted)} stands twice in the graph.`)
  for (const { id, after } of inserted) {
    const unknown = after.find((it) => !byId.has(it))
    if (unknown !== undefined) throw new Error(`${id} comes after ${unknown}, which is not in the graph.`)
  }

  const ids = topologicalOrder(inserted)
  if (ids.length < inserted.length) {
    throw new CycleError(findCycle(inserted.filter((it) => !ids.includes(it.id))))
  }
  const rank = new Map(ids.map((id, index) => [id, index]))
  const ordered = ids.map((id) => {
    const after = [...new Set(byId.get(id)!.after)].sort((a, b) => rank.get(a)! - rank.get(b)!)
    return Object.freeze({ ...byId.get(id)!, after: Object.freeze(after) })
  })
  const known = new Map(ordered.map((vertex) => [vertex.id, vertex]))
  return { vertices: ordered, get: (id) => known.get(id) }
}

/** Vertices that wait for each other. `path` names them so that each comes after the next one, and the last after the first. */
export class CycleError extends Error {
  readonly path: readonly string[]
  constructor(path: readonly string[]) {
    super(`These wait for each other, so none can be first: ${[...path, path[0]].join(' after ')}.`)
    this.name = 'CycleError'
    this.path = path
  }
}

// Kahn's algorithm. Candidates are kept sorted by insertion, which makes the order stable.
function topologicalOrder(vertices: readonly Vertex<unknown>[]): string[] {
  const position = new Map(vertices.map((vertex, index) => [vertex.id, index]))
  const missing = vertices.map((vertex) => new Set(vertex.after).size)
  const behind = vertices.map((): number[] => [])
  for (const [index, vertex] of vertices.entries()) {
    for (const id of new Set(vertex.after)) behind[position.get(id)!]!.push(index)
  }

  const ready = vertices.flatMap((_, index) => (missing[index] === 0 ? [index] : []))
  const order: string[] = []
  while (ready.length > 0) {
    const next = ready.shift()!
    order.push(vertices[next]!.id)
    for (const index of behind[next]!) {
      missing[index]! -= 1
      if (missing[index] === 0) insertSorted(ready, index)
    }
  }
  return order
}

function insertSorted(sorted: number[], value: number): void {
  const at = sorted.findIndex((it) => it > value)
  sorted.splice(at === -1 ? sorted.length : at, 0, value)
}

// A shortest cycle is the easiest to understand: breadth first from each vertex back to itself.
function findCycle(tangled: readonly Vertex<unknown>[]): string[] {
  const after = new Map(tangled.map((it) => [it.id, it.after]))
  let shortest: string[] | undefined
  for (const { id } of tangled) {
    const cycle = wayBack(id, after)
    if (cycle && (!shortest || cycle.length < shortest.length)) shortest = cycle
  }
  return shortest!
}

function wayBack(start: string, after: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const seen = new Set<string>()
  let paths = [[start]]
  while (paths.length > 0) {
    const longer: string[][] = []
    for (const path of paths) {
      for (const id of after.get(path.at(-1)!) ?? []) {
        if (id === start) return path
        if (seen.has(id) || !after.has(id)) continue
        seen.add(id)
        longer.push([...path, id])
      }
    }
    paths = longer
  }
  return undefined
}

function repeated(vertices: readonly Vertex<unknown>[]): string | undefined {
  const seen = new Set<string>()
  return vertices.find(({ id }) => seen.size === seen.add(id).size)?.id
}
