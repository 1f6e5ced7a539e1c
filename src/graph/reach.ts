import { createGraph, type Graph, type Vertex } from './graph.ts'

/** Everything that must happen before a vertex, directly or not, by the vertex's id. */
export function ancestors<T>(graph: Graph<T>): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>()
  for (const { id, after } of graph.vertices) {
    found.set(id, new Set(after.flatMap((it) => [it, ...found.get(it)!])))
  }
  return found
}

/** The same order with the fewest edges: what follows from other edges is left out. */
export function reduce<T>(graph: Graph<T>): Graph<T> {
  const before = ancestors(graph)
  return createGraph(
    graph.vertices.map((vertex) => ({
      ...vertex,
      after: vertex.after.filter((id) => !vertex.after.some((other) => before.get(other)!.has(id))),
    })),
  )
}

/** The part of a graph that `keep` wants. What was left out still holds its place: order that led through it is kept. */
export function subgraph<T>(graph: Graph<T>, keep: (vertex: Vertex<T>) => boolean): Graph<T> {
  const nearest = new Map<string, readonly string[]>()
  const kept: Vertex<T>[] = []
  for (const vertex of graph.vertices) {
    const after = [...new Set(vertex.after.flatMap((id) => nearest.get(id)!))]
    const wanted = keep(vertex)
    nearest.set(vertex.id, wanted ? [vertex.id] : after)
    if (wanted) kept.push({ ...vertex, after })
  }
  return createGraph(kept)
}
