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
